"""Adapter of waterz, and the only file that imports it: its voxels, dtypes, prints and scorings stay in here.

Source: Funke et al., "Large Scale Image Segmentation with Structured Loss Based Deep Learning for
Connectome Reconstruction", TPAMI 2019.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import NamedTuple

import numpy as np
import waterz
from numpy.typing import NDArray

from napari_emcad.core.choices import DEFAULT_SCORING
from napari_emcad.core.ids import Ids
from napari_emcad.core.region_graph import RegionGraph

COMPILED = {"mean": ("OneMinus<MeanAffinity<RegionGraphType, ScoreValue>>", 0)} | {
    f"quantile {q}": (f"OneMinus<HistogramQuantileAffinity<RegionGraphType, {q}, ScoreValue, 256>>", 256)
    for q in range(10, 100, 5)
}
"""Scorings that waterz brings compiled, by their names in `choices.SCORINGS`: C++ type and bins of the queue."""


class Merges(NamedTuple):
    """Merges in the order they are made: the region of fragment `b` joins that of fragment `a`."""

    a: Ids
    b: Ids
    score: NDArray[np.float32]


def waterz_merges(graph: RegionGraph, scoring: str = DEFAULT_SCORING) -> Merges:
    """Agglomerate fragments to the end and return every merge.

    Strategy: waterz takes voxels, but all it learns from them are the contacts; so it is given the smallest volume that
    has the same. Its merges are those of the whole volume, at a fraction of the memory.

    Parameters
    ----------
    graph : RegionGraph
    scoring : str
        One of `choices.SCORINGS`.

    Returns
    -------
    Merges
        Score = 1 - affinity statistic of the edge merged.
    """
    if not len(graph):
        return Merges(np.empty(0, np.uint32), np.empty(0, np.uint32), np.empty(0, np.float32))
    function, bins = COMPILED[scoring]
    affinities, fragments = _in_voxels(*_faces(graph, scoring))
    with _silent_output():
        _, history = next(
            waterz.agglomerate(
                affinities,
                [1.0],
                fragments=fragments,
                scoring_function=function,
                discretize_queue=bins,
                return_merge_history=True,
            )
        )
    a, b = (np.fromiter((merge[end] for merge in history), np.uint32, len(history)) for end in ("a", "b"))
    return Merges(a, b, np.fromiter((merge["score"] for merge in history), np.float32, len(history)))


def _faces(graph: RegionGraph, scoring: str) -> tuple[Ids, Ids, NDArray[np.float32]]:
    """Return u, v and affinity of the voxel faces that count.

    For a quantile that is the strongest face of each contact, as published.
    """
    if scoring == "mean":
        return np.repeat(graph.u, graph.area), np.repeat(graph.v, graph.area), np.repeat(graph.mean, graph.area)
    return graph.u, graph.v, graph.strongest


def _in_voxels(u: Ids, v: Ids, affinity: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.uint64]]:
    """Draw a volume in which the two fragments of each face touch on x, and nothing else touches.

    Empty rows lie between the faces.
    """
    fragments = np.zeros((1, 2 * len(u), 2), np.uint64)
    fragments[0, ::2, 0], fragments[0, ::2, 1] = u, v
    affinities = np.zeros((3, *fragments.shape), np.float32)
    affinities[2, 0, ::2, 1] = affinity
    return affinities, fragments


@contextmanager
def _silent_output() -> Iterator[None]:
    """Drop what waterz prints: its Python to sys.stdout, its C++ to descriptor 1, which a window may not have."""
    with open(os.devnull, "w") as sink, redirect_stdout(sink):
        try:
            kept = os.dup(1)
        except OSError:
            yield
            return
        try:
            os.dup2(sink.fileno(), 1)
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
