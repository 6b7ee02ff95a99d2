"""Making the edits of one session again on another segmentation of the same stack.

An edit is understood as what it says about places (claims.py), and made again only where the new segmentation does not
say the same already. Later edits win, as they did when they were made.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes, find_fragment_boxes
from napari_emcad.core.geometry import Voxel
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.wording import count, shape_text
from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.replay.claims import Claim, Claims
from napari_emcad.proofreading.replay.overlaps import Overlaps
from napari_emcad.proofreading.replay.places import EditPlaces, Lost
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session

Outcome = Literal["right", "applied", "conflict", "lost"]

OUTCOMES: dict[Outcome, str] = {
    "right": "already right",
    "applied": "applied again",
    "conflict": "in conflict",
    "lost": "lost",
}
"""In words for people."""

SAME_NEURON = 0.9
"""Intersection over union of voxels from which on a neuron that was done is done again."""

SAME_SIDES = 0.95
"""Intersection over union of the smaller side of a split below which it is told to fall elsewhere."""

SAME_AT_ALL = 0.5
"""Below it the split is not made; nor are neurons joined of which less was in the one that they were joined to.

On AC4[80:100] with other watersheds, with noise and with a shift, all of some twenty merges that made things worse were
below 0.34, and nearly all that helped above.
"""


_ANEW = ("a", "b", "answer", "voxels", "replayed", "features")
"""Of a decision, what is not carried over as it is; features are of the old affinities."""


@dataclass(frozen=True)
class Replayed:
    """What became of one edit.

    Attributes
    ----------
    seq : int
        Of the edit in the old log; the edits made again have it as `input["replayed"]`.
    kind : str
    outcome : "right", "applied", "conflict" or "lost"
        The new segmentation says the same; the edit was made again; it contradicts something; its place is no more.
        Nothing was changed in the last two cases, unless a conflict came with a later edit.
    why : str
        One sentence; empty where there is nothing to tell.
    voxel : (z, y, x) or None
        Where to look.
    places : tuple of (z, y, x)
        One in each of the neurons of the new segmentation that it is about, as far as they are there.
    """

    seq: int
    kind: str
    outcome: Outcome
    why: str
    voxel: Voxel | None
    places: tuple[Voxel, ...] = ()


def replay(
    old: Session, new: Session, found: list[Replayed] | None = None, boxes: FragmentBoxes | None = None
) -> Job[list[Replayed]]:
    """Make all edits in force of one session again in another; each is an edit there like any other.

    A threshold is set again only on the same fragments: it belongs to the affinities it was chosen for. On others the
    last one counts as lost, and those before it as right, as nothing is left of them in the old session either.
    Closing the generator leaves the edits made so far.

    Parameters
    ----------
    old : Session
        Not modified.
    new : Session
        Of the same stack; it may have edits already.
    found : list of Replayed, optional
        Filled as edits are made: what is known where the generator is closed early.
    boxes : FragmentBoxes, optional
        Of the old fragments; sought where they are not given.

    Returns
    -------
    list of Replayed
        One for each edit, in the order in which they were made.

    Raises
    ------
    UserError
        Where the shapes differ, or the new log cannot be written to.
    """
    shapes = [session.state.base.fragments.shape for session in (old, new)]
    if shapes[0] != shapes[1]:
        raise UserError(
            f"replay: the new session must be of the same region, {shape_text(shapes[0])} voxels, got "
            f"{shape_text(shapes[1])}; segment that region again."
        )
    before, after = (session.state.base.fragments for session in (old, new))
    if boxes is None:
        boxes = yield from find_fragment_boxes(before)
    shared = Overlaps(before, after, boxes)
    rows = [old.log.rows[seq - 1] for seq in old.in_force]
    again = _Again(old, new, EditPlaces(old, new, shared), Claims(old, shared.inside))
    watch, found = Stopwatch("edits", len(rows)), [] if found is None else found
    for i, row in enumerate(rows):
        found.append(again.made(row))
        yield watch.at(i + 1)
    return [again.looked_over(one) for one in found]


class HasOutcome(Protocol):
    """An edit that was replayed, or its line in a report."""

    @property
    def outcome(self) -> Outcome:
        """What became of it."""
        ...


def summary(found: Sequence[HasOutcome]) -> str:
    """Such as "12 edits: 5 already right, 6 applied again, 1 conflict, 0 lost"."""
    counts = Counter(replayed.outcome for replayed in found)
    return f"{count(len(found), 'edit')}: " + ", ".join(f"{counts[o]} {words}" for o, words in OUTCOMES.items())


@dataclass(frozen=True)
class _Held:
    """A claim, and where its points are in the new session."""

    claim: Claim
    near: list[Voxel]
    far: list[Voxel]


class _Again:
    """Makes edits of an old session again in a new one."""

    def __init__(self, old: Session, new: Session, places: EditPlaces, claims: Claims):
        self._old, self._new, self._places, self._claims = old, new, places, claims
        self._held: dict[int, list[_Held]] = {}
        self._locked: dict[int, int] = {}
        decisions = (row.input for row in _in_force(new) if row.kind == "decide")
        self._decided = {(frozenset((said["a"], said["b"])), said["answer"]) for said in decisions}
        self._steps = {
            **dict.fromkeys(("merge", "group", "split", "detach", "segment_threshold"), self._hold),
            "lock": self._lock,
            "unlock": self._unlock,
            "threshold": self._threshold,
            "decide": self._decide,
            "note": self._note,
        }

    def made(self, row: LogRow) -> Replayed:
        """Make one edit again; where that is refused, what was made of it is taken back."""
        before = len(self._new.log.rows)
        try:
            why = self._steps.get(row.kind, self._unknown)(row) or ""
            outcome = "applied" if len(self._new.log.rows) > before else "right"
        except Refused as refusal:
            self._take_back(before)
            outcome, why = "lost" if isinstance(refusal, Lost) else "conflict", str(refusal)
        return Replayed(row.seq, row.kind, outcome, why, self._place(row), self._concerned(row))

    def looked_over(self, replayed: Replayed) -> Replayed:
        """The same, or a conflict where it does not hold here at the end, but does in the old session."""
        is_there = replayed.outcome in ("right", "applied")
        if is_there and not all(map(self._holds_still, self._held.get(replayed.seq, ()))):
            what = "what was decided is not so here" if replayed.kind == "decide" else "a later edit undid it here"
            return replace(replayed, outcome="conflict", why=f"{replayed.kind}: {what}; look at both neurons.")
        return replayed

    # ---- kinds -------------------------------------------------------------------------------------------------

    def _hold(self, row: LogRow) -> str:
        """Make all claims of an edit hold."""
        claims = self._claims.of(row)
        held = self._held[row.seq] = [_Held(claim, *self._places.sides(claim)) for claim in claims]
        whys = [self._part(row, h) for h in held if not h.claim.together]
        self._join(row, [h for h in held if h.claim.together])
        return next(filter(None, whys), "")

    def _lock(self, row: LogRow) -> None:
        segment, same = self._places.best_segment(self._claims.now(row.effect.moves[0].fragments))
        if same < SAME_NEURON:
            raise Refused(
                f"lock: this is another neuron now, {same:.0%} of the voxels of both are the same; "
                "look at it and mark it as done."
            )
        self._locked[row.input["segment"]] = segment
        if segment not in self._new.state.locked:
            self._new.lock(segment, **_given(row, voxels=[list(self._place(row))]))

    def _unlock(self, row: LogRow) -> None:
        segment = self._locked.pop(row.input["segment"], 0)
        if segment in self._new.state.locked:
            self._new.unlock(segment, **_given(row))

    def _threshold(self, row: LogRow) -> str:
        if self._old.base_hash == self._new.base_hash:
            self._new.set_threshold(row.effect.threshold[1], **_given(row))
            return ""
        if row.seq != [r.seq for r in _in_force(self._old) if r.kind == "threshold"][-1]:
            return "a later threshold took its place."
        raise Lost("threshold: it was chosen for other affinities; the new session keeps its own.")

    def _decide(self, row: LogRow) -> None:
        pair, answer = self._claims.pair(row), row.input["answer"]
        voxels = [self._places.of(voxel) for voxel in pair]
        a, b = map(self._places.fragment, voxels)
        if answer in ("join", "apart"):
            claim = Claim(answer == "join", pair[:1], pair[1:], True)
            self._held[row.seq] = [_Held(claim, voxels[:1], voxels[1:])]
        if a != b and (frozenset((a, b)), answer) not in self._decided:
            self._decided.add((frozenset((a, b)), answer))
            also = {k: v for k, v in row.input.items() if k not in _ANEW}
            self._new.decide(a, b, answer, **_given(row, voxels=_lists(voxels), **also))

    def _note(self, row: LogRow) -> None:
        """Carry an open place over; one that was ticked off needs nothing."""
        if row.seq in [r.seq for r in self._old.to_do] and not any(
            r.kind == "note" and r.input["voxels"] == row.input["voxels"] and r.input.get("words") == row.input["words"]
            for r in _in_force(self._new)
        ):
            self._new.note(row.input["voxels"][0], row.input["words"], **_given(row))

    def _unknown(self, row: LogRow) -> None:
        raise Lost(f"{row.kind}: edits of this kind cannot be made again.")

    # ---- joining and parting -----------------------------------------------------------------------------------

    def _join(self, row: LogRow, held: list[_Held]) -> None:
        """Bring the far sides to the near one, which all claims share."""
        apart = [h.far[0] for h in held if self._places.segment(h.far[0]) != self._places.segment(h.near[0])]
        if not apart:
            return
        voxels = [held[0].near[0], *apart]
        self._check_neurons([h.claim for h in held], voxels)
        anchor, *others = map(self._places.fragment, voxels)
        if len(others) == 1:
            self._new.merge(anchor, others[0], confirmed=True, **_given(row, voxels=_lists(voxels)))
        else:
            self._new.merge_all(anchor, others, **_given(row, voxels=_lists(voxels)))

    def _part(self, row: LogRow, held: _Held) -> str:
        """Split every segment in which both sides have points; a word on where it does not fall as it fell."""
        why = ""
        while segments := self._common(held):
            sides = ([v for v in side if self._places.segment(v) == min(segments)] for side in (held.near, held.far))
            why = self._part_segment(row, held.claim, *sides) or why
        return why

    def _common(self, held: _Held) -> set[int]:
        """Segments in which both sides have points."""
        return {self._places.segment(v) for v in held.near} & {self._places.segment(v) for v in held.far}

    def _part_segment(self, row: LogRow, claim: Claim, near: list[Voxel], far: list[Voxel]) -> str:
        """Split one segment in these points, or the fragment in it that has points of both sides."""
        fragments = [[self._places.fragment(v) for v in side] for side in (near, far)]
        if both := {*fragments[0]} & {*fragments[1]}:
            sides = ([v for v in side if self._places.fragment(v) == min(both)] for side in (near, far))
            self._part_fragment(row, *sides)
            return ""
        if claim.detached and len({*fragments[1]}) == 1:
            self._new.detach(fragments[1][0], **_given(row, voxels=_lists(far[:1])))
            return ""
        proposal = self._best_split(claim, fragments)
        self._new.split(proposal, **_given(row, near=_lists(near), far=_lists(far), voxels=_lists([*near, *far])))
        same = self._agreement(claim, proposal)
        return "" if same >= SAME_SIDES else f"{same:.0%} of the voxels of the smaller side are the same."

    def _part_fragment(self, row: LogRow, near: list[Voxel], far: list[Voxel]) -> None:
        made = self._new.split_fragment(near, far, **_given(row, voxels=_lists([*near, *far])))
        self._places.catch_up(made)

    def _best_split(self, claim: Claim, fragments: list[list[int]]) -> Proposal:
        """Of the splits in these points that which falls most as it fell; where none does, in more points."""
        found = self._new.propose(*fragments)
        best = max(found, key=lambda proposal: self._agreement(claim, proposal))
        if claim.placed and self._agreement(claim, best) < SAME_SIDES:
            found += self._split_in_more_points(claim, fragments)
            best = max(found, key=lambda proposal: self._agreement(claim, proposal))
        if (same := self._agreement(claim, best)) < SAME_AT_ALL:
            raise Refused(
                f"split: it falls elsewhere here, {same:.0%} of the smaller side are the same; split by hand."
            )
        return best

    def _split_in_more_points(self, claim: Claim, fragments: list[list[int]]) -> list[Proposal]:
        """With points where the sides touched; none where these contradict each other."""
        segment = self._new.state.table[fragments[0][0]]
        with suppress(Refused):
            more = [[self._places.fragment(v) for v in s] for s in self._places.sides(self._claims.borders(claim))]
            here = [[f for f in side if self._new.state.table[f] == segment] for side in more]
            return self._new.propose(*([*own, *side] for own, side in zip(fragments, here, strict=True)))
        return []

    def _agreement(self, claim: Claim, proposal: Proposal) -> float:
        """Intersection over union of the voxels on a side then and now, of the side where it is less."""
        near, far = map(self._places.shared, claim.sides)
        stayed, left = near[proposal.near].sum(), near[proposal.far].sum()
        followed, went = far[proposal.near].sum(), far[proposal.far].sum()
        return float(min(stayed / max(1, stayed + left + followed), went / max(1, went + left + followed)))

    def _check_neurons(self, claims: list[Claim], voxels: list[Voxel]) -> None:
        """Refuse to join neurons of which most was in another one, both when these were joined and at the end."""
        then = [side for claim in claims for side in claim.sides]
        at_the_end = self._old.state.members(self._was(claims[0].near[0]))
        inside = self._places.shared(np.unique(np.concatenate([*then, at_the_end])))
        for voxel in voxels:
            members = self._new.state.members(self._places.segment(voxel))
            if inside[members].sum() < SAME_AT_ALL * self._new.state.sizes[members].sum():
                raise Refused(f"merge: most of the neuron at {voxel} was not of this one; look at it and join by hand.")

    def _was(self, voxel: Voxel) -> int:
        """The old segment at a voxel."""
        return int(self._old.state.table[self._old.state.base.fragments[voxel]])

    def _holds_still(self, held: _Held) -> bool:
        """Whether points are together or apart as claimed, where that is still so in the old session."""
        claim = held.claim
        near, far = ({self._was(v) for v in side} for side in (claim.near, claim.far))
        return bool(near & far) != claim.together or bool(self._common(held)) == claim.together

    # ---- inside ------------------------------------------------------------------------------------------------

    def _place(self, row: LogRow) -> Voxel | None:
        """Where to look for an edit."""
        if row.input.get("voxels"):
            return tuple(row.input["voxels"][0])
        if row.kind == "decide":
            return self._claims.pair(row)[0]
        return self._claims.middle(row.effect.moves[-1].fragments) if row.effect.moves else None

    def _concerned(self, row: LogRow) -> tuple[Voxel, ...]:
        """Places of the new session in the neurons that an edit is about."""
        if held := self._held.get(row.seq):
            return tuple(dict.fromkeys(side[0] for h in held for side in (h.near, h.far)))
        there = []
        for voxel in [tuple(v) for v in row.input.get("voxels", ())] or [self._place(row)]:
            with suppress(Lost):
                there.append(self._places.of(voxel))
        return tuple(there)

    def _take_back(self, before: int) -> None:
        """Undo what was made of an edit."""
        for row in reversed(self._new.log.rows[before:]):
            self._new.undo(row.seq)
            self._places.catch_up(row)


def _in_force(session: Session) -> list[LogRow]:
    return [session.log.rows[seq - 1] for seq in session.in_force]


def _given(row: LogRow, **given: Any) -> dict[str, Any]:
    return {"replayed": row.seq, **given}


def _lists(voxels: list[Voxel]) -> list[list[int]]:
    return [list(map(int, voxel)) for voxel in voxels]
