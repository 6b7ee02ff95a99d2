"""The panel Fine-tune, with a trainer that only pretends."""

import os
from pathlib import Path

import fake_trainer
import numpy as np
import pytest
from proofreading_hands import column

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.finetuning.folder import read_order
from napari_emcad.io.training_crops import load_crops
from napari_emcad.networks import zoo
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.zoo import available_models
from napari_emcad.training.params import TrainingParameters
from napari_emcad.widgets.finetune import sources as finetune_sources
from napari_emcad.widgets.finetune.crop_places import NoTruth, Role
from napari_emcad.workers import training as trainer

FAKES = str(Path(fake_trainer.__file__).parent)

pytestmark = pytest.mark.window


class Hand:
    """What a person does with the panel of a window."""

    def __init__(self, window):
        self.desk, self.viewer, self.wait = window, window.viewer, window.wait
        self.panel = window.dock.finetune
        window.dock.sections["finetune"].open()

    @property
    def message(self) -> str:
        return self.desk.message

    @property
    def names(self) -> list[str]:
        return [place.name for place in self.panel.crops.places]

    @property
    def roles(self) -> list[str]:
        return [row.role.currentText() for row in self.panel.crops.rows]

    @property
    def why_not(self) -> str:
        assert self.panel.start_button.isEnabled() is not bool(self.panel.why_not)
        return self.panel.start_button.toolTip() if self.panel.why_not else ""

    def do(self, fragment: int) -> None:
        """Tick the neuron of a fragment as done."""
        proofread = self.desk.dock.proofread
        proofread.editor.at.selection.select(proofread.editor.at.neuron_at(column(fragment)))
        proofread.editor.edits.toggle_done()

    def draw(self, box: Box) -> None:
        """Draw a box on its first section, and ask for all of its sections."""
        sources, (z, y, x) = self.panel.sources, box.start
        if "box" not in self.viewer.layers:
            sources.region_choice.draw_button.click()
        y1, x1 = (n - 1 for n in box.stop[1:])
        self.viewer.layers["box"].add_rectangles(np.array([[z, y, x], [z, y, x1], [z, y1, x1], [z, y1, x]], float))
        sources.region.sections = (z, box.stop[0] - 1)

    def add_truth(self) -> None:
        """Labels over all of the stack, known everywhere."""
        stack = self.panel.sources.stack
        labels = np.indices(stack.data.shape)[2] // 8 + 1
        layer = self.viewer.add_labels(labels, name="truth", scale=stack.scale, translate=stack.translate)
        self.panel.sources._on_labels(layer, False)

    def start(self) -> None:
        self.panel.start_button.click()
        self.wait(lambda: self.panel.progress.running or not self.panel.running)

    def end(self) -> None:
        self.wait(lambda: not self.panel.running)

    def train(self) -> None:
        self.start()
        self.end()

    def until_step(self, n: int) -> None:
        self.wait(lambda: self.panel.progress.record.step >= n)


@pytest.fixture
def way(monkeypatch):
    """Which way the trainer goes."""
    monkeypatch.setattr(trainer, "train_in_child", fake_trainer.train_in_child)
    monkeypatch.setenv("PYTHONPATH", FAKES, prepend=os.pathsep)
    return lambda name: monkeypatch.setenv("FAKE_TRAINER", name)


@pytest.fixture
def hand(window, stack, model, way):
    """A stack, and nothing segmented."""
    window.open(stack, translate=(400, 50, 60))
    made = Hand(window)
    made.panel.models.student.open_file(model)
    made.wait(lambda: made.panel.models.student.card is not None)
    return made


@pytest.fixture
def at_work(proofreading, model, way):
    """A session, the first neuron of which is done."""
    made = Hand(proofreading)
    made.panel.models.student.open_file(model)
    made.wait(lambda: made.panel.models.student.card is not None)
    made.do(1)
    return made


# ---- crops ---------------------------------------------------------------------------------------------------------


def test_before_anything_is_there(window, way):
    hand = Hand(window)
    assert hand.why_not == "Open a stack first, or the sample."
    for button in (hand.panel.sources.box_button, hand.panel.sources.done_button, hand.panel.sources.labels_button):
        assert not button.isEnabled()
        assert button.toolTip()
    assert "No crops yet" in hand.panel.crops._facts.text()


