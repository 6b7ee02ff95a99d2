import json

import h5py
import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.choose_dataset import SeveralStacks
from napari_emcad.io.stacks.hdf5 import hdf5_stack_names, open_hdf5
from napari_emcad.io.stacks.hdf5_listing import MOST_OBJECTS
from napari_emcad.io.stacks.stack_selection import StackSelection


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.h5"


def opens_as(path, dataset, want, name=None):
    found = open_hdf5(path, StackSelection(dataset))
    np.testing.assert_array_equal(found.array[:], want)
    assert found.dataset == (name or dataset)
    return found


@pytest.mark.parametrize("link", ["dataset", "group", "chain"])
def test_soft_links(path, stack, link):
    with h5py.File(path, "w") as file:
        file["t0/raw"], file["t0/other"] = stack, stack + 1
        if link == "group":
            file["volumes"] = h5py.SoftLink("/t0")
        else:
            file["volumes/raw"] = h5py.SoftLink("/x" if link == "chain" else "/t0/raw")
            file["x"] = h5py.SoftLink("/t0/raw")
    opens_as(path, None, stack, "volumes/raw")
    opens_as(path, "volumes/raw", stack)
    opens_as(path, "t0/raw", stack)
    assert hdf5_stack_names(path) == ["t0/other", "volumes/raw"]


def test_external_links(tmp_path, path, stack):
    (tmp_path / "deep").mkdir()
    with h5py.File(tmp_path / "deep" / "b.h5", "w") as file:
        file["inner/em"] = stack
        file["inner/em"].attrs["resolution"] = (40, 5, 4)
    with h5py.File(path, "w") as file:
        file["em"] = h5py.ExternalLink("deep/b.h5", "/inner/em")
    assert opens_as(path, None, stack, "em").voxel_size == (40, 5, 4)


def test_hard_links_are_one_dataset(path, stack):
    with h5py.File(path, "w") as file:
        file["a"] = stack
        file["b/c"] = file["a"]
    opens_as(path, None, stack, "a")
    opens_as(path, "b/c", stack)


def test_loops_end(path, stack):
    with h5py.File(path, "w") as file:
        file["a/b/stack"] = stack
        file["a/b/up"], file["a/b/root"] = h5py.SoftLink("/a"), file["/"]
        file["round"] = h5py.SoftLink("/round")
    found = opens_as(path, None, stack, "a/b/stack")
    assert found.notes == ('its link "round" leads to "/round", which is not there.',)


def test_broken_links_are_named(path, stack):
    with h5py.File(path, "w") as file:
        file["em"], file["lost"] = stack, h5py.ExternalLink("b.h5", "/em")
        file["gone"] = h5py.SoftLink("/nothing")
    assert opens_as(path, None, stack, "em").notes == (
        'its link "gone" leads to "/nothing", which is not there.',
        'its link "lost" leads to "/em" in the file "b.h5", which is not there.',
    )
    with pytest.raises(UserError, match=r'its link "lost" leads to "/em" in the file "b.h5", which is not there; put'):
        open_hdf5(path, StackSelection("lost"))
    with h5py.File(path, "r+") as file:
        del file["em"], file["gone"]
    with pytest.raises(UserError, match=r'no dataset is in it, and its link "lost" leads to "/em" in the file "b.h5"'):
        open_hdf5(path)


def test_a_listing_ends(path, stack):
    with h5py.File(path, "w", libver="latest") as file:
        file["z/raw"] = stack
        group = file
        for number in range(MOST_OBJECTS + 60):
            group = group.create_group("g") if number < 50 else file.create_group(f"n{number}")
    with pytest.raises(UserError, match=f"only the first {MOST_OBJECTS:,} of its datasets and groups were looked at"):
        open_hdf5(path)
    opens_as(path, "z/raw", stack)


def test_objects_that_are_no_numbers(path, stack):
    with h5py.File(path, "w") as file:
        file["raw"], file["null"], file["one"] = stack, h5py.Empty("f4"), 5.0
        file["text"] = np.full((2, 3, 4), b"abc")
        file["pairs"] = np.zeros((2, 3, 4), [("a", "i2"), ("b", "f4")])
        file["complex"] = np.zeros((2, 3, 4), "c8")
        file["lists"] = h5py.Empty(h5py.vlen_dtype("i4"))
        file.create_dataset("rows", (2, 3, 4), h5py.vlen_dtype("i4"))
        file["kind"] = np.dtype("f8")
        file.create_dataset("links", (2, 3, 4), h5py.ref_dtype)
    opens_as(path, None, stack, "raw")
    for name in ("text", "pairs", "complex", "rows", "links"):
        with pytest.raises(UserError, match=f"{name}: voxels that are whole or real numbers are needed"):
            open_hdf5(path, StackSelection(name))
    with pytest.raises(UserError, match="null: a stack with voxels is needed"):
        open_hdf5(path, StackSelection("null"))
    for name in ("kind", "one"):
        with pytest.raises(UserError):
            open_hdf5(path, StackSelection(name))


@pytest.mark.parametrize("kind", ["?", h5py.enum_dtype({"no": 0, "yes": 1}, "u1")])
def test_masks(path, stack, kind):
    with h5py.File(path, "w") as file:
        file.create_dataset("mask", data=stack % 2, dtype=kind)
    opens_as(path, "mask", stack % 2)


def test_an_export_of_ilastik(path, stack):
    tags = {"axes": [{"key": key, "typeFlags": 2} for key in "zyxc"]}
    with h5py.File(path, "w") as file:
        file["exported_data"] = np.stack([stack, stack + 1], axis=-1)
        file["exported_data"].attrs["axistags"] = json.dumps(tags)
    with pytest.raises(SeveralStacks, match="one channel is needed, and it has 2"):
        open_hdf5(path)
    opened = open_hdf5(path, StackSelection(channel=1))
    np.testing.assert_array_equal(opened.array[:], stack + 1)


def test_an_array_of_matlab(path, stack):
    """MATLAB's im(y, x, z) has its axes the other way round in the file."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file["im"] = stack.transpose(0, 2, 1)
        file["im"].attrs["MATLAB_class"] = np.bytes_("uint8")
        file["#refs#/a"] = stack
    found = opens_as(path, None, stack, "im")
    assert "axes are taken for y, x, z" in found.notes[0]
    np.testing.assert_array_equal(open_hdf5(path, StackSelection(axes="zyx")).array[:], stack.transpose(0, 2, 1))


@pytest.mark.parametrize("size", [(40, 6, 5), [40, 6, 5], "40, 6, 5", b"[40 6 5]", ["40", "6", "5"]])
def test_a_resolution_in_any_spelling(path, stack, size):
    with h5py.File(path, "w") as file:
        file["em"] = stack
        file["em"].attrs["resolution"] = size
    assert open_hdf5(path).voxel_size == (40, 6, 5)


def test_a_voxel_size_of_the_group_around(path, stack):
    with h5py.File(path, "w") as file:
        file["t0/cell/em"] = stack
        file["t0"].attrs["element_size_um"] = (0.04, 0.006, 0.005)
        file.attrs["resolution"] = (1, 1, 1)
    assert open_hdf5(path).voxel_size == (40, 6, 5)


def test_labels_of_dimensions(path, stack):
    with h5py.File(path, "w") as file:
        file["em"] = stack.T
        for dim, label in zip(file["em"].dims, "xyz", strict=True):
            dim.label = label
    opens_as(path, None, stack, "em")
