import json
import shutil
import sys

import numpy as np
import pytest
import tensorstore as ts
import tifffile
import zarr

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.n5 import is_n5, open_n5
from napari_emcad.io.stacks.stack import open_levels, open_stack, stack_names


def save(path, values, **attributes):
    """An N5 array of values in Python's order."""
    spec = {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": f"{path.as_posix()}/"},
        "metadata": {
            "dimensions": values.shape[::-1],
            "blockSize": [8, 8, 2, 1, 1][: values.ndim],
            "dataType": str(values.dtype),
            "compression": {"type": "gzip"},
        },
    }
    ts.open(spec, open=True, create=True).result()[...] = values.T
    state(path, **attributes)


def state(path, **attributes):
    """Add to the attributes of an array or group."""
    file = path / "attributes.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    path.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(known | attributes))


@pytest.fixture
def volume(tmp_path, stack):
    state(tmp_path / "a.n5", n5="2.0.0")
    save(tmp_path / "a.n5" / "volumes" / "raw", stack, resolution=[4, 5, 40], offset=[8, 10, 80])
    return tmp_path / "a.n5"


@pytest.mark.parametrize(
    ("inner", "wish", "dataset"),
    [
        ("", None, "volumes/raw"),
        ("", "volumes/raw", "volumes/raw"),
        ("", "/volumes/", "volumes/raw"),
        ("volumes", None, "raw"),
        ("volumes/raw", None, None),
    ],
)
def test_an_array(volume, stack, inner, wish, dataset):
    with open_stack(volume / inner, wish) as opened:
        assert (opened.dataset, opened.voxel_size, opened.offset) == (dataset, (40, 5, 4), (80, 10, 8))
        assert opened.size_source == "N5 attribute resolution"
        np.testing.assert_array_equal(opened.array[:], stack)
        np.testing.assert_array_equal(opened.array[1:3, ::2, 4], stack[1:3, ::2, 4])


def test_a_container_without_attributes(tmp_path, stack):
    save(tmp_path / "a" / "volumes" / "raw", stack)
    assert (open_stack(tmp_path / "a").dataset, stack_names(tmp_path / "a")) == ("volumes/raw", ["volumes/raw"])


def test_a_folder_of_images_is_no_n5(tmp_path, stack):
    save(tmp_path / "a.n5", stack)
    assert not is_n5(tmp_path / "none")
    (tmp_path / "b").mkdir()
    tifffile.imwrite(tmp_path / "b" / "s0.tif", stack[0])
    state(tmp_path / "b", note="by hand")
    assert [is_n5(tmp_path / name) for name in ("a.n5", "b")] == [True, False]


@pytest.mark.parametrize("inner", ["", "volumes/raw"])
def test_zarr_in_a_folder_that_is_named_as_n5(tmp_path, stack, inner):
    zarr.create_array(tmp_path / "a.n5" / inner, data=stack)
    np.testing.assert_array_equal(open_stack(tmp_path / "a.n5").array[:], stack)


def test_several_arrays(volume, stack):
    save(volume / "volumes" / "other", stack)
    assert stack_names(volume) == ["volumes/other", "volumes/raw"]
    with pytest.raises(UserError, match='there is no dataset "middle" in it; choose from "volumes/other"'):
        open_stack(volume, "middle")


def levels(path, stack, steps=((1, 1), (1, 2)), **attributes):
    for number, (z, yx) in enumerate(steps):
        save(path / f"s{number}", stack[::z, ::yx, ::yx], **{k: v[number] for k, v in attributes.items()})


FACTORS = [[1, 1, 1], [2, 2, 1]]
TRANSFORMS = [
    {"axes": ["z", "y", "x"], "scale": s, "translate": t, "units": ["nm"] * 3}
    for s, t in (([40, 5, 4], [0, 0, 0]), ([40, 10, 8], [0, 2.5, 2]))
]
NM = {"unit": "nm", "dimensions": [4, 5, 40]}
FIJI = {"pixelWidth": 4e-3, "pixelHeight": 5e-3, "pixelDepth": 0.04, "pixelUnit": "um"}


