"""Somebody who knows the truth looks for the largest mistake that is left, and mends it with the tools of the panel.

* Two segments of one neuron are merged, across a gap where they do not touch.
* A segment of two neurons is split between points on both sides, more where the proposal is still wrong.
* A fragment of two neurons is parted between points.
"""

from collections.abc import Hashable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_emcad.core.geometry import Voxel, triple
from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.known_truth import KnownTruth, largest_columns
from napari_emcad.proofreading.plans.pieces import largest_of
from napari_emcad.proofreading.review.mistakes import (
    SMALLEST_GAIN,
    MissingMerge,
    MissingParting,
    MissingSplit,
    Mistake,
    find_mistakes,
)
from napari_emcad.proofreading.session import Session

MOST_POINTS = 12
"""Points that are clicked for one split of a segment, at most."""

POINTS_IN_A_FRAGMENT = 3
"""Points that are clicked on each side of a fragment, at most."""

SHALLOW = 4.0
"""Pixels: what is nowhere farther from its rim in a section is a sliver that nobody would part from a fragment."""

UNDONE = "part, undone"


class SimulatedClicks:
    """Edits of a session, the largest mistake first; each is named by its kind.

    A split that does not come out for the better is not made, and a parting that does not is undone; neither is tried
    again before its segment has changed.

    Parameters
    ----------
    session : Session
        Is edited.
    known : KnownTruth
        Follows the fragments that are parted.
    """

    def __init__(self, session: Session, known: KnownTruth):
        self._session, self._known = session, known
        self._given_up: set[Hashable] = set()

    def __iter__(self) -> Iterator[str]:
        """Mend one mistake after another; yield the kind of each edit."""
        while kind := self._mend_one():
            yield kind

    def mistakes(self) -> list[Mistake]:
        """Return what is wrong now, the largest first."""
        return find_mistakes(self._known, self._session.state.table)

    def _mend_one(self) -> str | None:
        """Mend the largest mistake about which something can be done; None if there is none."""
        for mistake in self.mistakes():
            key = self._key(mistake)
            if key not in self._given_up:
                kind = self._mend(mistake)
                if kind in (None, UNDONE):
                    self._given_up.add(key)
                if kind:
                    return kind
        return None

    def _key(self, mistake: Mistake) -> Hashable:
        """Return what a mistake is known by; another key where its segment has changed."""
        state = self._session.state
        segment = state.segment_of(mistake.fragment) if isinstance(mistake, MissingParting) else mistake.ids[0]
        return mistake.kind, mistake.ids, int(np.count_nonzero(state.table == segment))

    def _mend(self, mistake: Mistake) -> str | None:
        """Try to mend a mistake; return the kind of the edit, None if none was made."""
        if isinstance(mistake, MissingMerge):
            return self._merge(mistake)
        return self._split(mistake) if isinstance(mistake, MissingSplit) else self._part(mistake)

    def _merge(self, mistake: MissingMerge) -> str | None:
        """Click both segments on their largest fragments."""
        anchor, other = (self._largest_fragment(segment) for segment in (mistake.kept, mistake.added))
        try:
            row = self._session.merge(anchor, other, confirmed=True)
        except Refused:
            return None
        return "bridge" if row.effect.bridges else "join"

    def _largest_fragment(self, segment: SegmentId) -> FragmentId:
        return largest_of(self._session.state, self._session.state.members(segment))

    def _split(self, mistake: MissingSplit) -> str | None:
        """Make the best split that points on both sides propose."""
        members = self._session.state.members(mistake.segment)
        best = self._best_split(members, self._known.main_neurons[members] == mistake.neuron)
        if best is None:
            return None
        self._session.split(best)
        return "split"

    def _best_split(self, members: Ids, is_far: NDArray[np.bool_]) -> Proposal | None:
        """Return the best of the proposals seen; None if none is for the better.

        Strategy: points where the sides are largest, then one more where the proposal is most wrong, until nothing is.
        """
        sizes, best, gained = self._session.state.sizes[members], None, SMALLEST_GAIN
        clicked = np.zeros(len(members), bool)
        for side in (is_far, ~is_far):
            clicked[np.flatnonzero(side)[sizes[side].argmax()]] = True
        while clicked.sum() <= MOST_POINTS:
            cuts = self._session.propose(_ids(members[clicked & ~is_far]), _ids(members[clicked & is_far]))
            for cut in cuts:
                gain = -(self._known.gain_of_joining(cut.near, cut.far) or 0)
                if gain > gained:
                    best, gained = cut, gain
            wrong = (np.isin(members, cuts[0].far) != is_far) & (self._known.main_neurons[members] >= 0) & ~clicked
            if not wrong.any():
                break
            clicked[np.flatnonzero(wrong)[sizes[wrong].argmax()]] = True
        return best

    def _part(self, mistake: MissingParting) -> str | None:
        """Part a fragment between points deep in both neurons; undo it if it has not come out for the better."""
        near, far = self._points(mistake.fragment, mistake.neuron)
        if not near or not far:
            return None
        counts, before = self._known.counts, self._known.scores(self._session.state.table).voi
        try:
            row = self._session.split_fragment(near, far)
        except Refused:
            return None
        self._known.follow_parting(row.effect.partings[0])
        if self._known.scores(self._session.state.table).voi < before:
            return "part"
        self._session.undo()
        self._known.counts = counts
        return UNDONE

    def _points(self, fragment: FragmentId, neuron: int) -> tuple[list[Voxel], list[Voxel]]:
        """Return the deepest voxels of the segment's own neuron in a fragment, and those of another neuron."""
        table, fragments = self._session.state.table, self._session.state.base.fragments[:]
        own = largest_columns(self._known.counts_of_segments(table))[table[fragment]]
        inside = fragments == fragment
        box = ndimage.find_objects(inside.astype(np.uint8))[0]
        truth, inside = self._known.truth[box], inside[box]
        start = [s.start for s in box]
        near, far = (
            [triple(point + start) for point in _deepest(inside & (truth == self._known.neurons[column]))]
            for column in (own, neuron)
        )
        return near, far


def _ids(fragments: Ids) -> list[FragmentId]:
    return [FragmentId(fragment) for fragment in fragments.tolist()]


def _deepest(region: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Return voxels far from the rim of a region in their section, and from each other."""
    depth = ndimage.distance_transform_edt(np.pad(region, [(0, 0), (1, 1), (1, 1)]), (1000, 1, 1))[:, 1:-1, 1:-1]
    points: list[NDArray[np.int64]] = []
    while len(points) < POINTS_IN_A_FRAGMENT and depth.max() > SHALLOW:
        point = np.array(np.unravel_index(depth.argmax(), depth.shape))
        points.append(point)
        away = np.moveaxis(np.indices(depth.shape), 0, -1) - point
        depth = np.where((away**2).sum(axis=-1) < (2 * depth.max()) ** 2, 0, depth)
    return points
