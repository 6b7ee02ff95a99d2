"""Neurons as light microscopy sees them: trees of thin branching fibres.

All lengths are in voxels, all points (z, y, x).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

STEP = 0.5
"""Distance between consecutive points of a fibre."""

_VOXELS_A_TREE = 500_000
_BRANCH_EVERY = 45.0
_THINNEST, _THICKEST = 1.0, 4.0
_MARGIN = 4.0
_ORDERS = 4


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
        How bright, in grey levels.
    tree : (n,) int32
        From 1.
    """

    points: NDArray[np.float64]
    radii: NDArray[np.float64]
    light: NDArray[np.float64]
    tree: NDArray[np.int32]


class _Sprout(NamedTuple):
    """Where a fibre begins."""

    start: NDArray[np.float64]
    heading: NDArray[np.float64]
    radius: float
    order: int  # 0 at the root


def grow_trees(rng: Generator, shape: tuple[int, int, int]) -> Fibres:
    """Random trees in a box, one to some 500,000 voxels but at least two; what grows out of the box is cut off."""
    size = np.array(shape, float)
    trees = [_tree(rng, size) for _ in range(max(2, round(size.prod() / _VOXELS_A_TREE)))]
    numbers = [np.full(len(tree[0]), n, np.int32) for n, tree in enumerate(trees, start=1)]
    points, radii, light = (np.concatenate(parts) for parts in zip(*trees, strict=True))
    return Fibres(points, radii, light, np.concatenate(numbers))


def _tree(rng: Generator, size: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Points, radii and light of a few fibres from one root and their branches; some trees are bright, most are dim."""
    root, thick, light = rng.uniform(0, size), rng.uniform(1.8, 3.2), rng.lognormal(np.log(220), 0.7)
    sprouts = [_Sprout(root, rng.normal(size=3), thick * rng.uniform(0.6, 1), 0) for _ in range(rng.integers(2, 5))]
    points, radii = [], []
    while sprouts:
        sprout = sprouts.pop()
        path, headings = _path(rng, sprout, size)
        points.append(path)
        radii.append(_radii(rng, sprout, len(path)))
        sprouts += _branches(rng, sprout.order, path, headings, radii[-1])
    points, radii = np.concatenate(points), np.concatenate(radii)
    return points, radii, light * (0.5 + 0.5 * radii / thick)


def _path(rng: Generator, sprout: _Sprout, size: NDArray) -> tuple[NDArray, NDArray]:
    """A tortuous path (n, 3) and its unit headings, cut where it leaves the box and its margin."""
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
    """A radius that tapers to half and swells a little here and there."""
    swelling = gaussian_filter1d(rng.normal(size=steps), 5, mode="nearest") * np.sqrt(10 * np.sqrt(np.pi))
    radii = sprout.radius * np.linspace(1, 0.5, steps) * np.exp(0.15 * np.clip(swelling, -2, 2))
    return radii.clip(_THINNEST, _THICKEST)


def _branches(rng: Generator, order: int, path: NDArray, headings: NDArray, radii: NDArray) -> list[_Sprout]:
    """Thinner fibres that leave a path sideways."""
    if order + 1 >= _ORDERS:
        return []
    places = np.flatnonzero(rng.random(len(path)) < STEP / _BRANCH_EVERY)
    return [
        _Sprout(path[i], headings[i] + 1.2 * rng.normal(size=3), radii[i] * rng.uniform(0.6, 0.9), order + 1)
        for i in places
    ]
