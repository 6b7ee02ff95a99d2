"""Edits of one session where others have changed the same neurons: what can be said of them without a contradiction."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.proofreading.effects import Effect, Move
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.merging.as_meant import Meaning
from napari_emcad.proofreading.merging.merged_state import MergedState, is_there
from napari_emcad.proofreading.merging.outcomes import Contradiction
from napari_emcad.proofreading.plans.merges import plan_group
from napari_emcad.proofreading.plans.pieces import bridge_pieces


def is_so(ground: MergedState, meaning: Meaning) -> bool:
    """Return True if all that an edit joins is joined and all that it parts is apart, by edits."""
    state = ground.state
    owners = []
    for fragments in meaning.after.values():
        if not is_there(state, fragments) or state.free[fragments].any():
            return False
        found = np.unique(state.table[fragments])
        if len(found) > 1:
            return False
        owners.append(int(found[0]))
    return len(set(owners)) == len(owners)


def join_elsewhere(ground: MergedState, ends: list[FragmentId]) -> Effect | None:
    """Join the neurons that are now where a person joined some; None if they are one already.

    Raises
    ------
    Refused
        If one of them is done, or there is none.
    """
    if len(ground.segments(np.array(ends))) == 1:
        return None
    return plan_group(ground.state, ground.contacts, ends[0], ends[1:])


def cut_elsewhere(ground: MergedState, meaning: Meaning, is_forced: bool = False) -> Effect | None:
    """Part what a person parted, where the neurons have got or lost pieces since; None if all of it is apart.

    Pieces that came go with the side that somebody joined them to, or else with the only one that they touch.

    Parameters
    ----------
    ground : MergedState
    meaning : Meaning
    is_forced : bool
        A person has decided so: pieces that might be of either side go with the one that they touch most.

    Raises
    ------
    Contradiction
        If pieces that came might be of either side, or a neuron is done.
    """
    state = ground.state
    numbers: dict[SegmentId, int] = {}
    for name in sorted(meaning.after, key=lambda name: name not in meaning.before):
        numbers[name] = len(numbers)
    now = {name: ground.now(fragments) for name, fragments in meaning.after.items()}
    fragments = np.concatenate([*now.values()])
    label = np.concatenate([np.full(len(f), numbers[name]) for name, f in now.items()])
    moves: list[Move] = []
    bridges: list[tuple[FragmentId, FragmentId]] = []
    fresh = state.next_id
    for segment in ground.segments(fragments):
        inside = state.table[fragments] == segment
        if len(np.unique(label[inside])) == 1:
            continue
        if segment in state.locked:
            raise Contradiction("the neuron is marked as done")
        members = state.members(segment)
        labels = _spread(ground, members, fragments[inside], label[inside], is_forced)
        first, *others = np.unique(labels).tolist()
        sides = [(first, segment), *((one, SegmentId(fresh + i)) for i, one in enumerate(others))]
        fresh += len(others)
        for one, owner in sides:
            side = members[labels == one]
            moves += _moves_of(ground, side, segment, owner)
            bridges += bridge_pieces(state, ground.contacts, side)
    return Effect(moves=tuple(moves), bridges=tuple(bridges)) if moves else None


def _spread(
    ground: MergedState, members: Ids, fragments: Ids, label: NDArray[np.int64], is_forced: bool
) -> NDArray[np.int64]:
    """Return the side of each member of a segment, of which those of some fragments are known."""
    order = np.argsort(fragments)
    fragments, label = fragments[order], label[order]
    labels = np.full(len(members), -1)
    labels[np.searchsorted(members, fragments)] = label
    more = members[labels < 0]
    if not len(more):
        return labels
    graph = ground.contacts.segment_graph(members, ground.state.bridge_ends)
    u, v, strength = graph.u, graph.v, graph.capacity
    links = _links(ground, members, more)
    ends = (np.concatenate([u, links[:, 0]]), np.concatenate([v, links[:, 1]]))
    is_new = labels < 0
    inside = is_new[ends[0]] & is_new[ends[1]]
    n = len(members)
    piece = connected_components(coo_array((np.ones(inside.sum()), (ends[0][inside], ends[1][inside])), (n, n)), False)[
        1
    ]
    for one in np.unique(piece[is_new]).tolist():
        theirs = is_new & (piece == one)
        said = _touched(labels, theirs, links[:, 0], links[:, 1], np.ones(len(links)))
        found = said or _touched(labels, theirs, u, v, strength)
        if len(found) > 1 and not is_forced:
            raise Contradiction(f"pieces were joined to it since that might be of either side ({theirs.sum()})")
        labels[theirs] = max(found, key=lambda side: (found[side], -side)) if found else label.min()
    return labels


def _links(ground: MergedState, members: Ids, more: Ids) -> NDArray[np.int64]:
    """Return the pairs of members that people joined, as places, (k, 2), of which one end is among some."""
    place = {fragment: i for i, fragment in enumerate(members.tolist())}
    found = [
        (place[fragment], place[said.other])
        for fragment in more.tolist()
        for said in ground.joined.of(fragment)
        if said.other in place
    ]
    return np.array(found, np.int64).reshape(-1, 2)


def _touched(
    labels: NDArray[np.int64],
    theirs: NDArray[np.bool_],
    u: NDArray[np.integer],
    v: NDArray[np.integer],
    strength: NDArray[np.floating],
) -> Counter[int]:
    """Return how much a piece touches each side."""
    found: Counter[int] = Counter()
    for one, other in ((u, v), (v, u)):
        chosen = theirs[one] & (labels[other] >= 0)
        for side, value in zip(labels[other][chosen].tolist(), strength[chosen].tolist(), strict=True):
            found[side] += value
    return found


def _moves_of(ground: MergedState, side: Ids, before: SegmentId, after: SegmentId) -> list[Move]:
    free = ground.state.free[side]
    return [Move(side[free == one], before, after, one) for one in (False, True) if (free == one).any()]


def why_of(refused: Refused) -> str:
    """Return the reason of a refusal without its first word."""
    return str(refused).split(": ", 1)[-1].rstrip(".")
