"""Plans of splits between fragments, and of detaching one fragment."""

from collections.abc import Sequence

import numpy as np

from napari_emcad.core.ids import FragmentId, SegmentId, as_ids
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.cut import Proposal, propose_cuts
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.plans.checks import check_unlocked, segment_of_click
from napari_emcad.proofreading.plans.moves import hold, move_fragments
from napari_emcad.proofreading.plans.pieces import bridge_pieces, find_pieces
from napari_emcad.proofreading.state import State


def propose_splits(
    state: State, contacts: Contacts, near: Sequence[FragmentId], far: Sequence[FragmentId]
) -> list[Proposal]:
    """Propose ways to split the segment in which all these fragments are, the likeliest first; see `cut`.

    Raises
    ------
    Refused
        If the fragments are in several segments, one is on both sides, or the segment is locked.
    """
    segments = {segment_of_click(state, fragment) for fragment in (*near, *far)}
    if len(segments) > 1:
        raise Refused("split: the points are in different neurons; place all of them in one.")
    segment = segments.pop()
    check_unlocked(state, segment)
    return propose_cuts(contacts.segment_graph(state.members(segment), state.bridge_ends), near, far)


def plan_split(state: State, contacts: Contacts, proposal: Proposal) -> Effect:
    """Split a segment as proposed; the near side keeps the id. A side in pieces is bridged.

    Raises
    ------
    Refused
        If the segment is locked or has changed since.
    """
    segment = segment_of_click(state, FragmentId(int(proposal.near[0])))
    check_unlocked(state, segment)
    if not np.array_equal(np.union1d(proposal.near, proposal.far), state.members(segment)):
        raise Refused("split: the neuron has changed since; place the points again.")
    moves = (
        hold(state, segment, proposal.near),
        move_fragments(state, proposal.far, segment, SegmentId(state.next_id)),
    )
    bridges = (*bridge_pieces(state, contacts, proposal.near), *bridge_pieces(state, contacts, proposal.far))
    return Effect(moves=moves, bridges=bridges)


def plan_detach(state: State, contacts: Contacts, fragment: FragmentId) -> Effect:
    """Take one fragment out of its segment; what falls apart without it becomes segments of their own.

    The largest piece of the rest keeps the id.

    Raises
    ------
    Refused
        If the fragment is background or alone, or its segment is locked.
    """
    segment = segment_of_click(state, fragment)
    check_unlocked(state, segment)
    members = state.members(segment)
    if len(members) == 1:
        raise Refused(f"detach: neuron {segment} has no other fragment; there is nothing to detach it from.")
    pieces = find_pieces(state, contacts, members[members != fragment])
    stays, *others = sorted(pieces, key=lambda piece: (-state.sizes[piece].sum(), piece[0]))
    leaving = [as_ids([fragment]), *others]
    moves = [move_fragments(state, piece, segment, SegmentId(state.next_id + i)) for i, piece in enumerate(leaving)]
    return Effect(moves=(hold(state, segment, stays), *moves))
