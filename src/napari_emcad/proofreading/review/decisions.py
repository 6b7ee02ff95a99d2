"""Decisions of people about pairs of fragments: read from the log, found again by the voxels that it carries."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import FragmentId, Ids, as_ids
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.proofreading.review.questions import KINDS, QuestionKind
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session

Decision = Literal["join", "apart", "unknown"]
"""An answer that is remembered about a pair; "later" is not."""

DECISIONS: tuple[Decision, ...] = get_args(Decision)

ERROR_IF: dict[QuestionKind, Decision] = {"join?": "join", "part?": "apart"}
"""The answer to each kind of question that says that the segmentation was wrong."""

Lessons = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""Features of questions, (k, f), and True for those where there was an error, (k,)."""


class Decisions:
    """Keeps what is in force about pairs of fragments; a merge says "join", a split in two points "apart".

    Rows that the log has got since are added to what is known; after undo, redo and the parting of a fragment all rows
    in force are read anew.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session):
        self._session = session
        self._rows_read = 0
        self._pairs = _no_pairs()
        self._lessons = _no_lessons()

    def pairs(self, decision: Decision) -> Ids:
        """Return the pairs of fragments, (k, 2), about which a person decided so."""
        self._catch_up()
        return self._pairs[decision]

    def lessons(self, kind: QuestionKind) -> Lessons:
        """Return what the answers to this kind of question teach; the same arrays until there are more answers."""
        self._catch_up()
        return self._lessons[kind]

    def _catch_up(self) -> None:
        rows = self._session.log.rows
        new = rows[self._rows_read :]
        if any(row.kind in ("undo", "redo") or row.effect.partings for row in new):
            self._pairs, self._lessons = _no_pairs(), _no_lessons()
            new = self._session.rows_in_force
        self._rows_read = len(rows)
        self._add(new)

    def _add(self, rows: Sequence[LogRow]) -> None:
        fragments = self._session.state.base.fragments
        for decision in DECISIONS:
            found = [row for row in rows if _decision_of(row) == decision]
            if found:
                self._pairs[decision] = np.concatenate([self._pairs[decision], _pairs_of(found, fragments)])
        for kind in KINDS:
            answers = [row for row in rows if row.input.get("question") == kind and "features" in row.input]
            self._learn(kind, [row for row in answers if _decision_of(row) in ("join", "apart")])

    def _learn(self, kind: QuestionKind, rows: Sequence[LogRow]) -> None:
        """Add lessons; those about other features than the last answer's teach nothing any more."""
        if not rows:
            return
        width = len(rows[-1].input["features"])
        rows = [row for row in rows if len(row.input["features"]) == width]
        more = np.array([row.input["features"] for row in rows], np.float64)
        also_wrong = np.array([_decision_of(row) == ERROR_IF[kind] for row in rows], bool)
        features, wrong = self._lessons[kind]
        if features.shape[1] != width:
            features, wrong = np.empty((0, width)), np.empty(0, bool)
        self._lessons[kind] = np.concatenate([features, more]), np.concatenate([wrong, also_wrong])


def _no_pairs() -> dict[Decision, Ids]:
    return {decision: as_ids(np.empty((0, 2))) for decision in DECISIONS}


def _no_lessons() -> dict[QuestionKind, Lessons]:
    return {kind: (np.empty((0, 0)), np.empty(0, bool)) for kind in KINDS}


def _decision_of(row: LogRow) -> str | None:
    """Return what an edit says about its pair of fragments; None if it says nothing."""
    if row.kind == "decide":
        return row.input["answer"]
    return {"merge": "join", "group": "join", "split": "apart"}.get(row.kind)


def _pairs_of(rows: Sequence[LogRow], fragments: FragmentVolume) -> Ids:
    """Return the fragments under the two voxels of each row; those that it names if it does not carry two voxels."""
    places = [row.input["voxels"] for row in rows if len(row.input.get("voxels", ())) == 2]
    under = fragments[tuple(np.array(places, np.int64).reshape(-1, 3).T)].reshape(-1, 2)
    named = [pair for row in rows if len(row.input.get("voxels", ())) != 2 for pair in _named_pairs(row)]
    return np.concatenate([under, as_ids(named).reshape(-1, 2)])


def _named_pairs(row: LogRow) -> list[tuple[FragmentId, FragmentId]]:
    edit_input = row.input
    if "others" in edit_input:
        return [(edit_input["anchor"], other) for other in edit_input["others"]]
    if "anchor" in edit_input and "other" in edit_input:
        return [(edit_input["anchor"], edit_input["other"])]
    return [(edit_input["a"], edit_input["b"])] if "a" in edit_input and "b" in edit_input else []
