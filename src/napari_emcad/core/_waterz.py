"""The only file that imports waterz: its copies, dtypes, prints and prebuilt scorings stay in here.

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

SCORINGS = {"mean": ("OneMinus<MeanAffinity<RegionGraphType, ScoreValue>>", 0)} | {
    f"quantile {q}": (f"OneMinus<HistogramQuantileAffinity<RegionGraphType, {q}, ScoreValue, 256>>", 256)
    for q in range(10, 100, 5)
}
"""Scorings that waterz brings compiled, by the name shown to people: C++ type and bins of the queue."""

DEFAULT_SCORING = "quantile 50"
"""The published one."""


class Merges(NamedTuple):
    """Merges in the order they are made: the region of fragment `b` joins that of fragment `a`."""

    a: NDArray[np.uint32]
    b: NDArray[np.uint32]
    score: NDArray[np.float32]


def agglomerate(affinities: NDArray, fragments: NDArray, scoring: str = DEFAULT_SCORING) -> Merges:
    """Agglomerate fragments to the end and return every merge.

    Parameters
    ----------
    affinities : (3, z, y, x) uint8 or float32
        Channels z, y, x, to the previous voxel; uint8 is value x 255.
    fragments : (z, y, x) unsigned integer
        0 = none. Not modified.
    scoring : str
        One of `SCORINGS`.

    Returns
    -------
    Merges
        Score = 1 - affinity statistic of the edge merged.
    """
    function, bins = SCORINGS[scoring]
    values = np.ascontiguousarray(affinities, np.float32)
    if affinities.dtype == np.uint8:
        values /= 255
    with _silent_output():
        # waterz overwrites the uint64 array it is given: this is a copy
        _, history = next(
            waterz.agglomerate(
                values,
                [1.0],
                fragments=fragments.astype(np.uint64, order="C"),
                scoring_function=function,
                discretize_queue=bins,
                return_merge_history=True,
            )
        )
    columns = [np.fromiter((m[k] for m in history), t, len(history)) for k, t in _COLUMNS]
    return Merges(*columns)


_COLUMNS = (("a", np.uint32), ("b", np.uint32), ("score", np.float32))


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
