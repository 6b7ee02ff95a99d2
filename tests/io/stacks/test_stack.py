import os
import shutil

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.stack import open_stack, stack_names


def as_tiff(path, stack):
    tifffile.imwrite(path, stack, compression="zlib")


def as_mapped_tiff(path, stack):
    tifffile.imwrite(path, stack)


def as_hdf5(path, stack):
    with h5py.File(path, "w") as file:
        file["main"] = stack


def as_zarr(path, stack):
    zarr.create_array(path, data=stack)


def as_folder(path, stack):
    path.mkdir()
    for z, section in enumerate(stack):
        Image.fromarray(section).save(path / f"{z}.png")


WAYS = pytest.mark.parametrize("write", [as_tiff, as_mapped_tiff, as_hdf5, as_zarr, as_folder])


@WAYS
def test_every_kind_by_its_content(tmp_path, stack, write):
    write(tmp_path / "noname", stack)
    with open_stack(str(tmp_path / "noname"), voxel_size=VoxelSize(40, 5, 4)) as volume:
        np.testing.assert_array_equal(volume.array[1:, 2], stack[1:, 2])
        assert (volume.voxel_size, volume.path) == ((40, 5, 4), tmp_path / "noname")
    with pytest.raises(ValueError, match="this one is closed"):
        volume.array[0]


@WAYS
def test_the_fingerprint_tells_a_changed_file(tmp_path, stack, write, monkeypatch):
    write(tmp_path / "a", stack)
    before = open_stack(tmp_path / "a").fingerprint
    assert open_stack(tmp_path / "a").fingerprint == before
    monkeypatch.chdir(tmp_path)
    assert open_stack("a").fingerprint == before
    write(tmp_path / "b", np.where(np.arange(5)[:, None, None] == 2, stack // 2, stack))
    after = open_stack(tmp_path / "b").fingerprint
    assert before.split()[1:3] == after.split()[1:3] == ["5x24x37", "uint8"]
    assert before.split()[0] != after.split()[0]


def test_the_fingerprint_tells_a_copy_by_name_and_time_only(tmp_path, stack):
    as_tiff(tmp_path / "a.tif", stack)
    shutil.copyfile(tmp_path / "a.tif", tmp_path / "b.tif")
    os.utime(tmp_path / "b.tif", ns=(5, 5))
    first, second = (open_stack(tmp_path / name).fingerprint.split() for name in ("a.tif", "b.tif"))
    assert first[:4] == second[:4]
    assert second[4:] == ["5", "b.tif"]


def test_the_input_is_not_changed(tmp_path, stack):
    as_hdf5(tmp_path / "a.h5", stack)
    content, stat = (tmp_path / "a.h5").read_bytes(), (tmp_path / "a.h5").stat()
    with open_stack(tmp_path / "a.h5") as volume:
        volume.array[:][:] = 0
    assert (tmp_path / "a.h5").read_bytes() == content
    assert (tmp_path / "a.h5").stat().st_mtime_ns == stat.st_mtime_ns


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match=r"none\.tif: there is no such file or folder; check its name and place\.$"):
        open_stack(tmp_path / "none.tif")


@pytest.mark.parametrize("content", [b"", b"z,y,x\n1,2,3\n", np.random.default_rng(1).bytes(5000)])
@pytest.mark.parametrize("name", ["a.tif", "a.h5", "a.txt"])
def test_no_image(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: a stack in a format that is read is needed .*, and"):
        open_stack(tmp_path / name)


def test_one_image(tmp_path, stack):
    Image.fromarray(stack[0]).save(tmp_path / "a.png")
    with pytest.raises(NotAStack, match=r"a\.png: a stack .* is needed, got one image; open the folder of"):
        open_stack(tmp_path / "a.png")


@pytest.mark.parametrize("write", [as_tiff, as_folder])
def test_a_dataset_where_there_are_none(tmp_path, stack, write):
    write(tmp_path / "a", stack)
    with pytest.raises(UserError, match='holds no datasets, "main" is not in it; leave the dataset out'):
        open_stack(tmp_path / "a", dataset="main")


@pytest.mark.parametrize("size", [(0, 5, 4), (40, -5, 4), (40, 5, float("nan"))])
def test_a_voxel_size_that_is_none(tmp_path, stack, size):
    as_tiff(tmp_path / "a.tif", stack)
    with pytest.raises(UserError, match=r"three lengths above 0 nm \(z, y, x\) are needed, got"):
        open_stack(tmp_path / "a.tif", voxel_size=VoxelSize(*size))


def test_stack_names(tmp_path, stack):
    as_hdf5(tmp_path / "a.h5", stack)
    as_zarr(tmp_path / "b.zarr", stack)
    as_tiff(tmp_path / "c.tif", stack)
    assert [stack_names(tmp_path / name) for name in ("a.h5", "b.zarr", "c.tif")] == [["main"], [], []]


def test_a_damaged_stack_is_refused_when_it_is_opened(tmp_path, stack):
    tifffile.imwrite(tmp_path / "a.tif", stack, compression="zlib")
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        place = tiff.pages[2].dataoffsets[0]
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[place : place + 50] = b"\xff" * 50
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.tif: voxels 2:3,0:24,0:37 cannot be read"):
        open_stack(tmp_path / "a.tif")


def test_the_offset_is_read(tmp_path, stack):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        place = file.create_dataset("labels", data=stack)
        place.attrs["resolution"], place.attrs["offset"] = (40.0, 5.0, 4.0), (80.0, 0.0, 4.0)
        file["other"] = stack
    attributes = {"voxel_size": [40, 5, 4], "offset": [40, 10, 0]}
    zarr.open_group(tmp_path / "a.zarr").create_array("raw", data=stack).attrs.update(attributes)
    assert [open_stack(path, name).offset for name in ("labels", "other")] == [(80, 0, 4), None]
    assert open_stack(tmp_path / "a.zarr").offset == (40, 10, 0)
