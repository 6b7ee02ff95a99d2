"""Several segments joined in one edit, and places to come back to."""

import pytest
from graphs import groups, session

from napari_emcad.proofreading.errors import Refused

FOUR = [(1, 2, 0.1), (2, 3, 0.1), (4, 5, 0.1)]
"""Five segments of a fragment each; 4 and 5 touch none of the others."""


def test_several_are_joined_and_parted_in_one_step(tmp_path):
    at = session(FOUR, tmp_path)
    before = at.state.digest()
    row = at.merge_all(2, [1, 3])
    assert groups(at) == [[1, 2, 3], [4], [5]] and row.kind == "group" and len(at.log.rows) == 1
    after = at.state.digest()
    at.undo()
    assert at.state.digest() == before
    at.redo()
    assert at.state.digest() == after and at.state.table[1] == 2


def test_a_piece_that_touches_nothing_is_bridged_once(tmp_path):
    at = session(FOUR, tmp_path)
    at.merge_all(1, [2, 4, 5])
    assert groups(at) == [[1, 2, 4, 5], [3]] and at.state.bridges == [(1, 4)]


def test_all_or_nothing(tmp_path):
    at = session(FOUR, tmp_path)
    at.lock(3)
    with pytest.raises(Refused, match=r"^done: neuron 3"):
        at.merge_all(1, [2, 3])
    with pytest.raises(Refused, match=r"^merge: all points are in neuron 1 already"):
        at.merge_all(1, [1])
    with pytest.raises(Refused, match=r"^background"):
        at.merge_all(1, [2, 0])
    assert groups(at) == [[1], [2], [3], [4], [5]]


def test_places_are_marked_ticked_off_and_kept(tmp_path):
    at = session(FOUR, tmp_path)
    first, second = at.note((0, 0, 1)), at.note((0, 0, 3), "is this an axon?")
    assert at.to_do == [first, second] and first.input["voxels"] == [[0, 0, 1]]
    at.tick(first.seq)
    assert at.to_do == [second]
    with pytest.raises(Refused, match=r"^to do: 1 is no open place"):
        at.tick(first.seq)
    at.undo()
    assert at.to_do == [first, second]
    at.undo()
    assert at.to_do == [first]
    at.log.close()
    assert [row.seq for row in session(FOUR, tmp_path).to_do] == [first.seq]


def test_a_row_says_how_long_the_edit_took(tmp_path, monkeypatch):
    at = session(FOUR, tmp_path)
    now = [100.0]
    monkeypatch.setattr("napari_emcad.proofreading.session.time.monotonic", lambda: now[0])
    at.begin()
    now[0] += 2.5
    assert at.merge(1, 2, confirmed=True).duration_ms == 2500
    assert at.merge(1, 3, confirmed=True).duration_ms == 0  # nobody said when it began
