"""What an edit says about places: that some are of one neuron, or of two. This holds on any fragments of the stack."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import Ids, as_ids
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session


@dataclass(frozen=True)
class Claim:
    """That two sides are together, or apart.

    Attributes
    ----------
    together : bool
    near, far : list of (z, y, x)
        Places on the side that kept its id, and on the other.
    placed : bool
        A person placed all these points; otherwise each stands for the whole fragment that it is in.
    sides : ((k,) Ids, (k,) Ids)
        All fragments of the near and of the far side, as they are now; empty for a decision.
    detached : bool
        The far side is one fragment that was taken out of the near side.
    """

    together: bool
    near: list[Voxel]
    far: list[Voxel]
    placed: bool
    sides: tuple[Ids, ...] = ()
    detached: bool = False


class Claims:
    """Reads the edits in force of a session.

    Parameters
    ----------
    session : Session
    inside : callable
        From a fragment to a voxel well inside it.
    """

    def __init__(self, session: Session, inside: Callable[[int], Voxel]):
        self._state, self._inside = session.state, inside
        self._contacts = Contacts(session.state.edges, len(session.state.table))
        rows = (session.log.rows[seq - 1] for seq in session.in_force)
        self._parts = {p.fragment: p.parts for row in rows for p in row.effect.partings}

    def of(self, row: LogRow) -> list[Claim]:
        """What an edit said: what left the segment is apart from all the rest, what it took in is together with it."""
        moves = row.effect.moves
        segment = moves[0].before
        stays = np.concatenate([m.fragments for m in moves if m.before == m.after == segment])
        gone = [m for m in moves if m.before == segment != m.after]
        leaving = [np.concatenate([m.fragments for m in gone if m.after == s]) for s in _once(m.after for m in gone)]
        taken = [m.fragments for m in moves if m.before != segment]
        rests = [np.concatenate([stays, *leaving[i + 1 :]]) for i in range(len(leaving))]
        apart = [self._apart(row, *sides) for sides in zip(rests, leaving, strict=True)]
        return apart + [self._together(row, stays, fragments) for fragments in taken]

    def now(self, fragments: Ids) -> Ids:
        """What has become of fragments: where one was parted later, its parts."""
        left, found = fragments.tolist(), []
        while left:
            fragment = left.pop()
            left.extend(self._parts.get(fragment, ()))
            found.extend([fragment] if fragment not in self._parts else [])
        found = as_ids(sorted(found))
        return found[self._state.sizes[np.minimum(found, len(self._state.sizes) - 1)] > 0]

    def middle(self, fragments: Ids) -> Voxel | None:
        """A voxel well inside the largest of these fragments; None where nothing is left of them."""
        there = self.now(fragments)
        return self._inside(int(there[np.argmax(self._state.sizes[there])])) if len(there) else None

    def pair(self, row: LogRow) -> list[Voxel | None]:
        """Where the two fragments are that a decision is about."""
        clicked = _voxels(row, "voxels")
        return clicked if len(clicked) == 2 else [self.middle(as_ids([row.input[k]])) for k in "ab"]

    def borders(self, claim: Claim) -> Claim:
        """The same claim with points that nobody placed."""
        near, far = self._borders(*claim.sides)
        return replace(claim, near=near, far=far, placed=False)

    def _apart(self, row: LogRow, rest: NDArray, leaving: NDArray) -> Claim:
        sides = self.now(rest), self.now(leaving)
        near, far = self._points(row, sides[1]) if row.kind == "split" else ([], [])
        placed = bool(near and far)
        if not placed:
            near, far = self._borders(*sides)
        detached = row.kind == "detach" and leaving.tolist() == [row.input["fragment"]]
        return Claim(False, near, far, placed, sides, detached)

    def _points(self, row: LogRow, far_side: NDArray) -> tuple[list[Voxel], list[Voxel]]:
        """Points of a split on each side; where the row does not tell them apart, by what came of them."""
        near, far = _voxels(row, "near"), _voxels(row, "far")
        if near and far:
            return near, far
        found = [], []
        for voxel in _voxels(row, "voxels"):
            found[int(np.isin(self._state.base.fragments[voxel], far_side))].append(voxel)
        return found

    def _borders(self, near: NDArray, far: NDArray) -> tuple[list[Voxel], list[Voxel]]:
        """All fragments of each side that touch the other, and the largest of each of its pieces.

        On the same fragments no other cut keeps all of these on their sides.
        """
        graph, edges = self._state.edges, self._contacts.between(near, far)
        bridges = [b for b in self._state.bridges if np.isin(b, near).sum() == np.isin(b, far).sum() == 1]
        ends = np.concatenate([graph.u[edges], graph.v[edges], as_ids(bridges).ravel()])
        return tuple(self._inside_each(side, ends) for side in (near, far))

    def _inside_each(self, side: NDArray, ends: NDArray) -> list[Voxel]:
        chosen = np.union1d(np.intersect1d(side, ends), self._largest_of_pieces(side))
        return [self._inside(int(fragment)) for fragment in chosen]

    def _largest_of_pieces(self, side: NDArray) -> Ids:
        graph, n = self._contacts.segment_graph(side, []), len(side)
        piece = connected_components(coo_array((np.ones(len(graph.u)), (graph.u, graph.v)), (n, n)), False)[1]
        order = np.argsort(-self._state.sizes[side], kind="stable")
        return side[order[np.unique(piece[order], return_index=True)[1]]]

    def _together(self, row: LogRow, stays: NDArray, taken: NDArray) -> Claim:
        ends = [self._end(row, fragments) for fragments in (stays, taken)]
        near, far = ([voxel] if voxel else [] for voxel, _ in ends)
        return Claim(True, near, far, all(placed for _, placed in ends), (self.now(stays), self.now(taken)))

    def _end(self, row: LogRow, fragments: NDArray) -> tuple[Voxel | None, bool]:
        """Where a person clicked in these fragments, or the middle of the one named, or of the largest."""
        given, voxels = row.input, _voxels(row, "voxels")
        named = as_ids([given[k] for k in ("anchor", "other") if k in given] + given.get("others", []))
        places = np.flatnonzero(np.isin(named, fragments))
        if len(places) and len(voxels) == len(named):
            return voxels[places[0]], True
        return self.middle(named[places[:1]] if len(places) else fragments), False


def _voxels(row: LogRow, name: str) -> list[Voxel]:
    return [tuple(voxel) for voxel in row.input.get(name, ())]


def _once(ids) -> list[int]:
    return list(dict.fromkeys(ids))