def test_a_box_of_a_session(at_work):
    crops = at_work.panel.crops
    at_work.draw(Box((0, 4, 5), (3, 44, 45)))
    at_work.panel.sources.box_button.click()
    assert at_work.names == ["box"]
    row, place = crops.rows[0], crops.places[0]
    assert (place.box.start, place.box.stop) == ((0, 4, 5), (3, 44, 45))
    share = 25 / 40  # columns 5 to 29 are of the neuron that is done
    assert place.share == pytest.approx(share)
    assert row.facts.text() == "3 x 40 x 40, 62 % verified"
    row.all_checked.click()
    assert crops.rows[0].facts.text() == "3 x 40 x 40, 100 % verified"
    at_work.panel.sources.box_button.click()
    assert at_work.message == "crops: these are listed already."
    crops.rows[0].remove_button.click()
    assert at_work.names == []


def test_what_is_done_later_counts(at_work):
    at_work.draw(Box((0, 4, 0), (3, 44, 60)))
    at_work.panel.sources.box_button.click()
    at_work.do(4)
    at_work.wait(lambda: at_work.panel.crops.rows[0].facts.text().endswith("100 % verified"))


def test_done_neurons_and_last_edits(at_work):
    sources = at_work.panel.sources
    sources.edits_button.click()
    assert "nothing has been merged, split or detached yet" in at_work.message
    sources.done_button.click()
    neuron = at_work.desk.dock.proofread.editor.at.selection.last
    assert at_work.names == [f"neuron {neuron}"]
    at_work.desk.dock.proofread.editor.edits.toggle_done()
    sources.done_button.click()
    assert "no neuron is done" in at_work.message
    at_work.desk.desk.sessions.end()
    assert not sources.done_button.isEnabled()
    assert 'Press "Start proofreading" first' in sources.done_button.toolTip()


def test_a_session_that_begins_later_tells_what_is_true(at_work):
    at_work.desk.desk.sessions.end()
    at_work.draw(Box((0, 4, 0), (3, 44, 60)))
    at_work.panel.sources.box_button.click()
    row = at_work.panel.crops.rows[0]
    assert isinstance(at_work.panel.crops.places[0].truth, NoTruth)
    assert not row.all_checked.isEnabled()
    assert "Nobody has said" in row.all_checked.toolTip()
    assert 'Nothing is verified in "box"' in at_work.why_not
    at_work.desk.desk.sessions.start()
    at_work.wait(lambda: at_work.panel.crops.places[0].share == 0.5)


def test_labels_from_elsewhere(hand):
    sources = hand.panel.sources
    hand.add_truth()
    assert hand.names == ["truth"]
    sources._fill_menu()
    assert [a.text() for a in sources._menu.actions()] == ["truth", "truth, within the box"]
    assert not sources._menu.actions()[1].isEnabled()
    hand.draw(Box((0, 4, 5), (3, 44, 45)))
    sources._fill_menu()
    sources._menu.actions()[1].trigger()
    assert hand.names == ["truth", "truth 2"]
    assert hand.panel.crops.places[1].box == Box((0, 4, 5), (3, 44, 45))
    hand.viewer.layers.remove("truth")
    assert hand.names == []
    assert 'The crops in "truth" have gone with it.' in hand.message


def test_roles_are_chosen_and_can_be_changed(hand):
    hand.add_truth()
    crops = hand.panel.crops
    assert hand.roles == [Role.BOTH.value]
    crops.rows[0].role.setCurrentIndex(crops.rows[0].role.findData(Role.TRAIN))
    assert not crops.automatic.isChecked()
    assert hand.roles == ["train"]
    assert "Nothing verified is held out" in hand.why_not
    crops.rows[0].role.setCurrentIndex(crops.rows[0].role.findData(Role.HOLD_OUT))
    assert "All crops are held out" in hand.why_not
    crops.automatic.setChecked(True)
    assert hand.roles == [Role.BOTH.value]
    assert hand.why_not == ""


