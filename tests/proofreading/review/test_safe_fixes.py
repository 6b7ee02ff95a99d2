"""Many merges and splits in one edit: what is listed, what is left out, and that one undo takes all back."""

import pytest
from graphs import groups
from review_hands import session

from napari_emcad.core.progress import drive
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.replay.replay import replay
from napari_emcad.proofreading.review import safe_fixes
from napari_emcad.proofreading.review.safe_fixes import (
    SafeFix,
    find_safe_fixes,
    make_safe_fixes,
    precision_of,
    what_fixes_bring,
)

SPLIT_LINE = [(1, 2, 0.9), (2, 3, 0.3), (3, 4, 0.9), (4, 5, 0.1), (5, 6, 0.9), (6, 7, 0.3), (7, 8, 0.9)]
"""Four segments of two fragments."""


@pytest.fixture
def sure(monkeypatch):
    """A segmentation all of whose merges are safe, and no split."""
    monkeypatch.setattr(safe_fixes, "MEASURED", {"join?": ((0.0, 1000, 1000),), "part?": ()})
    monkeypatch.setattr(safe_fixes, "precision_of", lambda question: precision_of(question, safe_fixes.MEASURED))


def test_one_edit_and_one_undo(tmp_path, sure):
    at = session(SPLIT_LINE, tmp_path)
    before = at.state.digest()
    fixes = find_safe_fixes(at)
    assert len(fixes) == 3 and {fix.question.kind for fix in fixes} == {"join?"}
    row = make_safe_fixes(at, fixes)
    assert groups(at) == [[1, 2, 3, 4, 5, 6, 7, 8]] and row.kind == "fix" and len(at.log.rows) == 1
    after = at.state.digest()
    at.undo()
    assert at.state.digest() == before
    at.redo()
    assert at.state.digest() == after and not find_safe_fixes(at)


def test_only_what_is_chosen_is_made(tmp_path, sure):
    at = session(SPLIT_LINE, tmp_path)
    make_safe_fixes(at, [fix for fix in find_safe_fixes(at) if fix.question.a == 2])
    assert groups(at) == [[1, 2, 3, 4], [5, 6], [7, 8]]


def test_done_neurons_and_decisions_are_left_alone(tmp_path, sure):
    at = session(SPLIT_LINE, tmp_path)
    at.lock(int(at.state.table[1]))
    at.decide(6, 7, "apart")
    assert [(fix.question.a, fix.question.b) for fix in find_safe_fixes(at)] == [(4, 5)]
    at.merge(4, 5, confirmed=True)
    at.split(at.propose([4], [5])[0])  # a person has parted them by hand
    assert not find_safe_fixes(at)


def test_a_split_and_merges_in_one_edit(tmp_path):
    at = session(SPLIT_LINE, tmp_path)
    before = at.state.digest()
    cuts = [at.propose([a], [b])[0] for a, b in ((5, 6), (7, 8))]
    row = at.fix([(2, 3)], cuts)
    assert groups(at) == [[1, 2, 3, 4], [5], [6], [7], [8]] and len(at.log.rows) == 1 and row.kind == "fix"
    at.undo()
    assert at.state.digest() == before
    with pytest.raises(Refused, match=r"^safe fixes: a neuron would be split and changed"):
        at.fix([(4, 5)], cuts)
    with pytest.raises(Refused, match=r"^safe fixes: nothing is ticked"):
        at.fix([], [])


def test_they_are_made_again_in_another_session(tmp_path):
    at = session(SPLIT_LINE, tmp_path)
    at.fix([(2, 3), (6, 7)], [])
    at.fix([], [at.propose([1], [4])[0], at.propose([5], [8])[0]])
    (tmp_path / "new").mkdir()
    new = session(SPLIT_LINE, tmp_path / "new")
    report = drive(replay(at, new))
    assert {one.outcome for one in report} <= {"applied", "right"} and groups(new) == groups(at)


def test_a_session_to_read_refuses(tmp_path, sure):
    at = session(SPLIT_LINE, tmp_path)
    fixes = find_safe_fixes(at)
    at.log.close()
    at.log = EditLog(tmp_path / "edits.db", read_only=True)
    with pytest.raises(Refused, match=r"^safe fixes: this session is open for reading only"):
        make_safe_fixes(at, fixes)


def test_few_counts_say_little(tmp_path, sure):
    at = session(SPLIT_LINE, tmp_path)
    question = find_safe_fixes(at)[0].question
    table = {"join?": ((0.0, 5, 5),), "part?": ()}
    assert precision_of(question, table) == pytest.approx(6 / 7)
    assert precision_of(question, {"join?": ((1.1, 500, 500),), "part?": ()}) == 0.0
    assert what_fixes_bring([], 0.98, 80) == "No fix is known to be right 98% of the time here."
    fixes = [SafeFix(question, 0.99)]
    assert what_fixes_bring(fixes, 0.98, 80) == "1 merge and 0 splits put about 20 voxels right (25 %)."
    assert fixes[0].words.startswith("merge ") and fixes[0].words.endswith("20 voxels, 99% right")
