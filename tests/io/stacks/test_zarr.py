import json
import shutil
import zipfile

import numpy as np
import pytest
import tifffile
import zarr
from zarr.storage import ZipStore

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.choose_dataset import SeveralStacks
from napari_emcad.io.stacks.stack import open_levels, open_stack, stack_names
from napari_emcad.io.stacks.stack_selection import StackSelection
from napari_emcad.io.stacks.zarr import holds_zarr, is_zarr, open_zarr, open_zarr_levels, zarr_stack_names

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


def image(*levels, axes="zyx", **more):
    """The attributes of an image of version 0.4, in nm; levels are a path, a scale and perhaps a translation."""
    kinds = {"c": "channel", "t": "time"}
    stated = [{"name": a, "type": kinds.get(a, "space")} | ({} if a in kinds else {"unit": "nanometer"}) for a in axes]
    datasets = []
    for path, scale, *moved in levels:
        applied = [{"type": "scale", "scale": scale}, *({"type": "translation", "translation": m} for m in moved)]
        datasets.append({"path": path, "coordinateTransformations": applied})
    return {"multiscales": [{"version": "0.4", "axes": stated, "datasets": datasets}], **more}


def nested(root, stack, path="em/fibsem"):
    """An image some groups down, of two levels."""
    group = zarr.open_group(root, mode="a", zarr_format=2).require_group(path)
    group.attrs.update(image(("s0", [40, 5, 4], [400, 50, 40]), ("s1", [40, 10, 8], [400, 52.5, 42])))
    group.create_array("s0", data=stack)
    group.create_array("s1", data=stack[:, ::2, ::2])


def facts(source):
    return source.dataset, source.array.shape, source.voxel_size, source.offset


@pytest.mark.parametrize(
    ("inner", "wish", "dataset"),
    [
        ("", None, "em/fibsem/s0"),
        ("", "em/fibsem", "em/fibsem/s0"),
        ("", "/em/fibsem/s0/", "em/fibsem/s0"),
        ("", "em", "em/fibsem/s0"),
        ("em", "fibsem", "fibsem/s0"),
        ("em/fibsem", None, "s0"),
        ("em/fibsem/s0", None, None),
    ],
)
def test_an_image_some_groups_down(tmp_path, stack, inner, wish, dataset):
    nested(tmp_path / "a.zarr", stack)
    source = open_zarr(tmp_path / "a.zarr" / inner, StackSelection(wish))
    assert facts(source) == (dataset, stack.shape, (40, 5, 4), (400, 50, 40))
    assert source.size_source == "OME-Zarr metadata"
    np.testing.assert_array_equal(source.array[:], stack)


@pytest.mark.parametrize(("inner", "wish"), [("em/fibsem/s1", None), ("em", "fibsem/s1"), ("", "em/fibsem/s1")])
def test_a_coarser_level_some_groups_down(tmp_path, stack, inner, wish):
    nested(tmp_path / "a.zarr", stack)
    source = open_zarr(tmp_path / "a.zarr" / inner, StackSelection(wish))
    assert facts(source)[1:] == ((5, 12, 19), (40, 10, 8), (400, 52.5, 42))
    assert open_zarr_levels(tmp_path / "a.zarr" / inner, StackSelection(wish)) == []


@pytest.mark.parametrize("wish", [None, "em", "em/fibsem", "em/fibsem/s0"])
def test_levels_of_an_image_some_groups_down(tmp_path, stack, wish):
    nested(tmp_path / "a.zarr", stack)
    levels = open_zarr_levels(tmp_path / "a.zarr", StackSelection(wish))
    assert [(s.dataset, s.voxel_size) for s in levels] == [
        ("em/fibsem/s0", (40, 5, 4)),
        ("em/fibsem/s1", (40, 10, 8)),
    ]


def test_images_are_listed_once(tmp_path, stack):
    for path in ("a/em", "b/em"):
        nested(tmp_path / "a.zarr", stack, path)
    assert zarr_stack_names(tmp_path / "a.zarr") == ["a/em/s0", "b/em/s0"]
    with pytest.raises(SeveralStacks, match='it holds 2 stacks, "a/em/s0"'):
        open_zarr(tmp_path / "a.zarr")


