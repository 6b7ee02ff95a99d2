"""Painted labels: whole profiles in some sections are known, and nothing else."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

MOSTLY = 0.5
"""Share of a section that must be labelled for its 0 to be taken for boundary."""

_BESIDE = np.ones((1, 3, 3), bool)
"""A pixel and those beside it in its section."""


def painted_known(labels: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Return where labels that were painted say something: in the profiles, and one pixel around them.

    A profile is painted as far as it goes, so that the pixels around it are its boundary.

    Parameters
    ----------
    labels : (z, y, x) integer
        0 = not painted.

    Returns
    -------
    (z, y, x) bool
    """
    return binary_dilation(labels != 0, _BESIDE)


def looks_painted(labels: NDArray[np.integer[Any]]) -> bool:
    """Return True if labels look as if 0 stood for "not painted", not for boundary: in some section it is most of it.

    Dense labels leave a third of a section for boundaries, at most.

    Parameters
    ----------
    labels : (z, y, x) integer
    """
    return bool(((labels != 0).mean(axis=(1, 2)) < MOSTLY).any())
