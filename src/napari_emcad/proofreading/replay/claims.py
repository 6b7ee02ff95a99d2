"""Claims of edits about places: some are of one neuron, or of two. They hold on any fragments of the stack."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from napari_emcad.core.geometry import Voxel, triple
from napari_emcad.core.ids import FragmentId, Ids, SegmentId, as_ids
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.plans.pieces import connected_pieces, largest_of
from napari_emcad.proofreading.rows import LogRow, VoxelLists
from napari_emcad.proofreading.session import Session


def _no_sides() -> tuple[Ids, Ids]:
    return as_ids([]), as_ids([])


@dataclass(frozen=True)
class Claim:
    """Two sides are together, or apart.

    Attributes
    ----------
    together : bool
    near, far : list of (z, y, x)
        Places on the side that kept its id, and on the other.
    placed : bool
        True: a person placed all these points; False: each stands for the whole fragment that it is in.
    sides : (Ids, Ids)
        All fragments of the near and of the far side, as they are now; empty for a decision.
    detached : bool
        The far side is one fragment that was taken out of the near side.
    """

    together: bool
    near: list[Voxel]
    far: list[Voxel]
    placed: bool
    sides: tuple[Ids, Ids] = field(default_factory=_no_sides)
    detached: bool = False


class Claims:
    """Reads the edits in force of a session.

    Parameters
    ----------
    session : Session
        Not modified.
    inside : callable
        Gives a voxel well inside a fragment.
    """

    def __init__(self, session: Session, inside: Callable[[FragmentId], Voxel]):
        self._state, self._inside = session.state, inside
        self._contacts = Contacts(session.state.edges, len(session.state.table))
        self._parts: dict[int, tuple[FragmentId, FragmentId]] = {
            parting.fragment: parting.parts for row in session.rows_in_force for parting in row.effect.partings
        }

    def read(self, row: LogRow) -> list[Claim]:
        """Return what an edit says: what left the segment is apart from all the rest, what came is together with it."""
        moves = row.effect.moves
        kept = dict.fromkeys(move.before for move in moves if move.before == move.after) or {moves[0].before: None}
        return [claim for segment in kept for claim in self._read_about(row, segment)]

    def _read_about(self, row: LogRow, segment: SegmentId) -> list[Claim]:
        """Return what an edit says about one of the segments that it keeps."""
        moves = [move for move in row.effect.moves if segment in (move.before, move.after)]
        stays = np.concatenate([m.fragments for m in moves if m.before == m.after == segment])
        gone = [m for m in moves if m.before == segment != m.after]
        owners = dict.fromkeys(m.after for m in gone)
        leaving = [np.concatenate([m.fragments for m in gone if m.after == owner]) for owner in owners]
        taken = [m.fragments for m in moves if m.before != segment]
        rests = [np.concatenate([stays, *leaving[i + 1 :]]) for i in range(len(leaving))]
        apart = [self._apart(row, rest, left) for rest, left in zip(rests, leaving, strict=True)]
        return apart + [self._together(row, stays, fragments) for fragments in taken]

    def fragments_now(self, fragments: Ids) -> Ids:
        """Return what has become of fragments, sorted: the parts of one that was parted later."""
        pending, found = fragments.tolist(), []
        while pending:
            fragment = pending.pop()
            pending.extend(self._parts.get(fragment, ()))
            found.extend([fragment] if fragment not in self._parts else [])
        now = as_ids(sorted(found))
        return now[self._state.sizes[np.minimum(now, len(self._state.sizes) - 1)] > 0]

    def middle_of(self, fragments: Ids) -> Voxel | None:
        """Return a voxel well inside the largest of these fragments; None if nothing is left of them."""
        there = self.fragments_now(fragments)
        return self._inside(largest_of(self._state, there)) if len(there) else None

    def decided_pair(self, row: LogRow) -> tuple[Voxel | None, Voxel | None]:
        """Return the places of the two fragments that a decision is about."""
        clicked = _voxels(row.input.get("voxels", ()))
        if len(clicked) == 2:
            return clicked[0], clicked[1]
        return self.middle_of(as_ids([row.input["a"]])), self.middle_of(as_ids([row.input["b"]]))

    def with_border_points(self, claim: Claim) -> Claim:
        """Return a claim with points where its sides touch instead of those that a person placed."""
        near, far = self._border_points(*claim.sides)
        return replace(claim, near=near, far=far, placed=False)

    def _apart(self, row: LogRow, rest: Ids, leaving: Ids) -> Claim:
        sides = self.fragments_now(rest), self.fragments_now(leaving)
        near, far = self._split_points(row, sides[1]) if row.kind == "split" else ([], [])
        placed = bool(near and far)
        if not placed:
            near, far = self._border_points(*sides)
        detached = row.kind == "detach" and leaving.tolist() == [row.input["fragment"]]
        return Claim(False, near, far, placed, sides, detached)

    def _split_points(self, row: LogRow, far_side: Ids) -> tuple[list[Voxel], list[Voxel]]:
        """Return the points of a split on each side; where the row does not tell them apart, by what came of them."""
        near, far = _voxels(row.input.get("near", ())), _voxels(row.input.get("far", ()))
        if near and far:
            return near, far
        voxels = _voxels(row.input.get("voxels", ()))
        is_far = [bool(np.isin(self._state.fragment_at(voxel), far_side)) for voxel in voxels]
        points = list(zip(voxels, is_far, strict=True))
        return [voxel for voxel, there in points if not there], [voxel for voxel, there in points if there]

    def _border_points(self, near: Ids, far: Ids) -> tuple[list[Voxel], list[Voxel]]:
        """Return a voxel in each fragment that touches the other side, and in the largest of each piece of a side.

        On the same fragments no other cut keeps all of these on their sides.
        """
        graph, edges = self._state.edges, self._contacts.between(near, far)
        pairs = self._state.bridge_ends
        across = (np.isin(pairs, near).sum(axis=1) == 1) & (np.isin(pairs, far).sum(axis=1) == 1)
        ends = np.concatenate([graph.u[edges], graph.v[edges], pairs[across].ravel()])
        return self._inside_each(near, ends), self._inside_each(far, ends)

    def _inside_each(self, side: Ids, ends: Ids) -> list[Voxel]:
        chosen = np.union1d(side[np.isin(side, ends)], self._largest_of_pieces(side))
        return [self._inside(FragmentId(fragment)) for fragment in chosen.tolist()]

    def _largest_of_pieces(self, side: Ids) -> list[FragmentId]:
        """Return the largest fragment of each piece of a side, by contacts alone."""
        if not len(side):
            return []
        graph = self._contacts.segment_graph(side, [])
        return [largest_of(self._state, piece) for piece in connected_pieces(side, graph.u, graph.v)]

    def _together(self, row: LogRow, stays: Ids, taken: Ids) -> Claim:
        (near, near_placed), (far, far_placed) = self._end(row, stays), self._end(row, taken)
        sides = self.fragments_now(stays), self.fragments_now(taken)
        return Claim(True, _as_list(near), _as_list(far), near_placed and far_placed, sides)

    def _end(self, row: LogRow, fragments: Ids) -> tuple[Voxel | None, bool]:
        """Return where a person clicked in these fragments, and True; else a voxel in the one named, or the largest."""
        voxels = _voxels(row.input.get("voxels", ()))
        named = as_ids(_named_fragments(row))
        places = np.flatnonzero(np.isin(named, fragments))
        if len(places) and len(voxels) == len(named):
            return voxels[places[0]], True
        return self.middle_of(named[places[:1]] if len(places) else fragments), False


def _named_fragments(row: LogRow) -> list[FragmentId]:
    """Return the fragments that a merge names, in the order of its voxels."""
    edit_input = row.input
    ends = [edit_input["anchor"]] if "anchor" in edit_input else []
    return ends + ([edit_input["other"]] if "other" in edit_input else []) + edit_input.get("others", [])


def _voxels(lists: VoxelLists) -> list[Voxel]:
    return [triple(voxel) for voxel in lists]


def _as_list(voxel: Voxel | None) -> list[Voxel]:
    """Return a list of the voxel, or of none."""
    return [] if voxel is None else [voxel]
