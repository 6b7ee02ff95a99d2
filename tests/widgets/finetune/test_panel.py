"""The panel Fine-tune: its fields and buttons over a desk without a window, and what napari itself is needed for."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from finetuning_hands import FineTuningHand
from qtpy.QtCore import Qt

from napari_emcad.core.geometry import Box
from napari_emcad.networks.zoo import available_models
from napari_emcad.widgets.finetune.crop_places import Role
from napari_emcad.widgets.finetune.panel import FineTunePanel

pytestmark = pytest.mark.window
DRAWN = Box((0, 4, 5), (3, 44, 45))


@pytest.fixture
def empty(qtbot, desk, way):
    """A panel on a desk without a stack."""
    panel = FineTunePanel(desk)
    qtbot.addWidget(panel)
    yield panel
    panel.close_panel()


@pytest.fixture
def panel(empty, desk, loop, open_stack, stack, model):
    """A panel with a stack, and nothing segmented."""
    open_stack(stack, translate=(400, 50, 60))
    empty.hand = FineTuningHand(desk, loop, model, empty.fine_tuning)
    return empty


def is_shown(panel, widget) -> bool:
    return widget.isVisibleTo(panel)


# ---- crops ---------------------------------------------------------------------------------------------------------


def test_before_anything_is_there(empty):
    assert not empty.start_button.isEnabled()
    assert empty.start_button.toolTip() == "Open a stack first, or the sample."
    for button in (empty.sources.box_button, empty.sources.done_button, empty.sources.labels_button):
        assert not button.isEnabled() and button.toolTip()
    assert "No crops yet" in empty.crops.facts.text()


def test_a_row_for_each_crop(panel):
    hand = panel.hand
    hand.add_truth()
    hand.draw(DRAWN)
    panel.sources.box_button.click()
    assert [row.name.text() for row in panel.crops.rows] == ["truth", "box"]
    truth, box = panel.crops.rows
    assert (truth.facts.text(), box.facts.text()) == ("3 x 48 x 64, 100 % verified", "3 x 40 x 40, 0 % verified")
    assert truth.all_checked.isEnabled() and not box.all_checked.isEnabled()
    assert "Nobody has said" in box.all_checked.toolTip()
    truth.all_checked.click()
    assert not hand.crops.places[0].all_checked
    panel.sources.box_button.click()
    assert hand.message == "crops: these are listed already."
    truth.remove_button.click()
    assert [row.name.text() for row in panel.crops.rows] == ["box"]


def test_a_row_follows_the_session(empty, session, desk, loop, model):
    hand = FineTuningHand(desk, loop, model, empty.fine_tuning)
    hand.do(1)
    hand.draw(DRAWN)
    empty.sources.box_button.click()
    row = empty.crops.rows[0]
    assert row.facts.text() == "3 x 40 x 40, 62 % verified"
    for words in ("100 % verified", "62 % verified"):
        row.all_checked.click()
        assert row.facts.text() == f"3 x 40 x 40, {words}"
    hand.do(4)
    loop.rest()
    assert empty.crops.rows[0].facts.text() == "3 x 40 x 40, 100 % verified"
    empty.sources.done_button.click()
    assert [row.name.text() for row in empty.crops.rows] == ["box", "neurons 1, 4"]
    empty.sources.edits_button.click()
    assert "nothing has been merged, split or detached yet" in hand.message
    for row in reversed(empty.crops.rows):
        row.remove_button.click()
    empty.sources.stack_button.click()
    assert hand.names == ["whole stack"]
    desk.sessions.end()
    assert not empty.sources.done_button.isEnabled()
    assert 'Press "Start proofreading" first' in empty.sources.done_button.toolTip()


def test_roles_are_chosen_and_can_be_changed(panel):
    panel.hand.add_truth()
    role = panel.crops.rows[0].role
    assert role.currentText() == "train + hold out"
    role.setCurrentIndex(role.findData(Role.TRAIN))
    assert not panel.crops.automatic.isChecked() and role.currentText() == "train"
    assert "Nothing verified is held out" in panel.start_button.toolTip()
    panel.crops.automatic.setChecked(True)
    assert role.currentText() == "train + hold out" and panel.start_button.isEnabled()


def test_show_and_a_double_click_go_there(panel, qtbot):
    panel.hand.add_truth()
    row = panel.crops.rows[0]
    row.show_button.click()
    qtbot.mouseDClick(row, Qt.MouseButton.LeftButton)
    assert [layer.name for layer in panel.hand.viewer.layers if layer.name.startswith("crop ")] == ["crop truth"]
    assert panel.hand.viewer.layers["crop truth"] not in panel.hand.sources.region.shapes.offers
    row.remove_button.click()
    assert "crop truth" not in panel.hand.viewer.layers


def test_labels_are_offered_whole_and_within_the_box(panel):
    layer = panel.hand.add_truth()
    panel.hand.crops.remove(0)
    panel.sources.menu.aboutToShow.emit()
    assert [action.text() for action in panel.sources.menu.actions()] == ["truth", "truth, within the box"]
    assert not panel.sources.menu.actions()[1].isEnabled()
    panel.sources.menu.actions()[0].trigger()
    panel.hand.draw(DRAWN)
    panel.sources.menu.aboutToShow.emit()
    panel.sources.menu.actions()[1].trigger()
    assert panel.hand.names == ["truth", "truth 2"] and panel.hand.crops.places[1].box == DRAWN
    assert layer in panel.hand.viewer.layers


def test_how_many_of_the_last_edits(panel):
    panel.sources.last.setValue(3)
    assert panel.hand.sources.last == 3


# ---- networks and budget -------------------------------------------------------------------------------------------


def test_a_teacher_brings_its_mode(panel, teacher):
    view, networks = panel.networks, panel.hand.networks
    model = view.mode.model()
    enabled = {view.mode.itemData(i) for i in range(view.mode.count()) if model.item(i).isEnabled()}
    assert enabled == {"student", "restore"}
    assert view.mode.itemData(view.mode.findData("joint"), Qt.ItemDataRole.ToolTipRole) == "Choose a teacher first."
    panel.hand.open_teacher(teacher)
    assert view.mode.currentData() == "frozen-teacher"
    assert all(model.item(i).isEnabled() for i in range(view.mode.count()))
    view.mode.setCurrentIndex(view.mode.findData("joint"))
    assert networks.mode == "joint"
    view.teacher.combo.setCurrentIndex(0)
    assert networks.teacher.path is None and view.mode.currentData() == "student"


def test_fields_of_the_budget(panel):
    form, budget = panel.budget, panel.hand.setup.budget
    for field, value in ((form.minutes, 0.5), (form.steps, 7), (form.batch, 3), (form.crop_size, 100), (form.seed, 4)):
        field.setValue(value)
    form.learning_rate.setValue(0.002)
    form.loss.setCurrentIndex(1)
    values = budget.values
    assert (values.minutes, values.steps, values.batch, values.size, values.seed) == (0.5, 7, 3, 96, 4)
    assert (values.learning_rate, values.loss) == (0.002, "malis")
    assert form.crop_size.value() == 96 and "0.5 min at most" in form.takes.text()
    form.crop_size.setValue(20)
    form.steps.setValue(0)
    assert (budget.values.size, budget.values.steps) == (None, None)
    assert (form.crop_size.text(), form.steps.text()) == ("by the mode", "no limit")
    budget.change(minutes=4.0, batch=None)
    assert form.minutes.value() == 4 and form.batch.text() == "by the mode"


def test_uncorrected_sections_at_a_tick(panel):
    panel.hand.add_truth()
    panel.uncorrected.setChecked(True)
    assert panel.hand.setup.uses_uncorrected
    assert panel.crops.facts.text().endswith("; uncorrected sections teach, too.")
    panel.hand.setup.uses_uncorrected = False
    assert not panel.uncorrected.isChecked()


# ---- a run ---------------------------------------------------------------------------------------------------------


def test_the_button_starts_stops_and_ends_at_once(panel, way):
    way("slow")
    panel.hand.add_truth()
    assert not is_shown(panel, panel.progress_view)
    panel.start_button.click()
    panel.hand.until(lambda: panel.progress.record.step >= 6)
    assert is_shown(panel, panel.progress_view.bar) and "left" in panel.progress_view.bar.format()
    assert panel.running and panel.start_button.text() == "Stop"
    panel.start_button.click()
    assert panel.start_button.text() == "End at once" and "Without a last score" in panel.start_button.toolTip()
    panel.start_button.click()
    panel.hand.loop.work()
    assert panel.start_button.text() == "Start" and not is_shown(panel, panel.progress_view.bar)
    assert is_shown(panel, panel.decision) and "not finished" in panel.decision.words.text()


def test_a_decision_and_its_buttons(panel):
    hand, decision = panel.hand, panel.decision
    hand.add_truth()
    assert not is_shown(panel, decision)
    hand.train()
    assert is_shown(panel, decision)
    assert hand.message == f'{decision.words.text()} Press "Keep" under Fine-tune to use it.'
    assert decision.name.text() == "tiny stack" and not is_shown(panel, decision.crop)
    decision.compare_box.click()
    hand.loop.work()
    assert hand.fine_tuning.comparison.view.is_shown
    decision.name.setText("mine")
    decision.keep_button.click()
    assert not decision.isEnabled()
    hand.loop.work()
    assert "mine" in available_models() and 'Kept as "mine"' in decision.words.text()
    assert is_shown(panel, decision.again_button) and not is_shown(panel, decision.keep_button)
    assert decision.compare_box.isChecked()
    asked = []
    panel.segment_again.connect(asked.append)
    decision.again_button.click()
    assert asked == [available_models()["mine"]] and not decision.compare_box.isChecked()
    hand.train()
    assert is_shown(panel, decision.keep_button) and not is_shown(panel, decision.again_button)
    decision.discard_button.click()
    assert not is_shown(panel, decision) and not is_shown(panel, panel.progress_view)


def test_one_of_several_crops_is_compared(panel):
    hand, decision = panel.hand, panel.decision
    layer = hand.add_truth()
    hand.crops.add(replace(place, box=Box((0, 0, 0), (3, 40, 64))) for place in hand.sources.labels_places(layer))
    for i in (0, 1):
        hand.crops.choose_role(i, Role.HOLD_OUT if i else Role.BOTH)
    hand.train()
    assert [decision.crop.itemText(i) for i in range(decision.crop.count())] == ["truth 2", "truth"]
    assert is_shown(panel, decision.crop)
    decision.crop.setCurrentIndex(1)
    assert not hand.fine_tuning.running
    decision.compare_box.click()
    hand.loop.work()
    assert hand.fine_tuning.comparison.wanted == 1
    decision.crop.setCurrentIndex(0)
    hand.loop.work()
    assert hand.fine_tuning.comparison.wanted == 0 and hand.fine_tuning.comparison.view.is_shown


def test_a_network_that_is_not_better_cannot_be_kept(panel, way):
    way("worse")
    panel.hand.add_truth()
    panel.hand.train()
    assert not panel.decision.keep_button.isEnabled() and not panel.decision.name.isEnabled()
    assert "no network here that is better" in panel.decision.keep_button.toolTip()
    panel.decision.go_on_button.click()
    assert panel.running and not is_shown(panel, panel.decision)
    panel.hand.loop.work()


# ---- in napari -----------------------------------------------------------------------------------------------------


@pytest.fixture
def at_hand(window, stack, model, in_child):
    """The dock of a window with a stack and crops; the trainer that only pretends is in a child."""
    source = window.open(stack, translate=(400, 50, 60))
    labels = np.indices(stack.shape)[2] // 8 + 1
    layer = window.viewer.add_labels(labels, name="truth", scale=source.scale, translate=source.translate)
    window.dock.sections["finetune"].open()
    setup = window.dock.finetune.fine_tuning.setup
    setup.networks.student.open_file(model)
    window.wait(lambda: setup.networks.student.card is not None)
    setup.add(lambda: setup.sources.labels_places(layer))
    return window


def test_trained_compared_kept_and_segmented_with(at_hand):
    panel = at_hand.dock.finetune
    panel.crops.rows[0].show_button.click()
    panel.start_button.click()
    at_hand.wait(lambda: panel.fine_tuning.decision is not None)
    assert "crop truth" not in at_hand.viewer.layers
    assert at_hand.message.endswith('Press "Keep" under Fine-tune to use it.')
    panel.decision.compare_box.click()
    at_hand.wait(lambda: panel.fine_tuning.comparison.view.is_shown)
    panel.decision.name.setText("mine")
    panel.decision.keep_button.click()
    at_hand.wait(lambda: not panel.running)
    assert at_hand.message == 'Kept as "mine" and chosen under Segment.'
    panel.decision.again_button.click()
    at_hand.idle()
    at_hand.settle()
    assert at_hand.result.card.sha256 == at_hand.desk.model.card.sha256
    assert not panel.fine_tuning.comparison.view.is_shown
    panel.crops.rows[0].show_button.click()
    at_hand.viewer.layers.remove("truth")
    assert panel.crops.rows == [] and "crop truth" not in at_hand.viewer.layers


def test_a_window_closed_in_mid_training_asks_and_loses_nothing(at_hand, in_child, own_runs, monkeypatch):
    in_child("slow")
    panel = at_hand.dock.finetune
    panel.start_button.click()
    at_hand.wait(lambda: panel.progress.record.step >= 6)
    asked = []
    monkeypatch.setattr("napari_emcad.widgets.dock.QMessageBox.question", lambda *a: asked.append(a[2]))
    assert not at_hand.dock._may_close(SimpleNamespace(spontaneous=lambda: True))
    assert "Fine-tuning: step" in asked[0]
    at_hand.dock.release()
    assert not panel.running
    (folder,) = own_runs.iterdir()
    assert '"why": "stopped"' in (folder / "events.jsonl").read_text() and (folder / "best.pt").exists()


def test_a_run_that_was_left_opens_the_section(at_hand, in_child, new_window):
    in_child("killed")
    at_hand.dock.finetune.start_button.click()
    at_hand.wait(lambda: at_hand.dock.finetune.fine_tuning.decision is not None)
    at_hand.dock.release()
    other = new_window()
    other.dock.finetune.prepare()
    assert other.dock.sections["finetune"].is_open
    assert is_shown(other.dock.finetune, other.dock.finetune.decision)
    assert "A fine-tuning run was left here" in other.message
