"""Edits of one session as effects in the merged one, where the neurons that they change are the same in both."""

from dataclasses import dataclass, replace

import numpy as np

from napari_emcad.core.ids import FragmentId, Ids, SegmentId, as_ids
from napari_emcad.proofreading.effects import Effect, Move, Parting
from napari_emcad.proofreading.merging.ids import NewIds, groups_of
from napari_emcad.proofreading.merging.merged_state import MergedState, is_there
from napari_emcad.proofreading.merging.outcomes import Contradiction
from napari_emcad.proofreading.state import State


@dataclass(frozen=True)
class Meaning:
    """One edit as it is meant, with the merged session's fragments and its own session's segments.

    Attributes
    ----------
    effect : Effect
        Fragments, parts and bridges are those of the merged session.
    before, after : dict of SegmentId to Ids
        The fragments of each segment, sorted; before the edit there is what was parted, after it there are its parts.
    """

    effect: Effect
    before: dict[SegmentId, Ids]
    after: dict[SegmentId, Ids]

    @property
    def fragments(self) -> Ids:
        """All fragments that it is about, as they are before it."""
        return np.concatenate([*self.before.values()]) if self.before else np.empty(0, np.uint32)

    def joins(self) -> list[tuple[Ids, Ids]]:
        """Return the sides that it joins: what kept its segment, and each of those that came to it."""
        if len(self.before) < 2:
            return []
        came_from: dict[SegmentId, dict[SegmentId, list[Ids]]] = {}
        for move in self.effect.moves:
            came_from.setdefault(move.after, {}).setdefault(move.before, []).append(move.fragments)
        found = []
        for owner, parts in came_from.items():
            kept, *others = sorted(parts, key=lambda name: name != owner)
            found += [(np.concatenate(parts[kept]), np.concatenate(parts[other])) for other in others]
        return found

    def cuts(self) -> list[tuple[Ids, Ids]]:
        """Return the sides that it parts: each that left a segment, and what stayed or left it later."""
        if len(self.after) < 2:
            return []
        goes_to: dict[SegmentId, dict[SegmentId, list[Ids]]] = {}
        for move in self.effect.moves:
            goes_to.setdefault(move.before, {}).setdefault(move.after, []).append(move.fragments)
        found = []
        for owner, parts in goes_to.items():
            sides = [np.concatenate(parts[name]) for name in sorted(parts, key=lambda name: name != owner)]
            found += [(side, np.concatenate(sides[:i])) for i, side in enumerate(sides) if i]
        return found


def read_meaning(effect: Effect, ids: NewIds, next_id: int) -> Meaning:
    """Read an effect of a session; parts that it makes get the ids from `next_id` on.

    Raises
    ------
    Contradiction
        If it is about parts that the merged session does not have.
    """
    wholes = {parting.parts[i]: parting.fragment for parting in effect.partings for i in (0, 1)}
    partings = tuple(_renumbered(p, ids, next_id + 2 * i) for i, p in enumerate(effect.partings))
    of_parts = {part: ours for p, our in zip(effect.partings, partings, strict=True) for part, ours in _pairs(p, our)}
    if not wholes and _are_known(effect, ids):
        before, after = groups_of(effect)
        return Meaning(effect, before, after)
    moves = tuple(_move(move, ids, of_parts) for move in effect.moves)
    bridges = tuple((_one(a, ids, of_parts), _one(b, ids, of_parts)) for a, b in effect.bridges)
    found = Effect(partings, moves, bridges, effect.threshold, effect.locked, effect.unlocked)
    before, after = groups_of(found)
    for parting in partings:
        for name, fragments in before.items():
            if np.isin(parting.parts, fragments).any():
                rest = fragments[~np.isin(fragments, parting.parts)]
                before[name] = as_ids(np.append(rest, parting.fragment))
                before[name].sort()
    return Meaning(found, before, after)


def effect_as_meant(ground: MergedState, meaning: Meaning) -> Effect | None:
    """Return the effect of an edit where all its neurons are as its person saw them; None where they are not.

    Fragments that nobody edited may be in other segments: those follow the threshold.

    Raises
    ------
    Contradiction
        If somebody else has locked one of its neurons.
    """
    state, effect = ground.state, meaning.effect
    owners: dict[SegmentId, SegmentId | None] = {}
    for name, fragments in meaning.before.items():
        if not _is_as_seen(state, fragments):
            return None
        owners[name] = _owner_of(state, fragments)
    check_open(ground, [one for one in owners.values() if one is not None], effect)
    fresh = state.next_id + 2 * len(effect.partings)
    for name in meaning.after:
        if owners.get(name) is None:
            owners[name] = SegmentId(fresh)
            fresh += 1
    moves = [part for move in effect.moves for part in _moves(state, effect, move, _known(owners, move.after))]
    locks = [tuple(_known(owners, one) for one in some) for some in (effect.locked, effect.unlocked)]
    partings = tuple(replace(one, was_free=bool(state.free[one.fragment])) for one in effect.partings)
    return Effect(partings, tuple(moves), effect.bridges, None, *locks)


