"""The stack of a session that was moved, renamed, changed or replaced."""

import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_emcad.core.geometry import Box
from napari_emcad.io.stacks.find_stack import KnownStack, StackNotFound, find_stack, is_same_place, relative_source
from napari_emcad.io.stacks.stack import content_fingerprint, open_stack

GREY = np.random.default_rng(5).integers(0, 255, (3, 20, 24), np.uint8)
CONTENT = content_fingerprint(GREY)


def write(path, values=GREY):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, values, photometric="minisblack")
    return path


def known_in(folder, source, **more):
    folder.mkdir(parents=True, exist_ok=True)
    return KnownStack(folder, str(source), **{"fingerprint": CONTENT, **more})


def test_a_stack_that_is_where_it_was_needs_no_word(tmp_path):
    path = write(tmp_path / "em.tif")
    with open_stack(path) as stack:
        fingerprint = stack.fingerprint
    os.utime(path, (1, 1))  # a time of change alone says nothing
    found = find_stack(known_in(tmp_path / "s.emcad", path, fingerprint=fingerprint))
    assert (found.path, found.dataset, found.note) == (path, None, "")


def test_a_file_of_another_size_with_the_same_voxels_looks_the_same(tmp_path):
    path = write(tmp_path / "em.tif")
    with open_stack(path) as stack:
        fingerprint = stack.fingerprint
    tifffile.imwrite(path, GREY, photometric="minisblack", description="longer " * 100)
    found = find_stack(known_in(tmp_path / "s.emcad", path, fingerprint=fingerprint))
    assert found.note == f"The stack {path}: its size has changed, its voxels look the same."


def test_a_project_that_was_moved_whole(tmp_path):
    """Stack and session in folders of their own, and another stack of that name nearer by."""
    write(tmp_path / "new" / "raw" / "em.tif")
    write(tmp_path / "new" / "sessions" / "em.tif", 255 - GREY)
    relative = relative_source("/old/raw/em.tif", Path("/old/sessions/s.emcad"))
    known = known_in(tmp_path / "new" / "sessions" / "s.emcad", "/old/raw/em.tif", relative=relative)
    found = find_stack(known)
    assert relative == "../../raw/em.tif" and found.path == tmp_path / "new" / "raw" / "em.tif"
    assert "at the same place relative to the session" in found.note
    assert find_stack(known_in(known.folder, known.source)).path == found.path, "sessions of earlier versions"


@pytest.mark.parametrize(
    "source",
    [
        "/old/place/My stäck 1.TIF",
        r"C:\\Users\\me\\My stäck 1.tif",
        r"\\\\server\\share\\my STÄCK 1.tif",
        "https://host/data/My stäck 1.tif",
        "~/nowhere/My stäck 1.tif",
        "My stäck 1.tif",
        unicodedata.normalize("NFD", "/old/My stäck 1.tif"),
    ],
)
def test_names_as_any_system_writes_them(tmp_path, source, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    path = write(tmp_path / "My stäck 1.tif")
    if "://" in source:  # nobody is asked outside
        monkeypatch.setattr("napari_emcad.io.stacks.find_stack._compare", offline)
    assert find_stack(known_in(tmp_path / "s.emcad", source)).path == path


def offline(known, path, _compare=find_stack.__globals__["_compare"]):
    return _compare(known, path if isinstance(path, Path) else Path("/nothing"))


def test_a_stack_of_another_name_is_found_by_its_voxels(tmp_path):
    write(tmp_path / "a.tif", 255 - GREY)
    write(tmp_path / "data" / "b.tif", GREY[:2])
    path = write(tmp_path / "data" / "z.tif")
    (tmp_path / "notes.txt").write_text("no stack")
    found = find_stack(known_in(tmp_path / "s.emcad", "/old/em.tif"))
    assert found.path == path
    assert found.note == f"The stack em.tif was found by its voxels among the files near the session: {path}."


def test_what_replaced_a_stack_is_told_where_the_stack_is_found(tmp_path):
    replaced = write(tmp_path / "em.tif", 255 - GREY)
    path = write(tmp_path / "em before.tif")
    found = find_stack(known_in(tmp_path / "s.emcad", replaced))
    assert found.path == path and found.note.startswith(f"{replaced} holds other voxels than were segmented. ")


def test_other_voxels_are_refused(tmp_path):
    path = write(tmp_path / "em.tif", 255 - GREY)
    with pytest.raises(StackNotFound, match=r"em\.tif holds other voxels than were segmented; do this\."):
        find_stack(known_in(tmp_path / "s.emcad", path), remedy="do this")


def test_a_stack_that_is_nowhere(tmp_path):
    with pytest.raises(StackNotFound, match=r"its stack /old/em\.tif is not there any more, .*; name it with --stack"):
        find_stack(known_in(tmp_path / "s.emcad", "/old/em.tif"))
    with pytest.raises(StackNotFound, match="it does not know its stack"):
        find_stack(known_in(tmp_path / "s.emcad", "", fingerprint=""))


def test_what_a_person_names(tmp_path):
    known = known_in(tmp_path / "s.emcad", "/old/em.tif", box=Box((0, 0, 0), (3, 20, 24)))
    same, other = write(tmp_path / "x" / "same.tif"), write(tmp_path / "x" / "other.tif", 255 - GREY)
    small = write(tmp_path / "x" / "small.tif", GREY[:2])
    assert find_stack(known, same).is_same
    found = find_stack(known, other)
    assert not found.is_same and found.note.startswith("Attention: ")
    with pytest.raises(StackNotFound, match="holds other voxels"):
        find_stack(known, other, strict=True)
    with pytest.raises(StackNotFound, match=r"has 2 x 20 x 24 voxels, the region .* does not lie in it"):
        find_stack(known, small)
    with pytest.raises(StackNotFound, match="there is no such file"):
        find_stack(known, tmp_path / "none.tif")


def test_without_a_fingerprint_a_name_is_believed_and_told(tmp_path):
    path = write(tmp_path / "em.tif")
    found = find_stack(known_in(tmp_path / "s.emcad", "/old/em.tif", fingerprint=""))
    assert found.path == path and "nothing is known to compare its voxels with" in found.note


def test_one_place_by_two_names(tmp_path):
    path = write(tmp_path / "em.tif")
    (tmp_path / "link.tif").symlink_to(path)
    assert is_same_place(tmp_path / "link.tif", str(path))
    assert is_same_place("https://host/a.zarr/", "https://host/a.zarr")
    assert not is_same_place(path, "https://host/em.tif") and not is_same_place(path, tmp_path / "gone.tif")
    shutil.copy(path, tmp_path / "copy.tif")
    assert not is_same_place(path, tmp_path / "copy.tif")


@pytest.mark.parametrize(("source", "expected"), [("", None), ("https://host/a.zarr", None), ("/a/b.tif", "../b.tif")])
def test_paths_from_a_session(source, expected):
    assert relative_source(source, Path("/a/s.emcad")) == expected
