"""Labels that somebody has already become neurons to proofread, without a window."""

import numpy as np
import pytest
import tifffile
from proofreading_hands import PLACE

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Progress, drive
from napari_emcad.io.affinities import new_affinities
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.session_of_labels import LabelFiles, make_session_of_labels
from napari_emcad.widgets.kit.layers import place_of, voxel_size_of
from napari_emcad.widgets.proofread import from_labels
from napari_emcad.widgets.proofread.from_labels import PRESS


@pytest.fixture
def start(proofreader, beside):
    """The start from labels."""
    return proofreader.from_labels


@pytest.fixture
def begin(start, desk, loop):
    """Make neurons of the labels that are chosen; the session that begins on them."""

    def begin_():
        start.start()
        loop.settle()
        assert desk.sessions.current is not None, desk.message.text
        return desk.sessions.current

    return begin_


def shown(desk) -> np.ndarray:
    return np.asarray(desk.results.current.neuron_layer.data)


def test_labels_merge_undo(desk, start, begin, proofreader, neurons):
    before = neurons.copy()
    layer = desk.viewer.add_labels(neurons, name="mine", **PLACE)
    assert start.pick.layer is layer and start.why_not == ""
    at = begin()
    np.testing.assert_array_equal(shown(desk), before)
    assert "all ids are kept" in desk.message.text and not layer.visible
    ends = [at.fragment_at(voxel) for voxel in ((0, 20, 5), (1, 20, 20))]
    at.edit(lambda: at.session.merge(*ends))
    np.testing.assert_array_equal(shown(desk), np.where(before == 1, 3, before))
    proofreader.editor.edits.undo()
    np.testing.assert_array_equal(shown(desk), before)
    np.testing.assert_array_equal(layer.data, before)
    assert layer.data is neurons and layer.editable


def test_neurons_lie_where_the_labels_lie(desk, begin, neurons):
    desk.viewer.add_labels(neurons, **PLACE)
    opened = begin().opened
    layer = desk.results.current.neuron_layer
    assert (tuple(layer.scale), tuple(layer.translate)) == (PLACE["scale"], PLACE["translate"])
    assert voxel_size_of(layer) == (40, 5, 6)
    assert (opened.facts.voxel_size, opened.facts.min_size, opened.affinities) == ((40, 5, 6), 0, None)


def test_the_student_looks_at_the_stack(desk, start, begin, open_stack, stack, neurons):
    source = open_stack(stack, **PLACE)
    desk.viewer.add_labels(neurons, name="mine", **PLACE)
    assert start.why_no_model == "" and "MB of memory" in start.cost_of_model
    start.wants_model = True
    at = begin()
    assert len(np.unique(at.session.state.graph.mean)) > 5
    np.testing.assert_array_equal(shown(desk), neurons)
    np.testing.assert_array_equal(at.opened.affinities[:], desk.results.current.affinities)
    facts = at.opened.facts
    assert facts.model == "labels mine, affinities of tiny" and len(facts.model_sha256) == 64
    assert desk.results.current.source is source


def test_a_teacher_looks_at_the_stack(desk, loop, start, begin, open_stack, stack, neurons, teacher):
    """Grey noise, as one with random weights finds no borders in tissue."""
    open_stack(np.random.default_rng(0).integers(0, 255, stack.shape, np.uint8), **PLACE)
    desk.viewer.add_labels(neurons, name="mine", **PLACE)
    desk.model.open_file(teacher)
    loop.work()
    assert start.why_no_model == ""
    start.wants_model = desk.inspection.choices.all_as_is = True
    at = begin()
    assert len(np.unique(at.session.state.graph.mean)) > 5
    assert at.opened.facts.model == "labels mine, affinities of deep"


def test_the_student_follows_the_plan_and_labels_stay(desk, start, begin, open_stack, stack, neurons):
    """Labels that somebody drew in a section that is left out are theirs."""
    blank = stack.copy()
    blank[1] = 7
    open_stack(blank, **PLACE)
    desk.viewer.add_labels(neurons, name="mine", **PLACE)
    start.wants_model = True
    at = begin()
    assert "Section 1 is left out" in desk.message.text
    np.testing.assert_array_equal(shown(desk), neurons)
    assert not at.opened.affinities[:, 1].any() and at.opened.affinities[0, 2].any()
    plans = desk.results.current.plan, at.opened.facts.plan, at.session.state.planned.plan
    assert [np.flatnonzero(plan.left_out).tolist() for plan in plans] == [[1], [1], [1]]
    assert desk.sessions.current.session.state.edges.row_count > 0


