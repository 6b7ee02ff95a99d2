"""What a run has said, and what it came to: no window."""

import json

import pytest

from napari_emcad.finetuning.record import Outcome, Record


def score(step, voi, best=False):
    found = {"event": "score", "step": step, "voi": voi, "arand": voi / 10, "threshold": 0.4, "best": best}
    return found | {"model": "best.pt" if best else None}


def step(n, last=10):
    return {"event": "step", "step": n, "done": n / last, "seconds": 4.0 * n, "loss": 0.5, "parts": {"student": 1 / n}}


STARTED = {
    "event": "started",
    "device": "CPU",
    "losses": ["student"],
    "train_voxels": 9,
    "held_out_voxels": 3,
    "step": 0,
}
FINISHED = {"event": "finished", "why": "budget", "steps": 3, "seconds": 12.0, "model": "best.pt"}
RUN = [STARTED, score(0, 4.0), step(1), step(2), score(2, 3.0, True), step(3)]


def record_of(*events):
    record = Record()
    for event in events:
        record.take(event)
    return record


def test_where_it_is():
    record = record_of({"event": "stage", "text": "loading the networks"})
    assert record.progress_text == "loading the networks ..."
    record = record_of(*RUN)
    assert record.progress_text == "step 3, 0:28 left"
    assert record.losses == {"student": [(1, 1.0), (2, 0.5), (3, 1 / 3)]}
    assert (record.before.voi, record.best.voi, record.best.step) == (4.0, 3.0, 2)
    assert "VOI 4.00 bits, ARAND 0.400 before; best so far VOI 3.00 bits, ARAND 0.300 at step 2" in record.scores_text


def test_steps_that_were_lost_are_made_again():
    record = record_of(*RUN, STARTED | {"step": 1}, step(2), step(3))
    assert record.losses == {"student": [(1, 1.0), (2, 0.5), (3, 1 / 3)]}
    assert record.best.step == 2


def test_events_of_other_kinds_are_left_out():
    record = record_of(*RUN, {"event": "weather", "text": "rain"})
    assert record.step == 3


@pytest.mark.parametrize(
    ("events", "has_model", "can_keep", "words"),
    [
        ([*RUN, FINISHED], True, True, "VOI 4.00 -> 3.00 bits, ARAND 0.400 -> 0.300 on the held-out crops; 3 steps"),
        (RUN, True, True, "3 steps in 12 s, not finished"),
        ([STARTED, score(0, 4.0), step(1), score(1, 4.5), FINISHED], False, False, "has not helped (1 step in 4.0 s)"),
        ([STARTED, score(0, 4.0), step(1), score(1, 4.5), FINISHED], False, False, "VOI 4.00 bits, ARAND 0.400 on"),
        ([STARTED, step(1), FINISHED], True, True, "nothing is held out, so there are no scores"),
        ([STARTED], False, False, "No network to keep yet: 0 steps"),
    ],
)
def test_what_it_came_to(tmp_path, events, has_model, can_keep, words):
    if has_model:
        (tmp_path / "best.pt").touch()
        (tmp_path / "events.jsonl").write_text("\n".join(json.dumps(event) for event in events))
    outcome = Outcome.of(record_of(*events), tmp_path)
    assert outcome.can_keep is can_keep
    assert words in outcome.sentence


def test_a_run_of_another_day_whose_last_line_was_cut_off(tmp_path):
    lines = [json.dumps(event) for event in RUN]
    (tmp_path / "events.jsonl").write_text("\n".join([*lines, '{"event": "st']))
    record = Record.of(tmp_path)
    assert (record.step, record.best.voi) == (3, 3.0)
    assert Record.of(tmp_path / "nowhere").step == 0