def test_a_double_click_goes_there(hand, qtbot):
    hand.draw(Box((1, 4, 5), (3, 44, 45)))
    hand.panel.sources.box_button.click()
    row = hand.panel.crops.rows[0]
    row.show_button.click()
    layer = hand.viewer.layers["crop box"]
    assert [int(shape[0, 0]) for shape in layer.data] == [1, 2]
    np.testing.assert_array_equal(np.unique(layer.data[0][:, 1:], axis=0), [[4, 5], [4, 44], [43, 5], [43, 44]])
    np.testing.assert_allclose(layer.translate, (400, 50, 60))
    assert layer not in hand.panel.sources.region.shapes.offers
    row.shown.emit()
    assert sum(layer.name.startswith("crop ") for layer in hand.viewer.layers) == 1
    row.remove_button.click()
    assert "crop box" not in hand.viewer.layers


# ---- student, teacher, mode ----------------------------------------------------------------------------------------


def test_a_teacher_brings_its_mode(hand, teacher):
    models = hand.panel.models
    items = [models.mode_combo.model().item(i) for i in range(models.mode_combo.count())]
    modes = [models.mode_combo.itemData(i) for i in range(models.mode_combo.count())]
    assert {mode for mode, item in zip(modes, items, strict=True) if item.isEnabled()} == {"student", "restore"}
    models.teacher.open_file(teacher)
    assert models.mode == "frozen-teacher"
    assert all(item.isEnabled() for item in items)
    assert "also teaches where nothing is verified" in models._words.text()
    models.teacher.path = None
    assert models.mode == "student"


def test_student_and_teacher_swapped(hand, model, teacher):
    models = hand.panel.models
    hand.add_truth()
    models.student.open_file(teacher)
    hand.wait(lambda: models.student.card is not None)
    assert hand.why_not == "A student is needed, deep.ckpt is a teacher; choose it as the teacher."
    models.teacher.open_file(model)
    hand.wait(lambda: models.teacher.card is not None)
    swapped = "Student and teacher are swapped: choose tiny.pt as the student and deep.ckpt as the teacher."
    assert hand.why_not == swapped
    hand.panel.start()
    assert hand.message == swapped


def test_a_file_that_is_no_model(hand, tmp_path):
    (tmp_path / "no.pt").write_bytes(b"no")
    hand.add_truth()
    hand.panel.models.student.open_file(tmp_path / "no.pt")
    hand.wait(lambda: bool(hand.why_not))
    assert hand.why_not == "This file is no model; choose another one."


def test_what_the_trainer_is_told(hand):
    budget = hand.panel.budget
    assert budget.parameters("student") == TrainingParameters(minutes=2)
    for field, value in ((budget.minutes, 0.5), (budget.steps, 7), (budget.batch, 2), (budget.crop_size, 100)):
        field.setValue(value)
    budget.loss.setCurrentIndex(1)
    told = budget.parameters("distil")
    assert told.loss == "malis"
    assert (told.mode, told.minutes, told.steps, told.batch, told.size) == ("distil", 0.5, 7, 2, 96)
    assert "0.5 min at most" in budget.takes.text()
    assert "~ 440 MB of memory" in budget.takes.text()


def test_a_teacher_teaches_in_the_whole_stack_too(hand, teacher):
    hand.add_truth()
    hand.panel.sources.stack_button.click()
    assert "Nothing is verified" in hand.why_not
    hand.panel.models.teacher.open_file(teacher)
    hand.wait(lambda: hand.panel.models.teacher.card is not None)
    assert hand.why_not == ""
    hand.panel.crops.put(hand.panel.crops.places[1:])
    assert "Nothing is verified" in hand.why_not


def test_uncorrected_sections_teach_at_a_tick(hand, own_runs, teacher):
    panel = hand.panel
    panel.uncorrected.setChecked(True)
    assert "Add a crop first" in hand.why_not
    hand.add_truth()
    assert len(hand.names) == 1 and hand.why_not == ""
    told = panel.crops._facts.text()
    assert told.startswith("1 crop to learn from") and told.endswith("; uncorrected sections teach, too.")
    memory = panel.budget.takes.text()
    hand.train()
    folder = own_runs / "001"
    assert read_order(folder).parameters.consistency == "ema"
    labelled, uncorrected = load_crops(folder / "train")
    assert labelled.voxels_known and not uncorrected.voxels_known
    np.testing.assert_array_equal(uncorrected.raw, panel.sources.stack.data)
    panel.discard()
    panel.models.teacher.open_file(teacher)
    hand.wait(lambda: panel.models.teacher.card is not None)
    assert panel._parameters().consistency == "off"  # there the teacher says what is in them
    panel.models.mode = "student"
    panel.uncorrected.setChecked(False)
    assert panel._parameters().consistency == "off" and len(panel.crops.plan.train) == 1
    assert panel.budget.takes.text() != memory


