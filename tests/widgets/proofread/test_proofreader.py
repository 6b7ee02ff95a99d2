"""Sessions begun, ended and opened again on a desk without a window, and the editor that comes and goes with them."""

import numpy as np
import pytest
from editing_hands import Editing
from proofreading_hands import column, groups, shown

from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.sessions.replay_report import BroughtEdit
from napari_emcad.widgets.kit.picking import Click
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.proofreader import BUSY, NO_NEURONS, Proofreader

JOINED = [[1, 2, 3, 4, 5, 6]]


@pytest.fixture
def merged(editing):
    """A session with one edit: both neurons are one."""
    editing.enter(Mode.MERGE)
    editing.click(1)
    editing.click(4)
    assert groups(editing) == JOINED
    return editing


def test_without_neurons_it_says_why_not(proofreader, desk, session):
    assert proofreader.why_no_start == "" == proofreader.why_no_edits
    desk.viewer.layers.remove(session.layer)
    assert proofreader.why_no_start == NO_NEURONS and proofreader.why_no_session == ""


def test_while_a_job_is_running_nothing_begins(editing):
    editing.desk.jobs.start(iter(()), lambda _ended: None)
    found = editing.proofreader
    assert found.why_no_start == found.why_no_session == found.why_no_edits == BUSY
    editing.loop.work()
    assert found.why_no_session == ""


def test_a_session_begins_where_its_neurons_are(editing):
    dims, layer = editing.viewer.dims, editing.result.neuron_layer
    editing.viewer.add_image(np.zeros((9, 4, 4)), scale=layer.scale, translate=layer.translate)
    for section, expected in ((8, 1), (0, 0)):
        editing.desk.sessions.end()
        dims.set_point(0, layer.data_to_world((section, 0, 0))[0])
        editing.desk.sessions.start()
        editing.loop.work()
        assert round(float(layer.world_to_data(dims.point)[0])) == expected


def test_a_removed_result_ends_its_session(editing):
    heard = []
    editing.proofreader.ending.connect(lambda: heard.append(editing.editor is not None))
    editing.enter(Mode.MERGE)
    editing.viewer.layers.remove(editing.result.neuron_layer)
    assert editing.editor is None and not editing.viewer.keymap and heard == [True]
    assert editing.desk.sessions.current is None


def test_a_session_is_ended_and_gone_on_with(merged):
    desk, loop, folder = merged.desk, merged.loop, merged.at.opened.folder
    desk.sessions.end()
    assert merged.editor is None and not merged.viewer.keymap and len(merged.viewer.mouse_wheel_callbacks) > 0
    assert shown(merged, 6) == shown(merged, 1) != 0
    desk.threshold.move(0.05)
    loop.settle()
    assert "Go on proofreading" in merged.message
    assert desk.threshold.value == 0.5 and shown(merged, 6) == shown(merged, 1)
    assert desk.sessions.start_words == "Go on proofreading"
    desk.sessions.start()
    loop.work()
    assert merged.at.opened.folder == folder and groups(merged) == JOINED
    merged.editor.edits.undo()
    assert groups(merged) == [[1, 2, 3], [4, 5, 6]]


def test_a_new_run_leaves_the_session_whole(merged):
    edited, folder = merged.result, merged.at.opened.folder
    merged.desk.runs.run()
    merged.loop.settle()
    assert merged.editor is None and merged.result is not edited and edited.neuron_layer in merged.viewer.layers
    with open_session(folder) as opened:
        assert [row.kind for row in opened.session.log.rows] == ["merge"] and not opened.why_read_only


def test_a_session_is_opened_from_its_folder(merged, new_desk):
    folder, before = merged.at.opened.folder, merged.session.state.digest()
    desk = new_desk()
    other = Editing(desk, desk.loop, Proofreader(desk))
    desk.sessions.open(folder)
    desk.loop.work()
    assert "is being edited" in other.message or "reading only" in other.message
    assert other.session.undoable is None and "reading only" in other.proofreader.why_no_edits
    merged.desk.sessions.end()
    desk.sessions.end()
    desk.sessions.open(folder)
    desk.loop.work()
    assert other.session.state.digest() == before and groups(other) == JOINED
    other.editor.edits.undo()
    assert groups(other) == [[1, 2, 3], [4, 5, 6]]
    other.proofreader.close()


def test_a_folder_that_is_no_session_is_refused(editing, tmp_path):
    editing.desk.sessions.end()
    editing.desk.sessions.open(tmp_path)
    editing.loop.work()
    assert editing.said("this is none; choose another folder") and editing.editor is None


def test_the_threshold_follows_the_session(editing):
    editing.at.edit(lambda: editing.session.set_threshold(0.05))
    assert editing.desk.threshold.value == 0.05
    editing.at.edit(editing.session.undo)
    assert editing.desk.threshold.value == 0.5


def test_a_row_of_the_history_is_gone_to(merged):
    merged.viewer.dims.set_point(0, 400)
    merged.proofreader.go_to_edit(merged.session.log.rows[0])
    assert merged.viewer.dims.point[0] == 440
    row = merged.at.edit(lambda: merged.session.lock(merged.at.neuron_at(column(1))))  # no voxel, but a neuron
    merged.viewer.dims.set_point(0, 400)
    merged.proofreader.go_to_edit(row)
    assert merged.viewer.dims.point[0] == 440


def test_a_brought_edit_is_gone_to_and_its_neurons_selected(editing):
    places = (column(1), column(6), (0, 0, 0), column(2))
    edit = BroughtEdit(session="old", seq=1, kind="merge", outcome="lost", voxel=column(6), places=places)
    editing.proofreader.go_to_brought(edit)
    assert editing.at.selection.neurons == [editing.at.neuron_at(column(f)) for f in (1, 6)]
    world = editing.result.neuron_layer.data_to_world(column(6))
    np.testing.assert_allclose(editing.viewer.scene.camera.center, world)
    before = editing.at.selection.neurons
    editing.proofreader.go_to_brought(edit.model_copy(update={"places": ((0, 0, 0),)}))  # nothing is left there
    assert editing.at.selection.neurons == before


def test_a_click_on_a_surface_is_one_on_the_neuron(editing):
    editing.proofreader.pick(Click(column(6, z=2), False))
    assert editing.at.selection.neurons == [editing.at.neuron_at(column(6))]
    assert editing.viewer.dims.current_step[0] == 2
