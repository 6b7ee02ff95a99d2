"""The plan of parting one fragment, and with it its segment."""

from collections.abc import Sequence

import numpy as np

from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import FragmentId, Ids, SegmentId, as_ids
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.volume import AffinityVolume
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.cut import Proposal, propose_cuts
from napari_emcad.proofreading.effects import Bridge, Effect, Move, Parting
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.part import FAR, NEAR, edges_of_parts, part_fragment
from napari_emcad.proofreading.plans.checks import check_unlocked, segment_of_click
from napari_emcad.proofreading.state import State


def plan_parting(
    state: State, affinities: AffinityVolume | None, near: Sequence[Voxel], far: Sequence[Voxel]
) -> Effect:
    """Part the fragment in which all points are, and with it its segment.

    Parameters
    ----------
    state : State
    affinities : (3, z, y, x) uint8 or None
    near, far : sequence of (z, y, x)
        Points of each side. The near side keeps the segment's id; both parts are new fragments.

    Raises
    ------
    Refused
        If the points are in several fragments or in background, they leave nothing to part, or the segment is locked.
    """
    fragments = {state.fragment_at(point) for point in (*near, *far)}
    if len(fragments) != 1:
        raise Refused("split: points on both sides of one fragment are needed, these are in several.")
    fragment = fragments.pop()
    segment = segment_of_click(state, fragment)
    check_unlocked(state, segment)
    base, free = state.base.fragments, bool(state.free[fragment])
    parts = FragmentId(state.next_id), FragmentId(state.next_id + 1)
    patch = part_fragment(base, affinities, near, far, state.planned)
    added = edges_of_parts(base, affinities, patch, parts, state.planned)
    parting = Parting(fragment, parts, free, patch, _edges_of(state, fragment), added)
    bridges = _bridge_parts(state, parting)
    cut = _cut_between_parts(state, parting, bridges)
    return Effect((parting,), _move_sides(state, parting, segment, cut), bridges)


def _cut_between_parts(state: State, parting: Parting, bridges: Sequence[Bridge]) -> Proposal:
    """Cut the segment between the two parts, as if the fragment were parted already."""
    nodes = np.concatenate([_other_members(state, parting), as_ids(parting.parts)])
    graph = state.edges.without(parting.removed).also(parting.added)
    contacts = Contacts(graph, parting.parts[1] + 1)
    near, far = parting.parts
    ends = np.concatenate([state.bridge_ends, np.array(bridges, np.int64).reshape(-1, 2)])
    return propose_cuts(contacts.segment_graph(nodes, ends), [near], [far])[0]


def _move_sides(state: State, parting: Parting, segment: SegmentId, cut: Proposal) -> tuple[Move, ...]:
    """Return the moves of all that is on the two sides of a cut: first of fragments there are, then of the parts."""
    others, parts = _other_members(state, parting), as_ids(parting.parts)
    new = SegmentId(parting.parts[1] + 1)
    moves = (
        Move(others[np.isin(others, cut.near)], segment, segment, parting.was_free),
        Move(others[np.isin(others, cut.far)], segment, new, parting.was_free),
        Move(parts[np.isin(parts, cut.near)], segment, segment, False),
        Move(parts[np.isin(parts, cut.far)], segment, new, False),
    )
    return tuple(move for move in moves if len(move.fragments))


def _other_members(state: State, parting: Parting) -> Ids:
    """Return the fragments of the segment but for the one that is parted."""
    members = state.members(state.segment_of(parting.fragment))
    return members[members != parting.fragment]


def _edges_of(state: State, fragment: FragmentId) -> RegionGraph:
    return state.edges.at(state.edges.rows_of(fragment))


def _bridge_parts(state: State, parting: Parting) -> tuple[Bridge, ...]:
    """Return a bridge for each one to the fragment: it leads to the part that is nearer to the other end."""
    pairs = state.bridge_ends
    ours = pairs[(pairs == parting.fragment).any(axis=1)]
    ends = [FragmentId(end) for end in (ours.sum(axis=1) - parting.fragment).tolist()]
    return tuple((_nearer_part(state, parting, end), end) for end in ends)


def _nearer_part(state: State, parting: Parting, fragment: FragmentId) -> FragmentId:
    """Return the part that is nearer to a contact of another fragment; the near part if that has no contact."""
    contacts = _edges_of(state, fragment).contact
    if not len(contacts):
        return parting.parts[0]
    sides = [np.argwhere(parting.patch.sides == side) + parting.patch.start for side in (NEAR, FAR)]
    to, *voxels = map(state.planned.in_tissue, (contacts[:1], *sides)) if state.planned else (contacts[:1], *sides)
    return parting.parts[int(np.argmin([np.linalg.norm(v - to, axis=1).min() for v in voxels]))]