@FORMATS
@pytest.mark.parametrize("inner", ["", "volumes", "volumes/raw"])
def test_the_voxel_size_of_the_group_around(tmp_path, stack, zarr_format, inner):
    zarr.create_group(tmp_path / "a.zarr", zarr_format=zarr_format, attributes={"resolution": [40, 5, 4]})
    save(tmp_path / "a.zarr", stack, zarr_format, "volumes/raw")
    source = open_zarr(tmp_path / "a.zarr" / inner)
    assert (source.voxel_size, source.size_source) == ((40, 5, 4), "attributes of the Zarr group around it")


@pytest.mark.parametrize("axes", ["xyz", "zyx", "yxz", "cxyz", "xyzc", "tczyx", "zyxct"])
def test_axes_in_any_order(tmp_path, stack, axes):
    shape = [{"z": 5, "y": 24, "x": 37}.get(axis, 1) for axis in axes]
    values = stack.transpose(["zyx".index(axis) for axis in axes if axis in "zyx"]).reshape(shape)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    numbers = [{"z": 40, "y": 5, "x": 4}.get(axis, 1) for axis in axes]
    group.attrs.update(image(("0", numbers, numbers), axes=axes))
    group.create_array("0", data=values)
    source = open_zarr(tmp_path / "a.zarr")
    assert facts(source)[1:] == (stack.shape, (40, 5, 4), (40, 5, 4))
    np.testing.assert_array_equal(source.array[1:3, ::2, 4], stack[1:3, ::2, 4])


def test_dimension_names(tmp_path, stack):
    zarr.create_array(tmp_path / "a.zarr", data=stack.T, zarr_format=3, dimension_names=["x", "y", "z"])
    np.testing.assert_array_equal(open_zarr(tmp_path / "a.zarr").array[:], stack)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("order", ["zyx", "xyz", "yxz"])
def test_arrays_that_hold_coordinates(tmp_path, stack, order, zarr_format):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=zarr_format)
    steps = {"z": 40.0, "y": 5.0, "x": 4.0}
    names = {"dimension_names": list(order)} if zarr_format == 3 else {}
    raw = group.create_array("raw", data=stack.transpose(["zyx".index(axis) for axis in order]), **names)
    raw.attrs.update({"_ARRAY_DIMENSIONS": list(order)} if zarr_format == 2 else {})
    for axis, length in zip(order, raw.shape, strict=True):
        group.create_array(axis, data=np.arange(length) * steps[axis] + 100).attrs["units"] = "nm"
    source = open_zarr(tmp_path / "a.zarr")
    np.testing.assert_array_equal(source.array[:], stack)
    assert facts(source)[2:] == ((40, 5, 4), (100, 100, 100))
    assert source.size_source == "coordinates of the axes"
    del group["z"]
    assert open_zarr(tmp_path / "a.zarr").voxel_size is None


def test_a_length_with_its_unit_for_each_dimension(tmp_path, stack):
    array = zarr.create_array(tmp_path / "a.zarr", data=stack.T, dimension_names=["x", "y", "z"])
    array.attrs["dimension_units"] = ["4 nm", "0.005 um", "40 nm"]
    assert open_zarr(tmp_path / "a.zarr").voxel_size == (40, 5, 4)


def test_a_scale_without_a_unit_is_told(tmp_path, stack):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    stated = image(("0", [40, 5, 4]))
    for axis in stated["multiscales"][0]["axes"]:
        axis.pop("unit", None)
    group.attrs.update(stated)
    group.create_array("0", data=stack)
    source = open_zarr(tmp_path / "a.zarr")
    assert (source.voxel_size, source.notes) == (None, ("its voxel size of 40 x 5 x 4 has no unit: it is left out.",))


