import itertools
import sys

import numpy as np
import pytest
from damage import assert_damage_is_told

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.stack import open_stack

nrrd = pytest.importorskip("nrrd")

DIRECTIONS = {"space dimension": 3, "space directions": np.diag([5.0, 6.0, 40.0]), "space units": ["nm"] * 3}


def save(path, values, **header):
    nrrd.write(str(path), values, header, index_order="F")
    return path


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2"])
@pytest.mark.parametrize("name", ["a.nrrd", "a.nhdr"])
def test_a_stack(tmp_path, stack, name, encoding):
    opened = open_stack(save(tmp_path / name, stack.T, encoding=encoding, **DIRECTIONS))
    np.testing.assert_array_equal(opened.array[:], stack)
    assert (opened.voxel_size, opened.size_source, opened.notes) == ((40, 6, 5), "NRRD header", ())


@pytest.mark.parametrize("flip", [1, -1])
def test_the_place(tmp_path, stack, flip):
    header = DIRECTIONS | {"space directions": np.diag([5.0 * flip, 6, 40]), "space origin": [100.0 * flip, 200, 400]}
    assert open_stack(save(tmp_path / "a.nrrd", stack.T, **header)).offset == (400, 200, 100)


@pytest.mark.parametrize("order", list(itertools.permutations("xyz")))
@pytest.mark.parametrize("stated", ["labels", "directions"])
def test_axes_in_any_order(tmp_path, stack, order, stated):
    sizes = {"x": 5.0, "y": 6.0, "z": 40.0}
    header = {"labels": list(order), "spacings": [sizes[name] for name in order], "units": ["nm"] * 3}
    if stated == "directions":
        steps = [[sizes[name] * (name == axis) for axis in "xyz"] for name in order]
        header = DIRECTIONS | {"space directions": np.array(steps), "space origin": [10.0, 20, 30]}
    values = stack.transpose(["zyx".index(name) for name in order])
    opened = open_stack(save(tmp_path / "a.nrrd", values, **header))
    np.testing.assert_array_equal(opened.array[:], stack)
    assert (opened.voxel_size, opened.offset) == ((40, 6, 5), None if stated == "labels" else (30, 20, 10))


TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]


@pytest.mark.parametrize("name", ["a.nrrd", "a.nhdr"])
@pytest.mark.parametrize("endian", ["little", "big"])
@pytest.mark.parametrize("dtype", TYPES)
def test_raw_voxels_are_mapped_not_read(tmp_path, stack, monkeypatch, dtype, endian, name):
    values = stack.astype(np.dtype(dtype).newbyteorder({"little": "<", "big": ">"}[endian]))
    path = save(tmp_path / name, values.T, encoding="raw", endian=endian, **DIRECTIONS)
    monkeypatch.setattr(nrrd, "read", None)
    opened = open_stack(path)
    assert opened.array.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(opened.array[:], values)
    np.testing.assert_array_equal(opened.array[1, 2:5, ::3], values[1, 2:5, ::3])


@pytest.mark.parametrize("word", ["uchar", "unsigned char", "uint8", "uint8_t"])
@pytest.mark.parametrize(
    "skips",
    [
        ("line skip: 2", b"one\ntwo\n"),
        ("byte skip: 5", b"abcde"),
        ("lineskip: 1\nbyteskip: 3", b"one\nabc"),
        ("byte skip: -1", b"any\nthing"),
    ],
)
def test_what_lies_before_raw_voxels_is_skipped(tmp_path, stack, monkeypatch, word, skips):
    fields, before = skips
    sizes = " ".join(map(str, stack.shape[::-1]))
    header = f"NRRD0004\ntype: {word}\ndimension: 3\nsizes: {sizes}\nencoding: raw\n{fields}\n"
    grey = stack.astype(np.uint8).tobytes()
    (tmp_path / "in.nrrd").write_bytes(header.encode() + b"\n" + before + grey)
    (tmp_path / "apart.nhdr").write_text(f"{header}data file: apart.bin\n")
    (tmp_path / "apart.bin").write_bytes(before + grey)
    monkeypatch.setattr(nrrd, "read", None)
    for name in ("in.nrrd", "apart.nhdr"):
        np.testing.assert_array_equal(open_stack(tmp_path / name).array[:], stack.astype(np.uint8))


def test_raw_voxels_that_are_cut_off_are_told(tmp_path, stack):
    path = save(tmp_path / "a.nrrd", stack.T, encoding="raw", **DIRECTIONS)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(UserError, match=r"a\.nrrd"):
        open_stack(path)


def test_spacings_with_units(tmp_path, stack):
    header = {"spacings": [0.005, 0.006, 0.04], "units": ["um"] * 3}
    assert open_stack(save(tmp_path / "a.nrrd", stack.T, **header)).voxel_size == (40, 6, 5)
    opened = open_stack(save(tmp_path / "b.nrrd", stack.T, spacings=[5, 6, 40]))
    assert (opened.voxel_size, opened.notes) == (None, ("its header states no voxel size with a unit.",))


def test_channels_in_front(tmp_path, stack):
    both = np.stack([stack.T, stack.T + 1])
    directions = np.vstack([[np.nan] * 3, np.diag([5.0, 6.0, 40.0])])
    header = DIRECTIONS | {"space directions": directions, "kinds": ["list", "domain", "domain", "domain"]}
    path = save(tmp_path / "a.nrrd", both, **header)
    with pytest.raises(NotAStack, match="one channel is needed, and it has 2"):
        open_stack(path)
    opened = open_stack(path, "[c=1]")
    np.testing.assert_array_equal(opened.array[:], stack + 1)
    assert opened.voxel_size == (40, 6, 5)


def test_damage_is_one_sentence(tmp_path, stack):
    assert_damage_is_told(save(tmp_path / "a.nrrd", stack.T, **DIRECTIONS), 150, (8, 300), 2, cut=-200)


def test_the_extra_is_named(tmp_path, stack, monkeypatch):
    path = save(tmp_path / "a.nrrd", stack.T)
    monkeypatch.setitem(sys.modules, "nrrd", None)
    with pytest.raises(UserError, match=r'NRRD needs an extra .* pip install "napari-emcad\[formats\]"'):
        open_stack(path)