def test_of_a_large_stack_the_middle_teaches_uncorrected(hand, monkeypatch):
    monkeypatch.setattr(finetune_sources, "UNCORRECTED_SIDE", 40)
    monkeypatch.setattr(finetune_sources, "UNCORRECTED_VOXELS", 2 * 40 * 40)
    place = hand.panel.sources.uncorrected_place()
    assert place.box.shape == (2, 40, 40)
    whole = hand.panel.sources.stack.data.shape
    assert place.box.start == tuple((n - m) // 2 for n, m in zip(whole, (2, 40, 40), strict=True))


def test_distillation_needs_no_labels(hand, teacher):
    hand.panel.sources.stack_button.click()
    hand.panel.models.teacher.open_file(teacher)
    hand.wait(lambda: hand.panel.models.teacher.card is not None)
    assert "Nothing is verified" in hand.why_not
    hand.panel.models.mode = "distil"
    assert hand.why_not == ""


# ---- a run ---------------------------------------------------------------------------------------------------------


def test_from_labels_to_a_model_of_ones_own(hand, own_runs, model, qtbot):
    panel = hand.panel
    hand.add_truth()
    hand.train()
    folder = own_runs / "001"
    train, held_out = load_crops(folder / "train"), load_crops(folder / "held_out")
    order = read_order(folder)
    assert (order.student, order.teacher, order.parameters.minutes) == (model, None, 2.0)
    assert order.about["voxel_size"] == [40, 5, 6]
    stack = panel.sources.stack.data
    np.testing.assert_array_equal(np.concatenate([train[0].raw, held_out[0].raw], 2), stack)
    gain = "VOI 4.89 -> 0.23 bits, ARAND 0.489 -> 0.023 on the held-out crops; 20 steps in 2.0 s."
    assert panel.outcome.words.text() == hand.message == gain
    assert "Keep or discard" in hand.why_not
    panel.outcome.compare_box.click()
    hand.wait(lambda: panel.comparison.view.is_shown)
    before = hand.viewer.layers["before, VOI 4.89 bits"]
    np.testing.assert_allclose(before.translate, np.add((400, 50, 60), (0, 0, 6 * train[0].raw.shape[2])))
    panel.outcome.name.setText("tiny truth")
    panel.outcome.keep_button.click()
    hand.end()
    assert hand.message == 'Kept as "tiny truth" and chosen under Segment.'
    assert hand.desk.desk.model.path == available_models()["tiny truth"]
    assert not folder.exists()
    panel.outcome.compare_box.click()
    assert not panel.comparison.view.is_shown
    panel.outcome.compare_box.click()
    assert panel.comparison.view.is_shown
    assert hand.why_not == ""
    with qtbot.waitSignal(panel.segment_again) as asked:
        panel.outcome.again_button.click()
    assert asked.args == [available_models()["tiny truth"]]
    assert not panel.comparison.view.is_shown
    hand.desk.idle()


def test_a_session_keeps_its_runs_until_they_are_decided_on(at_work):
    folder = at_work.desk.desk.sessions.current.opened.folder
    at_work.do(4)
    at_work.panel.sources.stack_button.click()
    at_work.train()
    assert "2 neurons done" in read_order(folder / "finetune" / "001").about["data"]
    assert (folder / "finetune" / "001" / "best.pt").exists()
    at_work.panel.outcome.discard_button.click()
    assert not (folder / "finetune" / "001").exists()
    assert "Discarded" in at_work.message
    assert at_work.why_not == ""


def train_jointly(hand, teacher):
    hand.add_truth()
    models = hand.panel.models
    models.teacher.open_file(teacher)
    hand.wait(lambda: models.teacher.card is not None)
    models.mode = "joint"
    hand.train()


def test_a_teacher_that_learns_is_kept_too(hand, teacher):
    train_jointly(hand, teacher)
    hand.panel.outcome.name.setText("mine")
    hand.panel.outcome.keep_button.click()
    hand.end()
    assert {"mine", "mine teacher"} <= available_models().keys()
    assert hand.message == 'Kept as "mine" and chosen under Segment. Its teacher is kept as "mine teacher".'


def test_where_the_teacher_cannot_be_kept_nothing_is_and_the_name_stays_free(hand, teacher, monkeypatch):
    train_jointly(hand, teacher)
    keep, before = zoo.keep_model, set(available_models())

    def full(weights, name):
        if "teacher" in name:
            raise UserError("model: it could not be written (No space left on device); make room.")
        return keep(weights, name)

    with monkeypatch.context() as patched:
        patched.setattr(zoo, "keep_model", full)
        hand.panel.outcome.name.setText("mine")
        hand.panel.outcome.keep_button.click()
        hand.end()
    assert "No space left" in hand.message
    assert set(available_models()) == before
    hand.panel.outcome.keep_button.click()
    hand.end()
    assert {"mine", "mine teacher"} <= available_models().keys()


def test_stop_keeps_what_is_best(hand, way, own_runs):
    way("slow")
    hand.add_truth()
    hand.start()
    hand.until_step(6)
    assert "left" in hand.panel.progress.bar.format()
    assert hand.panel.start_button.text() == "Stop"
    hand.panel.start_button.click()
    assert hand.panel.start_button.text() == "End at once"
    hand.end()
    assert hand.panel.outcome.keep_button.isEnabled()
    way("better")
    hand.panel.outcome.go_on_button.click()
    hand.end()
    assert "20 steps" in hand.panel.outcome.words.text()
    assert read_order(own_runs / "001").parameters.minutes > 2


def test_ended_at_once(hand, way, monkeypatch):
    way("slow")
    hand.add_truth()
    hand.start()
    hand.until_step(6)
    hand.panel.start_button.click()
    hand.panel.start_button.click()
    hand.end()
    assert "not finished" in hand.message
    assert hand.panel.outcome.keep_button.isEnabled()


@pytest.mark.parametrize(
    ("name", "words", "can_keep"),
    [
        (
            "killed",
            "training: the system ended it, most likely for want of memory; what was best",
            True,
        ),
        ("raises", "training: ValueError: what nobody foresaw", True),
        ("worse", "Fine-tuning has not helped (20 steps in 2.0 s)", False),
    ],
)
def test_runs_that_end_otherwise(hand, way, name, words, can_keep):
    way(name)
    hand.add_truth()
    hand.train()
    assert words in hand.message
    assert hand.panel.outcome.isVisibleTo(hand.panel)
    assert hand.panel.outcome.keep_button.isEnabled() is can_keep
    assert hand.panel.outcome.keep_button.toolTip()
    if name == "raises":
        assert "Traceback" in hand.desk.desk.message.details
    hand.panel.outcome.discard_button.click()
    assert hand.why_not == ""


def test_a_run_that_fails_at_once_leaves_nothing_behind(hand, way, own_runs):
    way("fails")
    hand.add_truth()
    hand.train()
    assert hand.message == "student: this file is a teacher; choose a student."
    assert not (own_runs / "001").exists()
    assert hand.why_not == ""
    assert hand.names == ["truth"]


def test_a_full_disk(hand, own_runs, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    hand.add_truth()
    with monkeypatch.context() as patch:
        patch.setattr("napari_emcad.io.training_crops.np.savez", full)
        hand.train()
    assert "No space left on device" in hand.message
    assert not list(own_runs.iterdir())
    hand.train()
    with monkeypatch.context() as patch:
        patch.setattr("napari_emcad.networks.zoo.replace_files", full)
        hand.panel.outcome.name.setText("mine")
        hand.panel.outcome.keep_button.click()
        hand.end()
    assert hand.desk.desk.message.kind == "error"
    assert "mine" not in available_models()
    hand.panel.outcome.keep_button.click()
    hand.end()
    assert "mine" in available_models()


def test_names_that_cannot_be(hand, model):
    hand.add_truth()
    hand.train()
    for name, words in (("", "name"), ("bundled", "belongs to the package"), ("a/b", "name")):
        hand.panel.outcome.name.setText(name)
        hand.panel.outcome.keep_button.click()
        hand.end()
        assert words in hand.message
        assert hand.panel.outcome.keep_button.isEnabled()


# ---- windows closed and opened -------------------------------------------------------------------------------------


def test_a_window_closed_in_mid_training_asks_and_loses_nothing(hand, way, own_runs, new_window, model, monkeypatch):
    way("slow")
    hand.add_truth()
    hand.start()
    hand.until_step(6)
    asked = []
    monkeypatch.setattr("napari_emcad.widgets.dock.QMessageBox.question", lambda *a: asked.append(a[2]))
    assert not hand.desk.dock._may_stop()
    assert "Fine-tuning: step" in asked[0]
    other = new_window()
    other.dock.finetune.prepare()
    assert not other.dock.finetune.outcome.isVisibleTo(other.dock.finetune)  # another window works on it
    hand.desk.dock.release()
    assert not hand.panel.progress.running
    third = Hand(new_window())
    third.panel.prepare()
    assert third.panel.outcome.isVisibleTo(third.panel)
    assert third.panel.outcome.keep_button.isEnabled()
    assert "A fine-tuning run was left here" in third.message
    way("better")
    third.panel.outcome.go_on_button.click()
    third.end()
    assert "20 steps in 2.0 s." in third.panel.outcome.words.text()
    third.panel.outcome.compare_box.click()  # its stack is not open here
    third.wait(lambda: third.panel.comparison.view.is_shown)


def test_a_run_of_a_session_is_offered_when_it_is_opened_again(at_work, way):
    way("killed")
    at_work.do(4)
    at_work.panel.sources.stack_button.click()
    at_work.train()
    proofread = at_work.desk.dock.proofread
    folder = proofread.editor.at.opened.folder
    at_work.panel._run.release()  # as though napari had been killed, too
    at_work.panel._run = None
    at_work.panel._clear()
    at_work.panel._looked_in.clear()
    at_work.desk.desk.sessions.end()
    at_work.desk.desk.sessions.open(folder)
    at_work.wait(lambda: at_work.panel.outcome.isVisibleTo(at_work.panel))
    assert "A fine-tuning run was left here" in at_work.message
    assert "7 steps in 0.7 s, not finished" in at_work.panel.outcome.words.text()
    button = at_work.panel.sources.done_button  # the session's stack was not found: its affinities stand for it
    assert not button.isEnabled()
    assert button.toolTip() == 'Choose "stack [1]" as the stack: it is what is being proofread.'


def test_two_docks_do_not_share(hand, new_window, stack):
    hand.add_truth()
    other = Hand(new_window())
    other.desk.open(stack)
    assert other.names == []
    hand.train()
    assert not other.panel.outcome.isVisibleTo(other.panel)


def test_stacks_of_other_dtypes(window, way, model, own_runs, stack):
    window.open(stack.astype(np.uint16) * 200 + 5)
    hand = Hand(window)
    hand.panel.models.student.open_file(model)
    hand.add_truth()
    hand.train()
    raw = load_crops(own_runs / "001" / "train")[0].raw
    assert raw.dtype == np.float32
    assert raw.min() >= 0
    assert raw.max() <= 1
    assert raw.std() > 0.2


def test_labels_of_another_shape(hand, stack):
    layer = hand.viewer.add_labels(np.ones((3, 40, 64), int), name="short")
    hand.panel.sources._on_labels(layer, False)
    assert hand.message.startswith('labels: voxels of "stack"')
    assert hand.names == []


def test_a_crop_that_is_too_small(hand):
    hand.draw(Box((0, 4, 5), (1, 44, 45)))
    hand.panel.sources.box_button.click()
    assert "at least 2 sections of 32 x 32 pixels are needed, got 1 x 40 x 40" in hand.message


def test_the_card_of_a_parent_is_kept(hand, model):
    assert isinstance(hand.panel.models.learner.card, ModelCard)
    assert hand.panel.models.learner is hand.panel.models.student
