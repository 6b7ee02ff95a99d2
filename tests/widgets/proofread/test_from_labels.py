"""Labels that somebody has already, proofread in a real window."""

import numpy as np
import pytest
import tifffile

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Progress, drive
from napari_emcad.io.affinities import new_affinities
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.session_of_labels import LabelFiles, make_session_of_labels
from napari_emcad.widgets.export.file_formats import TIFF_AND_ZARR
from napari_emcad.widgets.kit.labels_place import box_in_stack
from napari_emcad.widgets.kit.layers import place_of, voxel_size_of
from napari_emcad.widgets.proofread_window import show_session

pytestmark = pytest.mark.window

PLACE = {"scale": (40, 5, 6), "translate": (400, 50, 60), "units": ("nm",) * 3}


@pytest.fixture
def neurons() -> np.ndarray:
    """Four neurons of sixteen columns, with a rim of background; their ids are not in order."""
    labels = np.repeat(np.array([3, 1, 9, 7], np.uint16), 16)[None, None].repeat(3, 0).repeat(48, 1)
    labels[:, :4] = 0
    return labels


@pytest.fixture
def start(window, tmp_path, monkeypatch):
    """The start from labels; sessions go into the temporary folder."""
    monkeypatch.setattr("napari_emcad.widgets.desk.sessions.session_folder", lambda _: tmp_path / "made.emcad")
    return window.dock.proofread.proofreader.from_labels


@pytest.fixture
def row(window):
    """The rows that show it."""
    return window.dock.proofread.labels_row


def session_of(window):
    window.idle()
    assert window.desk.sessions.current is not None, window.message
    return window.desk.sessions.current.session


def shown(window) -> np.ndarray:
    return np.asarray(window.result.neuron_layer.data)


def test_labels_merge_undo(window, start, neurons, row):
    before = neurons.copy()
    layer = window.viewer.add_labels(neurons, name="mine", **PLACE)
    assert start.pick.layer is layer and row.button.isEnabled()
    row.button.click()
    session = session_of(window)
    np.testing.assert_array_equal(shown(window), before)
    assert "all ids are kept" in window.message and not layer.visible
    session_at = window.desk.sessions.current
    at = [session_at.fragment_at(voxel) for voxel in ((0, 20, 5), (1, 20, 20))]
    session_at.edit(lambda: session.merge(*at))
    np.testing.assert_array_equal(shown(window), np.where(before == 1, 3, before))
    window.dock.proofread.editor.edits.undo()
    np.testing.assert_array_equal(shown(window), before)
    np.testing.assert_array_equal(layer.data, before)
    assert layer.data is neurons and layer.editable


def test_neurons_lie_where_the_labels_lie(window, start, neurons, row):
    window.viewer.add_labels(neurons, **PLACE)
    row.button.click()
    session_of(window)
    made = window.result.neuron_layer
    assert (tuple(made.scale), tuple(made.translate)) == (PLACE["scale"], PLACE["translate"])
    assert voxel_size_of(made) == (40, 5, 6)
    opened = window.desk.sessions.current.opened
    assert (opened.facts.voxel_size, opened.facts.min_size, opened.affinities) == ((40, 5, 6), 0, None)


def test_the_student_looks_at_the_stack(window, start, stack, neurons, row):
    window.open(stack, **PLACE)
    window.viewer.add_labels(neurons, name="mine", **PLACE)
    assert row.model_box.isEnabled() and "Takes as long as a run" in row.model_box.toolTip()
    window.desk.device.ask()
    window.wait(lambda: window.desk.device.device is not None)
    assert "MB of memory" in row.model_box.toolTip()
    row.model_box.setChecked(True)
    row.button.click()
    session = session_of(window)
    assert len(np.unique(session.state.graph.mean)) > 5
    np.testing.assert_array_equal(shown(window), neurons)
    opened = window.desk.sessions.current.opened
    np.testing.assert_array_equal(opened.affinities[:], window.result.affinities)
    assert opened.facts.model == "labels mine, affinities of tiny" and len(opened.facts.model_sha256) == 64
    assert window.result.source is window.viewer.layers["stack"]