def test_a_stack_without_tissue_is_told_before_the_model_looks(desk, loop, start, open_stack, stack, neurons):
    open_stack(np.full_like(stack, 7), **PLACE)
    desk.viewer.add_labels(neurons, name="mine", **PLACE)
    start.wants_model = True
    start.start()
    loop.settle()
    assert "shows tissue that could be used" in desk.message.text and desk.sessions.current is None


def test_a_box_of_the_stack(desk, start, begin, open_stack, stack, neurons):
    source = open_stack(stack, **PLACE)
    desk.viewer.add_labels(neurons[1:, 4:40, 8:60], **place_of(source, (1, 4, 8)))
    start.wants_model = True
    begin()
    result = desk.results.current
    assert result.box == Box((1, 4, 8), (3, 40, 60)) and result.affinities.shape == (3, 2, 36, 52)
    np.testing.assert_allclose(result.neuron_layer.translate, source.data_to_world((1, 4, 8)))


def test_without_a_stack_of_the_same_grid_there_is_no_model(desk, start, begin, open_stack, stack, neurons):
    layer = desk.viewer.add_labels(neurons, name="mine", **PLACE)
    assert "Open the stack" in start.why_no_model and start.cost_of_model == "as long as a run"
    open_stack(stack, scale=(40, 8, 8))
    assert 'voxels of "stack" (3 x 48 x 64 voxels of 40 x 8 x 8) are needed' in start.why_no_model
    start.wants_model = True  # asked for, and not there
    at = begin()
    assert desk.results.current.source is layer and at.opened.affinities is None


def test_only_labels_from_elsewhere_are_offered(desk, loop, start, begin, open_stack, stack, neurons):
    assert start.why_not == start.why_no_model == "Open labels first." and start.facts == start.cost_of_model == ""
    open_stack(stack)
    desk.runs.run()
    loop.settle()
    assert start.pick.offers == []
    layer = desk.viewer.add_labels(neurons, **PLACE)
    assert start.pick.layer is layer and "3 x 48 x 64" in start.facts.replace("\N{MULTIPLICATION SIGN}", "x")
    old = desk.results.current
    begin()
    assert desk.results.current is not old and not any(one.visible for one in old.layers)


def test_labels_without_a_place_take_the_stack_s(desk, begin, open_stack, stack, neurons):
    source = open_stack(stack, **PLACE)
    desk.viewer.add_labels(neurons)
    begin()
    assert desk.results.current.source is source
    assert tuple(desk.results.current.neuron_layer.scale) == PLACE["scale"]


def test_stop(desk, loop, start, neurons, monkeypatch):
    def endless(_order):
        while True:
            yield Progress("fragments", 0, 1)

    monkeypatch.setattr(from_labels, "segment_labels_job", endless)
    layer = desk.viewer.add_labels(neurons)
    start.start()
    assert start.is_working and start.why_not == "A job is running."
    start.stop()
    loop.settle()
    assert "Stopped" in desk.message.text and layer.visible and desk.results.current is None
    assert not start.is_working and start.why_not == ""


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(np.ones((4, 5), int), "got one section (4, 5)"), (np.ones((2, 3, 4, 5), int), "got 4 axes (2, 3, 4, 5)")],
)
def test_labels_of_other_axes(desk, start, data, sentence):
    desk.viewer.add_labels(data)
    assert sentence in start.why_not and sentence in start.why_no_model
    start.start()
    assert sentence in desk.message.text and desk.message.kind == "error"


def test_labels_that_are_all_background(desk, loop, start, neurons):
    layer = desk.viewer.add_labels(neurons * 0, **PLACE)
    start.start()
    loop.settle()
    assert "all 3 sections are background" in desk.message.text and desk.sessions.current is None
    assert layer.visible and desk.results.current is None


