"""A saved session opened again: on a desk, and once in a real window."""

import numpy as np
import pytest
import tifffile
from graphs import segmentation
from pyramids import write_pyramid

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.sessions.facts import SessionFacts, read_facts, write_facts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.widgets.proofread_window import main, show_session

EDGES = [(1, 2, 0.9), (2, 3, 0.2), (3, 4, 0.9)]


@pytest.fixture
def folder(tmp_path):
    """A session on a box of a stack, with one edit."""
    tifffile.imwrite(tmp_path / "raw.tif", np.arange(5 * 16 * 20, dtype=np.uint16).reshape(5, 16, 20))
    base = segmentation(EDGES, [60] * 4)
    base.fragments.shape = (2, 6, 20)
    facts = SessionFacts(
        source=str(tmp_path / "raw.tif"),
        box=((1, 2, 0), (3, 8, 20)),
        voxel_size_nm=VoxelSize(30, 6, 6),
        model="tiny",
        parameters={"min_size": 0, "threshold": 0.5},
        threshold=0.5,
    )
    affinities = np.full((3, 2, 6, 20), 7, np.uint8)
    with create_session(tmp_path / "a.emcad", base, affinities, facts) as opened:
        opened.session.merge(1, 3)
    return tmp_path / "a.emcad"


@pytest.fixture
def show(desk, loop):
    """Show a session on the desk; it is the one that is on."""

    def show(folder):
        desk.sessions.show(open_session(folder))
        loop.settle()
        return desk.sessions.current

    return show


def labels(at) -> np.ndarray:
    return np.asarray(at.layer.data)


def start_of(at) -> np.ndarray:
    """The first voxel of the neurons in voxels of their stack."""
    source = at.result.source
    return (np.asarray(at.layer.translate) - source.translate) / source.scale


def test_the_edits_and_the_stack_are_there_again(show, folder, desk):
    at = show(folder)
    assert (labels(at) == 1).all()
    assert at.result.source is desk.viewer.layers["raw"]
    np.testing.assert_allclose(start_of(at), (1, 2, 0))
    assert "saved at once" in desk.message.text
    at.edit(at.session.undo)
    assert np.unique(labels(at)).tolist() == [1, 3]


def test_the_level_that_was_worked_on_is_there_again(desk, loop, folder, memory):
    """Level 0, which opens by itself, is larger: the box would lie in it as well."""
    write_pyramid(f"{memory}/em.zarr", np.arange(5 * 32 * 40, dtype=np.uint16).reshape(5, 32, 40))
    write_facts(folder, read_facts(folder).model_copy(update={"source": f"{memory}/em.zarr", "dataset": "s1"}))
    desk.sessions.bring(open_session(folder), stack=parse_location(f"{memory}/em.zarr"))
    loop.settle()
    at = desk.sessions.current
    source = at.result.source
    assert (source.name, source.data.shape, tuple(source.scale)) == ("em s1", (5, 16, 20), (40, 10, 8))
    np.testing.assert_allclose(start_of(at), (1, 2, 0))


def test_a_stack_that_is_gone(show, folder, desk):
    (folder.parent / "raw.tif").unlink()
    at = show(folder)
    assert (np.asarray(desk.viewer.layers["a"].data) == 7).all()
    assert (labels(at) == 1).all()


def test_a_session_that_somebody_else_holds(show, folder, desk):
    with open_session(folder):
        at = show(folder)
        assert "it is open for reading only, close it there to edit it here" in desk.message.text
        with pytest.raises(UserError, match=r"nothing was changed|reading only"):
            at.edit(at.session.undo)
        assert (labels(at) == 1).all()


@pytest.mark.window
def test_in_a_window(window, folder):
    show_session(window.dock, open_session(folder))
    window.idle()
    assert window.dock.sections["proofread"].is_open
    window.dock.proofread.editor.edits.undo()
    assert np.unique(window.result.neuron_layer.data).tolist() == [1, 3]


def test_a_folder_that_is_no_session(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert "a session folder (NAME.emcad with session.json) is needed" in capsys.readouterr().err
