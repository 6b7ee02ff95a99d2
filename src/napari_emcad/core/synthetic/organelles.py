"""Organelles: mitochondria, reticulum, microtubules, vesicles and synapses, placed along the curves of neurites.

All lengths are in nanometres, all points (z, y, x).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from napari_emcad.core.synthetic.curves import AXON, DENDRITE, SPINE, STEP, NeuriteCurves

_VESICLES = 5e-6
"""Vesicles in a bouton, for each cubic nm."""


@dataclass(frozen=True)
class Specks:
    """Many small things of one kind.

    Attributes
    ----------
    points : (n, 3) float
        In nm.
    neurite : (n,) int
        The neurite each belongs to.
    weights : (n,) float
        Darkness of each, about 0 to 1.
    """

    points: NDArray[np.float64]
    neurite: NDArray[np.int32]
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class Mitochondrion:
    """A sausage: points (n, 3) along its axis and its radius in nm; the cristae's direction (y, x) and period."""

    points: NDArray[np.float64]
    radius: float
    neurite: int
    across: tuple[float, float]
    period: float


@dataclass(frozen=True)
class Synapse:
    """A contact: its centre (3,) and radius in nm, the neurites before and after it."""

    centre: NDArray[np.float64]
    radius: float
    before: int
    after: int


@dataclass(frozen=True)
class Organelles:
    """Everything inside the neurites of a tissue."""

    mitochondria: tuple[Mitochondrion, ...]
    synapses: tuple[Synapse, ...]
    reticulum: Specks
    microtubules: Specks
    vesicles: Specks


def furnish(rng: Generator, curves: NeuriteCurves) -> Organelles:
    """Place organelles in all neurites, at about the density of cortex."""
    runs = list(_runs(curves))
    return Organelles(
        tuple(m for run in runs for m in _mitochondria(rng, curves, run)),
        tuple(_synapses(rng, curves)),
        _tubules(rng, curves, runs, _reticulum),
        _tubules(rng, curves, runs, _bundle),
        _vesicles(rng, curves),
    )


def _runs(curves: NeuriteCurves) -> Iterator[slice]:
    """Yield the slice of points of each curve."""
    starts = np.flatnonzero(np.diff(curves.curve, prepend=-1))
    for start, stop in pairwise([*starts, len(curves)]):
        yield slice(int(start), int(stop))


def _finer(points: NDArray[np.float64], spacing: float) -> NDArray[np.float64]:
    """Return the same path with points about `spacing` apart."""
    n = len(points)
    at = np.linspace(0, n - 1, max(1, round((n - 1) * STEP / spacing) + 1))
    return np.stack([np.interp(at, np.arange(n), p) for p in points.T], axis=1)


def _wander(rng: Generator, n: int, calm: float) -> NDArray[np.float64]:
    """Draw a smooth random path (n, 3) that stays mostly within 1 of 0, around a random place."""
    noise = gaussian_filter1d(rng.normal(size=(n, 3)), calm, axis=0, mode="nearest")
    return 0.35 * noise * np.sqrt(2 * calm * np.sqrt(np.pi)) + 0.35 * rng.normal(size=3)


def _mitochondria(rng: Generator, curves: NeuriteCurves, run: slice) -> Iterator[Mitochondrion]:
    """Draw mitochondria along one curve, thin ones in thin neurites, some at the side of thick ones."""
    every = 1000.0 if curves.kind[run.start] == DENDRITE else 2600.0
    n = run.stop - run.start
    for start in np.flatnonzero(rng.random(n) < STEP / every) + run.start:
        piece = slice(start, min(run.stop, start + int(rng.uniform(350, 1500) / STEP)))
        room = curves.radii[piece].min()
        radius = min(0.68 * room, rng.uniform(80, 150))
        if radius < 50 or piece.stop - piece.start < 4 or curves.kind[run.start] == SPINE:
            continue
        aside = np.clip(_wander(rng, piece.stop - piece.start, 8), -0.6, 0.6) * max(0, room - radius - 40)
        points = _finer(curves.points[piece] + aside, 25)
        along = points[-1, 1:] - points[0, 1:]
        angle = np.arctan2(*along) + np.pi / 2 + rng.normal(0, 0.3)
        yield Mitochondrion(
            points, radius, int(curves.neurite[start]), (np.sin(angle), np.cos(angle)), rng.uniform(26, 44)
        )


_Tube = tuple[NDArray[np.float64], int, NDArray[np.float64]]
"""Points (n, 3), the neurite and weights (n,) of a tube."""

