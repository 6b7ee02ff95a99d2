"""The list of safe fixes without a window."""

import pytest
from proofreading_hands import groups, sides

from napari_emcad.proofreading.review import safe_fixes


@pytest.fixture
def fixes(editing, monkeypatch):
    monkeypatch.setattr(safe_fixes, "precision_of", lambda question: 1.0 if question.kind == "join?" else 0.0)
    return editing.editor.fixes


def test_it_is_looked_for_gone_to_unticked_and_made_in_one_edit(editing, fixes):
    fixes.look()
    assert fixes.is_open and fixes.words.startswith("Looking") and not fixes.chosen
    editing.loop.work()
    assert len(fixes.fixes) == 1 and fixes.make_words == "Make 1 fix" and "1 merge and 0 splits" in fixes.words
    fixes.go_to(0)
    assert set(sides(editing).ravel().tolist()) >= {1, 2}
    fixes.tick(0, False)
    assert fixes.words == "Nothing is ticked." and fixes.make_words == "Make 0 fixes"
    fixes.tick(0, True)
    fixes.make()
    assert groups(editing) == [[1, 2, 3, 4, 5, 6]] and editing.rows == ["fix"] and not fixes.is_open
    assert editing.editor.attempts.toast == "safe fixes: 1 merge, 0 splits"
    editing.editor.edits.undo()
    assert groups(editing) == [[1, 2, 3], [4, 5, 6]]


def test_after_an_edit_meanwhile_the_list_is_made_anew(editing, fixes):
    fixes.look()
    editing.loop.work()
    editing.at.edit(lambda: editing.session.lock(int(editing.session.state.table[1])))
    fixes.make()
    editing.loop.work()
    assert editing.rows == ["lock"] and fixes.is_open and not fixes.fixes
    assert fixes.words == "No fix is known to be right 98% of the time here."
    fixes.leave()
    assert not fixes.is_open


def test_it_goes_with_the_session(editing, fixes):
    fixes.look()
    editing.desk.sessions.end()
    assert not fixes.is_open