@pytest.mark.parametrize(
    ("of_arrays", "of_group"),
    [
        ({"downsamplingFactors": FACTORS, "pixelResolution": [NM, NM]}, {}),
        ({"downsamplingFactors": FACTORS}, {"pixelResolution": NM}),
        ({"downsamplingFactors": FACTORS}, {"resolution": [0.004, 0.005, 0.04], "units": ["um"] * 3}),
        ({"downsamplingFactors": FACTORS}, FIJI),
        ({}, {"pixelResolution": {"unit": "um", "dimensions": [0.004, 0.005, 0.04]}, "scales": FACTORS}),
        ({}, {"resolution": [4, 5, 40], "downsamplingFactors": FACTORS}),
        ({"transform": TRANSFORMS, "pixelResolution": [NM, {**NM, "dimensions": [8, 10, 40]}]}, {"scales": FACTORS}),
        (
            {},
            {"multiscales": [{"datasets": [{"path": f"s{i}", "transform": t} for i, t in enumerate(TRANSFORMS)]}]},
        ),
    ],
    ids=["n5-spark", "n5-viewer", "paintera", "fiji", "scales", "bdv", "cellmap arrays", "cellmap group"],
)
def test_levels_as_programs_write_them(tmp_path, stack, of_arrays, of_group):
    """The middle of a coarse voxel lies half a fine one further on y and x."""
    levels(tmp_path / "a.n5" / "em", stack, **of_arrays)
    state(tmp_path / "a.n5" / "em", **of_group)
    found = open_levels(tmp_path / "a.n5", "em")
    assert [(level.dataset, level.voxel_size) for level in found] == [("em/s0", (40, 5, 4)), ("em/s1", (40, 10, 8))]
    assert [level.offset for level in found] == [(0, 0, 0), (0, 2.5, 2)]
    np.testing.assert_array_equal(found[1].array[:], stack[:, ::2, ::2])
    coarse = open_stack(tmp_path / "a.n5" / "em" / "s1")
    assert (coarse.voxel_size, coarse.offset) == ((40, 10, 8), (0, 2.5, 2))
    assert stack_names(tmp_path / "a.n5") == ["em/s0"]
    assert open_levels(tmp_path / "a.n5", "em/s1") == []


def test_no_voxel_size(tmp_path, stack):
    save(tmp_path / "a.n5", stack)
    opened = open_stack(tmp_path / "a.n5")
    assert (opened.voxel_size, opened.offset, opened.size_source) == (None, None, "")


def test_a_unit_that_is_not_known_is_told(tmp_path, stack):
    save(tmp_path / "a.n5", stack, pixelResolution={"unit": "ell of Noah", "dimensions": [4, 5, 40]})
    opened = open_stack(tmp_path / "a.n5")
    assert opened.voxel_size is None
    assert opened.notes == ('its unit "ell of noah" of z, y and x is not known: the voxel size is left out.',)


