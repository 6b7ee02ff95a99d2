"""Somebody who knows the truth looks for the largest error that is left, and mends it with the tools of the panel.

Three kinds of error, each worth by how much its perfect correction would lower the variation of information:

* two segments are of one neuron: they are merged, across a gap where they do not touch;
* a segment holds fragments of two neurons: points are clicked on both sides, more where the proposal is still wrong;
* a fragment holds two neurons: it is parted between points.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import csr_array

from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.known_truth import KnownTruth, largest
from napari_emcad.proofreading.session import Session

MOST_POINTS = 12
"""Points that are clicked for one split of a segment ..."""

POINTS_IN_A_FRAGMENT = 3
"""... and on each side of one of a fragment."""

SHALLOW = 4.0
"""Pixels: what is nowhere farther from its rim in a section is a sliver that nobody would part from a fragment ..."""

FEW_VOXELS = 50
"""... and so is what has fewer voxels than a disc of that radius."""

SMALLEST_GAIN = 1e-6
"""Bits; smaller errors are not mended."""


UNDONE = "part, undone"


@dataclass(frozen=True)
class Error:
    """Something to mend.

    Attributes
    ----------
    kind : "merge", "split" or "part"
    gain : float
        Bits, were it mended perfectly.
    one, other : int
        Segments to merge; the segment and the neuron (a column) to split off; the fragment and the neuron in it.
    """

    kind: str
    gain: float
    one: int
    other: int


class SimulatedClicks:
    """Edits of a session, the largest error first; each is named by its kind.

    A split that does not come out for the better is not made, and a part that does not is undone; neither is tried
    again before its segment has changed.
    """

    def __init__(self, session: Session, known: KnownTruth):
        self._session, self._known = session, known
        self._given_up: set[tuple] = set()

    def __iter__(self) -> Iterator[str]:
        while made := self._mended():
            yield made

    def _mended(self) -> str | None:
        """What was done about the largest error about which something can be done."""
        ways = {"merge": self._merge, "split": self._split, "part": self._part}
        for error in self.errors():
            if self._key(error) not in self._given_up:
                made = ways[error.kind](error)
                if made in (None, UNDONE):
                    self._given_up.add(self._key(error))
                if made:
                    return made
        return None

    # ---- what is wrong -----------------------------------------------------------------------------------------

    def errors(self) -> list[Error]:
        """What is wrong now, the largest first."""
        counts = self._known.of_segments(self._session.state.table)
        mostly = largest(counts)
        mostly[0] = -1  # what is in no segment cannot be edited
        found = [*self._apart(counts, mostly), *self._together(counts, mostly), *self._inside(counts, mostly)]
        return sorted((e for e in found if e.gain > SMALLEST_GAIN), key=lambda e: -e.gain)

    def _apart(self, counts: csr_array, mostly: NDArray) -> list[Error]:
        """Segments that are not the largest of their neuron, with the one that is."""
        segments = np.flatnonzero(mostly >= 0)
        neuron = mostly[segments]
        overlap = counts[segments, neuron]
        order = segments[np.lexsort((-overlap, neuron))]
        first = np.unique(mostly[order], return_index=True)
        main = np.zeros(counts.shape[1], np.int64)
        main[first[0]] = order[first[1]]
        others = segments[main[neuron] != segments]
        mains = main[mostly[others]]
        gains = self._known.gains_of_joining(counts[mains].toarray(), counts[others].toarray())
        return _listed("merge", gains, mains, others)

    def _together(self, counts: csr_array, mostly: NDArray) -> list[Error]:
        """Segments with fragments of another neuron than their own, that neuron's fragments taken together."""
        neuron = self._known.mostly
        table = self._session.state.table[: len(neuron)]
        foreign = np.flatnonzero((neuron >= 0) & (mostly[table] != neuron) & (table > 0))
        pairs, group = np.unique(np.stack([table[foreign], neuron[foreign]]), axis=1, return_inverse=True)
        shape = pairs.shape[1], len(neuron)
        part = (csr_array((np.ones(len(foreign)), (group.ravel(), foreign)), shape) @ self._known.counts).toarray()
        gains = -self._known.gains_of_joining(part, counts[pairs[0]].toarray() - part)
        return _listed("split", gains, *pairs)

    def _inside(self, counts: csr_array, mostly: NDArray) -> list[Error]:
        """Fragments that are of their segment's neuron and another."""
        table = self._session.state.table
        found = self._known.counts.tocoo()
        of = table[found.row]
        own = self._known.counts[found.row, np.maximum(mostly[of], 0)]
        wrong = (of > 0) & (mostly[of] != found.col) & (np.minimum(found.data, own) >= FEW_VOXELS)
        fragment, neuron, voxels, of = found.row[wrong], found.col[wrong], found.data[wrong], of[wrong]
        part = np.zeros((len(fragment), counts.shape[1]))
        part[np.arange(len(fragment)), neuron] = voxels
        gains = -self._known.gains_of_joining(part, counts[of].toarray() - part)
        return _listed("part", gains, fragment, neuron)

    def _key(self, error: Error) -> tuple:
        """Another where the segment has changed."""
        table = self._session.state.table
        segment = error.one if error.kind != "part" else int(table[error.one])
        return error.kind, error.one, error.other, int(np.count_nonzero(table == segment))

    # ---- mending -----------------------------------------------------------------------------------------------

    def _merge(self, error: Error) -> str | None:
        """The kept side is the larger; it is clicked on its largest fragment, and so is the other."""
        state = self._session.state
        sides = [state.members(segment) for segment in (error.one, error.other)]
        clicked = [int(side[state.sizes[side].argmax()]) for side in sides]
        try:
            row = self._session.merge(*clicked, confirmed=True)
        except Refused:
            return None
        return "bridge" if row.effect.bridges else "join"

    def _split(self, error: Error) -> str | None:
        """Points where the sides are largest, then one where the proposal is most wrong, until nothing is."""
        members = self._session.state.members(error.one)
        is_far = self._known.mostly[members] == error.other
        best = self._proposed(members, is_far)
        if best is None:
            return None
        self._session.split(best)
        return "split"

    def _proposed(self, members: NDArray, is_far: NDArray) -> Proposal | None:
        """The best of the proposals seen; None where none is for the better."""
        sizes, best, gained = self._session.state.sizes[members], None, SMALLEST_GAIN
        clicked = np.zeros(len(members), bool)
        for side in (is_far, ~is_far):
            clicked[np.flatnonzero(side)[sizes[side].argmax()]] = True
        while clicked.sum() <= MOST_POINTS:
            cuts = self._session.propose(members[clicked & ~is_far].tolist(), members[clicked & is_far].tolist())
            for cut in cuts:
                gain = -(self._known.gain_of_joining(cut.near, cut.far) or 0)
                if gain > gained:
                    best, gained = cut, gain
            wrong = (np.isin(members, cuts[0].far) != is_far) & (self._known.mostly[members] >= 0) & ~clicked
            if not wrong.any():
                break
            clicked[np.flatnonzero(wrong)[sizes[wrong].argmax()]] = True
        return best

    def _part(self, error: Error) -> str | None:
        """Points deep in both neurons; undone where it has not come out for the better."""
        near, far = self._points(error.one, error.other)
        if not near or not far:
            return None
        counts, before = self._known.counts, self._known.scores(self._session.state.table).voi
        try:
            row = self._session.split_fragment(near, far)
        except Refused:
            return None
        self._known.part(row.effect.partings[0])
        if self._known.scores(self._session.state.table).voi < before:
            return "part"
        self._session.undo()
        self._known.counts = counts
        return UNDONE

    def _points(self, fragment: int, neuron: int) -> tuple[list, list]:
        """The deepest voxels of the segment's neuron in a fragment, and of another."""
        table, fragments = self._session.state.table, self._session.state.base.fragments
        own = largest(self._known.of_segments(table))[table[fragment]]
        inside = fragments == fragment
        box = ndimage.find_objects(inside.astype(np.uint8))[0]
        truth, inside = self._known.truth[box], inside[box]
        sides = [inside & (truth == self._known.neurons[column]) for column in (own, neuron)]
        start = [s.start for s in box]
        return tuple([tuple((p + start).tolist()) for p in _deepest(side)] for side in sides)


def _listed(kind: str, gains: NDArray, one: NDArray, other: NDArray) -> list[Error]:
    columns = (column.tolist() for column in (gains, one, other))
    return [Error(kind, *values) for values in zip(*columns, strict=True)]


def _deepest(region: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Voxels far from the rim of a region in their section, and from each other."""
    depth = ndimage.distance_transform_edt(np.pad(region, [(0, 0), (1, 1), (1, 1)]), (1000, 1, 1))[:, 1:-1, 1:-1]
    points: list[NDArray] = []
    while len(points) < POINTS_IN_A_FRAGMENT and depth.max() > SHALLOW:
        point = np.array(np.unravel_index(depth.argmax(), depth.shape))
        points.append(point)
        away = np.stack(np.indices(depth.shape), axis=-1) - point
        depth = np.where((away**2).sum(axis=-1) < (2 * depth.max()) ** 2, 0, depth)
    return points
