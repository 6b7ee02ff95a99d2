"""Zarr behind URLs: a server on this machine, and fsspec's memory."""

import shutil

import fsspec
import numpy as np
import pytest
import zarr
from fsspec.registry import known_implementations
from pyramids import write_pyramid
from zarr.storage import ZipStore

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.stack import open_levels, open_stack, stack_names

FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])


def save(where, stack, zarr_format=3, name=None):
    return zarr.create_array(where, name=name, data=stack, chunks=(1, 8, 8), zarr_format=zarr_format)


@FORMATS
def test_an_array_on_a_web_server(tmp_path, stack, web, zarr_format):
    save(tmp_path / "a.zarr", stack, zarr_format)
    with open_stack(f"{web}/a.zarr") as volume:
        assert isinstance(volume.array, LazyArray)
        assert (str(volume.path), volume.path.stem, volume.dataset) == (f"{web}/a.zarr", "a", None)
        np.testing.assert_array_equal(volume.array[1:3, ::2, 4], stack[1:3, ::2, 4])


@FORMATS
def test_levels_on_a_web_server(tmp_path, stack, web, zarr_format):
    write_pyramid(tmp_path / "a.zarr", stack, zarr_format)
    first, second = open_levels(f"{web}/a.zarr")
    assert [s.dataset for s in (first, second)] == ["s0", "s1"]
    assert (second.array.shape, second.voxel_size) == ((5, 12, 19), (40, 10, 8))
    np.testing.assert_array_equal(second.array[3, 2:4], stack[3, 4:8:2, ::2])
    assert open_stack(f"{web}/a.zarr", "s1").voxel_size == (40, 10, 8)
    assert open_stack(f"{web}/a.zarr").dataset == "s0"


def test_a_group_is_not_listed_where_the_dataset_is_known(tmp_path, stack, web, monkeypatch):
    write_pyramid(tmp_path / "a.zarr", stack)
    monkeypatch.setattr(zarr.Group, "members", None)
    assert [open_stack(f"{web}/a.zarr", name).dataset for name in (None, "s1")] == ["s0", "s1"]


def test_a_group_in_memory(memory, stack):
    save(f"{memory}/a.zarr", stack, name="volumes/raw")
    save(f"{memory}/a.zarr", stack + 1, name="volumes/labels")
    assert stack_names(f"{memory}/a.zarr") == ["volumes/labels", "volumes/raw"]
    assert open_levels(f"{memory}/a.zarr") == []
    np.testing.assert_array_equal(open_stack(f"{memory}/a.zarr").array[2], stack[2])
    with pytest.raises(UserError, match=r'a\.zarr: there is no dataset "middle" in it; choose from "volumes/labels"'):
        open_stack(f"{memory}/a.zarr", "middle")


def test_a_file_url_is_the_file(tmp_path, stack):
    save(tmp_path / "a.zarr", stack)
    volume = open_stack((tmp_path / "a.zarr").as_uri())
    assert (volume.path, volume.fingerprint) == (tmp_path / "a.zarr", open_stack(tmp_path / "a.zarr").fingerprint)


def test_the_fingerprint_tells_other_voxels_and_other_metadata(memory, stack):
    save(f"{memory}/a.zarr", stack)
    before = open_stack(f"{memory}/a.zarr").fingerprint.split()
    assert open_stack(f"{memory}/a.zarr").fingerprint.split() == before
    assert (before[1:3], before[5]) == (["5x24x37", "uint8"], "a.zarr")
    zarr.open_array(f"{memory}/a.zarr").attrs["unit"] = "nm"
    other_metadata = open_stack(f"{memory}/a.zarr").fingerprint.split()
    assert (other_metadata[0], other_metadata[4] == before[4]) == (before[0], False)
    zarr.open_array(f"{memory}/a.zarr")[2] = 0
    assert open_stack(f"{memory}/a.zarr").fingerprint.split()[0] != before[0]


def test_a_chunk_that_is_not_there_counts_as_the_fill_value(tmp_path, stack, web):
    save(tmp_path / "a.zarr", stack)
    (tmp_path / "a.zarr" / "c" / "3" / "1" / "2").unlink()
    expected = stack.copy()
    expected[3, 8:16, 16:24] = 0
    np.testing.assert_array_equal(open_stack(f"{web}/a.zarr").array[:], expected)


def test_a_damaged_chunk(tmp_path, stack, web):
    save(tmp_path / "a.zarr", stack)
    array = open_stack(f"{web}/a.zarr").array
    (tmp_path / "a.zarr" / "c" / "3" / "1" / "2").write_bytes(b"damaged")
    np.testing.assert_array_equal(array[2], stack[2])
    sentence = r"a\.zarr: voxels 3:4,0:24,0:37 cannot be read \(.+\); check the network and the credentials in the env"
    with pytest.raises(UserError, match=sentence):
        array[3]


class Refused(Exception):
    """Kin to none of the errors that files raise, as those of many protocols' libraries."""


