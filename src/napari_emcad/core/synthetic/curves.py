"""Neurites as curves with a radius: random paths that push each other apart until they are packed like tissue.

All lengths are in nanometres, all points (z, y, x).
"""

from dataclasses import dataclass, replace
from functools import reduce
from typing import Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

STEP = 40.0
"""Distance between consecutive points of a curve."""

AXON, DENDRITE, SPINE = 0, 1, 2
"""Kinds of curves."""

_MARGIN = 300.0
"""Nanometres that curves go on outside the box."""

_CLOSEST = 0.9
"""Part of the sum of two radii that the axes of neighbours keep from each other."""

_REFRESH = 6
"""Rounds of pushing for which a list of neighbours serves."""


_Points = NDArray[np.float64]
"""(n, 3) points or (3,) edge lengths, z, y, x in nm."""

_Lengths = NDArray[np.float64]
"""(n,) lengths in nm."""


@dataclass(frozen=True)
class NeuriteCurves:
    """Points of all curves, one curve after the other.

    Attributes
    ----------
    points : (n, 3) float64
        In nm.
    radii : (n,) float64
        In nm.
    neurite : (n,) int32
        From 1; a branch or a spine carries its parent's.
    curve : (n,) int32
        From 0, ascending.
    kind : (n,) uint8
        AXON, DENDRITE or SPINE.
    swollen : (n,) bool
        In a varicosity of an axon (a bouton).
    back : (n,) int32
        For the first point of a branch, how many points earlier the point lies that it hangs on; otherwise 0.
    """

    points: NDArray[np.float64]
    radii: NDArray[np.float64]
    neurite: NDArray[np.int32]
    curve: NDArray[np.int32]
    kind: NDArray[np.uint8]
    swollen: NDArray[np.bool_]
    back: NDArray[np.int32]

    @classmethod
    def none(cls) -> Self:
        """Return curves without a point."""
        numbers = np.zeros(0, np.int32)
        return cls(np.zeros((0, 3)), np.zeros(0), numbers, numbers, np.zeros(0, np.uint8), np.zeros(0, bool), numbers)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def volume(self) -> float:
        """Volume of all curves as tubes, in cubic nm."""
        return float(np.sum(np.pi * self.radii**2) * STEP)

    def plus(self, other: Self) -> Self:
        """Return these curves and others, which are numbered after these."""
        after = replace(other, curve=other.curve + (self.curve.max(initial=-1) + 1))
        return type(self)(
            *(np.concatenate([a, b]) for a, b in zip(vars(self).values(), vars(after).values(), strict=True))
        )


def grow(rng: Generator, size: NDArray[np.float64]) -> NeuriteCurves:
    """Grow packed random neurites in and around a box.

    Strategy: a few thick dendrites with spines, then thin axons until the tubes would fill the box; then axons and
    spines push each other, and the dendrites push them, while every curve stays smooth.

    Parameters
    ----------
    rng : Generator
    size : (3,) float
        Box edges in nm; the box starts at 0. Curves go on outside it.
    """
    curves = _fill(rng, size, NeuriteCurves.none(), DENDRITE, share=rng.uniform(0.12, 0.34))
    curves = _with_spines(rng, curves)
    return relax(_fill(rng, size, curves, AXON, share=1.05))


def _fill(rng: Generator, size: _Points, curves: NeuriteCurves, kind: int, share: float) -> NeuriteCurves:
    """Return the curves with more of a kind, until one more would take all of them further from `share` of the room."""
    room = share * float(np.prod(size + 2 * _MARGIN))
    parts, volume, neurite = [curves], curves.volume, int(curves.neurite.max(initial=0))
    while True:
        new = _neurite(rng, size, neurite + 1, kind)
        if room - volume < new.volume / 2:
            break
        parts.append(new)
        neurite, volume = neurite + 1, volume + new.volume
    return reduce(NeuriteCurves.plus, parts)


