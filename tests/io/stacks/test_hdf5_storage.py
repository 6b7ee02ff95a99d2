import sys

import h5py
import numcodecs
import numpy as np
import pytest
from damage import assert_damage_is_told

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.hdf5 import open_hdf5

BLOSC = 32001


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.h5"


def save_filtered(path, stack, number, data):
    with h5py.File(path, "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk(stack.shape)
        plan.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (2, 2, 1, stack.size, 5, 1, 1))
        space = h5py.h5s.create_simple(stack.shape)
        dataset = h5py.h5d.create(file.id, b"raw", h5py.h5t.NATIVE_UINT8, space, plan)
        dataset.write_direct_chunk((0, 0, 0), data, 0)


def test_a_filter_that_is_not_installed_is_named(path, stack, monkeypatch):
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda number: False)
    save_filtered(path, stack, BLOSC, b"data")
    with pytest.raises(UserError, match=r'Blosc \(HDF5 filter 32001\).*pip install "napari-emcad\[formats\]"'):
        open_hdf5(path)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_voxels_in_a_file_beside_it(tmp_path, path, stack, monkeypatch, elsewhere):
    stack.tofile(tmp_path / "a.bin")
    monkeypatch.chdir(tmp_path)
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", stack.shape, stack.dtype, external=[("a.bin", 0, h5py.h5f.UNLIMITED)])
        file["raw"].attrs["resolution"] = (40, 5, 4)
    if elsewhere:
        (tmp_path / "work").mkdir()
        monkeypatch.chdir(tmp_path / "work")
    opened = open_hdf5(path)
    np.testing.assert_array_equal(opened.array[:], stack)
    assert opened.voxel_size == (40, 5, 4)


def test_a_filter_that_nobody_knows(path, stack):
    pytest.importorskip("hdf5plugin")
    save_filtered(path, stack, 511, b"data")
    with pytest.raises(UserError, match=r"a filter \(HDF5 filter 511\), which hdf5plugin does not bring; .*h5repack"):
        open_hdf5(path)


def test_a_filter_of_the_extra(path, stack):
    pytest.importorskip("hdf5plugin")
    save_filtered(path, stack, BLOSC, numcodecs.Blosc("lz4").encode(np.ascontiguousarray(stack)))
    np.testing.assert_array_equal(open_hdf5(path).array[:], stack)


@pytest.mark.parametrize("options", [{"compression": "gzip", "shuffle": True}, {"compression": "lzf"}])
def test_filters_of_h5py(path, stack, options):
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", data=stack, chunks=(2, 8, 8), **options)
    np.testing.assert_array_equal(open_hdf5(path).array[:], stack)


def save_virtual(path, stack, source="parts/b.h5", dataset="em"):
    (path.parent / "parts").mkdir()
    with h5py.File(path.parent / "parts" / "b.h5", "w") as file:
        file["em"] = stack
    layout = h5py.VirtualLayout(stack.shape, stack.dtype)
    layout[:] = h5py.VirtualSource(source, dataset, stack.shape)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("raw", layout)


def test_a_virtual_dataset(path, stack):
    save_virtual(path, stack)
    np.testing.assert_array_equal(open_hdf5(path).array[:], stack)


@pytest.mark.parametrize(
    ("source", "dataset", "sentence"),
    [
        ("parts/lost.h5", "em", 'takes voxels from the file "parts/lost.h5", which is not there; put it beside'),
        ("parts/b.h5", "lost", 'takes voxels from "lost" in the file "parts/b.h5", which is not in it'),
        (".", "lost", 'takes voxels from "lost", which is not there'),
    ],
)
def test_a_virtual_dataset_without_its_source(path, stack, source, dataset, sentence):
    save_virtual(path, stack, source, dataset)
    with pytest.raises(UserError, match=sentence):
        open_hdf5(path)


def test_a_source_that_is_damaged(path, stack):
    save_virtual(path, stack)
    (path.parent / "parts" / "b.h5").write_bytes(b"damaged")
    with pytest.raises(UserError, match="which cannot be read"):
        open_hdf5(path)


def test_voxels_in_a_file_of_their_own(path, stack):
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", data=stack, external=[(str(path.parent / "voxels.bin"), 0, stack.nbytes)])
    np.testing.assert_array_equal(open_hdf5(path).array[:], stack)
    (path.parent / "voxels.bin").unlink()
    with pytest.raises(UserError, match=r'voxels lie in the file ".*voxels\.bin", which is not there'):
        open_hdf5(path)


def test_damage_is_one_sentence(path, stack):
    with h5py.File(path, "w") as file:
        file.create_dataset("volumes/raw", data=stack, chunks=(2, 8, 8), compression="gzip")
        file["volumes/raw"].attrs["resolution"] = (40.0, 5.0, 4.0)
    assert_damage_is_told(path, 150, (0, path.stat().st_size), 8)