def test_an_error_of_the_protocol_is_one_sentence(memory, stack, monkeypatch):
    save(f"{memory}/a.zarr", stack)
    array = open_stack(f"{memory}/a.zarr").array

    def refuse(*_, **__):
        raise Refused("no token")

    monkeypatch.setattr(zarr.Array, "__getitem__", refuse)
    with pytest.raises(UserError, match=r"a\.zarr: voxels 3:4,0:24,0:37 cannot be read \(no token\); check"):
        array[3]
    monkeypatch.setattr(zarr, "open", refuse)
    with pytest.raises(UserError, match=r"a\.zarr: the Zarr cannot be read \(no token\); check the address, the net"):
        open_stack(f"{memory}/a.zarr")


def test_memory_that_does_not_suffice_is_no_damage(memory, stack, monkeypatch):
    save(f"{memory}/a.zarr", stack)
    array = open_stack(f"{memory}/a.zarr").array

    def too_much(*_):
        raise MemoryError

    monkeypatch.setattr(zarr.Array, "__getitem__", too_much)
    with pytest.raises(MemoryError):
        array[3]


def test_nothing_at_the_address(tmp_path, stack, web, memory):
    save(tmp_path / "a.zarr", stack)
    for url in (f"{web}/b.zarr", f"{memory}/b.zarr"):
        with pytest.raises(UserError, match=rf"^{url}: a Zarr array or group is needed, and there is none at this ad"):
            open_stack(url)


def test_damaged_metadata(tmp_path, stack, web):
    save(tmp_path / "a.zarr", stack)
    (tmp_path / "a.zarr" / "zarr.json").write_text("{")
    with pytest.raises(UserError, match=r"a\.zarr: the Zarr cannot be read \(.+\); check the address"):
        open_stack(f"{web}/a.zarr")


def test_nobody_answers(closed_port):
    url = f"http://127.0.0.1:{closed_port}/a.zarr"
    with pytest.raises(UserError, match=rf"^{url}: the Zarr cannot be read \(Cannot connect .+\); check the address"):
        open_stack(url)


def test_a_protocol_that_nobody_knows():
    sentence = r"^eels://pond/a\.zarr: a protocol such as https, s3 or gs is needed, eels:// is not known; check the ad"
    with pytest.raises(UserError, match=sentence):
        open_stack("eels://pond/a.zarr")


def test_a_library_that_is_not_installed(monkeypatch):
    unknown = {"class": "nobody_has_this.FileSystem", "err": "Install eelfs to access eels"}
    monkeypatch.setitem(known_implementations, "eels", unknown)
    sentence = r"^eels://pond/a\.zarr: a library for eels:// is needed, and it is not installed \(Install eelfs to acc"
    with pytest.raises(UserError, match=sentence):
        open_stack("eels://pond/a.zarr")


def test_a_stack_that_went_away(tmp_path, stack, web):
    save(tmp_path / "a.zarr", stack)
    shutil.rmtree(tmp_path / "a.zarr")
    with pytest.raises(UserError, match="there is none at this address"):
        open_stack(f"{web}/a.zarr")


@FORMATS
def test_an_image_some_groups_down_on_a_web_server(tmp_path, stack, web, zarr_format):
    """Named whole, by its group and by its finest level, from the store and from the middle of it."""
    write_pyramid(tmp_path / "a.zarr" / "em", stack, zarr_format)
    zarr.create_group(tmp_path / "a.zarr", zarr_format=zarr_format)
    for inner, wish in (("", "em"), ("", "em/s0"), ("/em", None), ("/em", "s0"), ("/em/s0", None)):
        with open_stack(f"{web}/a.zarr{inner}", wish) as volume:
            assert volume.voxel_size == open_stack(tmp_path / "a.zarr" / "em").voxel_size
            np.testing.assert_array_equal(volume.array[:], stack)
    assert [level.dataset for level in open_levels(f"{web}/a.zarr", "em")] == ["em/s0", "em/s1"]


def test_an_array_without_group_files_on_a_web_server(tmp_path, stack, web):
    save(tmp_path / "a.zarr" / "volumes" / "raw", stack, 2)
    np.testing.assert_array_equal(open_stack(f"{web}/a.zarr", "volumes/raw").array[:], stack)


def test_the_voxel_size_of_the_group_above_on_a_web_server(tmp_path, stack, web):
    zarr.create_group(tmp_path / "a.zarr", attributes={"resolution": [40, 5, 4]})
    save(tmp_path / "a.zarr", stack, name="raw")
    assert open_stack(f"{web}/a.zarr/raw").voxel_size == (40, 5, 4)


def test_a_zip_file_behind_a_url(tmp_path, stack, memory):
    with ZipStore(tmp_path / "a.zarr.zip", mode="w") as store:
        zarr.create_array(store, name="raw", data=stack)
    with fsspec.open(f"{memory}/a.zarr.zip", "wb") as file:
        file.write((tmp_path / "a.zarr.zip").read_bytes())
    np.testing.assert_array_equal(open_stack(f"{memory}/a.zarr.zip", "raw").array[:], stack)