@pytest.mark.parametrize("axes", [["x", "y", "z", "c"], ["c", "x", "y", "z"], ["z", "y", "x", "c"]])
def test_axes_by_name(tmp_path, stack, axes):
    order = ["zyx".index(axis) for axis in axes[::-1] if axis in "zyx"]
    values = np.stack([stack.transpose(order), stack.transpose(order) // 2], axis=axes[::-1].index("c"))
    numbers = {"x": 4, "y": 5, "z": 40, "c": 1}
    save(tmp_path / "a.n5", values, axes=axes, resolution=[numbers[axis] for axis in axes])
    opened = open_stack(tmp_path / "a.n5", "[c=1]")
    assert opened.voxel_size == (40, 5, 4)
    np.testing.assert_array_equal(opened.array[:], stack // 2)


def test_axes_without_names(tmp_path, stack):
    save(tmp_path / "a.n5", stack[None, None])
    np.testing.assert_array_equal(open_stack(tmp_path / "a.n5").array[:], stack)
    save(tmp_path / "b.n5", np.stack([stack] * 2))
    with pytest.raises(UserError, match=r"got 4 axes of shape \(2, 5, 24, 37\); name them with --axes"):
        open_stack(tmp_path / "b.n5")
    np.testing.assert_array_equal(open_stack(tmp_path / "b.n5", "[axes=czyx,c=0]").array[:], stack)


@pytest.mark.parametrize("said", [{"maxId": 9}, {"painteraData": {"type": "label"}}])
def test_labels_of_paintera(tmp_path, stack, said):
    save(tmp_path / "a.n5" / "labels" / "s0", stack.astype(np.uint64))
    state(tmp_path / "a.n5" / "labels" / ("s0" if "maxId" in said else ""), **said)
    assert open_stack(tmp_path / "a.n5").holds == "labels"


def test_label_multisets_are_refused(volume):
    state(volume / "volumes" / "raw", isLabelMultiset=True)
    with pytest.raises(UserError, match="raw: it holds label multisets of Paintera"):
        open_stack(volume)


@pytest.mark.parametrize("stated", [{"compression": {"type": "lz4"}}, {"compression": None, "compressionType": "lz4"}])
def test_a_compression_that_is_not_read(volume, stated):
    file = volume / "volumes" / "raw" / "attributes.json"
    known = {k: v for k, v in (json.loads(file.read_text()) | stated).items() if v is not None}
    file.write_text(json.dumps(known))
    with pytest.raises(UserError, match='compressed with "lz4", which tensorstore does not read in N5; save it with'):
        open_stack(volume)


@pytest.mark.parametrize(
    "compression",
    [
        {"type": "raw"},
        {"type": "gzip", "level": -1, "useZlib": False},
        {"type": "bzip2", "blockSize": 9},
        {"type": "xz", "preset": 6},
        {"type": "zstd", "level": 3, "nbWorkers": 0},
        {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0, "nthreads": 1, "typesize": 8},
    ],
)
def test_compressions_as_java_states_them(tmp_path, stack, compression):
    save(tmp_path / "a.n5", stack)
    state(tmp_path / "a.n5", compression=compression)
    assert open_n5(tmp_path / "a.n5").array.shape == stack.shape


def test_behind_a_url(tmp_path, volume, stack, web):
    opened = open_stack(f"{web}/a.n5", "volumes/raw")
    assert (opened.voxel_size, opened.dataset) == ((40, 5, 4), "volumes/raw")
    np.testing.assert_array_equal(opened.array[:], stack)
    assert open_stack(f"{web}/a.n5/volumes/raw").voxel_size == (40, 5, 4)
    levels(tmp_path / "b.n5" / "em", stack, downsamplingFactors=FACTORS, pixelResolution=[NM, NM])
    assert [level.voxel_size for level in open_levels(f"{web}/b.n5/em")] == [(40, 5, 4), (40, 10, 8)]
    with pytest.raises(UserError, match=r'a\.n5: an N5 array is needed, and there is none at ""; name the dataset'):
        open_stack(f"{web}/a.n5")


def test_a_chunk_that_is_not_there_counts_as_0(volume, stack):
    (volume / "volumes" / "raw" / "0" / "1" / "1").unlink()
    expected = stack.copy()
    expected[2:4, 8:16, :8] = 0
    np.testing.assert_array_equal(open_stack(volume).array[:], expected)


def test_a_damaged_chunk(volume, stack):
    array = open_stack(volume).array
    (volume / "volumes" / "raw" / "0" / "1" / "1").write_bytes(b"damaged")
    np.testing.assert_array_equal(array[1], stack[1])
    with pytest.raises(UserError, match=r"raw: voxels 2:3,0:24,0:37 cannot be read \(.+\); copy or export"):
        array[2]


def test_without_the_extra(volume, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorstore", None)
    sentence = r'N5 volumes need an extra that is not installed; python -m pip install "napari-emcad\[n5\]"\.$'
    with pytest.raises(UserError, match=sentence):
        open_stack(volume)


@pytest.mark.parametrize(
    "text", ["{", "[]", "5", '{"n5": "2.0.0", "dimensions": 5, "blockSize": [1], "dataType": "uint8"}']
)
def test_damaged_attributes(volume, text):
    (volume / "volumes" / "raw" / "attributes.json").write_text(text)
    with pytest.raises(UserError, match="N5"):
        open_stack(volume / "volumes" / "raw")


def test_a_large_volume_is_opened_by_its_header_alone(tmp_path, stack):
    save(tmp_path / "a.n5", stack)
    state(tmp_path / "a.n5", dimensions=[40960, 40960, 30])
    shutil.rmtree(tmp_path / "a.n5" / "0")
    with open_stack(tmp_path / "a.n5") as opened:
        assert opened.array.nbytes == 40960 * 40960 * 30
