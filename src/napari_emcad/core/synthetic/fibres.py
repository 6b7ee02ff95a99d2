"""Neurons as light microscopy sees them: trees of thin branching fibres.

All lengths are in voxels, all points (z, y, x).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from napari_emcad.core.geometry import Shape

STEP = 0.5
"""Distance between consecutive points of a fibre."""

_VOXELS_A_TREE = 500_000
"""Voxels of the box for each tree."""

_BRANCH_EVERY = 45.0
"""Mean distance between branches, in voxels."""

_THINNEST, _THICKEST = 1.0, 4.0
"""Smallest and largest radius of a fibre."""

_MARGIN = 4.0
"""Voxels that fibres go on outside the box."""

_ORDERS = 4
"""Orders of branches, the root's fibres included."""


_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fibres:
    """Points of all fibres, one after the other.

    Attributes
    ----------
    points : (n, 3) float64
        In voxels.
    radii : (n,) float64
        In voxels, falling from a tree's root to its tips.
    light : (n,) float64
        Brightness in grey levels.
    tree : (n,) int32
        From 1.
    """

    points: NDArray[np.float64]
    radii: NDArray[np.float64]
    light: NDArray[np.float64]
    tree: NDArray[np.int32]


class _Sprout(NamedTuple):
    """The place where a fibre begins."""

    start: NDArray[np.float64]
    heading: NDArray[np.float64]
    radius: float
    order: int  # 0 at the root


def grow_trees(rng: Generator, shape: Shape) -> Fibres:
    """Grow random trees in a box, one to some 500,000 voxels but at least two; what leaves the box is cut off."""
    size = np.array(shape, float)
    trees = [_tree(rng, size) for _ in range(max(2, round(size.prod() / _VOXELS_A_TREE)))]
    numbers = [np.full(len(tree[0]), n, np.int32) for n, tree in enumerate(trees, start=1)]
    points, radii, light = (np.concatenate(parts) for parts in zip(*trees, strict=True))
    return Fibres(points, radii, light, np.concatenate(numbers))


def _tree(rng: Generator, size: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    """Draw points, radii and light of a few fibres from one root and their branches; few trees are bright."""
    root, thick, light = rng.uniform(0, size), rng.uniform(1.8, 3.2), rng.lognormal(np.log(220), 0.7)
    sprouts = [_Sprout(root, rng.normal(size=3), thick * rng.uniform(0.6, 1), 0) for _ in range(rng.integers(2, 5))]
    paths: list[_Floats] = []
    widths: list[_Floats] = []
    while sprouts:
        sprout = sprouts.pop()
        path, headings = _path(rng, sprout, size)
        paths.append(path)
        widths.append(_radii(rng, sprout, len(path)))
        sprouts += _branches(rng, sprout.order, path, headings, widths[-1])
    radii = np.concatenate(widths)
    return np.concatenate(paths), radii, light * (0.5 + 0.5 * radii / thick)


def _path(rng: Generator, sprout: _Sprout, size: _Floats) -> tuple[_Floats, _Floats]:
    """Draw a tortuous path (n, 3) and its unit headings, cut where it leaves the box and its margin."""
    steps = 1 + int(rng.uniform(0.3, 0.9) ** (sprout.order + 1) * size.max() / STEP)
    wobble = rng.normal(size=(steps, 3))
    fine, coarse = (gaussian_filter1d(wobble, s, axis=0) * np.sqrt(2 * s * np.sqrt(np.pi)) for s in (8, 50))
    headings = sprout.heading / np.linalg.norm(sprout.heading) + 0.35 * fine + 0.5 * coarse
    headings /= np.linalg.norm(headings, axis=1, keepdims=True)
    path = sprout.start + np.cumsum(STEP * headings, axis=0)
    out = np.flatnonzero(((path < -_MARGIN) | (path > size + _MARGIN)).any(axis=1))
    stop = max(1, out.min(initial=steps))
    return path[:stop], headings[:stop]


def _radii(rng: Generator, sprout: _Sprout, steps: int) -> NDArray[np.float64]:
    """Draw a radius that tapers to half and swells a little here and there."""
    swelling = gaussian_filter1d(rng.normal(size=steps), 5, mode="nearest") * np.sqrt(10 * np.sqrt(np.pi))
    radii = sprout.radius * np.linspace(1, 0.5, steps) * np.exp(0.15 * np.clip(swelling, -2, 2))
    return radii.clip(_THINNEST, _THICKEST)


def _branches(rng: Generator, order: int, path: _Floats, headings: _Floats, radii: _Floats) -> list[_Sprout]:
    """Draw thinner fibres that leave a path sideways."""
    if order + 1 >= _ORDERS:
        return []
    places = np.flatnonzero(rng.random(len(path)) < STEP / _BRANCH_EVERY)
    return [
        _Sprout(path[i], headings[i] + 1.2 * rng.normal(size=3), radii[i] * rng.uniform(0.6, 0.9), order + 1)
        for i in places
    ]