def check_open(ground: MergedState, segments: list[SegmentId], effect: Effect) -> None:
    """Refuse to change neurons that are done, unless the edit says that they are not.

    Raises
    ------
    Contradiction
    """
    if not effect.unlocked and any(one in ground.state.locked for one in segments):
        done = next(one for one in segments if one in ground.state.locked)
        locking = [row.seq for row in ground.history.rows_behind(done) if row.kind == "lock"]
        raise Contradiction("the neuron is marked as done", max(locking, default=0))


def _is_as_seen(state: State, fragments: Ids) -> bool:
    """True if those that people edited are one segment of which nothing else is a part."""
    if not is_there(state, fragments):
        return False
    owners = state.table[fragments]
    edited = owners[~state.free[fragments]]
    if not len(edited):
        first = SegmentId(int(owners[0]))
        if (owners == first).all() and len(state.members(first)) == len(fragments):
            return True
        return not any(_has_edited(state, SegmentId(one)) for one in np.unique(owners).tolist())
    first = SegmentId(int(edited[0]))
    return bool((edited == first).all()) and len(state.members(first)) == np.count_nonzero(owners == first)


def _has_edited(state: State, segment: SegmentId) -> bool:
    return not state.free[state.members(segment)].all()


def _owner_of(state: State, fragments: Ids) -> SegmentId | None:
    """Return the segment whose id the fragments keep; None if none is all theirs."""
    owners, counts = np.unique(state.table[fragments], return_counts=True)
    for owner, count in sorted(zip(owners.tolist(), counts.tolist(), strict=True), key=lambda one: -one[1]):
        if len(state.members(SegmentId(owner))) == count:
            return SegmentId(owner)
    return None


def _moves(state: State, effect: Effect, move: Move, after: SegmentId) -> list[Move]:
    """Return a move with the segments that its fragments are in here."""
    wholes = {part: p.fragment for p in effect.partings for part in p.parts}
    if wholes and not set(move.fragments.tolist()).isdisjoint(wholes):
        found = [(f, int(state.table[wholes.get(f, FragmentId(f))]), False) for f in move.fragments.tolist()]
        return [Move(np.array([f], move.fragments.dtype), SegmentId(b), after, free) for f, b, free in found]
    owners, free = state.table[move.fragments], state.free[move.fragments]
    if (owners == owners[0]).all() and (free == free[0]).all():
        return [Move(move.fragments, SegmentId(int(owners[0])), after, bool(free[0]))]
    kinds = owners.astype(np.int64) * 2 + free
    return [
        Move(move.fragments[kinds == kind], SegmentId(kind // 2), after, bool(kind % 2))
        for kind in np.unique(kinds).tolist()
    ]


def _known(owners: dict[SegmentId, SegmentId | None], name: SegmentId) -> SegmentId:
    found = owners[name]
    assert found is not None, "it has got an id"
    return found


def _are_known(effect: Effect, ids: NewIds) -> bool:
    most = max((int(move.fragments.max(initial=0)) for move in effect.moves), default=0)
    return ids.keeps(max(most, *(end for bridge in effect.bridges for end in bridge), 0))


def _renumbered(parting: Parting, ids: NewIds, first: int) -> Parting:
    parts = FragmentId(first), FragmentId(first + 1)
    added = ids.of_graph(parting.added, dict(zip(parting.parts, parts, strict=True)))
    whole = ids.of(parting.fragment)
    return Parting(whole, parts, parting.was_free, parting.patch, ids.of_graph(parting.removed), added)


def _pairs(theirs: Parting, ours: Parting) -> list[tuple[FragmentId, FragmentId]]:
    return list(zip(theirs.parts, ours.parts, strict=True))


def _one(fragment: FragmentId, ids: NewIds, of_parts: dict[FragmentId, FragmentId]) -> FragmentId:
    return of_parts[fragment] if fragment in of_parts else ids.of(fragment)


def _move(move: Move, ids: NewIds, of_parts: dict[FragmentId, FragmentId]) -> Move:
    found = sorted(_one(FragmentId(f), ids, of_parts) for f in move.fragments.tolist())
    return Move(np.array(found, move.fragments.dtype), move.before, move.after, move.was_free)
