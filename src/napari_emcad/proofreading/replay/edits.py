"""Making one edit after another of an old session again in a new one, each kind in its way."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from napari_emcad.core.geometry import Voxel, triple
from napari_emcad.core.ids import FragmentId, SegmentId
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.replay.claims import Claim, Claims
from napari_emcad.proofreading.replay.enforcer import ClaimEnforcer, PlacedClaim, replayed_details
from napari_emcad.proofreading.replay.outcomes import Outcome, Replayed
from napari_emcad.proofreading.replay.places import EditPlaces, Lost
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session

SAME_NEURON = 0.9
"""Intersection over union of voxels from which on a neuron that was done is done again."""


class EditReplayer:
    """Makes edits of an old session again in a new one.

    Parameters
    ----------
    old : Session
        Not modified.
    new : Session
        Is edited.
    places : EditPlaces
    claims : Claims
    """

    def __init__(self, old: Session, new: Session, places: EditPlaces, claims: Claims):
        self._old, self._new, self._places, self._claims = old, new, places, claims
        self._enforcer = ClaimEnforcer(old, new, places, claims)
        self._placed: dict[int, list[PlacedClaim]] = {}  # by seq of the old edit
        self._locked: dict[SegmentId, SegmentId] = {}  # old segment -> new one
        decisions = [row.input for row in new.rows_in_force if row.kind == "decide"]
        self._decided = {(frozenset((one["a"], one["b"])), one["answer"]) for one in decisions}
        self._ways: dict[str, Callable[[LogRow], str]] = {
            **dict.fromkeys(("merge", "group", "split", "detach", "fix", "segment_threshold"), self._enforce),
            "lock": self._lock,
            "unlock": self._unlock,
            "threshold": self._set_threshold,
            "decide": self._decide,
            "note": self._note,
        }

    def replay(self, row: LogRow) -> Replayed:
        """Make one edit again; if that is refused, what was made of it is taken back."""
        before = len(self._new.log.rows)
        outcome: Outcome
        try:
            why = self._ways.get(row.kind, self._give_up)(row)
            outcome = "applied" if len(self._new.log.rows) > before else "right"
        except Refused as refusal:
            self._take_back(before)
            outcome, why = "lost" if isinstance(refusal, Lost) else "conflict", str(refusal)
        return Replayed(row.seq, row.kind, outcome, why, self._place_of(row), self._places_in_neurons(row))

    def check_at_end(self, replayed: Replayed) -> Replayed:
        """Return the same, or a conflict if it does not hold here at the end, but does in the old session."""
        is_there = replayed.outcome in ("right", "applied")
        if is_there and not all(map(self._enforcer.holds_still, self._placed.get(replayed.seq, ()))):
            what = "what was decided is not so here" if replayed.kind == "decide" else "a later edit undid it here"
            return replace(replayed, outcome="conflict", why=f"{replayed.kind}: {what}; look at both neurons.")
        return replayed

    # ---- kinds: each returns a sentence for people, or nothing ---------------------------------------------------

    def _enforce(self, row: LogRow) -> str:
        """Make all claims of an edit hold."""
        placed = [PlacedClaim(claim, *self._places.find_sides(claim)) for claim in self._claims.read(row)]
        self._placed[row.seq] = placed
        return self._enforcer.enforce(row, placed)

    def _lock(self, row: LogRow) -> str:
        segment, same = self._places.best_segment(self._claims.fragments_now(row.effect.moves[0].fragments))
        if same < SAME_NEURON:
            raise Refused(
                f"lock: this is another neuron now, {same:.0%} of the voxels of both are the same; "
                "look at it and mark it as done."
            )
        self._locked[row.input["segment"]] = segment
        if segment not in self._new.state.locked:
            place = self._place_of(row)
            self._new.lock(segment, **replayed_details(row, [] if place is None else [place]))
        return ""

    def _unlock(self, row: LogRow) -> str:
        segment = self._locked.pop(row.input["segment"], SegmentId(0))
        if segment in self._new.state.locked:
            self._new.unlock(segment, **replayed_details(row))
        return ""

    def _set_threshold(self, row: LogRow) -> str:
        threshold = row.effect.threshold
        if threshold and self._old.base_hash == self._new.base_hash:
            self._new.set_threshold(threshold[1], **replayed_details(row))
            return ""
        if row.seq != [r.seq for r in self._old.rows_in_force if r.kind == "threshold"][-1]:
            return "a later threshold took its place."
        raise Lost("threshold: it was chosen for other affinities; the new session keeps its own.")

    def _decide(self, row: LogRow) -> str:
        """Carry a decision over; its features are not: they are of the old affinities."""
        pair, answer = self._claims.decided_pair(row), row.input["answer"]
        voxels = [self._places.find(voxel) for voxel in pair]
        if answer in ("join", "apart"):
            near, far = ([] if voxel is None else [voxel] for voxel in pair)
            claim = Claim(answer == "join", near, far, placed=True)
            self._placed[row.seq] = [PlacedClaim(claim, voxels[:1], voxels[1:])]
        a, b = map(self._places.fragment_at, voxels)
        if a != b and self._is_new(a, b, answer):
            details = replayed_details(row, voxels)
            if "question" in row.input:
                details["question"] = row.input["question"]
            if "sides" in row.input and self._old.base_hash == self._new.base_hash:
                details["sides"] = row.input["sides"]
            self._new.decide(a, b, answer, **details)
        return ""

    def _is_new(self, a: FragmentId, b: FragmentId, answer: str) -> bool:
        """True if nobody has decided so about two fragments before; from now on somebody has."""
        decision = frozenset((a, b)), answer
        is_new = decision not in self._decided
        self._decided.add(decision)
        return is_new

    def _note(self, row: LogRow) -> str:
        """Carry an open place over; one that was ticked off needs nothing."""
        is_open = row.seq in [note.seq for note in self._old.to_do]
        if is_open and not any(_is_same_note(row, other) for other in self._new.rows_in_force):
            self._new.note(triple(row.input["voxels"][0]), row.input["words"], **replayed_details(row))
        return ""

    def _give_up(self, row: LogRow) -> str:
        raise Lost(f"{row.kind}: edits of this kind cannot be made again.")

    # ---- places ------------------------------------------------------------------------------------------------

    def _place_of(self, row: LogRow) -> Voxel | None:
        """Return the place to look at for an edit."""
        if row.input.get("voxels"):
            return triple(row.input["voxels"][0])
        if row.kind == "decide":
            return self._claims.decided_pair(row)[0]
        return self._claims.middle_of(row.effect.moves[-1].fragments) if row.effect.moves else None

    def _places_in_neurons(self, row: LogRow) -> tuple[Voxel, ...]:
        """Return places of the new session in the neurons that an edit is about."""
        if placed := self._placed.get(row.seq):
            return tuple(dict.fromkeys(side[0] for one in placed for side in (one.near, one.far)))
        clicked, there = [triple(voxel) for voxel in row.input.get("voxels", ())], []
        for voxel in clicked or (self._place_of(row),):
            with suppress(Lost):
                there.append(self._places.find(voxel))
        return tuple(there)

    def _take_back(self, before: int) -> None:
        """Undo what was made of an edit: all rows of the new log but the first `before`."""
        for row in reversed(self._new.log.rows[before:]):
            self._new.undo(row.seq)
            self._places.follow(row)


def _is_same_note(row: LogRow, other: LogRow) -> bool:
    is_note = other.kind == "note" and other.input.get("words") == row.input.get("words")
    return is_note and other.input["voxels"] == row.input["voxels"]
