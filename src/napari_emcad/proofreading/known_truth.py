"""Fragments and segments compared with the neurons, where these are known."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, vstack
from scipy.special import xlogy

from napari_emcad.core.ids import Ids
from napari_emcad.core.scores import Scores, contingency, scores_of
from napari_emcad.proofreading.effects import Parting
from napari_emcad.proofreading.part import FAR, NEAR


class KnownTruth:
    """Voxels by (fragment, neuron), counted once.

    Parameters
    ----------
    fragments : (z, y, x) Ids
        Not modified.
    truth : (z, y, x) integer
        Neurons, 0 = not labelled.

    Attributes
    ----------
    truth : (z, y, x) integer
    counts : (n + 1, neurons) sparse float64
        Voxels of each fragment in each neuron; rows are ids, columns the neurons there are, in the order of their ids.
    neurons : (neurons,) integer
        Ids of the neurons.
    """

    def __init__(self, fragments: Ids, truth: NDArray[np.integer]):
        self.truth = truth
        self.neurons = np.unique(truth[truth != 0])
        ids = np.unique(fragments[truth != 0])
        counted = contingency(fragments, truth).tocoo()
        shape = (int(fragments.max()) + 1, len(self.neurons))
        self.counts = csr_array((counted.data.astype(np.float64), (ids[counted.row], counted.col)), shape)

    @property
    def main_neurons(self) -> NDArray[np.int64]:
        """Column of the neuron that most voxels of each fragment are in, (n + 1,); -1 = nothing of it is labelled."""
        return largest_columns(self.counts)

    def counts_of_segments(self, table: Ids) -> csr_array:
        """Return the voxels of each segment in each neuron, (s, neurons), rows by id."""
        n = self.counts.shape[0]
        gather = coo_array((np.ones(n), (table[:n], np.arange(n))), (int(table.max()) + 1, n))
        return csr_array(gather.tocsr() @ self.counts)

    def scores(self, table: Ids, beside: NDArray[np.integer] | None = None) -> Scores:
        """Return the scores of the segments in a table, (n + 1,).

        Parameters
        ----------
        table : (n + 1,) Ids
            Segment of each fragment.
        beside : (n + 1,) integer, optional
            Voxels of each fragment that lie in no known neuron, see `scores_of`.
        """
        counts = self.counts_of_segments(table).astype(np.int64)
        more = None if beside is None else np.bincount(table[: len(beside)], beside, counts.shape[0])
        return scores_of(counts, more)

    def gain_of_joining(self, one: Ids, other: Ids) -> float | None:
        """Return by how much the variation of information falls, in bits, when two sets of fragments become one.

        None if nothing of one is labelled. With the sign turned, it is the gain of parting them.
        """
        first, second = (self.counts[fragments].sum(axis=0) for fragments in (one, other))
        if not first.sum() or not second.sum():
            return None
        return float(self.gains_of_joining(first[None], second[None])[0])

    def gains_of_joining(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the same gain for many pairs, (k,), from voxels by neuron, (k, neurons) each."""
        both = one + other
        neurons = (xlogy(both, both) - xlogy(one, one) - xlogy(other, other)).sum(axis=1)
        one, other, both = one.sum(axis=1), other.sum(axis=1), both.sum(axis=1)
        segments = xlogy(both, both) - xlogy(one, one) - xlogy(other, other)
        gains: NDArray[np.float64] = (2 * neurons - segments) / np.log(2) / self.counts.sum()
        return gains

    def follow_parting(self, parting: Parting) -> None:
        """Count anew the voxels of the parts of a fragment."""
        box = parting.patch.box.slices
        columns = np.searchsorted(self.neurons, self.truth[box])
        known, sides = self.truth[box] != 0, parting.patch.sides
        rows = [np.bincount(columns[known & (sides == side)], minlength=len(self.neurons)) for side in (NEAR, FAR)]
        keep = np.ones(self.counts.shape[0])
        keep[parting.fragment] = 0
        between = csr_array((min(parting.parts) - len(keep), len(self.neurons)))
        self.counts = csr_array(vstack([self.counts.multiply(keep[:, None]), between, np.array(rows, float)]).tocsr())


def largest_columns(counts: csr_array) -> NDArray[np.int64]:
    """Return the column of the largest value of each row, the first of equals; -1 = the row is empty."""
    entries = counts.tocoo()
    there = entries.data > 0
    row, column, value = entries.row[there], entries.col[there], entries.data[there]
    order = np.lexsort((-column, value))
    found = np.full(counts.shape[0], -1)
    found[row[order]] = column[order]  # the last written, so the largest, stays
    return found