_Drawing = Callable[[Generator, NeuriteCurves, slice], Iterator[_Tube]]
"""A function that draws the tubes of one curve, a slice of the points."""


def _tubules(rng: Generator, curves: NeuriteCurves, runs: list[slice], draw: _Drawing) -> Specks:
    """Draw thin tubes within all curves, as points close to each other."""
    tubes = [tube for run in runs for tube in draw(rng, curves, run)]
    if not tubes:
        return Specks(np.zeros((0, 3)), np.zeros(0, np.int32), np.zeros(0))
    points, neurite, weights = zip(*tubes, strict=True)
    lengths = [len(p) for p in points]
    return Specks(np.concatenate(points), np.repeat(np.array(neurite, np.int32), lengths), np.concatenate(weights))


def _reticulum(rng: Generator, curves: NeuriteCurves, run: slice) -> Iterator[_Tube]:
    """Draw dark tubes that come and go: one in most axons, several in a dendrite."""
    points, radii = curves.points[run], curves.radii[run, None]
    for _ in range(rng.poisson(0.8 if curves.kind[run.start] == AXON else (np.median(radii) / 130) ** 2)):
        inside = np.clip(_wander(rng, len(points), 5), -0.6, 0.6) * radii
        strength = np.clip(0.45 + 0.6 * _wander(rng, len(points), 5)[:, :1] / 0.5, 0, 1)
        finer = _finer(np.hstack([points + inside, strength]), 8)
        yield finer[:, :3], int(curves.neurite[run.start]), finer[:, 3]


def _bundle(rng: Generator, curves: NeuriteCurves, run: slice) -> Iterator[_Tube]:
    """Draw microtubules: faint straight tubes along the whole curve."""
    points, radii = curves.points[run], curves.radii[run, None]
    for _ in range(rng.poisson((np.median(radii) / 75) ** 2) if curves.kind[run.start] != SPINE else 0):
        finer = _finer(points + np.clip(_wander(rng, len(points), 40), -0.75, 0.75) * radii, 10)
        yield finer, int(curves.neurite[run.start]), np.full(len(finer), rng.uniform(0.3, 1))


def _vesicles(rng: Generator, curves: NeuriteCurves) -> Specks:
    """Draw clusters of vesicles in the boutons, a few elsewhere in axons.

    Strategy: a Poisson number for each point of a curve, at random places of the ball around it.
    """
    density = np.where(curves.swollen, _VESICLES, 0.03 * _VESICLES) * (curves.kind == AXON)
    clumpy = gaussian_filter1d(rng.normal(size=len(curves)), 3) * 2.5
    mean = density * np.pi * curves.radii**2 * STEP * np.exp(np.clip(clumpy, -2, 1))
    owner = np.repeat(np.arange(len(curves)), rng.poisson(mean))
    offset = rng.normal(size=(len(owner), 3))
    offset *= (rng.random(len(owner)) ** (1 / 3) / np.linalg.norm(offset, axis=1))[:, None]
    points = curves.points[owner] + offset * curves.radii[owner, None]
    return Specks(points, curves.neurite[owner], rng.uniform(0.6, 1, len(owner)))


def _synapses(rng: Generator, curves: NeuriteCurves) -> Iterator[Synapse]:
    """Draw synapses: most boutons touch a spine or a dendrite with a dark patch on both membranes.

    Strategy: the middle of each bouton is asked for the nearest surface of a spine or a dendrite in a tree of their
    points; if the gap is small, the patch lies between the two.
    """
    targets = np.flatnonzero(curves.kind != AXON)
    edges = np.flatnonzero(np.diff(np.r_[False, curves.swollen, False].astype(int)))
    if not len(targets):
        return
    tree = cKDTree(curves.points[targets])
    for start, stop in edges.reshape(-1, 2):
        middle = (start + stop) // 2
        near = targets[tree.query_ball_point(curves.points[middle], curves.radii[middle] + 800)]
        gap = np.linalg.norm(curves.points[near] - curves.points[middle], axis=1) - curves.radii[near]
        if len(near) and gap.min() < 2 * curves.radii[middle]:
            after = near[gap.argmin()]
            way = curves.points[after] - curves.points[middle]
            centre = curves.points[middle] + way * max(gap.min(), 0) / np.linalg.norm(way)
            yield Synapse(centre, rng.uniform(110, 220), int(curves.neurite[middle]), int(curves.neurite[after]))
