import shutil

import numpy as np
import pytest
import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.choose_dataset import SeveralStacks
from napari_emcad.io.stacks.stack_selection import StackSelection
from napari_emcad.io.stacks.zarr import is_zarr, open_zarr, open_zarr_levels, zarr_stack_names

FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])


def save(path, values, zarr_format=3, name=None, **attributes):
    array = zarr.create_array(
        path, name=name, data=values, chunks=(1, 8, 8), zarr_format=zarr_format, attributes=attributes
    )
    return array


def ome_zarr(path, stack, zarr_format, unit="nanometer"):
    """Two levels of a 5D image; the scale of the whole image doubles z."""
    for level, step in (("0", 1), ("1", 2)):
        zarr.create_array(path, name=level, data=stack[None, None, :, ::step, ::step], zarr_format=zarr_format)
    moved = {"type": "translation", "translation": [0, 0, 7, 7, 7]}
    scales = {level: {"type": "scale", "scale": [1, 1, 20, 5 * step, 4 * step]} for level, step in (("0", 1), ("1", 2))}
    levels = [{"path": level, "coordinateTransformations": [scale, moved]} for level, scale in scales.items()]
    axes = [{"name": "t", "type": "time", "unit": "second"}, {"name": "c", "type": "channel"}]
    axes += [{"name": a, "type": "space", "unit": unit} for a in "zyx"]
    twice = {"type": "scale", "scale": [1, 1, 2, 1, 1]}
    image = {"axes": axes, "datasets": levels, "coordinateTransformations": [twice]}
    group = zarr.open_group(path, mode="r+")
    group.attrs.update({"ome": {"multiscales": [image]}} if zarr_format == 3 else {"multiscales": [image]})


@FORMATS
def test_an_array(tmp_path, stack, zarr_format):
    save(tmp_path / "a.zarr", stack, zarr_format, resolution=[40, 5, 4])
    source = open_zarr(tmp_path / "a.zarr")
    assert (source.array.shape, source.dataset, source.voxel_size) == (stack.shape, None, (40, 5, 4))
    np.testing.assert_array_equal(source.array[1:3, ::2, 4], stack[1:3, ::2, 4])


@FORMATS
def test_a_slice_reads_its_chunks_only(tmp_path, stack, zarr_format):
    save(tmp_path / "a.zarr", stack, zarr_format)
    array = open_zarr(tmp_path / "a.zarr").array
    chunks = [f for f in (tmp_path / "a.zarr").rglob("*") if f.is_file() and f.suffix != ".json" and f.name[0] != "."]
    assert len(chunks) == 5 * 3 * 5
    kept = {2: "3.1.2", 3: "c/3/1/2"}[zarr_format]
    for chunk in chunks:
        if not chunk.as_posix().endswith(kept):
            chunk.write_bytes(b"damaged")
    np.testing.assert_array_equal(array[3, 8:16, 17:20], stack[3, 8:16, 17:20])
    with pytest.raises(UserError, match=r"a\.zarr: voxels 2:3,0:24,0:37 cannot be read"):
        array[2]


@FORMATS
def test_a_group(tmp_path, stack, zarr_format):
    zarr.create_group(tmp_path / "a.zarr", zarr_format=zarr_format, attributes={"resolution": [40, 5, 4]})
    save(tmp_path / "a.zarr", stack, zarr_format, "volumes/raw")
    save(tmp_path / "a.zarr", stack + 1, zarr_format, "volumes/labels", voxel_size=[0.05, 0.005, 0.004], unit="um")
    raw, labels = open_zarr(tmp_path / "a.zarr"), open_zarr(tmp_path / "a.zarr", StackSelection("volumes/labels"))
    assert (raw.dataset, raw.voxel_size, labels.voxel_size) == ("volumes/raw", (40, 5, 4), (50, 5, 4))
    np.testing.assert_array_equal(labels.array[4], stack[4] + 1)
    assert zarr_stack_names(tmp_path / "a.zarr") == ["volumes/labels", "volumes/raw"]


def test_several_arrays(tmp_path, stack):
    for name in ("left", "right"):
        save(tmp_path / "a.zarr", stack, 3, name)
    with pytest.raises(SeveralStacks, match=r'2 stacks, "left" \(5, 24, 37\) uint8, "right" .*; name the dataset'):
        open_zarr(tmp_path / "a.zarr")
    with pytest.raises(UserError, match='there is no dataset "middle" in it; choose from "left"'):
        open_zarr(tmp_path / "a.zarr", StackSelection("middle"))


