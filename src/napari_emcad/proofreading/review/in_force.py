"""Rows of the log that something is known from, and which of them count."""

from collections.abc import Mapping, Sequence

import numpy as np


class RowsInForce:
    """Rows that are known, of which some are undone.

    Attributes
    ----------
    seqs : (k,) int64
        In order.
    counts : (k,) bool
        False for rows that are undone.
    """

    def __init__(self) -> None:
        self.seqs, self.counts = np.empty(0, np.int64), np.empty(0, bool)

    def follow(self, seqs: Sequence[int]) -> None:
        """Add rows."""
        self.seqs = np.concatenate([self.seqs, np.array(seqs, np.int64)])
        self.counts = np.concatenate([self.counts, np.ones(len(seqs), bool)])

    def count(self, changed: Mapping[int, bool]) -> bool:
        """Note which rows are in force; return True if that of a known one changes."""
        wanted = np.array([*changed], np.int64)
        starts, stops = np.searchsorted(self.seqs, wanted), np.searchsorted(self.seqs, wanted, "right")
        has_changed = False
        for start, stop, is_in_force in zip(starts, stops, changed.values(), strict=True):
            has_changed |= bool((self.counts[start:stop] != is_in_force).any())
            self.counts[start:stop] = is_in_force
        return has_changed
