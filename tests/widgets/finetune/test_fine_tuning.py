"""A run from its start to what becomes of it, without a window and without a child."""

import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.finetuning.folder import read_order
from napari_emcad.io.training_crops import load_crops
from napari_emcad.networks import zoo
from napari_emcad.networks.zoo import available_models


@pytest.fixture
def ready(hand):
    """A hand with crops to learn from."""
    hand.add_truth()
    return hand


def test_from_labels_to_a_model_of_ones_own(ready, own_runs, model):
    ready.train()
    folder = own_runs / "001"
    train, held_out = load_crops(folder / "train"), load_crops(folder / "held_out")
    order = read_order(folder)
    assert (order.student, order.teacher, order.parameters.minutes) == (model, None, 2.0)
    assert order.about["voxel_size"] == [40, 5, 6]
    np.testing.assert_array_equal(np.concatenate([train[0].raw, held_out[0].raw], 2), ready.sources.stack.data)
    gain = "VOI 4.89 -> 0.23 bits, ARAND 0.489 -> 0.023 on the held-out crops; 20 steps in 2.0 s."
    decision = ready.fine_tuning.decision
    assert decision.sentence == gain and ready.message == decision.words
    assert decision.crops == ("truth",) and decision.name == "tiny stack" and decision.is_open
    assert "Keep or discard" in ready.why_not
    ready.keep("tiny truth")
    assert ready.message == 'Kept as "tiny truth" and chosen under Segment.'
    assert ready.desk.model.path == ready.fine_tuning.decision.model == available_models()["tiny truth"]
    assert not folder.exists() and not ready.fine_tuning.decision.is_open
    assert ready.fine_tuning.decision.sentence == f'{gain} Kept as "tiny truth".'
    assert ready.why_not == ""
    assert available_models()["tiny truth"] in ready.networks.student.offers.values()


def test_before_and_after_are_compared_also_once_the_run_has_gone(ready, own_runs):
    comparison = ready.fine_tuning.comparison
    ready.train()
    ready.fine_tuning.compare(0)
    assert not comparison.view.is_shown
    ready.loop.work()
    assert comparison.view.is_shown and comparison.wanted == 0
    before = ready.viewer.layers["before, VOI 4.89 bits"]
    start = load_crops(own_runs / "001" / "train")[0].raw.shape[2]
    np.testing.assert_allclose(before.translate, np.add((400, 50, 60), (0, 0, 6 * start)))
    ready.keep("mine")
    ready.fine_tuning.compare(None)
    assert not comparison.view.is_shown and comparison.wanted is None
    ready.fine_tuning.compare(0)
    assert comparison.view.is_shown
    asked = []
    ready.fine_tuning.segment_again.connect(asked.append)
    ready.fine_tuning.segment_with_it()
    assert asked == [available_models()["mine"]] and not comparison.view.is_shown


def test_a_held_out_crop_that_is_damaged(ready, own_runs):
    ready.train()
    (own_runs / "001" / "held_out_0.npz").write_bytes(b"no")
    ready.fine_tuning.compare(0)
    ready.loop.work()
    assert "the held-out crop could not be read" in ready.message
    assert not ready.fine_tuning.comparison.view.is_shown
    ready.keep("mine")
    assert "mine" in available_models()


def test_a_session_keeps_its_runs_until_they_are_decided_on(at_work):
    folder = at_work.desk.sessions.current.opened.folder / "finetune" / "001"
    at_work.do(4)
    at_work.setup.add(at_work.sources.stack_places)
    at_work.train()
    assert "2 neurons done" in read_order(folder).about["data"]
    assert (folder / "best.pt").exists()
    at_work.fine_tuning.discard()
    assert not folder.exists() and "Discarded" in at_work.message
    assert at_work.why_not == "" and at_work.fine_tuning.decision is None