@FORMATS
@pytest.mark.parametrize(("unit", "size"), [("nanometer", (40, 5, 4)), ("micrometer", (4e4, 5e3, 4e3)), (None, None)])
def test_ome_zarr_opens_its_finest_level(tmp_path, stack, zarr_format, unit, size):
    ome_zarr(tmp_path / "a.zarr", stack, zarr_format, unit)
    source = open_zarr(tmp_path / "a.zarr")
    assert (source.dataset, source.voxel_size) == ("0", size)
    np.testing.assert_array_equal(source.array[2:4, 3], stack[2:4, 3])


def test_ome_zarr_of_another_level(tmp_path, stack):
    ome_zarr(tmp_path / "a.zarr", stack, 3)
    source = open_zarr(tmp_path / "a.zarr", StackSelection("1"))
    assert (source.array.shape, source.voxel_size) == ((5, 12, 19), (40, 10, 8))


@FORMATS
def test_ome_zarr_lists_its_levels(tmp_path, stack, zarr_format):
    """The translation of 7 in all of them is doubled along z by the scale of the whole image."""
    ome_zarr(tmp_path / "a.zarr", stack, zarr_format)
    first, second = open_zarr_levels(tmp_path / "a.zarr")
    assert [(s.dataset, s.array.shape, s.voxel_size, s.offset) for s in (first, second)] == [
        ("0", (5, 24, 37), (40, 5, 4), (14, 7, 7)),
        ("1", (5, 12, 19), (40, 10, 8), (14, 7, 7)),
    ]
    np.testing.assert_array_equal(second.array[3, 2:4], stack[3, 4:8:2, ::2])


def test_a_level_without_a_translation_has_no_offset(tmp_path, stack):
    ome_zarr(tmp_path / "a.zarr", stack, 3)
    group = zarr.open_group(tmp_path / "a.zarr")
    ome = group.attrs["ome"]
    for level in ome["multiscales"][0]["datasets"]:
        level["coordinateTransformations"].pop()
    group.attrs["ome"] = ome
    assert [source.offset for source in open_zarr_levels(tmp_path / "a.zarr")] == [None, None]


def test_what_has_no_levels(tmp_path, stack):
    save(tmp_path / "a.zarr", stack)
    save(tmp_path / "b.zarr", stack, name="raw")
    assert [open_zarr_levels(tmp_path / name) for name in ("a.zarr", "b.zarr")] == [[], []]


def test_a_level_that_is_not_there(tmp_path, stack):
    ome_zarr(tmp_path / "a.zarr", stack, 3)
    shutil.rmtree(tmp_path / "a.zarr" / "1")
    with pytest.raises(UserError, match=r"a\.zarr: the Zarr folder cannot be read \(.*1.*\); it may be damaged"):
        open_zarr_levels(tmp_path / "a.zarr")


@FORMATS
def test_a_chunk_that_is_not_there_counts_as_the_fill_value(tmp_path, stack, zarr_format):
    array = save(tmp_path / "a.zarr", stack, zarr_format)
    (tmp_path / "a.zarr" / {2: "3.1.2", 3: "c/3/1/2"}[zarr_format]).unlink()
    expected = stack.copy()
    expected[3, 8:16, 16:24] = array.fill_value
    np.testing.assert_array_equal(open_zarr(tmp_path / "a.zarr").array[:], expected)


def test_channels_are_refused(tmp_path, stack):
    zarr.create_array(tmp_path / "a.zarr", data=np.stack([stack] * 3))
    with pytest.raises(NotAStack, match=r"got 4 axes of shape \(3, 5, 24, 37\)"):
        open_zarr(tmp_path / "a.zarr")


def test_damaged_metadata(tmp_path, stack):
    save(tmp_path / "a.zarr", stack)
    (tmp_path / "a.zarr" / "zarr.json").write_text("{")
    with pytest.raises(UserError, match="the Zarr folder cannot be read"):
        open_zarr(tmp_path / "a.zarr")


def test_recognised_by_content(tmp_path, stack):
    save(tmp_path / "a", stack)
    (tmp_path / "b.zarr").mkdir()
    assert [is_zarr(tmp_path / name) for name in ("a", "b.zarr", "none")] == [True, False, False]
