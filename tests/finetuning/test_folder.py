"""The folder of a run: what it refuses to hold, and what is read from it again."""

import json

import numpy as np
import pytest
from toy_crops import squares

from napari_emcad.core.crop import Crop, unlabelled_crop
from napari_emcad.core.errors import UserError
from napari_emcad.finetuning.folder import (
    EVENTS,
    TrainingOrder,
    best_model,
    note_event,
    read_events,
    read_order,
    teacher_beside,
    write_held_out_labels,
    write_run,
)
from napari_emcad.training.params import TrainingParameters


def order(mode="student", **parameters) -> TrainingOrder:
    return TrainingOrder(parameters=TrainingParameters(mode=mode, steps=3, **parameters), about={"title": "squares"})


GOOD = squares()
BAD = Crop(GOOD.raw, GOOD.labels, np.zeros(GOOD.raw.shape, bool), "box 1")
BLANK = unlabelled_crop(GOOD.raw, "blank")


@pytest.mark.parametrize(
    ("train", "held_out", "asked", "sentence"),
    [
        ([], [GOOD], {}, "crops: one to train on is needed, there is none; add a box, done neurons or edits."),
        ([GOOD], [], {}, "crops: one to hold out is needed, there is none; hold one out, or add another one."),
        ([BAD], [GOOD], {}, "box 1: nothing in it is labelled and verified; mark neurons in it as done."),
        ([GOOD], [BAD], {}, "box 1: nothing in it is labelled and verified; mark neurons in it as done."),
        ([GOOD, BAD], [GOOD], {}, "box 1: nothing in it is labelled and verified; mark neurons in it as done."),
        ([GOOD], [GOOD], {"mode": "distil"}, "teacher: this mode needs one (distillation: the student learns from"),
        (
            [GOOD],
            [GOOD],
            {"consistency": "ema"},
            "crops: sections that nobody has corrected are needed, all are; add a",
        ),
        ([BLANK], [GOOD], {"consistency": "ema"}, "crops: nothing is verified in any; mark neurons as done, or distil"),
    ],
)
def test_crops_and_modes_that_do_not_go_together(tmp_path, train, held_out, asked, sentence):
    with pytest.raises(UserError) as error:
        write_run(tmp_path / "run", order(**asked), train, held_out)
    assert str(error.value).startswith(sentence)
    assert not (tmp_path / "run").exists()


def test_an_order_comes_out_as_it_goes_in(tmp_path):
    write_run(tmp_path / "run", order(), [GOOD], [GOOD])
    assert read_order(tmp_path / "run") == order()


def test_a_folder_that_is_there_is_not_written(tmp_path):
    write_run(tmp_path / "run", order(), [GOOD], [GOOD])
    with pytest.raises(UserError, match="there is a run already; choose another folder, or go on with that one"):
        write_run(tmp_path / "run", order("teacher"), [GOOD], [GOOD])
    assert read_order(tmp_path / "run") == order()


def test_another_folder_is_no_run(tmp_path):
    with pytest.raises(UserError, match="this is no folder of a training run"):
        read_order(tmp_path)


def test_lines_that_are_no_events_are_left_out(tmp_path):
    assert read_events(tmp_path) == []
    first, last = ({"event": "stage", "text": text} for text in ("one", "two"))
    note_event(tmp_path, first)
    with (tmp_path / EVENTS).open("a") as notes:
        notes.write('{}\n3\n{"event": "ste\n')
    note_event(tmp_path, last)
    assert read_events(tmp_path) == [first, last]


def test_the_best_model_is_the_last_that_was_said_to_be(tmp_path):
    assert best_model(tmp_path) is None
    score = {"event": "score", "step": 1, "voi": 1.0, "arand": 0.1}
    scores = [{**score, "model": name} for name in ("best_1.pt", "best_2.pt", None, "../best_4.pt", "/best_5.pt")]
    (tmp_path.parent / "best_4.pt").touch()
    (tmp_path / EVENTS).write_text("".join(json.dumps(score) + "\n" for score in scores))
    assert best_model(tmp_path) is None  # said, but elsewhere, or not there
    (tmp_path / EVENTS).write_text("".join(json.dumps(score) + "\n" for score in scores[:3]))
    assert best_model(tmp_path) is None
    for name in ("best_1.pt", "best_2.pt", "best_3.pt"):
        (tmp_path / name).touch()
    assert best_model(tmp_path) == tmp_path / "best_2.pt"
    assert teacher_beside(tmp_path / "best_2.pt").name == "best_2_teacher.pt"


def test_labels_after_are_kept_beside_those_before(tmp_path):
    before, after, later = (np.full(GOOD.raw.shape, n, np.uint16) for n in (1, 2, 3))
    for when, labels in (("before", before), ("after", after), ("after", later)):
        write_held_out_labels(tmp_path, when, [GOOD], [labels])
    with np.load(tmp_path / "held_out_0.npz") as saved:
        assert list(saved) == ["raw", "truth", "before", "after"]
        np.testing.assert_array_equal(saved["raw"], GOOD.raw)
        np.testing.assert_array_equal(saved["truth"], GOOD.truth)
        np.testing.assert_array_equal(saved["before"], before)
        np.testing.assert_array_equal(saved["after"], later)


def test_a_full_disk_under_the_labels_leaves_those_of_before(tmp_path, monkeypatch):
    write_held_out_labels(tmp_path, "before", [GOOD], [GOOD.labels])

    def full(file, **_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("napari_emcad.finetuning.folder.np.savez", full)
        with pytest.raises(UserError, match=r"held_out_0\.npz: disk full, .* make room or use another disk"):
            write_held_out_labels(tmp_path, "after", [GOOD], [GOOD.labels])
    with np.load(tmp_path / "held_out_0.npz") as saved:
        assert "after" not in saved
    assert [file.name for file in tmp_path.iterdir()] == ["held_out_0.npz"]


ODD_EVENTS = [
    {"event": "step", "step": "1", "done": 0.5, "seconds": 1.0, "parts": {}},
    {"event": "step", "step": 1, "done": 0.5, "seconds": 1.0},
    {"event": "step", "step": 1, "done": float("nan"), "seconds": 1.0, "parts": {}},
    {"event": "step", "step": 1, "done": 0.5, "seconds": 1e300, "parts": {"student": 1.0}},
    {"event": "score", "step": 1, "voi": None, "arand": 0.1, "model": None},
    {"event": "started", "device": 3},
    {"event": "failed", "sentence": "x" * 100_000},
    {"event": ["step"]},
]


@pytest.mark.parametrize("event", ODD_EVENTS)
def test_what_tells_no_event_is_left_out(tmp_path, event):
    (tmp_path / EVENTS).write_text(json.dumps(event) + "\n")
    assert read_events(tmp_path) == []


def test_events_that_are_no_text_are_left_out_line_by_line(tmp_path):
    (tmp_path / EVENTS).write_bytes(b'\x80\x81\n{"event": "stage", "text": "one"}\n')
    assert read_events(tmp_path) == [{"event": "stage", "text": "one"}]
