"""Mistakes of segments, where the neurons are known; the largest first.

Three kinds of mistake, each worth by how much its perfect correction would lower the variation of information:

* two segments are of one neuron;
* a segment holds fragments of two neurons;
* a fragment holds two neurons.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.proofreading.known_truth import KnownTruth, largest_columns

SMALLEST_GAIN = 1e-6
"""Bits; smaller mistakes are left as they are."""

FEW_VOXELS = 50
"""Voxels of a disc with a radius of four pixels: fewer of another neuron in a fragment are no mistake."""


@dataclass(frozen=True)
class MissingMerge:
    """Two segments of one neuron.

    Attributes
    ----------
    gain : float
        Bits, were it corrected perfectly.
    kept, added : SegmentId
        The larger one, and the other.
    """

    kind: ClassVar[str] = "merge"
    gain: float
    kept: SegmentId
    added: SegmentId

    @property
    def ids(self) -> tuple[int, int]:
        """The two ids or columns of the mistake."""
        return self.kept, self.added


@dataclass(frozen=True)
class MissingSplit:
    """A segment with fragments of another neuron than its own.

    Attributes
    ----------
    gain : float
        Bits, were it corrected perfectly.
    segment : SegmentId
    neuron : int
        Column of the neuron to split off, see `KnownTruth`.
    """

    kind: ClassVar[str] = "split"
    gain: float
    segment: SegmentId
    neuron: int

    @property
    def ids(self) -> tuple[int, int]:
        """The two ids or columns of the mistake."""
        return self.segment, self.neuron


@dataclass(frozen=True)
class MissingParting:
    """A fragment of its segment's neuron and of another.

    Attributes
    ----------
    gain : float
        Bits, were it corrected perfectly.
    fragment : FragmentId
    neuron : int
        Column of the other neuron, see `KnownTruth`.
    """

    kind: ClassVar[str] = "part"
    gain: float
    fragment: FragmentId
    neuron: int

    @property
    def ids(self) -> tuple[int, int]:
        """The two ids or columns of the mistake."""
        return self.fragment, self.neuron


Mistake = MissingMerge | MissingSplit | MissingParting


def find_mistakes(known: KnownTruth, table: Ids) -> list[Mistake]:
    """Return all mistakes of the segments in a table, (n + 1,), the largest first."""
    counts = known.counts_of_segments(table)
    main = largest_columns(counts)
    main[0] = -1  # what is in no segment cannot be edited
    found: list[Mistake] = [
        *_missing_merges(known, counts, main),
        *_missing_splits(known, counts, main, table),
        *_missing_partings(known, counts, main, table),
    ]
    return sorted((mistake for mistake in found if mistake.gain > SMALLEST_GAIN), key=lambda mistake: -mistake.gain)


def _missing_merges(known: KnownTruth, counts: csr_array, main: NDArray[np.int64]) -> Iterator[MissingMerge]:
    """Yield each segment that is not the largest one of its neuron, with the one that is."""
    segments = np.flatnonzero(main >= 0)
    neuron = main[segments]
    overlap = counts[segments, neuron]
    order = segments[np.lexsort((-overlap, neuron))]
    neurons, first = np.unique(main[order], return_index=True)
    largest = np.zeros(counts.shape[1], np.int64)
    largest[neurons] = order[first]
    others = segments[largest[neuron] != segments]
    kept = largest[main[others]]
    gains = known.gains_of_joining(counts[kept].toarray(), counts[others].toarray())
    for gain, one, other in zip(gains.tolist(), kept.tolist(), others.tolist(), strict=True):
        yield MissingMerge(gain, SegmentId(one), SegmentId(other))


def _missing_splits(
    known: KnownTruth, counts: csr_array, main: NDArray[np.int64], table: Ids
) -> Iterator[MissingSplit]:
    """Yield each segment with fragments of another neuron, that neuron's fragments taken together."""
    neuron = known.main_neurons
    table = table[: len(neuron)]
    foreign = np.flatnonzero((neuron >= 0) & (main[table] != neuron) & (table > 0))
    pairs, group = np.unique(np.stack([table[foreign], neuron[foreign]]), axis=1, return_inverse=True)
    shape = pairs.shape[1], len(neuron)
    part = (csr_array((np.ones(len(foreign)), (group.ravel(), foreign)), shape) @ known.counts).toarray()
    gains = -known.gains_of_joining(part, counts[pairs[0]].toarray() - part)
    for gain, segment, column in zip(gains.tolist(), *pairs.tolist(), strict=True):
        yield MissingSplit(gain, SegmentId(segment), column)


def _missing_partings(
    known: KnownTruth, counts: csr_array, main: NDArray[np.int64], table: Ids
) -> Iterator[MissingParting]:
    """Yield each fragment that is of its segment's neuron and of another."""
    found = known.counts.tocoo()
    segment = table[found.row]
    own = known.counts[found.row, np.maximum(main[segment], 0)]
    wrong = (segment > 0) & (main[segment] != found.col) & (np.minimum(found.data, own) >= FEW_VOXELS)
    fragment, neuron, voxels, segment = found.row[wrong], found.col[wrong], found.data[wrong], segment[wrong]
    part = np.zeros((len(fragment), counts.shape[1]))
    part[np.arange(len(fragment)), neuron] = voxels
    gains = -known.gains_of_joining(part, counts[segment].toarray() - part)
    for gain, one, column in zip(gains.tolist(), fragment.tolist(), neuron.tolist(), strict=True):
        yield MissingParting(gain, FragmentId(one), column)
