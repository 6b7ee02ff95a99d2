"""Plans of moving one segment along the merge tree, while what people joined or cut by hand stays so."""

from collections.abc import Sequence

import numpy as np

from napari_emcad.core.ids import Ids, SegmentId, as_ids
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.effects import Effect, Parting
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.hand_work import HandWork
from napari_emcad.proofreading.plans.checks import check_unlocked, members_of
from napari_emcad.proofreading.plans.moves import hold, move_fragments, take_in
from napari_emcad.proofreading.plans.pieces import bridge_pieces, connected_pieces, find_pieces, largest_of
from napari_emcad.proofreading.state import State
from napari_emcad.proofreading.walk import next_to_join, next_to_leave


def plan_segment_threshold(
    state: State, contacts: Contacts, segment: SegmentId, threshold: float, by_hand: HandWork
) -> Effect:
    """Cut the merge tree elsewhere for one segment.

    The segment takes in those that nobody edited, and lets go of what the tree parts at this threshold.

    Raises
    ------
    Refused
        If nothing changes, or the segment is locked or not there.
    """
    check_unlocked(state, segment)
    clusters = _clusters_at(state, threshold, by_hand.partings)
    stays, *leaving = _group(state, contacts, members_of(state, segment), by_hand, clusters)
    free = [s for s in _free_segments_in(state, clusters, stays) if s != segment]
    taken = _touching(state, contacts, stays, free)
    if not leaving and not taken:
        raise Refused(f"grow: neuron {segment} is the same at {threshold:.2f}; move it further.")
    return _regroup(state, contacts, segment, [stays, *leaving], taken)


def plan_step_up(state: State, contacts: Contacts, segment: SegmentId) -> Effect:
    """Let a segment take in what joins it next in the merge tree.

    Raises
    ------
    Refused
        If nothing more joins it, or the segment is locked or not there.
    """
    check_unlocked(state, segment)
    members = members_of(state, segment)
    taken = _touching(state, contacts, members, next_to_join(state, segment))
    if not taken:
        raise Refused(
            f"grow: what joins neuron {segment} next touches it only through neurons that were edited; merge by hand."
        )
    return _regroup(state, contacts, segment, [members], taken)


def plan_step_down(state: State, contacts: Contacts, segment: SegmentId, by_hand: HandWork) -> Effect:
    """Let a segment let go of what joined it last in the merge tree, and of what hangs on that alone.

    Raises
    ------
    Refused
        If nothing more leaves it, or the segment is locked or not there.
    """
    check_unlocked(state, segment)
    members = members_of(state, segment)
    held = _held_by_hand(state, members, by_hand)
    rest = members[~np.isin(members, next_to_leave(state, segment, held))]
    first, *others = _group(state, contacts, rest, by_hand)
    stays = np.sort(np.concatenate([first, *(group for group in others if np.isin(group, held).any())]))
    leaving = _group(state, contacts, members[~np.isin(members, stays)], by_hand)
    return _regroup(state, contacts, segment, [stays, *leaving], [])


def _clusters_at(state: State, threshold: float, partings: Sequence[Parting]) -> Ids:
    """Return the cluster of each fragment in the merge tree, (n + 1,); parts of a fragment are where it was."""
    clusters = np.zeros_like(state.table)
    clusters[: len(state.base.sizes)] = state.base.tree.cut(threshold)
    for parting in partings:
        clusters[list(parting.parts)] = clusters[parting.fragment]
    return clusters


def _group(
    state: State, contacts: Contacts, fragments: Ids, by_hand: HandWork, clusters: Ids | None = None
) -> list[Ids]:
    """Return the groups of sorted fragments that hang together or that people joined, the largest fragment's first.

    Contacts between two clusters do not count, where clusters are given.
    """
    edges, graph = contacts.among(fragments), state.edges
    if clusters is not None:
        edges = edges[clusters[graph.u[edges]] == clusters[graph.v[edges]]]
    joins = np.concatenate([state.bridge_ends, np.array(by_hand.joins, np.int64).reshape(-1, 2)])
    joins = joins[contacts.inside(joins, fragments)].astype(fragments.dtype)
    u, v = np.concatenate([graph.u[edges], joins[:, 0]]), np.concatenate([graph.v[edges], joins[:, 1]])
    groups = connected_pieces(fragments, np.searchsorted(fragments, u), np.searchsorted(fragments, v))
    return sorted(groups, key=lambda group: -state.sizes[group].max())


def _touching(state: State, contacts: Contacts, stays: Ids, segments: Sequence[SegmentId]) -> list[SegmentId]:
    """Return those segments that hang together with these fragments, by themselves or through each other."""
    members = {segment: state.members(segment) for segment in segments}
    pieces = find_pieces(state, contacts, np.sort(np.concatenate([stays, *members.values()])))
    near = np.concatenate([piece for piece in pieces if np.isin(piece, stays).any()])
    return [segment for segment, theirs in members.items() if theirs[0] in near]


def _regroup(
    state: State, contacts: Contacts, segment: SegmentId, groups: Sequence[Ids], taken: Sequence[SegmentId]
) -> Effect:
    """Keep the first group in its segment, make segments of the others, and take in other segments."""
    stays, *leaving = groups
    moves = [hold(state, segment, stays)]
    moves += [move_fragments(state, group, segment, SegmentId(state.next_id + i)) for i, group in enumerate(leaving)]
    moves += [take_in(state, segment, added) for added in taken]
    bridges = tuple(bridge for group in groups for bridge in bridge_pieces(state, contacts, group))
    return Effect(moves=tuple(moves), bridges=bridges)


def _free_segments_in(state: State, clusters: Ids, stays: Ids) -> list[SegmentId]:
    """Return the segments that nobody edited, of which a part is in the clusters of these fragments."""
    inside = np.isin(clusters, np.unique(clusters[stays])) & (clusters > 0)
    return [SegmentId(s) for s in np.unique(state.table[inside & state.free]).tolist()]


def _held_by_hand(state: State, members: Ids, by_hand: HandWork) -> Ids:
    """Return the members of a segment that merges brought to its largest fragment, from either side."""
    largest = largest_of(state, members)
    sides = [fragments for fragments in by_hand.sides if largest not in fragments]
    return members[np.isin(members, np.concatenate([as_ids([]), *sides]))]
