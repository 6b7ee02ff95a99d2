"""Datasets of webKnossos, in Zarr, N5 and wkw, and arrays in wkw alone."""

import json
import sys

import numpy as np
import pytest
import tensorstore as ts
import wkw
import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.stack import open_levels, open_stack, stack_names


def padded(values, corner):
    """Values (c, x, y, z) as webKnossos keeps them, from voxel 0 on and beyond their end."""
    room = [(0, 0), *((start, 8) for start in corner)]
    return np.pad(values, room)


def save(path, values, kind):
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "zarr":
        zarr.create_array(path, data=values, chunks=(1, 8, 8, 8), zarr_format=2, order="F")
    elif kind == "zarr3":
        names = ["c", "x", "y", "z"]
        zarr.create_array(path, data=values, chunks=(1, 8, 8, 8), zarr_format=3, dimension_names=names)
    elif kind == "n5":
        shape = values.shape
        data = {"dimensions": shape, "blockSize": [1, 8, 8, 8], "dataType": str(values.dtype)}
        spec = {"driver": "n5", "kvstore": {"driver": "file", "path": f"{path.as_posix()}/"}}
        compression = {"compression": {"type": "gzip"}}
        ts.open(spec | {"metadata": data | compression}, open=True, create=True).result()[...] = values
    else:
        header = wkw.Header(values.dtype.type, num_channels=len(values), block_len=8, file_len=4)
        kept = wkw.Dataset.create(str(path), header)
        kept.write((0, 0, 0), np.asfortranarray(values))
        kept.close()


