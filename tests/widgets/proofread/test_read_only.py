"""A session that can only be looked at: no tool is shown that does nothing, and keys say why."""

import pytest

from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.views.body import ProofreadBody

WHY = "stack.emcad is being edited by Ann."


@pytest.fixture
def looking(editing):
    object.__setattr__(editing.at.opened, "why_read_only", WHY)
    return editing


@pytest.mark.parametrize("key", ["A", "D", "G", "R", "T", "Q", "O", "Control-Z", "Control-Shift-Z"])
def test_keys_that_edit_say_why_not(looking, key):
    before = looking.session.state.digest()
    looking.press(key)
    assert looking.said(WHY) and looking.editor.mode is Mode.SELECT
    assert looking.rows == [] and looking.session.state.digest() == before


def test_looking_goes_on(looking):
    assert looking.editor.words.startswith("This session is open to be looked at only. Click a neuron")
    looking.click(2)
    assert looking.at.selection.neurons
    looking.press("H")
    assert looking.at.hides_done


def test_no_tool_is_shown_that_does_nothing(looking, qtbot):
    body = ProofreadBody()
    qtbot.addWidget(body)
    body.begin(looking.editor)
    editing = (*body.modes.values(), body.undo_button, body.done_button, body.merge_button, body.mark_button)
    assert not any(one.isVisibleTo(body) for one in (*editing, body.undo_one_button, body.bring_button))
    assert all(one.isVisibleTo(body) for one in (body.neurons, body.view_button, body.end_button, body.hide_done))
    body.end()
