"""The second opinion on the questions of the review: learned from many features of contacts, ends and shapes.

It takes the place of the odds. Where it has seen nothing like the data it says nothing, and the odds serve, which go on
learning from the answers; so they do where the fragments lie in files, all of which would have to be read for it.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.npy_lock import NPY_LOCK
from napari_emcad.proofreading.edges import EditedGraph
from napari_emcad.proofreading.review.forest import Forest
from napari_emcad.proofreading.review.second_opinion.cut_features import describe_cuts
from napari_emcad.proofreading.review.second_opinion.join_features import Pairs, describe_joins
from napari_emcad.proofreading.review.second_opinion.shapes import FragmentShapes
from napari_emcad.proofreading.review.second_opinion.trees import Trees, read_trees

WEIGHTS = Path(__file__).with_name("second_opinion.npz")
"""The trees; second_opinion.json says what they were grown on."""

MOST_FRAGMENTS = 500_000
"""Fragments up to which shapes are looked at; of more the odds serve alone."""

MOST_STRANGE = 0.1
"""Share of strange features, of all questions on average, from which on the data is unlike what was learned from."""


@dataclass(frozen=True)
class SecondOpinion:
    """Log odds that the trees give for the segments of a session.

    Attributes
    ----------
    shapes : FragmentShapes
    """

    shapes: FragmentShapes

    def of_joins(
        self, segments: Ids, graph: EditedGraph, edges: NDArray[np.int64], across: NDArray[np.bool_], table: Ids
    ) -> NDArray[np.float64]:
        """Return the log odds, (k,), that pairs of segments, (k, 2), are one; NaN where nothing is known.

        `edges` are the rows of all edges at these segments; for the rest see `describe_joins`.
        """
        ends = np.sort(segments.astype(np.int64), axis=1)
        key, place = np.unique(ends[:, 0] << 32 | ends[:, 1], return_inverse=True)
        pairs = Pairs(key >> 32, key & 0xFFFFFFFF)
        features = describe_joins(pairs, graph, edges, across, table, self.shapes)
        return _heard(shipped()["join"], features)[place]

    def of_cuts(self, forest: Forest, graph: EditedGraph, edges: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the log odds, (k,), that segments part at the edges of their trees; see `describe_cuts`."""
        return _heard(shipped()["cut"], describe_cuts(forest, graph, edges, self.shapes))


def _heard(trees: Trees, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log odds of the trees; NaN for features unlike those that they were grown on."""
    return np.where(trees.strangeness(features) > MOST_STRANGE, np.nan, trees.log_odds(features))


@cache
def shipped() -> dict[str, Trees]:
    """Return the trees for joins and for cuts that come with the package."""
    with NPY_LOCK, np.load(WEIGHTS, allow_pickle=False) as kept:
        return {name: read_trees(kept, name) for name in ("join", "cut")}
