"""Questions with their answers, that the second opinion of the review learns from: see second_opinion.py."""

from dataclasses import dataclass

import numpy as np
from labelled_volume import Segmented
from numpy.typing import NDArray
from scipy import ndimage

from napari_emcad.core.progress import drive
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.pipeline import agglomerate
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.proofreading.known_truth import KnownTruth
from napari_emcad.proofreading.review.forest import Forest, spanning_forest
from napari_emcad.proofreading.review.questions import QuestionKind
from napari_emcad.proofreading.review.second_opinion.cut_features import describe_cuts
from napari_emcad.proofreading.review.second_opinion.join_features import Pairs, describe_joins, find_gaps
from napari_emcad.proofreading.review.second_opinion.shapes import (
    FragmentShapes,
    SegmentShapes,
    find_fragment_shapes,
)
from napari_emcad.proofreading.review.suspects import find_edges_between_sections, voi_change

WORTH = 0.25
"""Share of what a perfect correction would change that a correction must bring to be one."""

FEW = 100
"""Voxels: smaller pieces are no questions."""


@dataclass(frozen=True)
class Lessons:
    """Features (k, f), whether there is an error (k,), and what its correction changes, bits x voxels (k,)."""

    features: NDArray
    wrong: NDArray[np.bool_]
    change: NDArray


def with_noise(box: Segmented, spread: float, seed: int) -> Segmented:
    """The same box from affinities with smooth noise: levels of 255, spots of 2 pixels and of 12."""
    if not spread:
        return box
    random, noisy = np.random.default_rng(seed), np.empty_like(box.affinities)
    for channel, z in np.ndindex(box.affinities.shape[:2]):
        noise = np.zeros(box.affinities.shape[2:], np.float32)
        for sigma in (2, 12):
            spots = ndimage.gaussian_filter(random.standard_normal(noise.shape).astype(np.float32), sigma)
            noise += spots / spots.std() * spread
        noisy[channel, z] = np.clip(box.affinities[channel, z] + noise, 0, 255)
    return Segmented(drive(agglomerate(noisy, box.parameters)), noisy, box.truth, box.parameters)


def lessons_of(box: Segmented, thresholds: tuple[float, ...]) -> list[dict[QuestionKind, Lessons]]:
    """The lessons of a box at each threshold."""
    segmentation = box.segmentation
    known = KnownTruth(segmentation.fragments, box.truth)
    shapes = drive(find_fragment_shapes(segmentation.fragments, len(segmentation.sizes) - 1))
    across = find_edges_between_sections(segmentation.graph, segmentation.fragments)
    tables = [segmentation.table(threshold, box.parameters.min_size) for threshold in thresholds]
    return [
        {
            "join?": join_lessons(segmentation, table, across, shapes, known),
            "part?": cut_lessons(segmentation, table, shapes, known),
        }
        for table in tables
    ]


def join_lessons(
    segmentation: Segmentation, table: NDArray, across: NDArray, shapes: FragmentShapes, known: KnownTruth
) -> Lessons:
    graph, segments = EditedGraph.of(segmentation.graph), SegmentShapes.of(shapes, table)
    rows = segmentation.graph
    touching = np.stack([table[rows.u], table[rows.v]], 1).astype(np.int64)
    gaps = table[shapes.over[find_gaps(shapes, segments, table), :2]].astype(np.int64)
    both = np.sort(np.concatenate([touching, gaps]), axis=1)
    both = np.unique(both[(both[:, 0] != both[:, 1]) & (both[:, 0] > 0)], axis=0)
    both = both[(segments.moments[both, 0] >= FEW).all(axis=1)]
    pairs = Pairs(*both.T)
    features = describe_joins(pairs, graph, np.arange(len(rows)), across, table, shapes)
    counts = known.counts_of_segments(table)
    return _judged(features, *(counts[side].toarray() for side in both.T), known, 1)


def cut_lessons(segmentation: Segmentation, table: NDArray, shapes: FragmentShapes, known: KnownTruth) -> Lessons:
    graph = segmentation.graph
    inside = np.flatnonzero((table[graph.u] == table[graph.v]) & (table[graph.u] > 0))
    forest = spanning_forest(graph, inside, np.empty(0, np.int64))
    features = describe_cuts(forest, graph, inside, shapes)
    below, whole = _neurons(forest, known)
    return _judged(features, below, whole - below, known, -1)


def _neurons(forest: Forest, known: KnownTruth) -> tuple[NDArray, NDArray]:
    """Voxels by neuron below each tree edge, and in its whole segment."""
    n = known.counts.shape[0]
    inside = (forest.fragments > 0) & (forest.fragments < n)
    counts = known.counts[np.where(inside, forest.fragments, 0)].toarray() * inside[:, None]
    sums = forest.sums_below(*counts.T)
    return sums[forest.lower], sums[forest.root[forest.lower]]


def _judged(features: NDArray, one: NDArray, other: NDArray, known: KnownTruth, sign: int) -> Lessons:
    """Lessons where both sides are labelled; an error where joining (1) or parting (-1) brings enough."""
    labelled = (one.sum(1) > 0) & (other.sum(1) > 0)
    one, other = one[labelled], other[labelled]
    gains = np.concatenate(
        [known.gains_of_joining(one[i : i + 2000], other[i : i + 2000]) for i in range(0, len(one) or 1, 2000)]
    )
    change = voi_change(one.sum(1), other.sum(1))
    return Lessons(features[labelled], sign * gains * known.counts.sum() > WORTH * change, change)
