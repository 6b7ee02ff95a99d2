"""The file of a stack that changes on the disk while the desk shows it."""

import os

import numpy as np
import pytest
import tifffile
from drawings import neuropil

from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.stacks.changes import change_since, is_another
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.reader import read_layers

OLD = "these neurons may be those of its old voxels"


@pytest.fixture
def raw() -> np.ndarray:
    return neuropil((3, 48, 64), seed=0)


@pytest.fixture
def path(tmp_path, raw):
    tifffile.imwrite(tmp_path / "s.tif", raw, photometric="minisblack")
    return tmp_path / "s.tif"


def show(desk, loop, path) -> None:
    (array, meta, _), *_ = read_layers(str(path))
    desk.viewer.add_image(array, **meta)
    loop.settle()


def run(desk, loop) -> str:
    desk.runs.run()
    loop.settle()
    return desk.message.text


def test_a_run_on_a_stack_whose_file_changed_says_so(desk, loop, path, raw):
    show(desk, loop, path)
    assert "s.tif" not in run(desk, loop)
    tifffile.imwrite(path, raw[:, ::-1], photometric="minisblack")
    text = run(desk, loop)
    assert text.startswith("Done: 3 sections") and f"s.tif has been written to since it was opened: {OLD}" in text
    path.unlink()
    assert f"s.tif is no longer where it was opened: {OLD}" in run(desk, loop)


def test_a_session_whose_stack_changed_says_so(desk, new_desk, loop, path, raw):
    show(desk, loop, path)
    run(desk, loop)
    desk.sessions.start()
    loop.settle()
    folder = desk.sessions.current.opened.folder
    desk.sessions.end()
    same, other = new_desk(), new_desk()
    same.sessions.open(folder)
    loop.settle()
    assert same.message.text == f"Every edit is saved at once in {folder}"
    same.sessions.end()
    tifffile.imwrite(path, raw[:, ::-1], photometric="minisblack")
    other.sessions.open(folder)
    loop.settle()
    assert "s.tif holds other voxels than were segmented" in other.message.text and other.sessions.lacks_stack
    other.sessions.end()
    with open_session(folder) as opened:
        assert not opened.why_read_only


def test_a_change_of_a_file(path):
    with open_stack(path) as stack:
        fingerprint = stack.fingerprint
    assert change_since(str(path), None, fingerprint) == ""
    assert change_since("https://host/em.zarr", None, fingerprint) == ""
    os.truncate(path, 3000)
    assert change_since(str(path), None, fingerprint) == "has been written to since it was opened"


def test_another_stack_is_told_by_its_voxels(path, raw):
    with open_stack(path) as stack:
        fingerprint = stack.fingerprint
    assert not is_another(raw, fingerprint)
    assert is_another(raw[:, ::-1], fingerprint)
    assert not is_another(raw[:, ::-1].astype(np.uint16), fingerprint)  # a level, or an export of it
    assert not is_another(raw, "")