def layer(folder, kind, values, name="color", category="color", corner=(0, 0, 0), steps=((1, 1, 1),), **more):
    """Write a layer (c, x, y, z) with its resolutions, and return its properties."""
    mags = []
    for step in steps:
        mag = str(step[0]) if len(set(step)) == 1 else "-".join(map(str, step))
        start = [c // s for c, s in zip(corner, step, strict=True)]
        taken = values[:, :: step[0], :: step[1], :: step[2]]
        save(folder / name / mag, padded(taken, start), kind)
        order = {"axisOrder": {"c": 0, "x": 1, "y": 2, "z": 3}} if kind != "wkw" else {}
        mags.append({"mag": list(step), "path": f"./{name}/{mag}", **order})
    _, width, height, depth = values.shape
    box = {"topLeft": list(corner), "width": width, "height": height, "depth": depth}
    stated = {"name": name, "category": category, "boundingBox": box, "dataFormat": kind, "mags": mags}
    return stated | {"numChannels": len(values), "elementClass": str(values.dtype)} | more


def write_properties(folder, *layers, scale=None):
    stated = {"id": {"name": folder.name, "team": ""}, "dataLayers": list(layers), "version": 1}
    stated["scale"] = scale or {"factor": [4, 5, 40], "unit": "nanometer"}
    (folder / "datasource-properties.json").write_text(json.dumps(stated))


KINDS = pytest.mark.parametrize("kind", ["zarr", "zarr3", "n5", "wkw"])


@KINDS
@pytest.mark.parametrize("corner", [(0, 0, 0), (3, 10, 2)])
def test_a_layer(tmp_path, stack, kind, corner):
    write_properties(tmp_path, layer(tmp_path, kind, stack.T[None], corner=corner))
    for inner, wish, dataset in (
        ("", None, "color/1"),
        ("", "color", "color/1"),
        ("", "color/1", "color/1"),
        ("color", None, "1"),
        ("color", "1", "1"),
        ("color/1", None, None),
    ):
        with open_stack(tmp_path / inner, wish) as opened:
            assert (opened.dataset, opened.voxel_size, opened.holds) == (dataset, (40, 5, 4), "image")
            assert opened.offset == (corner[2] * 40, corner[1] * 5, corner[0] * 4)
            assert opened.size_source == "webKnossos properties" and opened.notes == ()
            np.testing.assert_array_equal(opened.array[:], stack)
            np.testing.assert_array_equal(opened.array[1:4, ::2, 5], stack[1:4, ::2, 5])
    assert stack_names(tmp_path) == ["color/1"]


@KINDS
def test_resolutions(tmp_path, stack, kind):
    even = stack[:, :, :36]
    steps = ((2, 2, 1), (1, 1, 1))
    write_properties(tmp_path, layer(tmp_path, kind, even.T[None], corner=(4, 2, 0), steps=steps))
    found = open_levels(tmp_path)
    assert [(level.dataset, level.voxel_size) for level in found] == [
        ("color/1", (40, 5, 4)),
        ("color/2-2-1", (40, 10, 8)),
    ]
    assert [level.offset for level in found] == [(0, 10, 16), (0, 12.5, 18)]
    np.testing.assert_array_equal(found[1].array[:], even[:, ::2, ::2])
    assert [level.dataset for level in open_levels(tmp_path / "color")] == ["1", "2-2-1"]
    assert open_levels(tmp_path, "color/2-2-1") == open_levels(tmp_path / "color" / "1") == []


def test_a_segmentation_beside_the_image(tmp_path, stack):
    labels = stack.astype(np.uint32) + 70000
    seg = layer(tmp_path, "zarr3", labels.T[None], "segmentation", "segmentation", largestSegmentId=70255)
    write_properties(tmp_path, layer(tmp_path, "zarr3", stack.T[None]), seg)
    assert open_stack(tmp_path).dataset == "color/1"
    assert stack_names(tmp_path) == ["color/1", "segmentation/1"]
    opened = open_stack(tmp_path, "segmentation")
    assert opened.holds == "labels"
    np.testing.assert_array_equal(opened.array[:], labels)


def test_channels(tmp_path, stack):
    write_properties(tmp_path, layer(tmp_path, "zarr3", np.stack([stack.T, stack.T // 2, stack.T // 3])))
    assert stack_names(tmp_path) == ["color/1[c=0]", "color/1[c=1]", "color/1[c=2]"]
    np.testing.assert_array_equal(open_stack(tmp_path, "color/1[c=1]").array[:], stack // 2)
    with pytest.raises(UserError, match="choose one with --channel 0 to 2"):
        open_stack(tmp_path)


def test_properties_of_older_datasets(tmp_path, stack):
    """The scale as a list, resolutions as numbers and without paths."""
    found = layer(tmp_path, "wkw", stack.T[None])
    del found["mags"]
    found["wkwResolutions"] = [{"resolution": 1, "cubeLength": 32}]
    write_properties(tmp_path, found, scale=[4, 5, 40])
    opened = open_stack(tmp_path)
    assert (opened.dataset, opened.voxel_size) == ("color/1", (40, 5, 4))
    np.testing.assert_array_equal(opened.array[:], stack)


@pytest.mark.parametrize(("unit", "size"), [("micrometer", (4e4, 5e3, 4e3)), ("ell of Noah", None)])
def test_units(tmp_path, stack, unit, size):
    write_properties(tmp_path, layer(tmp_path, "zarr", stack.T[None]), scale={"factor": [4, 5, 40], "unit": unit})
    opened = open_stack(tmp_path)
    assert opened.voxel_size == size
    assert bool(opened.notes) == (size is None)


def test_an_array_in_another_order(tmp_path, stack):
    found = layer(tmp_path, "zarr", stack[None])
    found["boundingBox"] |= {"width": 37, "height": 24, "depth": 5}
    found["mags"][0]["axisOrder"] = {"c": 0, "z": 1, "y": 2, "x": 3}
    write_properties(tmp_path, found)
    np.testing.assert_array_equal(open_stack(tmp_path).array[:], stack)


def test_a_box_beyond_the_array(tmp_path, stack):
    found = layer(tmp_path, "zarr", stack.T[None])
    found["boundingBox"]["depth"] = 500
    write_properties(tmp_path, found)
    opened = open_stack(tmp_path)
    assert opened.array.shape == (13, 24, 37)
    assert opened.notes == ("its array ends before the bounding box of its layer: what lies beyond is left out.",)
    found["boundingBox"]["topLeft"] = [0, 0, 100]
    write_properties(tmp_path, found)
    with pytest.raises(UserError, match="the bounding box of its layer lies outside the array"):
        open_stack(tmp_path)


def test_a_layer_in_another_format(tmp_path, stack):
    found = layer(tmp_path, "zarr", stack.T[None]) | {"dataFormat": "neuroglancerPrecomputed"}
    write_properties(tmp_path, found)
    with pytest.raises(
        UserError, match=r'a layer in Zarr, N5 or wkw is needed, got "neuroglancerPrecomputed"; open .*1 it'
    ):
        open_stack(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "5", "{}", '{"scale": [1, 2], "dataLayers": []}', '{"dataLayers": 1}'])
@pytest.mark.parametrize("inner", ["", "color/1"])
def test_damaged_properties(tmp_path, stack, text, inner):
    layer(tmp_path, "zarr", stack.T[None])
    (tmp_path / "datasource-properties.json").write_text(text)
    with pytest.raises(UserError, match="the dataset of webKnossos cannot be read"):
        open_stack(tmp_path / inner)


def test_wkw_alone(tmp_path, stack):
    save(tmp_path / "a", stack.T[None], "wkw")
    opened = open_stack(tmp_path / "a")
    assert (opened.array.shape, opened.voxel_size, opened.dataset) == ((32, 32, 64), None, None)
    assert opened.notes == ("it has no datasource-properties.json: it goes to the end of its files.",)
    np.testing.assert_array_equal(opened.array[:5, :24, :37], stack)
    np.testing.assert_array_equal(opened.array[1:5:2, 3:24:5, 7], stack[1:5:2, 3:24:5, 7])


def test_wkw_without_the_extra(tmp_path, stack, monkeypatch):
    save(tmp_path / "a", stack.T[None], "wkw")
    monkeypatch.setitem(sys.modules, "wkw", None)
    with pytest.raises(UserError, match=r'format wkw need an extra .*; python -m pip install "napari-emcad\[wkw\]"\.$'):
        open_stack(tmp_path / "a")


def test_damaged_headers_of_wkw(tmp_path, stack):
    save(tmp_path / "a", stack.T[None], "wkw")
    whole = (tmp_path / "a" / "header.wkw").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] = rng.integers(256)
        (tmp_path / "a" / "header.wkw").write_bytes(damaged[: rng.integers(1, 20)])
        try:
            with open_stack(tmp_path / "a") as opened:
                assert opened.array.shape
        except UserError as error:
            assert "\n" not in str(error)