def test_a_teacher_looks_at_the_stack(window, start, stack, neurons, teacher, row):
    window.open(stack, **PLACE)
    window.viewer.add_labels(neurons, name="mine", **PLACE)
    window.desk.model.open_file(teacher)
    window.wait(lambda: window.desk.model.card is not None)
    assert row.model_box.isEnabled()
    row.model_box.setChecked(True)
    row.button.click()
    session = session_of(window)
    assert len(np.unique(session.state.graph.mean)) > 5
    assert window.desk.sessions.current.opened.facts.model == "labels mine, affinities of deep"


def test_a_box_of_the_stack(window, start, stack, neurons, row):
    source = window.open(stack, **PLACE)
    window.viewer.add_labels(neurons[1:, 4:40, 8:60], **place_of(source, (1, 4, 8)))
    row.model_box.setChecked(True)
    row.button.click()
    session_of(window)
    assert window.result.box == Box((1, 4, 8), (3, 40, 60))
    assert window.result.affinities.shape == (3, 2, 36, 52)
    np.testing.assert_allclose(window.result.neuron_layer.translate, source.data_to_world((1, 4, 8)))


def test_without_a_stack_of_the_same_grid_there_is_no_student(window, start, stack, neurons, row):
    layer = window.viewer.add_labels(neurons, name="mine", **PLACE)
    assert "Open the stack" in row.model_box.toolTip() and not row.model_box.isEnabled()
    window.open(stack, scale=(40, 8, 8))
    assert not row.model_box.isEnabled()
    assert 'voxels of "stack" (3 x 48 x 64 voxels of 40 x 8 x 8) are needed' in row.model_box.toolTip()
    row.button.click()
    session_of(window)
    assert window.result.source is layer


def test_which_voxels_of_the_stack_were_labelled(window, stack, neurons):
    source = window.open(stack, **PLACE)
    unplaced = window.viewer.add_labels(neurons)
    assert box_in_stack(unplaced, source) == Box.whole(stack.shape)
    placed = window.viewer.add_labels(neurons[:2], **place_of(source, (1, 0, 0)))
    assert box_in_stack(placed, source) == Box((1, 0, 0), (3, 48, 64))
    for wrong in (
        {"translate": (400, 50, 60), "scale": (40, 5, 6)},  # of another shape, at the place of all
        {"translate": (440, 100, 60), "scale": (40, 5, 6)},  # reaches outside
        {},
    ):
        layer = window.viewer.add_labels(neurons[:2], **wrong)
        with pytest.raises(Exception, match="the labels their place"):
            box_in_stack(layer, source)


def test_only_labels_from_elsewhere_are_offered(window, start, stack, neurons, row):
    assert row._body.isHidden()
    window.open(stack)
    window.run()
    assert row._body.isHidden() and start.pick.offers == []
    layer = window.viewer.add_labels(neurons, **PLACE)
    assert not row._body.isHidden() and start.pick.layer is layer
    old = window.result
    row.button.click()
    session_of(window)
    assert window.result is not old and not any(one.visible for one in old.layers)


def test_labels_without_a_place_take_the_stack_s(window, start, stack, neurons, row):
    source = window.open(stack, **PLACE)
    window.viewer.add_labels(neurons)
    row.button.click()
    session_of(window)
    assert window.result.source is source
    assert tuple(window.result.neuron_layer.scale) == PLACE["scale"]


