"""Decisions of people about pairs of fragments: read from the log, found again by the voxels that it carries."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import FragmentId, Ids, as_ids
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.proofreading.review.in_force import RowsInForce
from napari_emcad.proofreading.review.known_sides import KnownSides
from napari_emcad.proofreading.review.questions import KINDS, QuestionKind
from napari_emcad.proofreading.rows import LogRow, VoxelLists
from napari_emcad.proofreading.session import Session

Decision = Literal["join", "apart", "unknown"]
"""An answer that is remembered about a pair; "later" is not."""

DECISIONS: tuple[Decision, ...] = get_args(Decision)

ERROR_IF: dict[QuestionKind, Decision] = {"join?": "join", "part?": "apart"}
"""The answer to each kind of question that says that the segmentation was wrong."""

ANSWERING = frozenset({"decide", "merge", "group", "split"})
"""Kinds of edits that answers make."""

NOWHERE = ((-1, -1, -1), (-1, -1, -1))
"""The voxels of a pair that a row names."""

MOST = 4000
"""Answers that teach, the last ones: more say nothing new, and odds are fitted anew after each."""

Lessons = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Features of questions, (k, f), and True for those where there was an error, (k,)."""


class Decisions:
    """Keeps what is in force about pairs of fragments; a merge says "join", a split in two points "apart".

    Rows that the log has got since are added to what is known. Undo and redo say of rows that are known whether they
    count; once a fragment has been parted, or is whole again, the voxels of the pairs that name it are looked up anew.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session):
        self._session = session
        self._rows_read = 0
        self._known = _KnownPairs()
        self._sides, self._begun = KnownSides(), len(session.log.rows)
        self._answers = {kind: _Answers(kind) for kind in KINDS}
        self._pairs: dict[Decision, Ids] = {}

    def pairs(self, decision: Decision) -> Ids:
        """Return the pairs of fragments, (k, 2), about which a person decided so."""
        self._catch_up()
        if decision not in self._pairs:
            self._pairs[decision] = self._known.pairs(decision)
        return self._pairs[decision]

    def like(self, kind: QuestionKind, near: Ids, far: Ids) -> int | None:
        """Return the seq of an edit that decided about nearly these sides, or that joined what these sides part.

        None if there is none. What was put off counts if that was since these decisions are kept.
        """
        self._catch_up()
        answers = ("apart" if kind == "join?" else "join", "unknown", "later")
        sizes = self._session.state.sizes
        found = self._sides.find(answers, near, far, sizes, self._begun)
        if found is None and kind == "part?":
            found = self._known.find_between(answers, near, far, len(sizes))
        return found

    def lessons(self, kind: QuestionKind) -> Lessons:
        """Return what the answers to this kind of question teach; the same arrays until there are more answers."""
        self._catch_up()
        return self._answers[kind].lessons()

    def _catch_up(self) -> None:
        rows = self._session.log.rows
        new = rows[self._rows_read :]
        if not new:
            return
        self._rows_read = len(rows)
        moved = [rows[row.input["seq"] - 1] for row in new if row.kind in ("undo", "redo")]
        edits = [row for row in new if row.kind not in ("undo", "redo")]
        parted = {f for row in (*edits, *moved) if not row.is_plain for p in row.effect.partings for f in p.all_ids}
        fragments = self._session.state.base.fragments
        self._known.look_again(parted, fragments)
        self._known.add([row for row in edits if _decision_of(row) in DECISIONS], fragments)
        self._sides.add(edits, self._session.state.sizes)
        for answers in self._answers.values():
            answers.add(edits)
        changed = {row.seq: self._session.is_in_force(row.seq) for row in (*edits, *moved)}
        for known in (self._known, self._sides, *self._answers.values()):
            known.count(changed)
        self._pairs.clear()


class _KnownPairs(RowsInForce):
    """Pairs of fragments that rows are about, and the voxels by which they are found again."""

    def __init__(self) -> None:
        super().__init__()
        self._pairs = np.empty((0, 2), np.int64)
        self._voxels = np.empty((0, 2, 3), np.int64)  # -1 = the row names its fragments
        self._decision = np.empty(0, np.int64)

    def pairs(self, decision: Decision) -> Ids:
        return as_ids(self._pairs[self.counts & (self._decision == DECISIONS.index(decision))])

    def find_between(self, answers: Sequence[str], near: Ids, far: Ids, n: int) -> int | None:
        """Return the seq of a row that gave one of these answers about a pair with an end in each side; None if none.

        `n` is one more than the largest id of a fragment.
        """
        wanted = self.counts & np.isin(self._decision, [i for i, one in enumerate(DECISIONS) if one in answers])
        side = np.zeros(n, np.uint8)
        side[near], side[far] = 1, 2
        found = np.flatnonzero(wanted & (side[np.minimum(self._pairs, n - 1)].sum(axis=1) == 3))
        return int(self.seqs[found[0]]) if len(found) else None

    def add(self, rows: Sequence[LogRow], fragments: FragmentVolume) -> None:
        found = [(row, pair, voxels) for row in rows for pair, voxels in _pairs_of(row)]
        if not found:
            return
        self.follow([row.seq for row, _, _ in found])
        decisions = [DECISIONS.index(cast(Decision, _decision_of(row))) for row, _, _ in found]
        self._decision = np.concatenate([self._decision, np.array(decisions, np.int64)])
        self._pairs = np.concatenate([self._pairs, np.array([pair for _, pair, _ in found], np.int64)])
        self._voxels = np.concatenate([self._voxels, np.array([voxels for _, _, voxels in found], np.int64)])
        self._look_up(np.arange(len(self.seqs) - len(found), len(self.seqs)), fragments)

    def look_again(self, parted: Collection[FragmentId], fragments: FragmentVolume) -> None:
        """Look up again the pairs that name one of these fragments."""
        if parted:
            self._look_up(np.flatnonzero(np.isin(self._pairs, list(parted)).any(axis=1)), fragments)

    def _look_up(self, places: NDArray[np.int64], fragments: FragmentVolume) -> None:
        places = places[self._voxels[places, 0, 0] >= 0]
        self._pairs[places] = fragments[tuple(self._voxels[places].reshape(-1, 3).T)].reshape(-1, 2)


class _Answers(RowsInForce):
    """The answers to one kind of question; those about other features than the last one's teach nothing any more."""

    def __init__(self, kind: QuestionKind):
        super().__init__()
        self._kind = kind
        self._features, self._wrong = np.empty((0, 0)), np.empty(0, bool)
        self._lessons: Lessons | None = None

    def lessons(self) -> Lessons:
        if self._lessons is None:
            last = np.flatnonzero(self.counts)[-MOST:]
            self._lessons = self._features[last], self._wrong[last]
        return self._lessons

    def add(self, rows: Sequence[LogRow]) -> None:
        rows = [row for row in rows if row.kind in ANSWERING and _decision_of(row) in ("join", "apart")]
        rows = [row for row in rows if row.input.get("question") == self._kind and "features" in row.input]
        if not rows:
            return
        width = len(rows[-1].input["features"])
        rows = [row for row in rows if len(row.input["features"]) == width]
        if self._features.shape[1] != width:
            self.seqs, self.counts = np.empty(0, np.int64), np.empty(0, bool)
            self._features, self._wrong = np.empty((0, width)), np.empty(0, bool)
        self.follow([row.seq for row in rows])
        more = np.array([row.input["features"] for row in rows], np.float64)
        also_wrong = np.array([_decision_of(row) == ERROR_IF[self._kind] for row in rows], bool)
        self._features, self._wrong = np.concatenate([self._features, more]), np.concatenate([self._wrong, also_wrong])
        self._lessons = None

    def count(self, changed: Mapping[int, bool]) -> bool:
        has_changed = super().count(changed)
        if has_changed:
            self._lessons = None
        return has_changed


def _decision_of(row: LogRow) -> str | None:
    """Return what an edit says about its pair of fragments; None if it says nothing."""
    if row.kind == "decide":
        return row.input["answer"]
    return {"merge": "join", "group": "join", "split": "apart"}.get(row.kind)


def _pairs_of(row: LogRow) -> Iterator[tuple[tuple[FragmentId, FragmentId], VoxelLists]]:
    """Yield the pairs that a row is about, with two voxels; without such the fragments that it names, voxels -1."""
    voxels = row.input.get("voxels", ())
    if len(voxels) == 2:
        yield (FragmentId(0), FragmentId(0)), voxels
    else:
        yield from ((pair, NOWHERE) for pair in _named_pairs(row))


def _named_pairs(row: LogRow) -> list[tuple[FragmentId, FragmentId]]:
    edit_input = row.input
    if "others" in edit_input:
        return [(edit_input["anchor"], other) for other in edit_input["others"]]
    if "anchor" in edit_input and "other" in edit_input:
        return [(edit_input["anchor"], edit_input["other"])]
    return [(edit_input["a"], edit_input["b"])] if "a" in edit_input and "b" in edit_input else []
