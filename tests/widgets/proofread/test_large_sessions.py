"""Work on a session whose fragments are too many to be read: only the part that is worked on is read."""

from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import zarr
from editing_hands import Editing
from large_session import CELL, DEEP, SECTION_BYTES, SHAPE, bytes_read, write_session

from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.sessions.copy import copy_session
from napari_emcad.io.sessions.facts import read_facts, write_facts
from napari_emcad.widgets.finetune.sources import CropSources
from napari_emcad.widgets.kit.picking import Click, voxel_under
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.surface_scene import Canvas, SurfaceScene

PLACE = (DEEP + 1, 5 * CELL // 2, 5 * CELL // 2)
BESIDE = (DEEP + 1, 5 * CELL // 2, 7 * CELL // 2)
NEAR = 12 * SECTION_BYTES
LABELS = {"stack neurons", "stack fragments", "sides"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_session(tmp_path_factory.mktemp("large"))


@pytest.fixture
def in_files(monkeypatch):
    """Let fragments of more than a thousand bytes stay in their files."""
    monkeypatch.setattr("napari_emcad.io.sessions.segmentation_files.IN_MEMORY_BYTES", 1000)


@pytest.fixture
def few_pixels(in_files, monkeypatch):
    """Let there be levels of fewer pixels, the last of a sixteenth."""
    monkeypatch.setattr("napari_emcad.io.sessions.fragment_levels.OVERVIEW", np.prod(SHAPE) // 16)
    monkeypatch.setattr("napari_emcad.widgets.kit.labels_view.OVERVIEW", np.prod(SHAPE) // 16)


@pytest.fixture
def open_written(desk, loop, proofreader, written, tmp_path):
    """Open a copy of the session far into the volume, without a window."""

    def open_written():
        copy_session(written, tmp_path / "large.emcad")
        desk.sessions.open(tmp_path / "large.emcad")
        loop.work()
        editing = Editing(desk, loop, proofreader)
        assert isinstance(fragments(editing), ChunkedLabels), editing.message
        editing.editor.camera.go_near(PLACE)
        return editing

    return open_written


@pytest.fixture
def large(in_files, open_written):
    return open_written()


@pytest.fixture
def afar(few_pixels, open_written):
    return open_written()


def names(editing) -> set[str]:
    return {layer.name for layer in editing.viewer.layers if layer.visible}


def fragments(editing) -> ChunkedLabels:
    return editing.session.state.base.fragments


def read(editing) -> int:
    return bytes_read(fragments(editing))


def test_proofreading(large):
    large.editor.click(Click(PLACE, False))
    large.editor.enter(Mode.MERGE)
    large.editor.click(Click(PLACE, False))
    large.editor.click(Click(BESIDE, False))
    large.editor.enter(Mode.SPLIT)
    large.editor.click(Click(PLACE, False))
    large.editor.click(Click((PLACE[0], PLACE[1] + 12, PLACE[2]), True))
    large.loop.settle()
    large.editor.apply()
    large.editor.edits.undo()
    large.editor.enter(Mode.SELECT)
    large.editor.click(Click(BESIDE, False))
    large.editor.edits.toggle_done()
    large.editor.centre()
    kinds = [row.kind for row in large.session.log.rows]
    assert kinds == ["merge", "split", "undo", "lock"], large.message
    assert read(large) <= NEAR


def test_review(large):
    before = read(large)
    large.editor.enter(Mode.REVIEW)
    large.loop.settle()
    assert large.editor.tool.question is not None
    large.editor.answer("join")
    assert read(large) - before <= NEAR


def test_surfaces(large):
    large.editor.click(Click(PLACE, False))
    scene = SurfaceScene(large.at, Mock(spec=Canvas), large.loop)
    scene.show_neurons([large.at.selection.last])
    large.loop.settle()
    assert scene.shown == [large.at.selection.last]
    assert read(large) <= NEAR


@pytest.mark.parametrize("mode", [Mode.SELECT, Mode.REVIEW])
def test_3d_shows_what_is_seen_from_afar(afar, mode):
    afar.editor.enter(mode)
    afar.loop.settle()
    before = read(afar)
    afar.viewer.dims.ndisplay = 3
    afar.loop.settle()
    assert not afar.desk.results.overview.is_brief
    afar.editor.edits.undo()
    drawn = [np.asarray(afar.viewer.layers[name]._slice.image.raw) for name in LABELS & names(afar)]
    assert any(map(np.any, drawn))
    assert {voxels.shape for voxels in drawn} == {(SHAPE[0], SHAPE[1] // 4, SHAPE[2] // 4)}
    assert read(afar) == before


def test_edits_are_seen_from_afar(afar):
    coarse = fragments(afar).levels[-1]
    y, x = PLACE[1] // 4, PLACE[2] // 4
    whole = int(coarse[PLACE[0], y, x])
    afar.editor.enter(Mode.SPLIT)
    afar.editor.click(Click((PLACE[0], PLACE[1] - 12, PLACE[2]), False))
    afar.editor.click(Click((PLACE[0], PLACE[1] + 12, PLACE[2]), True))
    afar.loop.settle()
    afar.editor.apply()
    one, other = (int(coarse[PLACE[0], y + d, x]) for d in (-2, 2))
    assert len({one, other, whole}) == 3, afar.message
    layer = afar.result.neuron_layer
    assert layer.data[-1][PLACE[0], y - 2, x] != layer.data[-1][PLACE[0], y + 2, x]
    afar.editor.edits.undo()
    assert coarse[PLACE[0], y - 2, x] == coarse[PLACE[0], y + 2, x] == whole


def test_a_click_in_3d_reads_what_is_seen_from_afar(afar):
    afar.viewer.dims.ndisplay = 3
    layer, before = afar.result.neuron_layer, read(afar)
    towards = np.array([1.0, 0.0, 0.0])
    position = np.asarray(layer.data_to_world(PLACE)) - 5000 * towards
    event = SimpleNamespace(position=position, view_direction=towards, dims_displayed=[0, 1, 2])
    assert voxel_under(layer, afar.at.clickable, event) == (0, *PLACE[1:])
    assert read(afar) == before


def test_crops(large):
    large.editor.click(Click(PLACE, False))
    large.editor.edits.toggle_done()
    (place,) = CropSources(large.desk).done_places()
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
        large.desk.results.show_affinities(large.result, by_channel)
    assert looked_at and max(looked_at) <= 3 * np.prod(SHAPE[1:])


def test_affinities_stand_for_a_stack_that_is_gone(desk, loop, written, tmp_path, looked_at):
    copy_session(written, tmp_path / "large.emcad")
    facts = read_facts(tmp_path / "large.emcad")
    write_facts(
        tmp_path / "large.emcad",
        facts.model_copy(update={"source": str(tmp_path / "gone.tif"), "relative_source": None}),
    )
    desk.sessions.open(tmp_path / "large.emcad")
    loop.work()
    source = desk.results.current.source
    assert source.data.shape == SHAPE and source.data[DEEP].any()
    whole = [n for n in looked_at if n == np.prod(SHAPE)]  # the fragments, and sections that are looked at together
    assert len(whole) <= 2 < len(looked_at)
