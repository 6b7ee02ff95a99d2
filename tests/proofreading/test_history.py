"""Edits in force and undone, from rows that no log holds."""

import numpy as np
import pytest
from graphs import LINE, groups_of, state

from napari_emcad.proofreading.effects import Effect, Move
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.history import History
from napari_emcad.proofreading.rows import LogRow


@pytest.fixture
def at():
    return state(LINE, threshold=0.0)


@pytest.fixture
def history(at):
    return History([], at)


def follow(history: History, kind: str, *fragments: int, **asked) -> None:
    """One more row: fragments that go to a segment of their own, or an undo or a redo."""
    seq = len(history._rows) + 1
    moves = tuple(Move(np.array([f], np.uint32), int(history._state.table[f]), 10 + seq, True) for f in fragments)
    history._rows.append(LogRow.of(seq, 0.0, "", 0.0, kind, "", asked, Effect(moves=moves)))
    history.follow(history._rows[-1])


def test_edits_are_in_force_until_they_are_undone(history, at):
    follow(history, "merge", 1, 2)
    follow(history, "merge", 3, 4)
    assert history.in_force == [1, 2] and groups_of(at) == [[1, 2], [3, 4]]
    follow(history, "undo", seq=2)
    assert history.in_force == [1] and history.undone == [2] and groups_of(at) == [[1, 2], [3], [4]]
    follow(history, "redo", seq=2)
    assert history.in_force == [1, 2] and not history.undone and groups_of(at) == [[1, 2], [3, 4]]
    assert [row.seq for row in history.rows_in_force()] == [1, 2]


def test_a_new_edit_ends_what_can_be_redone(history):
    follow(history, "merge", 1, 2)
    follow(history, "undo", seq=1)
    assert history.check_redo() == 1
    follow(history, "merge", 3, 4)
    with pytest.raises(Refused, match="nothing to redo"):
        history.check_redo()


def test_what_later_edits_built_on_is_not_undone(history):
    with pytest.raises(Refused, match="nothing to undo"):
        history.check_undo(None)
    follow(history, "merge", 1, 2)
    follow(history, "merge", 3, 4)
    follow(history, "detach", 2)
    with pytest.raises(Refused, match=r"^undo: edit 3 \(detach\) changed the same"):
        history.check_undo(1)
    assert history.check_undo(2) == 2 and history.check_undo(None) == 3
    with pytest.raises(Refused, match="edit 7 is not in force"):
        history.check_undo(7)
