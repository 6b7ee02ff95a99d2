"""The plan of parting one fragment, and with it its segment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import FragmentId, Ids, SegmentId, as_ids
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.volume import AffinityVolume, FragmentVolume
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.cut import Proposal, propose_cuts
from napari_emcad.proofreading.effects import Bridge, Effect, Move, Parting
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.part import FAR, NEAR, Patch, edges_of_parts, part_fragment
from napari_emcad.proofreading.plans.checks import check_unlocked, segment_of_click
from napari_emcad.proofreading.state import State


@dataclass(frozen=True)
class PartingOrder:
    """All that the two parts of a fragment are found from, in any thread.

    Attributes
    ----------
    fragment : FragmentId
        The one that is parted.
    parts : (FragmentId, FragmentId)
        Ids of its parts.
    fragments : FragmentVolume (z, y, x)
    affinities : (3, z, y, x) uint8 or None
    near, far : sequence of (z, y, x)
        Points of each side, all in the fragment.
    planned : PlannedBox or None
        The plan for the sections of the fragments.
    """

    fragment: FragmentId
    parts: tuple[FragmentId, FragmentId]
    fragments: FragmentVolume
    affinities: AffinityVolume | None
    near: Sequence[Voxel]
    far: Sequence[Voxel]
    planned: PlannedBox | None


@dataclass(frozen=True)
class Parted:
    """The two parts of a fragment.

    Attributes
    ----------
    order : PartingOrder
        The order by which they were found.
    patch : Patch
        Their voxels.
    edges : RegionGraph
        Their edges, with each other and with their neighbours.
    """

    order: PartingOrder
    patch: Patch
    edges: RegionGraph


@dataclass(frozen=True)
class PartingProposal:
    """A split through a fragment, before it is made.

    Attributes
    ----------
    patch : Patch
        Voxels of the fragment on each side.
    near, far : (k,) Ids
        Other fragments of its segment on each side.
    cost : float
        Affinity x area of all that is cut.
    effect : Effect
    """

    patch: Patch
    near: Ids
    far: Ids
    cost: float
    effect: Effect


def plan_parting(
    state: State, affinities: AffinityVolume | None, near: Sequence[Voxel], far: Sequence[Voxel]
) -> Effect:
    """Part the fragment in which all points are, and with it its segment: see `order_parting`."""
    return propose_parting(state, find_parts(order_parting(state, affinities, near, far))).effect


def order_parting(
    state: State, affinities: AffinityVolume | None, near: Sequence[Voxel], far: Sequence[Voxel]
) -> PartingOrder:
    """Return what the two parts of the fragment are found from in which all points are.

    Parameters
    ----------
    state : State
    affinities : (3, z, y, x) uint8 or None
    near, far : sequence of (z, y, x)
        Points of each side. The near side keeps the segment's id; both parts are new fragments.

    Raises
    ------
    Refused
        If the points are in several fragments or in background, or the segment is locked.
    """
    fragments = {state.fragment_at(point) for point in (*near, *far)}
    if len(fragments) != 1:
        raise Refused("split: points on both sides of one fragment are needed, these are in several.")
    fragment = fragments.pop()
    segment = segment_of_click(state, fragment)
    check_unlocked(state, segment)
    parts = FragmentId(state.next_id), FragmentId(state.next_id + 1)
    return PartingOrder(fragment, parts, state.base.fragments, affinities, near, far, state.planned)


def find_parts(order: PartingOrder) -> Parted:
    """Find the two parts of a fragment.

    Raises
    ------
    Refused
        If the points leave nothing to part.
    """
    patch = part_fragment(order.fragments, order.affinities, order.near, order.far, order.planned)
    edges = edges_of_parts(order.fragments, order.affinities, patch, order.parts, order.planned)
    return Parted(order, patch, edges)


def propose_parting(state: State, parted: Parted) -> PartingProposal:
    """Propose how the segment comes apart with two parts of one of its fragments, which were found in this state."""
    fragment, parts = parted.order.fragment, parted.order.parts
    segment, free = segment_of_click(state, fragment), bool(state.free[fragment])
    parting = Parting(fragment, parts, free, parted.patch, _edges_of(state, fragment), parted.edges)
    bridges = _bridge_parts(state, parting)
    cut = _cut_between_parts(state, parting, bridges)
    near, far = (side[~np.isin(side, as_ids(parts))] for side in (cut.near, cut.far))
    effect = Effect((parting,), _move_sides(state, parting, segment, cut), bridges)
    return PartingProposal(parted.patch, near, far, cut.cost, effect)


def check_parting(state: State, proposal: PartingProposal) -> None:
    """Refuse a proposal that was made in another state.

    Raises
    ------
    Refused
    """
    (parting,) = proposal.effect.partings
    members = state.members(state.segment_of(parting.fragment)) if parting.fragment < len(state.table) else as_ids([])
    then = np.append(np.concatenate([proposal.near, proposal.far]), parting.fragment)
    if parting.parts[0] != state.next_id or not np.array_equal(np.sort(then), np.sort(members)):
        raise Refused("split: the neuron has changed since; place the points again.")


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
