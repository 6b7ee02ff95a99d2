"""What is done in the window on a session whose fragments are too many to be read reads what it concerns."""

from types import SimpleNamespace

import numpy as np
import pytest
import zarr
from large_session import CELL, DEEP, SECTION_BYTES, SHAPE, bytes_read, write_session

from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.sessions.copy import copy_session
from napari_emcad.io.sessions.facts import read_facts, write_facts
from napari_emcad.widgets.kit.picking import Click, voxel_under
from napari_emcad.widgets.proofread.modes import Mode

PLACE = (DEEP + 1, 5 * CELL // 2, 5 * CELL // 2)
BESIDE = (DEEP + 1, 5 * CELL // 2, 7 * CELL // 2)
NEAR = 12 * SECTION_BYTES
LABELS = {"stack neurons", "stack fragments", "sides"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_session(tmp_path_factory.mktemp("large"))


@pytest.fixture
def large(window, written, tmp_path, monkeypatch):
    """A window with the session open, far into the volume."""
    monkeypatch.setattr("napari_emcad.io.sessions.segmentation_files.IN_MEMORY_BYTES", 1000)
    return opened(window, written, tmp_path)


@pytest.fixture
def afar(window, written, tmp_path, monkeypatch):
    """The same, with levels of fewer pixels, the last of a sixteenth."""
    monkeypatch.setattr("napari_emcad.io.sessions.segmentation_files.IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr("napari_emcad.io.sessions.fragment_levels.OVERVIEW", np.prod(SHAPE) // 16)
    monkeypatch.setattr("napari_emcad.widgets.kit.labels_view.OVERVIEW", np.prod(SHAPE) // 16)
    return opened(window, written, tmp_path)


def opened(window, written, folder):
    copy_session(written, folder / "large.emcad")
    window.desk.sessions.open(folder / "large.emcad")
    window.idle()
    assert isinstance(fragments(window), ChunkedLabels), window.message
    window.dock.proofread.editor.camera.go_near(PLACE)
    return window


def names(window) -> set[str]:
    return {layer.name for layer in window.viewer.layers if layer.visible}


def fragments(window) -> ChunkedLabels:
    return window.desk.sessions.current.session.state.base.fragments


def read(window) -> int:
    return bytes_read(fragments(window))


def test_proofreading(large):
    panel = large.dock.proofread
    panel.editor.click(Click(PLACE, False))
    panel.editor.enter(Mode.MERGE)
    panel.editor.click(Click(PLACE, False))
    panel.editor.click(Click(BESIDE, False))
    panel.editor.enter(Mode.SPLIT)
    panel.editor.click(Click(PLACE, False))
    panel.editor.click(Click((PLACE[0], PLACE[1] + 12, PLACE[2]), True))
    panel.editor.apply()
    panel.editor.edits.undo()
    panel.editor.enter(Mode.SELECT)
    panel.editor.click(Click(BESIDE, False))
    panel.editor.edits.toggle_done()
    panel.editor.centre()
    kinds = [row.kind for row in panel.editor.at.session.log.rows]
    assert kinds == ["merge", "split", "undo", "lock"], large.message
    assert read(large) <= NEAR


def test_review(large):
    panel = large.dock.proofread
    before = read(large)
    panel.editor.enter(Mode.REVIEW)
    assert panel.editor.tool.question is not None
    panel.editor.answer("join")
    assert read(large) - before <= NEAR


def test_surfaces(large):
    panel = large.dock.proofread
    panel.editor.click(Click(PLACE, False))
    panel.see_in_3d()
    large.wait(lambda: panel._surfaces.scene.is_settled)
    assert panel._surfaces.scene.shown == [panel.editor.at.selection.last]
    assert read(large) <= NEAR


@pytest.mark.parametrize("mode", [Mode.SELECT, Mode.REVIEW])
def test_3d_shows_what_is_seen_from_afar(afar, mode):
    panel = afar.dock.proofread
    panel.editor.enter(mode)
    before = read(afar)
    afar.viewer.dims.ndisplay = 3
    afar.wait(lambda: not afar.dock.desk.results.overview.is_brief)
    panel.editor.edits.undo()
    drawn = [np.asarray(afar.viewer.layers[name]._slice.image.raw) for name in LABELS & names(afar)]
    assert any(map(np.any, drawn))
    assert {voxels.shape for voxels in drawn} == {(SHAPE[0], SHAPE[1] // 4, SHAPE[2] // 4)}
    assert read(afar) == before


def test_edits_are_seen_from_afar(afar):
    panel, coarse = afar.dock.proofread, fragments(afar).levels[-1]
    y, x = PLACE[1] // 4, PLACE[2] // 4
    whole = int(coarse[PLACE[0], y, x])
    panel.editor.enter(Mode.SPLIT)
    panel.editor.click(Click((PLACE[0], PLACE[1] - 12, PLACE[2]), False))
    panel.editor.click(Click((PLACE[0], PLACE[1] + 12, PLACE[2]), True))
    panel.editor.apply()
    one, other = (int(coarse[PLACE[0], y + d, x]) for d in (-2, 2))
    assert len({one, other, whole}) == 3, afar.message
    layer = afar.result.neuron_layer
    assert layer.data[-1][PLACE[0], y - 2, x] != layer.data[-1][PLACE[0], y + 2, x]
    panel.editor.edits.undo()
    assert coarse[PLACE[0], y - 2, x] == coarse[PLACE[0], y + 2, x] == whole


def test_a_click_in_3d_reads_what_is_seen_from_afar(afar):
    afar.viewer.dims.ndisplay = 3
    layer, before = afar.result.neuron_layer, read(afar)
    towards = np.array([1.0, 0.0, 0.0])
    position = np.asarray(layer.data_to_world(PLACE)) - 5000 * towards
    event = SimpleNamespace(position=position, view_direction=towards, dims_displayed=[0, 1, 2])
    assert voxel_under(layer, afar.dock.desk.sessions.current.clickable, event) == (0, *PLACE[1:])
    assert read(afar) == before


def test_crops(large):
    panel, sources = large.dock.proofread, large.dock.finetune.fine_tuning.setup.sources
    panel.editor.click(Click(PLACE, False))
    panel.editor.edits.toggle_done()
    (place,) = sources.done_places()
    assert place.box.start[0] <= DEEP < place.box.stop[0] and place.share > 0
    assert read(large) <= NEAR


@pytest.fixture
def looked_at(monkeypatch):
    """Values that were read of arrays in files, one number a time."""
    sizes, get = [], zarr.Array.__getitem__

    def counted(array, key):
        part = get(array, key)
        sizes.append(np.size(part))
        return part

    monkeypatch.setattr(zarr.Array, "__getitem__", counted)
    monkeypatch.setattr(zarr.Array, "__array__", lambda *_: pytest.fail("all of a file was read"))
    return sizes


def test_affinities_are_read_by_sections(large, looked_at):
    for by_channel in (True, False):
        large.dock.desk.results.show_affinities(large.result, by_channel)
    assert looked_at and max(looked_at) <= 3 * np.prod(SHAPE[1:])


def test_affinities_stand_for_a_stack_that_is_gone(window, written, tmp_path, looked_at):
    copy_session(written, tmp_path / "large.emcad")
    facts = read_facts(tmp_path / "large.emcad")
    write_facts(tmp_path / "large.emcad", facts.model_copy(update={"source": str(tmp_path / "gone.tif")}))
    window.desk.sessions.open(tmp_path / "large.emcad")
    window.idle()
    assert window.result.source.data.shape == SHAPE and window.result.source.data[DEEP].any()
    of_affinities = [n for n in looked_at if n < np.prod(SHAPE)]  # the fragments are read, as they are few here
    assert of_affinities and len(looked_at) - len(of_affinities) <= 1