def test_grey_values_as_labels_are_refused(desk, loop, start):
    layer = desk.viewer.add_labels(np.random.default_rng(0).integers(0, 255, (3, 48, 64), np.uint8), name="raw")
    start.start()
    loop.settle()
    assert desk.message.text.startswith("raw: labels are needed, these look like grey values: ")
    assert desk.sessions.current is None and layer.visible


@pytest.mark.parametrize("dtype", [np.int32, np.uint64])
def test_what_nobody_labelled_is_no_neuron(desk, begin, neurons, dtype):
    """As other plugins open them: -1, also as the highest unsigned number."""
    labels = neurons.astype(dtype)
    labels[:, :4] = -1 if np.dtype(dtype).kind == "i" else np.iinfo(dtype).max
    desk.viewer.add_labels(labels, name="mine", **PLACE)
    begin()
    np.testing.assert_array_equal(shown(desk), neurons)


def test_labels_that_are_removed_while_they_are_read(desk, loop, start, neurons):
    layer = desk.viewer.add_labels(neurons, name="mine", **PLACE)
    start.start()
    desk.viewer.layers.remove(layer)
    loop.settle()
    assert desk.message.text == f'"mine" or its stack has changed: press "{PRESS}" again.'
    assert desk.results.current is None


def test_memory_that_does_not_suffice_is_said_before(desk, start, neurons, monkeypatch):
    monkeypatch.setattr(from_labels, "BYTES", 10**12)
    desk.viewer.add_labels(neurons, **PLACE)
    start.start()
    assert desk.message.text.startswith("memory: ") and "crop the labels" in desk.message.text
    assert not start.is_working and not desk.jobs.running


def test_what_needs_affinities_says_so(desk, loop, begin, neurons):
    desk.viewer.add_labels(neurons, **PLACE)
    begin()
    settings = desk.settings
    settings.shows_channels = not settings.shows_channels
    assert desk.results.current.affinity_layers == []
    settings.change(seed_sigma=7.0)
    loop.settle()
    assert "press Run for a new result" in desk.message.text and settings.values.seed_sigma != 7
    np.testing.assert_array_equal(shown(desk), neurons)


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
def test_a_session_of_files_opens(desk, files, stack, neurons, more, name):
    given = {what: files / file for what, file in more.items()}
    drive(make_session_of_labels(LabelFiles(files / "mine.tif", **given), files / "made.emcad"))
    desk.sessions.show(open_session(files / "made.emcad"))
    np.testing.assert_array_equal(shown(desk), neurons)
    stand_in = 90 if "affinities" in more else 0
    source = desk.results.current.source
    assert source.name == name
    np.testing.assert_array_equal(source.data, stack if "stack" in more else neurons * 0 + stand_in)
    at = desk.sessions.current
    at.edit(lambda: at.session.merge(*(at.fragment_at(voxel) for voxel in ((0, 20, 5), (1, 20, 20)))))
    assert 1 not in shown(desk)


def test_a_session_begun_on_labels_opens_again(desk, begin, new_desk, neurons):
    desk.viewer.add_labels(neurons, name="mine", **PLACE)
    folder = begin().opened.folder
    desk.sessions.end()
    other = new_desk()
    other.sessions.show(open_session(folder))
    np.testing.assert_array_equal(shown(other), neurons)


# ---- in a window -----------------------------------------------------------------------------------------------------


def test_the_rows_are_there_as_long_as_there_are_labels(window, stack, neurons, beside):
    row = window.dock.proofread.labels_row
    assert row._body.isHidden()
    window.open(stack, **PLACE)
    layer = window.viewer.add_labels(neurons, name="mine", **PLACE)
    assert not row._body.isHidden() and row.button.isEnabled() and row.model_box.isEnabled()
    window.desk.device.ask()
    window.wait(lambda: window.desk.device.device is not None)
    assert "MB of memory" in row.model_box.toolTip()
    row.model_box.setChecked(True)
    assert window.dock.proofread.proofreader.from_labels.wants_model
    row.model_box.setChecked(False)
    row.button.click()
    assert row.button.text() == "Stop"
    window.idle()
    assert window.desk.sessions.current is not None and row.button.text() == PRESS
    window.viewer.layers.remove(layer)
    assert row._body.isHidden()
