"""What people have said about pairs of fragments: read from the log, found again by the voxels that it carries."""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids, as_ids
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session

ANSWERS = ("join", "apart", "unknown")

ERROR_IF = {"join?": "join", "part?": "apart"}
"""The answer to each kind of question that says that the segmentation was wrong."""


class Decisions:
    """What is in force about pairs of fragments; a merge says "join", a split in two points "apart".

    Rows that the log has got since are added to what is known; after undo, redo and the parting of a fragment all rows
    in force are read anew.
    """

    def __init__(self, session: Session):
        self._session = session
        self._forget()

    def pairs(self, answer: str) -> Ids:
        """Fragments of which "join", "apart" or "unknown" was said, (k, 2)."""
        self._catch_up()
        return self._pairs[answer]

    def lessons(self, question: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Features of the questions of this kind that were answered, (k, f), and whether there was an error, (k,)."""
        self._catch_up()
        return self._lessons[question]

    def _catch_up(self) -> None:
        rows = self._session.log.rows
        new = rows[self._read :]
        if any(row.kind in ("undo", "redo") or row.effect.partings for row in new):
            self._forget()
            new = [rows[seq - 1] for seq in self._session.in_force]
        self._read = len(rows)
        self._add(new)

    def _forget(self) -> None:
        self._read = 0
        self._pairs = {answer: as_ids(np.empty((0, 2))) for answer in ANSWERS}
        self._lessons = {question: (np.empty((0, 0)), np.empty(0, bool)) for question in ERROR_IF}

    def _add(self, rows: list[LogRow]) -> None:
        fragments = self._session.state.base.fragments
        for answer in ANSWERS:
            found = [row for row in rows if _answer_of(row) == answer]
            if found:
                self._pairs[answer] = np.concatenate([self._pairs[answer], _pairs_of(found, fragments)])
        for question in ERROR_IF:
            told = [row for row in rows if row.input.get("question") == question and "features" in row.input]
            self._learn(question, [row for row in told if _answer_of(row) in ("join", "apart")])

    def _learn(self, question: str, rows: list[LogRow]) -> None:
        """Rows whose questions were described by other features than the last one's teach nothing any more."""
        if not rows:
            return
        width = len(rows[-1].input["features"])
        rows = [row for row in rows if len(row.input["features"]) == width]
        features, wrong = self._lessons[question] if self._lessons[question][0].shape[1] == width else ([], [])
        more = np.array([row.input["features"] for row in rows], np.float64)
        also = np.array([_answer_of(row) == ERROR_IF[question] for row in rows], bool)
        before = np.reshape(features, (-1, width)), np.asarray(wrong, bool)
        self._lessons[question] = np.concatenate([before[0], more]), np.concatenate([before[1], also])


def _answer_of(row: LogRow) -> str | None:
    said = {"merge": "join", "group": "join", "split": "apart", "decide": row.input.get("answer")}
    return said.get(row.kind)


def _pairs_of(rows: list[LogRow], fragments: FragmentVolume) -> Ids:
    """Fragments under the two voxels of each row; those it names where it does not carry two voxels."""
    places = [row.input["voxels"] for row in rows if len(row.input.get("voxels", ())) == 2]
    under = fragments[tuple(np.array(places, np.int64).reshape(-1, 3).T)].reshape(-1, 2)
    named = [pair for row in rows if len(row.input.get("voxels", ())) != 2 for pair in _named(row)]
    return np.concatenate([under, as_ids(named).reshape(-1, 2)])


def _named(row: LogRow) -> list[tuple[int, int]]:
    given = row.input
    if "others" in given:
        return [(given["anchor"], other) for other in given["others"]]
    named = [given[k] for k in ("anchor", "other", "a", "b") if k in given]
    return [tuple(named)] if len(named) == 2 else []
