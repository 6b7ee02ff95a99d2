"""Axes and place of an image whose file states the direction of each axis in space, as NIfTI and NRRD do."""

import numpy as np
from numpy.typing import ArrayLike

_SLANT = 0.01
"""Part of a direction's length by which it may leave an axis of space."""


def axes_of_directions(directions: ArrayLike) -> list[str] | None:
    """Return the axis of space, x, y or z, that each of an image's three axes lies along; None if one is slanted.

    Parameters
    ----------
    directions : (3, 3)
        The step (x, y, z) from one voxel to the next along each axis.
    """
    steps = np.abs(np.asarray(directions, float))
    if steps.shape != (3, 3) or not np.isfinite(steps).all() or not steps.any(axis=1).all():
        return None
    along = steps.argmax(axis=1)
    rest = np.linalg.norm(steps, axis=1) - steps.max(axis=1)
    if len(set(along.tolist())) < 3 or np.any(rest > _SLANT * steps.max(axis=1)):
        return None
    return ["xyz"[axis] for axis in along]


def place_of_origin(directions: ArrayLike, origin: ArrayLike) -> list[float] | None:
    """Return the place of the first voxel on each of an image's axes; None if they are slanted.

    Where an axis leads down an axis of space, that is turned round: medical formats differ in which way is up.
    """
    names, start = axes_of_directions(directions), np.asarray(origin, float).ravel()
    if names is None or start.shape != (3,) or not np.isfinite(start).all():
        return None
    along = ["xyz".index(name) for name in names]
    steps = np.asarray(directions, float)
    return [float(np.sign(steps[axis, space]) * start[space]) + 0.0 for axis, space in enumerate(along)]