def _neurite(rng: Generator, size: _Points, neurite: int, kind: int) -> NeuriteCurves:
    """Draw one curve through the box, sometimes with a branch."""
    typical, spread, low, high = (350, 0.4, 220, 700) if kind == DENDRITE else (84, 0.4, 54, 260)
    high = max(low, min(high, 0.2 * np.sqrt(size[1] * size[2])))
    radius = float(np.clip(rng.lognormal(np.log(typical), spread), low, high))
    trunk = _inside(_path(rng, rng.uniform(-_MARGIN, size + _MARGIN), _reach(size), radius), size)
    stem = _curve(rng, trunk, radius, neurite, kind)
    if rng.random() >= 0.15:
        return stem
    hub = int(rng.integers(len(stem)))
    branch = _path(rng, stem.points[hub], _reach(size), radius)
    branch = _inside(branch[len(branch) // 2 :], size, middle=0)
    twig = _curve(rng, branch, radius * rng.uniform(0.6, 0.9), neurite, kind)
    twig.back[0] = len(stem) - hub
    return stem.plus(twig)


def _reach(size: _Points) -> int:
    """Return the number of steps that certainly lead out of the box."""
    return int(1.5 * np.linalg.norm(size + 2 * _MARGIN) / STEP) + 2


def _path(rng: Generator, start: _Points, steps: int, radius: float) -> _Points:
    """Draw a smooth tortuous path of 2 x `steps` + 1 points with `start` in its middle.

    Strategy: random headings, smoothed over a short and a long stretch, turn a mean heading; thick neurites turn less.
    The path is their cumulated sum.
    """
    heading = rng.normal(size=3) * (1.25, 1, 1)
    heading /= np.linalg.norm(heading)
    wobble = rng.normal(size=(2 * steps + 1, 3))
    fine, coarse = (gaussian_filter1d(wobble, s, axis=0) * np.sqrt(2 * s * np.sqrt(np.pi)) for s in (5, 16))
    calm = 120 / max(radius, 120)
    headings = heading + 0.4 * calm * fine + 0.4 * coarse
    path = np.cumsum(STEP * headings / np.linalg.norm(headings, axis=1, keepdims=True), axis=0)
    return path - path[steps] + start


def _inside(path: _Points, size: _Points, middle: int | None = None) -> _Points:
    """Return the run of points within the box and its margin around the path's middle."""
    middle = len(path) // 2 if middle is None else middle
    out = np.flatnonzero(((path < -_MARGIN) | (path > size + _MARGIN)).any(axis=1))
    first = out[out < middle].max(initial=-1) + 1
    last = out[out > middle].min(initial=len(path))
    return path[first:last]


def _curve(rng: Generator, path: _Points, radius: float, neurite: int, kind: int) -> NeuriteCurves:
    """Draw a radius that varies along a path; axons swell into boutons every few micrometres."""
    n = len(path)
    coarse, fine = (
        gaussian_filter1d(rng.normal(size=n), s, mode="nearest") * np.sqrt(2 * s * np.sqrt(np.pi)) for s in (7, 2)
    )
    radii = radius * np.exp((0.24 if kind == AXON else 0.12) * np.clip(coarse, -2, 2) + 0.1 * np.clip(fine, -2, 2))
    swelling = np.zeros(n)
    if kind == AXON and radius < 180:
        for centre in np.flatnonzero(rng.random(n) < STEP / 2500):
            swelling += rng.uniform(0.6, 1.4) * np.exp(-0.5 * ((np.arange(n) - centre) / 5.5) ** 2)
    radii = np.minimum(radii * (1 + swelling), 1100.0 if kind == DENDRITE else 300.0)
    return replace(_one(path, radii, neurite, kind), swollen=swelling > 0.4)


def _one(points: _Points, radii: _Lengths, neurite: int, kind: int) -> NeuriteCurves:
    """Return a single curve that hangs on nothing and is not swollen."""
    n = len(points)
    numbers, kinds = np.full(n, neurite, np.int32), np.full(n, kind, np.uint8)
    return NeuriteCurves(points, radii, numbers, np.zeros(n, np.int32), kinds, np.zeros(n, bool), np.zeros(n, np.int32))


def _with_spines(rng: Generator, curves: NeuriteCurves) -> NeuriteCurves:
    """Return the curves with spines on the dendrites: short stalks with a head, one for each micrometre or so."""
    for at in np.flatnonzero(rng.random(len(curves)) < STEP / 900):
        curves = curves.plus(_spine(rng, curves, int(at)))
    return curves


def _spine(rng: Generator, curves: NeuriteCurves, at: int) -> NeuriteCurves:
    """Draw a spine on point `at`: its root sits inside the dendrite's surface, away from the dendrite's axis."""
    aside = rng.normal(size=3)
    axis = curves.points[min(at + 1, len(curves) - 1)] - curves.points[max(at - 1, 0)]
    aside -= axis * (aside @ axis) / max(axis @ axis, 1e-9)
    aside /= np.linalg.norm(aside) + 1e-9
    n = int(rng.uniform(600, 1300) / STEP)
    headings = aside + 0.5 * gaussian_filter1d(rng.normal(size=(n, 3)), 4, axis=0) * 2.5
    headings *= STEP / np.linalg.norm(headings, axis=1, keepdims=True)
    points = curves.points[at] + aside * 0.8 * curves.radii[at] + np.cumsum(headings, axis=0)
    head = np.exp(-0.5 * ((np.arange(n) - n + 4) / 3.5) ** 2)
    radii = rng.uniform(55, 80) + rng.uniform(60, 150) * head
    return _one(points, radii, int(curves.neurite[at]), SPINE)


def relax(curves: NeuriteCurves, rounds: int = 30) -> NeuriteCurves:
    """Move axons and spines until tubes of different neurites hardly overlap; dendrites and spine roots stay.

    Strategy: in each round, balls of different neurites that overlap push each other apart, inner points are drawn
    towards the middle of their neighbours, so that curves stay smooth, and branches follow the point they hang on. Who
    is near whom is sought anew every few rounds only.
    """
    moves = curves.kind != DENDRITE
    moves[1:] &= (curves.kind[1:] != SPINE) | (curves.curve[1:] == curves.curve[:-1])
    if not moves.any():
        return curves
    inner = 1 + np.flatnonzero((curves.curve[:-2] == curves.curve[2:]) & moves[1:-1])
    hung = np.flatnonzero(curves.back)
    points = curves.points.copy()
    pairs = _neighbours(points, curves)
    for n in range(rounds):
        if n and n % _REFRESH == 0:
            pairs = _neighbours(points, curves)
        push = _push(points, curves.radii, pairs)
        points[moves] += push[moves]
        points[inner] += 0.35 * ((points[inner - 1] + points[inner + 1]) / 2 - points[inner])
        points[hung] = points[hung - curves.back[hung]]
    return replace(curves, points=points)


def _neighbours(points: _Points, curves: NeuriteCurves, slack: float = 120.0) -> NDArray[np.int64]:
    """Return pairs (n, 2) of points of different neurites whose balls touch or nearly do.

    Strategy: thin points are sought in one tree, with the largest distance that two of them can touch at; thick ones
    are few, and each is asked for with its own radius.
    """
    thin = np.flatnonzero(curves.kind != DENDRITE)
    thick = np.flatnonzero(curves.kind == DENDRITE)
    tree = cKDTree(points[thin])
    found = [thin[tree.query_pairs(2 * curves.radii[thin].max() * _CLOSEST, output_type="ndarray")]]
    if len(thick):
        reach = curves.radii[thick] + curves.radii[thin].max()
        for point, near in zip(thick, tree.query_ball_point(points[thick], reach), strict=True):
            found.append(np.stack([np.full(len(near), point), thin[np.array(near, np.int64)]], axis=1))
    pairs = np.concatenate(found)
    a, b = pairs.T
    apart = np.linalg.norm(points[a] - points[b], axis=1)
    touch = (apart < curves.radii[a] + curves.radii[b] + slack) & (curves.neurite[a] != curves.neurite[b])
    return pairs[touch]


def _push(points: _Points, radii: _Lengths, pairs: NDArray[np.int64], most: float = 25.0) -> _Points:
    """Return how far each point is pushed out of the balls it overlaps, at most `most` nm.

    Strategy: each pair adds a force along the line between its points; summed by point with bincount, axis by axis.
    """
    a, b = pairs.T
    between = points[a] - points[b]
    apart = np.linalg.norm(between, axis=1) + 1e-6
    deep = np.maximum(_CLOSEST * (radii[a] + radii[b]) - apart, 0)
    force = between * (0.15 * deep / apart)[:, None]
    push = np.stack([np.bincount(a, f, len(points)) - np.bincount(b, f, len(points)) for f in force.T], axis=1)
    length = np.linalg.norm(push, axis=1, keepdims=True)
    return push * np.minimum(1, most / np.maximum(length, 1e-9))
