"""Plans of merges: of two segments, or of several at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.effects import Bridge, Effect
from napari_emcad.proofreading.errors import Doubtful, Refused
from napari_emcad.proofreading.plans.checks import check_unlocked, segment_of_click
from napari_emcad.proofreading.plans.moves import hold, take_in
from napari_emcad.proofreading.plans.pieces import find_pieces
from napari_emcad.proofreading.state import State

VERY_LOW = 0.02
"""Affinity below which a merge is doubtful."""

BY_FAR = 1.5
"""A merge is doubtful if it makes a segment that many times larger than the largest there is."""

FEW = 10
"""Segments up to which no merge is doubtful for its size: of a few segments any two may make the largest."""


class MergeDoubts:
    """Asks about merges that are hardly right: no contact, hardly any affinity, or a giant.

    Remembers the largest segment found so far: most merges make less than that, and no table has to be summed up.
    """

    def __init__(self, state: State):
        self._state = state
        self._largest = SegmentId(int(_voxels_of_segments(state).argmax()))

    def check(self, kept: SegmentId, added: SegmentId, edges: NDArray[np.int64]) -> None:
        """Ask about a merge of two segments, whose contacts are these edges.

        Raises
        ------
        Doubtful
        """
        both = f"neurons {kept} and {added}"
        if not len(edges):
            raise Doubtful(f"merge: {both} do not touch; confirm to merge them across the gap.")
        if (affinity := float(self._state.edges.mean[edges].max())) < VERY_LOW:
            raise Doubtful(f"merge: the affinity between {both} is only {affinity:.3f}; confirm to merge them.")
        if self._is_by_far_the_largest(self._voxels(kept) + self._voxels(added)):
            raise Doubtful(f"merge: {both} would be by far the largest neuron; confirm to merge them.")

    def _voxels(self, segment: SegmentId) -> int:
        return int(self._state.sizes[self._state.members(segment)].sum())

    def _is_by_far_the_largest(self, voxels: int) -> bool:
        """True if a segment of `voxels` would be; comparing with the largest one known is usually enough."""
        if voxels <= BY_FAR * self._voxels(self._largest):
            return False
        all_voxels = _voxels_of_segments(self._state)
        self._largest = SegmentId(int(all_voxels.argmax()))
        return bool(voxels > BY_FAR * all_voxels[self._largest] and np.count_nonzero(all_voxels) > FEW)


def plan_merge(
    state: State, contacts: Contacts, anchor: FragmentId, other: FragmentId, doubts: MergeDoubts | None = None
) -> Effect:
    """Join the segment of fragment `other` to that of fragment `anchor`, whose id it takes.

    Raises
    ------
    Refused
        If both are in one segment, one is background, or a segment is locked.
    Doubtful
        If `doubts` has a doubt.
    """
    kept, added = segment_of_click(state, anchor), segment_of_click(state, other)
    if kept == added:
        raise Refused(f"merge: both points are in neuron {kept} already; click another neuron.")
    check_unlocked(state, kept, added)
    edges = contacts.between(state.members(kept), state.members(added))
    if doubts:
        doubts.check(kept, added, edges)
    bridges = () if len(edges) else ((anchor, other),)
    return Effect(moves=(hold(state, kept, state.members(kept)), take_in(state, kept, added)), bridges=bridges)


def plan_group(state: State, contacts: Contacts, anchor: FragmentId, others: Sequence[FragmentId]) -> Effect:
    """Join the segments of several fragments to that of fragment `anchor`.

    Raises
    ------
    Refused
        If all are in one segment, one is background, or a segment is locked.
    """
    kept = segment_of_click(state, anchor)
    added = list(dict.fromkeys(s for s in (segment_of_click(state, other) for other in others) if s != kept))
    if not added:
        raise Refused(f"merge: all points are in neuron {kept} already; choose other neurons.")
    check_unlocked(state, kept, *added)
    moves = (hold(state, kept, state.members(kept)), *(take_in(state, kept, segment) for segment in added))
    fragments = np.sort(np.concatenate([move.fragments for move in moves]))
    return Effect(moves=moves, bridges=_bridge_to(anchor, others, find_pieces(state, contacts, fragments)))


def _bridge_to(anchor: FragmentId, others: Sequence[FragmentId], pieces: list[Ids]) -> tuple[Bridge, ...]:
    """Return one bridge for each piece that another point is in and the anchor is not."""
    away = [piece for piece in pieces if anchor not in piece]
    ends = [next((other for other in others if other in piece), None) for piece in away]
    return tuple((anchor, end) for end in ends if end is not None)


def _voxels_of_segments(state: State) -> NDArray[np.float64]:
    """Return the voxels of each segment by its id, background left out."""
    found = np.bincount(state.table, weights=state.sizes).astype(np.float64, copy=False)
    found[0] = 0
    return found