def test_uncorrected_sections_are_written_as_a_crop_of_which_nothing_is_known(ready, own_runs):
    ready.setup.uses_uncorrected = True
    ready.train()
    folder = own_runs / "001"
    assert read_order(folder).parameters.consistency == "ema"
    labelled, uncorrected = load_crops(folder / "train")
    assert labelled.voxels_known and not uncorrected.voxels_known
    np.testing.assert_array_equal(uncorrected.raw, ready.sources.stack.data)


def test_stacks_of_other_dtypes(hand, open_stack, stack, own_runs):
    hand.desk.stack.layer = open_stack(stack.astype(np.uint16) * 200 + 5, name="deep grey")
    hand.add_truth()
    hand.train()
    raw = load_crops(own_runs / "001" / "train")[0].raw
    assert raw.dtype == np.float32
    assert raw.min() >= 0 and raw.max() <= 1 and raw.std() > 0.2


# ---- teachers ------------------------------------------------------------------------------------------------------


@pytest.fixture
def jointly(ready, teacher):
    """Student and teacher have learnt."""
    ready.open_teacher(teacher)
    ready.networks.mode = "joint"
    ready.train()
    return ready


def test_a_teacher_that_learns_is_kept_too(jointly):
    jointly.keep("mine")
    assert {"mine", "mine teacher"} <= available_models().keys()
    assert jointly.message == 'Kept as "mine" and chosen under Segment. Its teacher is kept as "mine teacher".'


def test_where_the_teacher_cannot_be_kept_nothing_is_and_the_name_stays_free(jointly, monkeypatch):
    keep, before = zoo.keep_model, set(available_models())

    def full(weights, name):
        if "teacher" in name:
            raise UserError("model: it could not be written (No space left on device); make room.")
        return keep(weights, name)

    with monkeypatch.context() as patched:
        patched.setattr(zoo, "keep_model", full)
        jointly.keep("mine")
    assert "No space left" in jointly.message and set(available_models()) == before
    jointly.keep("mine")
    assert {"mine", "mine teacher"} <= available_models().keys()


# ---- runs that are stopped, and that end otherwise -----------------------------------------------------------------


def test_stop_keeps_what_is_best_and_the_run_goes_on(ready, way, own_runs):
    way("slow")
    assert ready.fine_tuning.start_words == "Start"
    ready.train_until_step(6)
    assert "left" in ready.progress.words and ready.fine_tuning.start_words == "Stop"
    ready.fine_tuning.stop()
    assert ready.fine_tuning.start_words == "End at once" and ready.progress.words.startswith("stopping: ")
    ready.loop.work()
    assert ready.progress.record.finished["why"] == "stopped" and not ready.fine_tuning.decision.why_not_keep
    way("better")
    ready.fine_tuning.go_on()
    assert ready.fine_tuning.decision is None and ready.fine_tuning.running
    ready.loop.work()
    assert "20 steps" in ready.fine_tuning.decision.sentence
    assert read_order(own_runs / "001").parameters.minutes > 2


def test_ended_at_once(ready, way):
    way("slow")
    ready.train_until_step(6)
    ready.fine_tuning.stop()
    ready.fine_tuning.stop()
    ready.loop.work()
    assert "not finished" in ready.message and not ready.fine_tuning.decision.why_not_keep


def test_stopped_while_the_crops_are_read(ready, own_runs):
    ready.fine_tuning.start()
    ready.loop.step()
    ready.fine_tuning.stop()
    ready.loop.work()
    assert ready.message == "Stopped: nothing was trained."
    assert not list(own_runs.iterdir()) and ready.why_not == ""


@pytest.mark.parametrize(
    ("name", "words", "can_keep"),
    [
        ("killed", "training: the system ended it, most likely for want of memory; what was best", True),
        ("raises", "ValueError: what nobody foresaw", True),
        ("worse", "Fine-tuning has not helped (20 steps in 2.0 s)", False),
    ],
)
def test_runs_that_end_otherwise(ready, way, name, words, can_keep):
    way(name)
    ready.train()
    assert words in ready.message
    decision = ready.fine_tuning.decision
    assert (decision.why_not_keep == "") is can_keep and (decision.name != "") is can_keep
    if name == "raises":
        assert "Traceback" in ready.desk.message.details
    if not can_keep:
        ready.keep("mine")
        assert "no network here that is better" in ready.message and "mine" not in available_models()
    ready.fine_tuning.discard()
    assert ready.why_not == ""