def test_stop(window, start, neurons, monkeypatch, row):
    def endless(_asked):
        while True:
            yield Progress("fragments", 0, 1)

    monkeypatch.setattr("napari_emcad.widgets.proofread.from_labels.segment_labels_job", endless)
    layer = window.viewer.add_labels(neurons)
    row.button.click()
    assert row.button.text() == "Stop"
    row.button.click()
    window.idle()
    assert "Stopped" in window.message and layer.visible and window.result is None
    assert row.button.text() == "Proofread these labels" and row.button.isEnabled()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(np.ones((4, 5), int), "got one section (4, 5)"), (np.ones((2, 3, 4, 5), int), "got 4 axes (2, 3, 4, 5)")],
)
def test_labels_of_other_axes(window, start, data, sentence, row):
    window.viewer.add_labels(data)
    assert not row.button.isEnabled() and sentence in row.button.toolTip()
    start.start()
    assert sentence in window.message


def test_labels_that_are_all_background(window, start, neurons, row):
    layer = window.viewer.add_labels(neurons * 0, **PLACE)
    row.button.click()
    window.idle()
    assert "all 3 sections are background" in window.message and window.desk.sessions.current is None
    assert layer.visible and window.result is None


def test_labels_that_are_removed_while_they_are_read(window, start, neurons, row):
    layer = window.viewer.add_labels(neurons, name="mine", **PLACE)
    row.button.click()
    window.viewer.layers.remove(layer)
    window.idle()
    assert '"mine" or its stack has changed' in window.message and window.result is None


def test_what_needs_affinities_says_so(window, start, neurons, tmp_path, row):
    window.viewer.add_labels(neurons, **PLACE)
    row.button.click()
    session_of(window)
    segment = window.dock.segment
    segment.settings_form.look.setCurrentIndex(1 - segment.settings_form.look.currentIndex())
    assert window.result.affinity_layers == []
    window.dock.export.format.setCurrentText(TIFF_AND_ZARR)
    window.dock.export.exporter.save(tmp_path / "out.tif")
    assert "these neurons have no affinities" in window.message
    segment.settings_form.seed_sigma.setValue(7)
    window.desk._recut.agglomerate_again()
    assert "press Run for a new result" in window.message


@pytest.fixture
def files(tmp_path, stack, neurons):
    """Labels whose file name does not say so, their stack and affinities."""
    tifffile.imwrite(tmp_path / "mine.tif", neurons, photometric="minisblack")
    tifffile.imwrite(tmp_path / "raw.tif", stack, photometric="minisblack")
    with new_affinities(tmp_path / "a.zarr", neurons.shape, None, {}) as affinities:
        affinities[:] = np.full((3, *neurons.shape), 90, np.uint8)
    return tmp_path


@pytest.mark.parametrize(
    ("more", "name"),
    [
        pytest.param({}, "made", id="labels"),
        pytest.param({"stack": "raw.tif"}, "raw", id="stack"),
        pytest.param({"affinities": "a.zarr"}, "made", id="affinities"),
        pytest.param({"stack": "raw.tif", "affinities": "a.zarr"}, "raw", id="both"),
    ],
)
def test_a_session_of_files_opens(window, files, stack, neurons, more, name):
    given = {what: files / file for what, file in more.items()}
    drive(make_session_of_labels(LabelFiles(files / "mine.tif", **given), files / "made.emcad"))
    show_session(window.dock, open_session(files / "made.emcad"))
    np.testing.assert_array_equal(shown(window), neurons)
    stand_in = 90 if "affinities" in more else 0
    assert window.result.source.name == name
    np.testing.assert_array_equal(window.result.source.data, stack if "stack" in more else neurons * 0 + stand_in)
    at = window.desk.sessions.current
    at.edit(lambda: at.session.merge(*(at.fragment_at(voxel) for voxel in ((0, 20, 5), (1, 20, 20)))))
    assert 1 not in shown(window)


def test_a_session_of_the_window_opens_again(window, new_window, start, neurons, row):
    window.viewer.add_labels(neurons, name="mine", **PLACE)
    row.button.click()
    session_of(window)
    folder = window.desk.sessions.current.opened.folder
    window.dock.release()
    other = new_window()
    show_session(other.dock, open_session(folder))
    np.testing.assert_array_equal(shown(other), neurons)
