"""Every chunk of a session that is damaged, missing, old or exchanged is told when it is read, and no sooner."""

import shutil

import pytest
import zarr
from large_session import DEEP, write_session

from napari_emcad.core.errors import UserError
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.sessions import fragment_levels, segmentation_files
from napari_emcad.io.sessions.open_session import open_session


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A session whose fragments are too many to be read, and another one of the same stack."""
    folder = tmp_path_factory.mktemp("large")
    with pytest.MonkeyPatch.context() as patch:
        as_if_large(patch)
        write_session(folder)
        write_session(folder, "other.emcad", shift=3)
    return folder


def as_if_large(patch):
    patch.setattr(segmentation_files, "IN_MEMORY_BYTES", 1000)
    patch.setattr(fragment_levels, "OVERVIEW", 1 << 20)


@pytest.fixture
def folder(written, tmp_path, monkeypatch):
    as_if_large(monkeypatch)
    shutil.copytree(written / "large.emcad", tmp_path / "large.emcad")
    return tmp_path / "large.emcad"


def flip(file, _other):
    file.write_bytes(file.read_bytes()[:-7] + b"\0" + file.read_bytes()[-6:])


def exchange(file, _other):
    above = file.parents[2] / str(DEEP - 2) / "0" / "0"
    mine = file.read_bytes()
    above.replace(file)
    above.write_bytes(mine)


DAMAGES = {
    "a byte": flip,
    "missing": lambda file, _: file.unlink(),
    "exchanged": exchange,
    "of another session": lambda file, other: shutil.copyfile(other, file),
    "empty": lambda file, _: file.write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("array", ["fragments.zarr", "coarser/2.zarr", "affinities.zarr"])
def test_a_chunk_is_told_when_it_is_read(folder, written, array, damage):
    chunk = f"{array}/0/{DEEP}/0/0" if array == "affinities.zarr" else f"{array}/{DEEP}/0/0"
    if array == "coarser/2.zarr":
        chunk = f"{array}/{DEEP // 16}/0/0"  # of several sections
    if array != "fragments.zarr" and damage is exchange:
        damage = flip  # chunks there are numbered in other ways
    damage(folder / chunk, written / "other.emcad" / chunk)
    with open_session(folder) as opened:
        fragments = opened.session.state.base.fragments
        assert isinstance(fragments, ChunkedLabels)
        read = {"fragments.zarr": fragments, "coarser/2.zarr": fragments.levels[1]}.get(array, opened.affinities)
        with pytest.raises(UserError, match=rf"{array}: chunk .* is (damaged|missing); copy the session again"):
            read[(0, DEEP) if array == "affinities.zarr" else DEEP]


@pytest.mark.parametrize("name", ["fragments.zarr", "coarser", "affinities.zarr", "graph"])
def test_all_of_a_part_of_another_session_is_told_at_once(folder, written, name):
    shutil.rmtree(folder / name)
    shutil.copytree(written / "other.emcad" / name, folder / name)
    with pytest.raises(UserError, match=f"{name}"):
        open_session(folder)


@pytest.mark.parametrize("name", ["fragments.zarr", "affinities.zarr"])
def test_what_says_how_chunks_are_read_is_sealed(folder, name):
    description = folder / name / ".zarray"
    description.write_text(description.read_text().replace("256", "255", 1))
    with pytest.raises(UserError, match=f"{name}: missing or damaged"):
        open_session(folder)


def test_another_voxel_size_changes_no_seal(folder):
    zarr.open_array(folder / "fragments.zarr", mode="r+").attrs["voxel_size_nm"] = [1, 2, 3]
    with open_session(folder) as opened:
        assert opened.session.state.base.fragments[DEEP].any()
