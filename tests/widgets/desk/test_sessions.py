"""Sessions are started, left, opened and refused, without a window."""

import json
import shutil

import numpy as np
import pytest
import tifffile
from drawings import neuropil
from hearing import heard
from proofreading_hands import column

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.palettes import BRIGHT, LabelColours
from napari_emcad.io.sessions.colour_files import read_colours
from napari_emcad.io.sessions.facts import SessionFacts, read_facts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.sessions.snapshot import Snapshot
from napari_emcad.io.stacks.find_stack import LOOKING
from napari_emcad.io.stacks.stack import content_fingerprint
from napari_emcad.reader import read_layers
from napari_emcad.widgets.desk.section_use import LEAVE_OUT
from napari_emcad.widgets.desk.sessions import GO_ON, START


def merge(at) -> None:
    """Join the two neurons."""
    at.edit(lambda: at.session.merge(1, 4))


def shown(at, fragment: int) -> int:
    return int(at.layer.data[column(fragment)])


def test_a_session_is_started_beside_the_stack(desk, loop, drawn_result, beside):
    began, changes = heard(desk.sessions.began), heard(desk.sessions.changed)
    assert desk.sessions.start_words == START
    desk.sessions.start(remark="; a remark")
    assert desk.message.text == "Writing the session."
    loop.work()
    assert desk.sessions.current.result is drawn_result and drawn_result.session_folder == beside
    assert desk.message.text == f"Every edit is saved at once in {beside}; a remark"
    assert len(began) == 1 and changes and drawn_result.is_edited


def test_nothing_is_started_twice_or_without_neurons(desk, loop, session, beside):
    desk.sessions.start()
    assert not desk.jobs.running and desk.sessions.current is session
    desk.sessions.end()
    desk.viewer.layers.remove(session.layer)
    desk.sessions.start()
    assert not desk.jobs.running