def test_a_run_that_fails_at_once_leaves_nothing_behind(ready, way, own_runs):
    way("fails")
    ready.train()
    assert ready.message == "student: this file is a teacher; choose a student."
    assert not (own_runs / "001").exists()
    assert ready.why_not == "" and ready.names == ["truth"] and ready.fine_tuning.decision is None


def test_a_full_disk(ready, own_runs, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("napari_emcad.io.training_crops.np.savez", full)
        ready.train()
    assert "run: disk full, about 1 MB are needed" in ready.message and not list(own_runs.iterdir())
    ready.train()
    with monkeypatch.context() as patch:
        patch.setattr("napari_emcad.io.put_in_place.os.fsync", full)
        ready.keep("mine")
    assert ready.desk.message.kind == "error" and "mine" not in available_models()
    ready.keep("mine")
    assert "mine" in available_models()


def test_names_that_cannot_be(ready):
    ready.train()
    for name, words in (("", "name"), ("bundled", "belongs to the package"), ("a/b", "name")):
        ready.keep(name)
        assert words in ready.message and ready.fine_tuning.decision.is_open


def test_one_thing_at_a_time(ready, own_runs):
    ready.fine_tuning.go_on()
    ready.fine_tuning.discard()
    ready.fine_tuning.segment_with_it()
    assert not ready.fine_tuning.running
    ready.fine_tuning.start()
    ready.loop.step()
    ready.fine_tuning.start()
    assert ready.message == "A job of fine-tuning is running."
    ready.loop.work()
    assert [folder.name for folder in own_runs.iterdir()] == ["001"]
    ready.fine_tuning.keep("mine")
    ready.fine_tuning.discard()
    ready.fine_tuning.go_on()
    ready.fine_tuning.compare(0)
    ready.loop.work()
    assert "mine" in available_models()


# ---- runs of another day -------------------------------------------------------------------------------------------


def test_a_run_in_another_window_is_left_alone_until_that_is_closed(ready, way, new_hand, own_runs):
    way("slow")
    ready.train_until_step(6)
    other = new_hand()
    other.fine_tuning.prepare()
    assert other.fine_tuning.decision is None
    ready.close()
    attention = []
    third = new_hand()
    third.fine_tuning.attention.connect(lambda: attention.append(third.message))
    third.fine_tuning.prepare()
    assert len(attention) == 1 and "A fine-tuning run was left here" in attention[0]
    assert not third.fine_tuning.decision.why_not_keep
    way("better")
    third.fine_tuning.go_on()
    third.loop.work()
    assert "20 steps in 2.0 s." in third.fine_tuning.decision.sentence
    third.fine_tuning.compare(0)  # its stack is not open here
    third.loop.work()
    assert third.fine_tuning.comparison.view.is_shown


def test_a_run_of_a_session_is_offered_when_it_is_opened_again(at_work, way, new_hand):
    way("killed")
    at_work.do(4)
    at_work.setup.add(at_work.sources.stack_places)
    at_work.train()
    folder = at_work.desk.sessions.current.opened.folder
    at_work.close()
    at_work.desk.sessions.end()
    other = new_hand()
    other.desk.sessions.open(folder)
    other.loop.settle()
    assert "A fine-tuning run was left here" in other.message
    assert "7 steps in 0.7 s, not finished" in other.fine_tuning.decision.sentence


def test_two_desks_do_not_share(ready, new_hand):
    other = new_hand()
    ready.train()
    assert other.names == [] and other.fine_tuning.decision is None
