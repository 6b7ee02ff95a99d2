"""Jobs that write a session and open one, without a window."""

import numpy as np
import pytest

from napari_emcad.core.progress import drive
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.widgets.desk.opening import facts_of, open_job, write_job


@pytest.fixture
def folder(tmp_path, drawn_result):
    """A session that is written and let go of."""
    result = drawn_result
    return drive(write_job(tmp_path / "new.emcad", result.segmentation, result.affinities, facts_of(result)))


def test_what_is_written_is_opened_with_the_boxes_of_its_fragments(folder, drawn_result):
    opened, boxes = drive(open_job(folder)).take()
    with opened:
        assert not opened.why_read_only and opened.facts.threshold == 0.5 and opened.affinities is not None
        np.testing.assert_array_equal(opened.session.state.base.fragments, drawn_result.segmentation.fragments)
        assert boxes.box_of(np.array([2])).start == (0, 4, 10) and boxes.box_of(np.array([2])).stop == (3, 44, 20)


def test_a_job_that_is_dropped_leaves_the_session_to_others(folder, monkeypatch):
    def endless(_opened):
        while True:
            yield None

    monkeypatch.setattr("napari_emcad.widgets.desk.opening.find_boxes", endless)
    job = open_job(folder)
    next(job), next(job)
    with open_session(folder) as opened:
        assert opened.why_read_only
    job.close()
    with open_session(folder) as opened:
        assert not opened.why_read_only


def test_the_facts_of_a_result(drawn_result):
    facts = facts_of(drawn_result)
    assert facts.voxel_size == (40, 5, 6) and facts.box == ((0, 0, 0), (3, 48, 64))
    assert facts.threshold == 0.5 and facts.model == "tiny" and facts.fingerprint
    other = facts_of(drawn_result).model_copy(update={"threshold": 0.1})
    assert other.fingerprint == facts.fingerprint


def test_the_facts_of_a_result_whose_stack_cannot_be_read_any_more(drawn_result, monkeypatch):
    def gone(_volume):
        raise OSError("the file has gone")

    monkeypatch.setattr("napari_emcad.widgets.desk.opening.content_fingerprint", gone)
    assert facts_of(drawn_result).fingerprint == ""