def test_nothing_is_started_while_the_threshold_moves(desk, loop, drawn_result, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.desk.results.AT_ONCE", 0.0)
    desk.threshold.move(0.3)
    desk.sessions.start()
    assert not desk.jobs.running


def test_a_session_that_cannot_be_written_says_so(desk, loop, drawn_result, beside):
    beside.mkdir()
    desk.sessions.start()
    loop.work()
    assert desk.sessions.current is None and desk.message.kind == "error" and str(beside) in desk.message.text


def test_neurons_that_changed_while_their_session_was_written_are_not_edited(desk, loop, drawn_result):
    desk.sessions.start()
    desk.viewer.layers.remove(drawn_result.neuron_layer)
    loop.work()
    assert desk.sessions.current is None


def test_a_session_is_ended_and_gone_on_with(desk, loop, session, beside):
    ending = heard(desk.sessions.ending)
    merge(session)
    desk.sessions.end()
    assert desk.sessions.current is None and desk.sessions.start_words == GO_ON and len(ending) == 1
    assert shown(session, 6) == shown(session, 1) != 0
    desk.sessions.start()
    loop.work()
    at = desk.sessions.current
    assert at is not session and at.opened.folder == beside and [row.kind for row in at.session.log.rows] == ["merge"]
    at.edit(at.session.undo)
    assert shown(at, 6) != shown(at, 1)


def colours_of(at) -> list[str]:
    return at.result.colours.shown.texts(np.arange(8)).tolist()


@pytest.fixture
def recoloured(desk, loop, session, beside):
    """The colours of a session that an edit has made others than those that it would have anew; the session is left."""
    was = colours_of(session)
    neighbour = LabelColours(BRIGHT, np.array([0, 5, 6, 7, 8, 9, 10, 11], np.uint8))
    session.result.colours.begin_with(neighbour)
    merge(session)
    shown_last = colours_of(session)
    assert shown_last != was
    desk.sessions.end()
    return shown_last


def test_a_session_keeps_its_colours(new_desk, loop, recoloured, beside):
    desk = new_desk()
    desk.sessions.open(beside)
    loop.settle()
    assert colours_of(desk.sessions.current) == recoloured
    with open_session(beside, to_read=True) as opened:
        assert Snapshot.of(opened).colours.texts(np.arange(8)).tolist() == recoloured, "exports have them, too"


def test_colours_are_kept_while_a_session_rests_and_only_after_edits(desk, loop, session, beside):
    session.changed.emit()
    loop.settle()
    assert read_colours(beside) is None
    merge(session)
    loop.settle()
    assert read_colours(beside).texts(np.arange(8)).tolist() == colours_of(session)


def test_damaged_colours_cost_nothing_but_colours(new_desk, loop, recoloured, beside):
    (beside / "colours" / "of_label.npy").write_bytes(b"")
    desk = new_desk()
    desk.sessions.open(beside)
    loop.settle()
    assert "colours of neurons are damaged" in desk.message.text and desk.message.kind == "error"
    at = desk.sessions.current
    assert not at.opened.why_read_only and [row.kind for row in at.session.log.rows] == ["merge"]
    at.edit(at.session.undo)
    desk.sessions.end()
    assert read_colours(beside) is not None, "they are kept anew"


def test_a_session_that_can_only_be_read_shows_its_colours(new_desk, loop, recoloured, beside):
    with open_session(beside):
        desk = new_desk()
        desk.sessions.open(beside)
        loop.settle()
        assert desk.sessions.current.opened.why_read_only
        assert colours_of(desk.sessions.current) == recoloured


def test_a_voxel_size_set_on_screen_is_kept_in_the_session(desk, session, beside):
    desk.stack.voxel_size = VoxelSize(33, 7, 8)
    facts = read_facts(beside)
    assert (facts.voxel_size, facts.voxel_size_source) == (VoxelSize(33, 7, 8), "given")
    desk.sessions.end()
    desk.stack.voxel_size = VoxelSize(34, 7, 8)
    assert read_facts(beside).voxel_size == VoxelSize(33, 7, 8)


def test_the_threshold_moves_edited_neurons_in_their_session_only(desk, loop, session):
    merge(session)
    desk.sessions.end()
    desk.threshold.move(0.05)
    loop.settle()
    assert desk.threshold.value == 0.5 and shown(session, 6) == shown(session, 1)
    assert f'press "{GO_ON}" to move it there' in desk.message.text


def test_a_new_run_leaves_the_session_whole(desk, loop, session, beside):
    merge(session)
    edited = desk.results.current
    desk.runs.run()
    loop.settle()
    assert desk.sessions.current is None and desk.results.current is not edited
    assert edited.neuron_layer in desk.viewer.layers and desk.sessions.start_words == START
    with open_session(beside) as opened:
        assert [row.kind for row in opened.session.log.rows] == ["merge"] and not opened.why_read_only


def test_a_session_is_opened_from_its_folder(desk, new_desk, loop, session, beside):
    merge(session)
    before = session.session.state.digest()
    desk.sessions.end()
    other = new_desk()
    other.sessions.open(beside)
    loop.work()
    at = other.sessions.current
    assert at.session.state.digest() == before
    assert shown(at, 6) == shown(at, 1) != 0 and str(beside) in other.message.text


def test_a_session_that_is_open_elsewhere_is_only_read(new_desk, loop, session, beside):
    other = new_desk()
    other.sessions.open(beside)
    loop.work()
    assert other.message.kind == "error"
    assert other.message.text.startswith(other.sessions.current.opened.why_read_only)


@pytest.mark.parametrize("has_session", [True, False])
def test_a_folder_that_is_no_session_is_refused(desk, loop, session, tmp_path, has_session):
    if not has_session:
        desk.sessions.end()
    desk.sessions.open(tmp_path)
    loop.work()
    assert "this is none; choose another folder" in desk.message.text
    assert (desk.sessions.current is session) is has_session


def test_a_removed_result_ends_its_session(desk, session, beside):
    desk.viewer.layers.remove(session.layer)
    assert desk.sessions.current is None
    with open_session(beside) as opened:
        assert not opened.why_read_only


def test_a_closed_desk_lets_go_of_the_session(desk, session, beside):
    desk.close()
    with open_session(beside) as opened:
        assert not opened.why_read_only
    assert np.asarray(session.layer.data).any()


def test_a_session_brings_the_plan_of_its_stack(desk, loop, new_desk, tmp_path):
    data = neuropil((8, 96, 100), seed=3)
    data[4] = 0
    tifffile.imwrite(tmp_path / "holed.tif", data, photometric="minisblack")
    (array, meta, _), *_ = read_layers(str(tmp_path / "holed.tif"))
    desk.viewer.add_image(array, **meta)
    loop.work()
    desk.inspection.choices.choose([2], LEAVE_OUT)
    desk.runs.run()
    loop.settle()
    desk.sessions.start()
    loop.settle()
    folder = desk.sessions.current.opened.folder
    assert np.flatnonzero(desk.sessions.current.opened.facts.plan.left_out).tolist() == [2, 4]
    desk.sessions.end()
    other = new_desk()
    other.sessions.open(folder)
    loop.settle()
    assert other.inspection.line == "From the session: sections 2, 4 are left out and bridged."
    assert np.flatnonzero(other.inspection.plan.left_out).tolist() == [2, 4]
    assert other.results.current.plan.left_out[2]


@pytest.mark.parametrize("step", ["result_of", "Proofreading", "find_boxes"])
def test_a_session_that_cannot_be_shown_is_let_go_of(new_desk, loop, session, beside, monkeypatch, step):
    """It opens once that is mended, without a restart."""
    session.opened.close()
    desk = new_desk()

    def fail(*_, **__):
        raise OverflowError("a scale without end")

    with monkeypatch.context() as patch:
        patch.setattr(f"napari_emcad.widgets.desk.sessions.{step}", fail)
        with open_session(beside) as opened:
            desk.sessions.show(opened)
        assert desk.sessions.current is None and not desk.viewer.layers
        assert desk.message.kind == "error" and "a scale without end" in desk.message.text
        desk.sessions.open(beside)
        loop.work()
        assert (desk.sessions.current is None) is (step != "find_boxes")
        desk.sessions.end()
    with open_session(beside) as opened:
        assert opened.why_read_only == ""
    desk.sessions.open(beside)
    loop.work()
    assert desk.sessions.current is not None and not desk.sessions.current.opened.why_read_only


def test_the_session_on_screen_is_not_opened_twice(desk, loop, session, beside):
    """It would find itself locked by itself, and be for reading only."""
    for _ in range(3):
        desk.sessions.open(beside)
        loop.work()
        assert desk.sessions.current is session and not session.opened.why_read_only
    assert desk.message.text == "stack.emcad is on screen; every edit is saved at once."


def test_a_session_whose_neurons_are_removed_says_where_its_edits_are(desk, loop, session, beside):
    desk.viewer.layers.remove(session.layer)
    assert desk.sessions.current is None
    assert desk.message.text == f"The neurons were removed: {beside} keeps all edits; open it to go on."
    desk.sessions.open(beside)
    loop.work()
    assert desk.sessions.current is not None and not desk.sessions.current.opened.why_read_only


def test_neurons_from_before_are_hidden_once_another_session_is_on(desk, loop, session, beside, tmp_path):
    session.opened.session.log.close()
    shutil.copytree(beside, tmp_path / "other.emcad", ignore=shutil.ignore_patterns("lock", "holder.json"))
    desk.sessions.open(tmp_path / "other.emcad")
    loop.work()
    at = desk.sessions.current
    assert at is not session and at.layer.visible and session.layer in desk.viewer.layers
    assert not session.layer.visible


def test_a_session_that_is_opened_again_takes_its_own_place(desk, loop, session, beside):
    names = sorted(layer.name for layer in desk.viewer.layers)
    for _ in range(3):
        desk.sessions.end()
        desk.sessions.open(beside)
        loop.work()
        assert sorted(layer.name for layer in desk.viewer.layers) == names
    assert not desk.sessions.current.opened.why_read_only


def test_a_session_that_is_free_now_is_edited_once_it_is_opened_again(new_desk, loop, session, beside):
    desk = new_desk()
    desk.sessions.open(beside)
    loop.work()
    assert desk.sessions.current.opened.why_read_only
    session.opened.close()
    desk.sessions.open(beside)
    loop.work()
    assert not desk.sessions.current.opened.why_read_only


@pytest.mark.parametrize("size", [1e-300, 1e300, 1e-45])
def test_an_absurd_voxel_size_locks_nothing(new_desk, loop, session, beside, size):
    session.opened.close()
    facts = json.loads((beside / "session.json").read_text())
    changed = facts | {"voxel_size_nm": [size] * 3, "voxel_size_source": "given", "checksums": {}}
    (beside / "session.json").write_text(json.dumps(changed))
    desk = new_desk()
    desk.sessions.open(beside)
    loop.work()
    desk.sessions.end()
    assert desk.message.text.endswith(
        "session.json: the file is damaged; copy the session again from where it is whole."
    )
    (beside / "session.json").write_text(json.dumps(facts))
    desk.sessions.open(beside)
    loop.work()
    assert desk.sessions.current is not None and not desk.sessions.current.opened.why_read_only


# ---- a stack that moved ------------------------------------------------------------------------------------------


@pytest.fixture
def moved(tmp_path, stack, drawn):
    """A session whose stack lies elsewhere now, and others near it; the folder, and the stack."""
    tifffile.imwrite(tmp_path / "em.tif", stack, photometric="minisblack")
    for n in range(3):
        tifffile.imwrite(tmp_path / f"other {n}.tif", stack + np.uint8(1), photometric="minisblack")
    facts = SessionFacts(
        source=str(tmp_path / "em.tif"), fingerprint=content_fingerprint(stack), threshold=0.5, model="small"
    )
    create_session(tmp_path / "a.emcad", drawn, None, facts).close()
    (tmp_path / "far" / "away" / "deep").mkdir(parents=True)
    return tmp_path / "a.emcad", (tmp_path / "em.tif").rename(tmp_path / "far" / "away" / "deep" / "mine.tif")


def stages(loop, desk) -> list[str]:
    """Drive the jobs of a desk to their ends, and return their stages."""
    found = heard(desk.jobs.progressed)
    loop.work()
    return [progress.stage for (progress,) in found]


def test_the_search_for_a_stack_is_a_job(desk, loop, moved):
    folder, file = moved
    desk.sessions.open(folder)
    assert stages(loop, desk).count(LOOKING) > 3
    assert desk.sessions.lacks_stack and 'press "Find the stack..."' in desk.message.text
    desk.sessions.take_stack(file)
    assert stages(loop, desk)[-2:] == [LOOKING, "reading the stack"]
    assert not desk.sessions.lacks_stack and read_facts(folder).source == str(file)
    assert desk.sessions.current.result.source.metadata["source"] == str(file)


def test_the_search_can_be_stopped(desk, loop, moved):
    folder, file = moved
    desk.sessions.open(folder)
    while not desk.sessions.is_seeking:
        loop.step()
    assert desk.message.text == 'Looking for the stack of a.emcad; "Stop" opens it without.'
    loop.step()
    desk.jobs.stop()
    loop.work()
    assert desk.sessions.current is not None and desk.sessions.lacks_stack and not desk.sessions.is_seeking
    assert 'the search for its stack was stopped; press "Find the stack..."' in desk.message.text
    desk.sessions.take_stack(file)
    loop.work()
    assert not desk.sessions.lacks_stack


def test_a_session_is_let_go_of_in_the_middle_of_the_search(new_desk, loop, moved):
    desk = new_desk()
    desk.sessions.open(moved[0])
    while not desk.sessions.is_seeking:
        loop.step()
    desk.close()
    with open_session(moved[0]) as opened:
        assert not opened.why_read_only


def test_a_stack_that_is_open_already_is_not_read_again(desk, loop, moved, open_stack, stack):
    folder, file = moved
    there = open_stack(stack, "em", metadata={"source": str(file)})
    desk.sessions.open(folder, file)
    assert "reading the stack" not in stages(loop, desk)
    assert desk.sessions.current.result.source is there
