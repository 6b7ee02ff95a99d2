"""Boosted trees, read from numbers alone, and what they say of features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 4096
"""Rows that go down the trees together."""


@dataclass(frozen=True)
class Trees:
    """Decision trees whose leaves are summed up.

    Attributes
    ----------
    feature : (t, n) int16
        Feature that each node asks about; -1 = a leaf.
    threshold : (t, n) float32
        Rows go to the next node if their feature is at most that, else to `other`.
    following, other : (t, n) int16
        Nodes of the same tree.
    value : (t, n) float32
        What leaves add.
    slope, constant : float
        The log odds are slope x sum + constant: the calibration.
    low, high : (f,) float32
        Between these lie nearly all features that the trees were grown on.
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float32]
    following: NDArray[np.int16]
    other: NDArray[np.int16]
    value: NDArray[np.float32]
    slope: float
    constant: float
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def log_odds(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log odds, (k,), of rows of features, (k, f)."""
        parts = [self._sum(features[i : i + AT_ONCE]) for i in range(0, len(features), AT_ONCE)]
        found: NDArray[np.float64] = self.slope * np.concatenate([np.empty(0), *parts]) + self.constant
        return found

    def strangeness(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return which share of the features of each row, (k,), lies where hardly any did that trees were grown on."""
        found: NDArray[np.float64] = ((features < self.low) | (features > self.high)).mean(axis=1)
        return found

    def _sum(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        features = np.asarray(features, np.float32)
        tree, row = np.arange(len(self.feature)), np.arange(len(features))[:, None]
        node = np.zeros((len(features), len(tree)), np.int64)
        while (is_inside := (asked := self.feature[tree, node]) >= 0).any():
            goes_on = features[row, np.maximum(asked, 0)] <= self.threshold[tree, node]
            node = np.where(is_inside, np.where(goes_on, self.following[tree, node], self.other[tree, node]), node)
        found: NDArray[np.float64] = self.value[tree, node].sum(axis=1, dtype=np.float64)
        return found


def read_trees(kept: "np.lib.npyio.NpzFile", name: str) -> Trees:
    """Read the trees of a name from a file of arrays, in which they are NAME_FIELD."""
    fields = ("feature", "threshold", "following", "other", "value", "low", "high")
    arrays = {field: kept[f"{name}_{field}"] for field in fields}
    slope, constant = kept[f"{name}_calibration"].tolist()
    return Trees(slope=slope, constant=constant, **arrays)
