"""Fulfilling the wishes of sessions one after the other, each kind in its way."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from napari_emcad.core.geometry import Voxel, triple
from napari_emcad.proofreading.effect_text import effect_text
from napari_emcad.proofreading.effects import Effect, Parting
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.merging.as_meant import Meaning, effect_as_meant, read_meaning
from napari_emcad.proofreading.merging.contradictions import check_joined, check_same_place, check_sayings, sides_of
from napari_emcad.proofreading.merging.elsewhere import cut_elsewhere, is_so, join_elsewhere, why_of
from napari_emcad.proofreading.merging.ids import groups_of
from napari_emcad.proofreading.merging.merged_state import MergedState, is_there
from napari_emcad.proofreading.merging.outcomes import Contradiction, Merged, MergeOutcome
from napari_emcad.proofreading.merging.said import SHARED
from napari_emcad.proofreading.merging.translations import Translations
from napari_emcad.proofreading.merging.wishes import RowName, Side, Wish
from napari_emcad.proofreading.plans.partings import plan_parting
from napari_emcad.proofreading.rows import EditInput, LogRow

CUTS, JOINS = frozenset({"split", "detach", "segment_threshold"}), frozenset({"merge", "group"})


class Merger:
    """Makes what sessions want in one that grows.

    Parameters
    ----------
    ground : MergedState
    sides : sequence of Side
    shared : int
        Rows that all sessions share.
    wishes : sequence of Wish
        All that are to be fulfilled.
    """

    def __init__(self, ground: MergedState, sides: Sequence[Side], shared: int, wishes: Sequence[Wish]):
        self._ground, self._sides = ground, sides
        self._words = Translations(ground, len(sides), shared)
        self._ids, self._seqs = self._words.ids, self._words.seqs
        self._held = Counter(wish.name for wish in wishes if wish.undoes is None)
        self._made: dict[RowName, LogRow | None] = {}  # None = it is in conflict
        self._notes = {_place_and_words(row.input): row for row in ground.history.notes.open}
        self._ways: dict[str, Callable[[Wish], LogRow | None]] = {
            **dict.fromkeys((*CUTS, *JOINS, "lock", "unlock"), self._change),
            "decide": self._decide,
            "note": self._note,
        }

    def fulfil(self, wish: Wish) -> Merged:
        """Make an edit, find that it is made, or find what it contradicts."""
        name = wish.name
        user = name.user
        outcome: MergeOutcome
        before = len(self._ground.rows)
        try:
            if wish.undoes is not None:
                self._undo(wish)
            elif name in self._made:
                self._again(wish, self._made[name])
            else:
                self._made[name] = None
                self._made[name] = self._ways.get(wish.row.kind, self._give_up)(wish)
            outcome = "applied" if len(self._ground.rows) > before else "right"
            return Merged(wish.side, wish.row.seq, user, wish.row.kind, outcome)
        except Refused as refused:
            against = refused.against if isinstance(refused, Contradiction) else 0
            return self._conflict(wish, user, why_of(refused), against)

    # ---- kinds: each returns the row that it added, or that says the same; None if nothing is to be done ------------

    def _again(self, wish: Wish, made: LogRow | None) -> None:
        """Take note of an edit that another session has brought."""
        if made is None:
            return
        self._seqs[wish.side][wish.row.seq] = made.seq
        if not wish.row.is_plain and not made.is_plain:
            self._ids[wish.side].learn(wish.row.effect.partings, made.effect.partings)

    def _undo(self, wish: Wish) -> None:
        assert wish.undoes is not None, "an undo undoes something"
        history, seq = self._ground.history, self._seqs[wish.side].get(wish.undoes.seq)
        if seq is None:  # of an edit that another session has brought, under its number there
            made = self._made.get(RowName.of(wish.undoes))
            seq = made.seq if made is not None else None
        if seq is None or not history.is_in_force(seq):
            return
        if built := history.built_on(seq):
            raise Contradiction("it undoes what others built on", built[-1].seq)
        self._add(wish, {"seq": seq}, Effect())

    def _change(self, wish: Wish) -> LogRow | None:
        """Make an edit that moves fragments."""
        ground, row, ids = self._ground, wish.row, self._ids[wish.side]
        effect = row.effect
        if effect.partings and (same := self._same_partings(wish, effect)):
            ids.learn(effect.partings, same)
            effect = Effect(moves=effect.moves, bridges=effect.bridges)
        meaning = read_meaning(effect, ids, ground.state.next_id)
        if row.kind == "lock":
            return self._lock(wish, meaning)
        if row.kind != "unlock" and not meaning.effect.partings and is_so(ground, meaning):
            return None
        check_sayings(ground, wish, meaning)
        found = effect_as_meant(ground, meaning)
        if found is not None and found.partings and not self._fits(found):
            found = self._part_anew(wish)
        if found is None:
            found = self._elsewhere(wish, meaning)
            if found is None:
                return None
            meaning = Meaning(found, *groups_of(found))
        if effect.partings:
            ids.learn(effect.partings, found.partings)
        made = self._add(wish, self._words.input_of(wish), found)
        self._note_sayings(wish, meaning, made)
        return made

    def _lock(self, wish: Wish, meaning: Meaning) -> LogRow | None:
        state = self._ground.state
        (fragments,) = meaning.before.values()
        there = is_there(state, fragments)
        owners = self._ground.segments(fragments) if there else []
        if len(owners) == 1 and len(state.members(owners[0])) == len(fragments) and owners[0] in state.locked:
            return None
        found = effect_as_meant(self._ground, meaning)
        if found is None:
            last = self._ground.last_of_others(fragments, wish.side)
            raise Contradiction("this neuron was edited by others since it was marked as done", last)
        return self._add(wish, {**self._words.input_of(wish), "segment": found.locked[0]}, found)

    def _elsewhere(self, wish: Wish, meaning: Meaning) -> Effect | None:
        """Make an edit on neurons that others have changed, too."""
        ground, kind = self._ground, wish.row.kind
        against = ground.last_of_others(meaning.fragments, wish.side)
        if kind == "unlock":
            return None
        try:
            if meaning.effect.partings:
                return self._part_anew(wish)
            if kind in JOINS:
                ends = self._words.ends(wish)
                effect = join_elsewhere(ground, ends)
                if effect is not None:
                    check_joined(ground, wish, meaning, ends)
                return effect
            if kind in CUTS and not meaning.joins():
                check_same_place(ground, wish, meaning, against)
                return cut_elsewhere(ground, meaning)
        except Contradiction as found:
            raise Contradiction(str(found), found.against or against) from found
        except Refused as refused:
            raise Contradiction(why_of(refused), against) from refused
        raise Contradiction("others have changed the same neuron", against)

    def _part_anew(self, wish: Wish) -> Effect:
        """Part a fragment again whose neighbours others have parted."""
        near, far = ([triple(voxel) for voxel in voxels] for voxels in sides_of(wish))
        if not near or not far:
            raise Contradiction("others have changed the neuron of the fragment that it divides")
        return plan_parting(self._ground.state, self._ground.affinities, near, far)

    def _decide(self, wish: Wish) -> LogRow | None:
        ground, edit_input = self._ground, wish.input
        pair = self._words.pair(wish)
        answer = edit_input["answer"]
        same = [s for s in (ground.joined, ground.parted)[answer == "apart"].of(pair[0]) if s.other == pair[1]]
        if answer in ("join", "apart") and any(ground.rows[s.seq - 1].kind == "decide" for s in same):
            return ground.rows[same[-1].seq - 1]
        others = [s for s in (ground.joined, ground.parted)[answer == "join"].of(pair[0]) if s.other == pair[1]]
        others = [s for s in others if s.side not in (wish.side, SHARED)]
        is_one = ground.state.table[pair[0]] == ground.state.table[pair[1]]
        last = ground.last_of_others(np.array(pair), wish.side)
        if answer in ("join", "apart") and (others or (last and is_one != (answer == "join"))):
            against = max((s.seq for s in others), default=last)
            what = "one neuron" if answer == "join" else "two neurons"
            raise Contradiction(f"they were called {what}, others say that they are not", against)
        made = self._add(wish, {**edit_input, "a": pair[0], "b": pair[1]}, Effect())
        if answer in ("join", "apart"):
            sayings = ground.joined if answer == "join" else ground.parted
            sayings.add([pair], self._speaker(wish), made.seq)
        return made

    def _note(self, wish: Wish) -> LogRow | None:
        ground, edit_input = self._ground, wish.input
        ticks = edit_input.get("ticks")
        if ticks is None:
            same = self._notes.get(_place_and_words(edit_input))
            if same is not None and ground.history.notes.is_open(same.seq):
                self._seqs[wish.side][wish.row.seq] = same.seq
                return same
            made = self._notes[_place_and_words(edit_input)] = self._add(wish, edit_input, Effect())
            return made
        seq = self._seqs[wish.side].get(ticks)
        if seq is None or not ground.history.notes.is_open(seq):
            return None
        return self._add(wish, {**edit_input, "ticks": seq}, Effect())

    def _give_up(self, wish: Wish) -> LogRow | None:
        raise Contradiction(f"edits of this kind ({wish.row.kind}) cannot be merged; make it again by hand")

    # ---- what is said from now on --------------------------------------------------------------------------------

    def _note_sayings(self, wish: Wish, meaning: Meaning, made: LogRow) -> None:
        ground, speaker = self._ground, self._speaker(wish)
        if wish.row.kind in JOINS:
            first, *others = self._words.ends(wish)
            ground.joined.add([(first, other) for other in others], speaker, made.seq)
        elif wish.row.kind in CUTS:
            for one, other in meaning.cuts():
                ground.parted.add(ground.pairs_across(one, other), speaker, made.seq)

    def _speaker(self, wish: Wish) -> int:
        return SHARED if self._held[wish.name] > 1 else wish.side

    # ---- inside ------------------------------------------------------------------------------------------------

    def _add(self, wish: Wish, edit_input: EditInput, effect: Effect) -> LogRow:
        """Add a row that keeps the name of its session and its number there."""
        origin = wish.input.get("original", (self._sides[wish.side].name, wish.row.seq))
        edit_input = {**edit_input, "original": (origin[0], origin[1])}
        made = self._ground.add(wish.row, wish.name.user, wish.duration_ms, edit_input, effect, self._speaker(wish))
        self._seqs[wish.side][wish.row.seq] = made.seq
        return made

    def _same_partings(self, wish: Wish, effect: Effect) -> list[Parting] | None:
        """Return the partings by others that are the same; None if the fragments are whole."""
        ids, there = self._ids[wish.side], self._ground
        whole = [ids.of(parting.fragment) for parting in effect.partings]
        if is_there(there.state, np.array(whole)):
            return None
        same = [there.partings[one] for one in whole if one in there.partings]
        if len(same) < len(whole) or not all(
            np.array_equal(p.patch.sides, q.patch.sides) and p.patch.start == q.patch.start
            for p, q in zip(effect.partings, same, strict=True)
        ):
            against = there.last_of_others(np.array(whole), wish.side)
            raise Contradiction("others have divided the same fragment elsewhere", against)
        return same

    def _fits(self, effect: Effect) -> bool:
        """Return True if the edges of what is parted are as they were."""
        edges = self._ground.state.edges
        for parting in effect.partings:
            rows = edges.rows_of(parting.fragment)
            ours = edges.at(rows)
            order = np.lexsort((ours.v, ours.u))
            removed = parting.removed
            if not np.array_equal(ours.u[order], removed.u) or not np.array_equal(ours.v[order], removed.v):
                return False
        return True

    def _conflict(self, wish: Wish, user: str, why: str, against: int) -> Merged:
        row, wanted, asked = wish.row, "", wish.input
        effect = row.effect
        with suppress(Contradiction):
            asked = self._words.input_of(wish)
            wanted = effect_text(read_meaning(replace(effect, partings=()), self._ids[wish.side], 0).effect)
        voxel = _voxel_of(self._ground, row if wish.undoes is None else wish.undoes)
        return Merged(wish.side, row.seq, user, row.kind, "conflict", why, against, voxel, wanted, asked)


def _place_and_words(edit_input: EditInput) -> str:
    """Return what two notes have in common that are the same."""
    return repr((list(map(list, edit_input["voxels"])), edit_input.get("words")))


def _voxel_of(ground: MergedState, row: LogRow) -> Voxel | None:
    """Return the place of an edit: where a person clicked, or where its last fragment touches another one."""
    for voxels in (row.input.get("voxels"), row.input.get("near")):
        if voxels:
            return triple(voxels[0])
    graph = ground.state.base.graph
    known = [int(m.fragments[0]) for m in row.effect.moves if m.fragments[0] < ground.first_free]
    if not known:
        return None
    rows = np.flatnonzero((graph.u == known[-1]) | (graph.v == known[-1]))
    return triple(graph.contact[rows[0]]) if len(rows) else None