def test_channels_of_an_image_are_listed_and_chosen(tmp_path, stack):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs.update(image(("0", [1, 40, 5, 4]), axes="czyx"))
    group.create_array("0", data=np.stack([stack, stack // 2]))
    assert zarr_stack_names(tmp_path / "a.zarr") == ["0[c=0]", "0[c=1]"]
    with pytest.raises(NotAStack, match="choose one with --channel 0 to 1"):
        open_zarr(tmp_path / "a.zarr")
    source = open_zarr(tmp_path / "a.zarr", StackSelection(channel=1))
    assert (source.dataset, source.voxel_size) == ("0[c=1]", (40, 5, 4))
    np.testing.assert_array_equal(source.array[:], stack // 2)


def test_bioformats2raw(tmp_path, stack):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    group.create_group("OME").attrs["series"] = ["1", "0"]
    for name, values in (("0", stack // 2), ("1", stack)):
        group.create_group(name).attrs.update(image(("0", [1, 1, 40, 5, 4]), axes="tczyx"))
        group.create_array(f"{name}/0", data=values[None, None])
    source = open_zarr(tmp_path / "a.zarr")
    assert (source.dataset, source.voxel_size) == ("1/0", (40, 5, 4))
    assert source.notes == ('of its images "1" is taken, the first; name another one as the dataset.',)
    assert open_zarr(tmp_path / "a.zarr", StackSelection("0")).dataset == "0/0"
    assert zarr_stack_names(tmp_path / "a.zarr") == ["0/0", "1/0"]
    assert [level.dataset for level in open_zarr_levels(tmp_path / "a.zarr")] == ["1/0"]


def test_a_plate(tmp_path, stack):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.attrs["ome"] = {"version": "0.5", "plate": {"wells": [{"path": "B/2"}, {"path": "A/1"}]}}
    for well in ("A/1", "B/2"):
        kept = group.create_group(well)
        kept.attrs["ome"] = {"version": "0.5", "well": {"images": [{"path": "0"}]}}
        kept.create_group("0").attrs["ome"] = image(("0", [40, 5, 4]))
        kept.create_array("0/0", data=stack)
    source = open_zarr(tmp_path / "a.zarr")
    assert (source.dataset, source.voxel_size, len(source.notes)) == ("B/2/0/0", (40, 5, 4), 1)
    assert 'of its images "B/2/0" is taken' in source.notes[0]
    assert zarr_stack_names(tmp_path / "a.zarr") == ["A/1/0/0", "B/2/0/0"]


@pytest.mark.parametrize("said", [True, False])
def test_labels_beside_an_image(tmp_path, stack, said):
    """Labels say so themselves, or lie in the group for them."""
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs.update(image(("0", [40, 5, 4])))
    group.create_array("0", data=stack)
    group.create_group("labels").attrs["labels"] = ["cells"]
    kept = group.create_group("labels/cells")
    kept.attrs.update(image(("0", [40, 5, 4]), **({"image-label": {}} if said else {})))
    kept.create_array("0", data=stack.astype(np.uint32))
    raw, labels = open_zarr(tmp_path / "a.zarr"), open_zarr(tmp_path / "a.zarr", StackSelection("labels/cells"))
    assert [(s.dataset, s.holds) for s in (raw, labels)] == [("0", None), ("labels/cells/0", "labels")]
    assert open_zarr(tmp_path / "a.zarr" / "labels" / "cells" / "0").holds == "labels"
    assert zarr_stack_names(tmp_path / "a.zarr") == ["0", "labels/cells/0"]


@FORMATS
@pytest.mark.parametrize("wish", [None, "volumes/raw", "volumes"])
def test_without_group_files(tmp_path, stack, zarr_format, wish):
    zarr.create_array(tmp_path / "a.zarr" / "volumes" / "raw", data=stack, zarr_format=zarr_format)
    for mark in ("zarr.json", ".zgroup", "volumes/zarr.json", "volumes/.zgroup"):
        (tmp_path / "a.zarr" / mark).unlink(missing_ok=True)
    source = open_stack(tmp_path / "a.zarr", wish)
    assert (source.dataset, stack_names(tmp_path / "a.zarr")) == ("volumes/raw", ["volumes/raw"])
    np.testing.assert_array_equal(source.array[:], stack)


def test_a_folder_of_images_with_a_zarr_in_it_is_one_of_images(tmp_path, stack):
    for z, section in enumerate(stack):
        tifffile.imwrite(tmp_path / f"s{z}.tif", section)
    save(tmp_path / "result.zarr", stack // 2)
    np.testing.assert_array_equal(open_stack(tmp_path).array[:], stack)


@FORMATS
@pytest.mark.parametrize("name", ["a.zarr.zip", "a.ozx"])
def test_a_zip_file(tmp_path, stack, zarr_format, name):
    with ZipStore(tmp_path / name, mode="w") as store:
        zarr.create_group(store, zarr_format=zarr_format, attributes={"resolution": [40, 5, 4]})
        zarr.create_array(store, name="volumes/raw", data=stack, zarr_format=zarr_format)
    with open_stack(tmp_path / name) as source:
        assert (source.dataset, source.voxel_size) == ("volumes/raw", (40, 5, 4))
        np.testing.assert_array_equal(source.array[:], stack)
    assert stack_names(tmp_path / name) == ["volumes/raw"]


def test_a_folder_packed_as_a_zip_file(tmp_path, stack):
    nested(tmp_path / "in" / "a.zarr", stack, "em")
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "in")
    assert facts(open_stack(tmp_path / "a.zip")) == ("a.zarr/em/s0", stack.shape, (40, 5, 4), (400, 50, 40))
    assert [level.dataset for level in open_levels(tmp_path / "a.zip", "a.zarr/em")] == [
        "a.zarr/em/s0",
        "a.zarr/em/s1",
    ]


def test_a_zip_file_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as kept:
        kept.writestr("a.txt", "")
    with pytest.raises(UserError, match=r"N5, Zarr, .*HDF5, .*TIFF, .*NRRD image\), and this file is none of them"):
        open_stack(tmp_path / "a.zip")


def test_shards(tmp_path, stack):
    zarr.create_array(tmp_path / "a.zarr", data=stack, shards=(4, 16, 16), chunks=(2, 8, 8), zarr_format=3)
    np.testing.assert_array_equal(open_zarr(tmp_path / "a.zarr").array[1:4, 3:20], stack[1:4, 3:20])


def test_consolidated_metadata_and_an_array_that_came_later(tmp_path, stack):
    save(tmp_path / "a.zarr", stack, 2, "raw")
    zarr.consolidate_metadata(str(tmp_path / "a.zarr"))
    group = zarr.open_group(tmp_path / "a.zarr", use_consolidated=False)
    group.create_array("later", data=stack // 2)
    assert zarr_stack_names(tmp_path / "a.zarr") == ["later", "raw"]
    np.testing.assert_array_equal(open_zarr(tmp_path / "a.zarr", StackSelection("later")).array[:], stack // 2)


def rewrite(path, **changed):
    found = next(path / name for name in (".zarray", "zarr.json") if (path / name).is_file())
    found.write_text(json.dumps(json.loads(found.read_text()) | changed))


@pytest.mark.parametrize(
    ("zarr_format", "changed", "sentence"),
    [
        (2, {"compressor": {"id": "wavpack"}}, '"wavpack", which is not installed; python -m pip install wavpack-num'),
        (2, {"filters": [{"id": "eel"}]}, 'compressed with "eel", which is not installed; install the package that b'),
        (3, {"codecs": [{"name": "bytes"}, {"name": "numcodecs.eel"}]}, 'with "numcodecs.eel", which is not installed'),
        (2, {"dtype": "<c8", "fill_value": [0, 0]}, "whole or real numbers are needed, got complex64; save it as 8-"),
        (
            2,
            {"dtype": "|O"},
            r"whole or real numbers are needed, got the type \{'name': '\|O'.*; save it as 8",
        ),
        (3, {"data_type": "bfloat16"}, "whole or real numbers are needed, got the type 'bfloat16'; save it as 8-bit g"),
    ],
)
def test_what_is_not_at_hand(tmp_path, stack, zarr_format, changed, sentence):
    save(tmp_path / "a.zarr", stack, zarr_format)
    rewrite(tmp_path / "a.zarr", **changed)
    with pytest.raises(UserError, match=sentence):
        open_zarr(tmp_path / "a.zarr")


def test_codecs_of_imagecodecs(tmp_path, stack):
    save(tmp_path / "a.zarr", stack, 2)
    rewrite(tmp_path / "a.zarr", compressor={"id": "imagecodecs_zstd"})
    assert open_zarr(tmp_path / "a.zarr").array.shape == stack.shape


@pytest.mark.parametrize(("fill", "value"), [("NaN", None), ("-Infinity", -np.inf), (None, 0), (7, 7)])
def test_fill_values(tmp_path, fill, value):
    zarr.create_array(tmp_path / "a.zarr", shape=(2, 3, 4), dtype="float32", zarr_format=2)
    rewrite(tmp_path / "a.zarr", fill_value=fill)
    found = open_zarr(tmp_path / "a.zarr").array[:]
    assert np.isnan(found).all() if value is None else (found == value).all()


def test_an_array_that_cannot_be_read_hides_no_other(tmp_path, stack):
    save(tmp_path / "a.zarr", stack, 2, "raw")
    save(tmp_path / "a.zarr", stack, 2, "other")
    rewrite(tmp_path / "a.zarr" / "other", dtype="|O")
    assert open_zarr(tmp_path / "a.zarr").dataset == "raw"


def test_what_is_left_out_is_said(tmp_path, stack):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    found = image(("0", [40, 5, 4]))["multiscales"][0]
    found["axes"] = [{"name": axis, "unit": "cubit of Noah"} for axis in "zyx"]
    found["datasets"][0]["coordinateTransformations"].append({"type": "rotation"})
    group.attrs["multiscales"] = [found, found]
    group.create_array("0", data=stack)
    source = open_zarr(tmp_path / "a.zarr")
    assert (source.voxel_size, source.size_source) == (None, "")
    assert source.notes == (
        "of its 2 OME-Zarr images the first is taken.",
        'its transformation of the type "rotation" is left out.',
        'its unit "cubit of noah" of z, y and x is not known: the voxel size is left out.',
    )


def test_a_scale_without_a_number_for_each_axis(tmp_path, stack):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs.update(image(("0", [40, 5])))
    group.create_array("0", data=stack)
    with pytest.raises(UserError, match="a transformation with 3 numbers is needed, got 2"):
        open_zarr(tmp_path / "a.zarr")


def test_a_folder_that_holds_no_zarr(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert not holds_zarr(tmp_path / "a")


def test_levels_of_one_channel(tmp_path, stack):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs.update(image(("0", [1, 40, 5, 4]), ("1", [1, 40, 10, 8]), axes="czyx"))
    group.create_array("0", data=np.stack([stack, stack // 2]))
    group.create_array("1", data=np.stack([stack, stack // 2])[..., ::2, ::2])
    first, second = open_levels(tmp_path / "a.zarr", "0[c=1]")
    assert (first.dataset, second.dataset) == ("0[c=1]", "1[c=1]")
    np.testing.assert_array_equal(second.array[:], stack[:, ::2, ::2] // 2)


def test_several_images_have_no_levels_of_their_own(tmp_path, stack):
    for path in ("a", "b"):
        nested(tmp_path / "a.zarr", stack, path)
    assert open_levels(tmp_path / "a.zarr") == []
    assert len(open_levels(tmp_path / "a.zarr", "b")) == 2


def test_a_large_sparse_array_is_opened_by_its_header_alone(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", shape=(30, 40960, 40960), chunks=(1, 512, 512), dtype="uint8")
    with open_stack(tmp_path / "a.zarr") as opened:
        assert opened.array.nbytes == 30 * 40960**2


@pytest.mark.parametrize("says", [True, False])
def test_the_voxel_size_of_a_group_is_that_of_its_finest_level(tmp_path, stack, says):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.attrs["resolution"] = [40, 5, 4]
    if says:  # in pixels
        levels = [{"path": name, "coordinateTransformations": []} for name in ("s0", "s1")]
        group.attrs["multiscales"] = [{"version": "0.4", "axes": [{"name": a} for a in "zyx"], "datasets": levels}]
    group.create_array("s0", data=stack)
    group.create_array("s1", data=stack[:, ::2, ::2])
    fine, coarse = (open_zarr(tmp_path / "a.zarr", StackSelection(name)) for name in ("s0", "s1"))
    assert (fine.voxel_size, coarse.voxel_size) == ((40, 5, 4), None)
    assert open_zarr(tmp_path / "a.zarr" / "s1").voxel_size is None
