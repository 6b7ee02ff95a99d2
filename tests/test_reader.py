import io
import os
import shutil
from contextlib import contextmanager
from importlib.resources import files

import h5py
import numpy as np
import PIL.Image
import pytest
import tensorstore
import tifffile
import zarr
from napari.layers import Image, Labels
from npe2 import PluginManifest
from pyramids import write_pyramid

from napari_emcad import reader
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.labels.tiff import write_labels
from napari_emcad.io.stacks import folders_below, likely_stack
from napari_emcad.io.stacks.foreign_formats import refuse_foreign
from napari_emcad.io.stacks.formats import ON_DISK, known_suffixes
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.section_images import ImageHeader, open_section_images
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.reader import LEVELS, get_reader, read_layers

RAW = np.random.default_rng(5).integers(0, 255, (5, 24, 37), dtype=np.uint8)
CELLS = np.broadcast_to(
    np.kron(np.random.default_rng(6).permutation(20).reshape(4, 5) + 1, np.ones((6, 8), int)), (5, 24, 40)
)
CELLS = CELLS[:, :, :37]
SIZE = {"resolution": (250, 200), "metadata": {"axes": "ZYX", "spacing": 0.04, "unit": "um"}}


def layers(path):
    return get_reader(str(path))(str(path))


def test_a_stack_becomes_an_image_layer_in_nanometres(tmp_path):
    tifffile.imwrite(tmp_path / "raw.tif", RAW, **SIZE)
    ((data, meta, kind),) = layers(tmp_path / "raw.tif")
    assert (kind, meta["name"], meta["scale"], meta["units"]) == ("image", "raw", (40, 5, 4), ("nm", "nm", "nm"))
    with open_stack(tmp_path / "raw.tif") as stack:
        fingerprint = stack.fingerprint
    known = {"voxel_size_nm": (40, 5, 4), "voxel_size_source": "metadata of tifffile", "fingerprint": fingerprint}
    assert meta["metadata"] == {**known, "source": str(tmp_path / "raw.tif"), "dataset": None}
    layer = Image(data, **meta)
    assert (layer.axis_labels, [str(u) for u in layer.units]) == (("z", "y", "x"), ["nanometer"] * 3)
    np.testing.assert_array_equal(layer.data, RAW)


def test_without_a_voxel_size_the_layer_stays_in_pixels(tmp_path):
    tifffile.imwrite(tmp_path / "raw.tif", RAW)
    ((data, meta, _),) = layers(tmp_path / "raw.tif")
    layer = Image(data, **meta)
    assert ([str(u) for u in layer.units], tuple(layer.scale)) == (["pixel"] * 3, (1, 1, 1))
    assert meta["metadata"]["voxel_size_nm"] is None


def test_three_columns_are_no_colours(tmp_path):
    tifffile.imwrite(tmp_path / "raw.tif", RAW[..., :3], photometric="minisblack", metadata={"axes": "ZYX"})
    ((data, meta, _),) = layers(tmp_path / "raw.tif")
    assert Image(data, **meta).ndim == 3


def test_our_labels_become_a_labels_layer_whatever_their_name(tmp_path):
    write_labels(tmp_path / "a.tif", RAW.astype(np.uint32) * 1000, VoxelSize(40, 5, 4), {})
    ((data, meta, kind),) = layers(tmp_path / "a.tif")
    assert (kind, data.dtype, meta["scale"]) == ("labels", np.uint32, (40, 5, 4))
    np.testing.assert_array_equal(Labels(data, **meta).data, RAW.astype(np.uint32) * 1000)


@pytest.mark.parametrize("name", ["neuron_ids.tif", "raw.tif", "Labels-3.tiff"])
@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.uint64, np.float32])
def test_labels_by_their_voxels(tmp_path, name, dtype):
    for values, expected in ((CELLS, "labels"), (RAW, "image")):
        tifffile.imwrite(tmp_path / name, values.astype(dtype), photometric="minisblack")
        ((data, meta, kind),) = layers(tmp_path / name)
        assert kind == expected
        np.testing.assert_array_equal({"image": Image, "labels": Labels}[kind](data, **meta).data, values)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i2", "i4", "i8", "u4", "u8"])
@pytest.mark.parametrize("in_memory", [10**9, 10])
def test_labels_of_any_numbers_are_whole_ones_in_the_viewer(tmp_path, monkeypatch, dtype, in_memory):
    """Ids as MATLAB keeps them, and voxels that nobody labelled."""
    monkeypatch.setattr(reader, "_IN_MEMORY_BYTES", in_memory)
    ids, mark = CELLS.astype(dtype), -1 if dtype[0] != "u" else np.iinfo(dtype).max
    ids[:, :7] = mark
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["main"] = ids
    ((data, meta, kind),) = layers(tmp_path / "a.h5")
    layer = Labels(data, **meta)
    assert kind == "labels" and layer.data.dtype.kind == "u"
    np.testing.assert_array_equal(np.asarray(layer.data[2]), np.where(ids[2] == mark, 0, ids[2]))
    assert f"{mark} in the labels counts as unlabelled, as 0 does." in layer.metadata["notes"]


def test_levels_of_labels_are_whole_numbers_too(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "_IN_MEMORY_BYTES", 10)
    write_pyramid(tmp_path / "labels.zarr", np.kron(CELLS, np.ones((1, 4, 4), int)).astype(np.float32))
    ((data, meta, kind),) = layers(tmp_path / "labels.zarr")
    assert (kind, [str(level.dtype) for level in data]) == ("labels", ["uint32"] * 2)
    assert Labels(data, **meta).data[0][0, 0, 0] == CELLS[0, 0, 0]


def test_fractions_beyond_the_look_are_told(tmp_path, monkeypatch):
    ids = CELLS.astype(np.float32)
    ids[0, 0, 0] = 0.5
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["main"] = ids
    ((data, meta, kind),) = layers(tmp_path / "a.h5")
    assert kind == "image" and "it holds fractions" in meta["metadata"]["notes"][0]
    np.testing.assert_array_equal(data, ids)
    monkeypatch.setattr(reader, "_IN_MEMORY_BYTES", 10)
    ((data, _, kind),) = layers(tmp_path / "a.h5")
    assert kind == "labels" and data[1].any()
    with pytest.raises(UserError, match=r"ids that are whole numbers up to 4,294,967,295 are needed.*sections 0 to 0"):
        data[0]


def test_ids_that_their_type_rounds_are_told(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["main"] = CELLS.astype(np.float32) * 2**22
    ((_, meta, kind),) = layers(tmp_path / "a.h5")
    assert kind == "labels" and "ids above 16,777,216 may have been rounded" in meta["metadata"]["notes"][-1]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("neuron_ids.tif", "labels"),
        ("ac4_seg.tif", "labels"),
        ("raw.tif", "image"),
        ("segment_me.tif", "image"),
        ("labelled-later.tif", "image"),
    ],
)
def test_numbers_of_8_bits_need_a_name_that_hints_at_labels(tmp_path, name, kind):
    tifffile.imwrite(tmp_path / name, CELLS.astype(np.uint8), photometric="minisblack")
    assert layers(tmp_path / name)[0][2] == kind


def test_grey_values_are_an_image_whatever_their_name(tmp_path):
    tifffile.imwrite(tmp_path / "mouse_neurons.tif", RAW, photometric="minisblack")
    ((_, meta, kind),) = layers(tmp_path / "mouse_neurons.tif")
    assert kind == "image"
    assert meta["metadata"]["notes"] == (
        "taken for an image though its name says labels, as its values change from voxel to voxel.",
    )


@pytest.mark.parametrize(("name", "kind"), [("seg.tif", "labels"), ("a.tif", "image")])
def test_where_voxels_do_not_tell_a_name_does(tmp_path, name, kind):
    tifffile.imwrite(tmp_path / name, np.where(CELLS == 3, 7, 0).astype(np.uint16), photometric="minisblack")
    assert layers(tmp_path / name)[0][2] == kind


def test_one_neuron_in_numbers_of_32_bits_is_labels(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.where(CELLS == 3, 7, 0).astype(np.uint32), photometric="minisblack")
    ((_, meta, kind),) = layers(tmp_path / "a.tif")
    assert (kind, meta["metadata"]["notes"]) == (
        "labels",
        ("taken for labels by its type uint32, as its voxels do not tell.",),
    )


def test_cremi_opens_raw_and_neurons(tmp_path):
    with h5py.File(tmp_path / "a.hdf", "w") as file:
        for name, values in {"raw": RAW, "labels/neuron_ids": CELLS.astype(np.uint64) * 4000, "extra": RAW}.items():
            file[f"volumes/{name}"] = values
            file[f"volumes/{name}"].attrs["resolution"] = (40.0, 5.0, 4.0)
    raw, neurons = layers(tmp_path / "a.hdf")
    assert (raw[1]["name"], raw[2], neurons[1]["name"], neurons[2]) == ("a raw", "image", "a neuron_ids", "labels")
    assert neurons[1]["metadata"]["dataset"] == "volumes/labels/neuron_ids"
    assert (neurons[0].dtype, neurons[1]["scale"]) == (np.uint32, (40, 5, 4))
    np.testing.assert_array_equal(neurons[0], CELLS.astype(np.uint32) * 4000)


def test_padded_cremi_shows_its_neurons_where_they_lie(tmp_path):
    with h5py.File(tmp_path / "a.hdf", "w") as file:
        for name, values in {
            "raw": CELLS.astype(np.uint8),
            "labels/neuron_ids": CELLS[1:4, 5:, 6:30].astype(np.uint64),
        }.items():
            file[f"volumes/{name}"] = values
            file[f"volumes/{name}"].attrs["resolution"] = (40.0, 5.0, 4.0)
        file["volumes/labels/neuron_ids"].attrs["offset"] = (40.0, 25.0, 24.0)
    (raw, stack, _), (ids, neurons, _) = layers(tmp_path / "a.hdf")
    image, labels = Image(raw, **stack), Labels(ids, **neurons)
    for voxel in ((0, 0, 0), (2, 7, 3)):
        here = np.rint(image.world_to_data(labels.data_to_world(voxel))).astype(int)
        assert labels.data[voxel] == image.data[tuple(here)]


@pytest.mark.parametrize("name", ["AC4_inputs.tif", "ac3_labels.tif", "raw.tif"])
def test_a_name_that_says_the_dataset_says_the_voxel_size(tmp_path, name):
    tifffile.imwrite(tmp_path / name, RAW)
    ((_, meta, _),) = layers(tmp_path / name)
    size = None if name == "raw.tif" else (30, 6, 6)
    assert (meta.get("scale"), meta["metadata"]["voxel_size_nm"]) == (size, size)


@pytest.mark.parametrize(("name", "kind"), [("train-labels.h5", "labels"), ("train-input.h5", "image")])
def test_main_is_what_the_file_name_says(tmp_path, name, kind):
    with h5py.File(tmp_path / name, "w") as file:
        file["main"] = CELLS.astype(np.uint8)
    assert [kind for *_, kind in layers(tmp_path / name)] == [kind]


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.uint64])
def test_what_nobody_labelled_is_shown_as_0_and_told(tmp_path, dtype):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["labels"] = (CELLS - 2).clip(-1).astype(np.int64).astype(dtype)
    ((data, meta, kind),) = layers(tmp_path / "a.h5")
    assert (kind, data.dtype) == ("labels", np.uint16)
    np.testing.assert_array_equal(data, (CELLS - 2).clip(0))
    assert any("counts as unlabelled" in note for note in meta["metadata"]["notes"])


def test_several_stacks_all_open(tmp_path):
    for name in ("left", "right"):
        zarr.create_array(tmp_path / "a.zarr", name=name, data=RAW)
    assert [meta["name"] for _, meta, _ in layers(tmp_path / "a.zarr")] == ["a left", "a right"]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (CELLS.astype(np.uint8), np.uint8),
        (CELLS.astype(np.int64), np.uint16),
        (CELLS.astype(np.float64), np.uint16),
        (CELLS.astype(np.uint32) * 10000, np.uint32),
        (CELLS.astype(np.uint64) + 2**40, np.uint64),
        (CELLS.astype(np.uint64) + 2**63, np.uint64),
    ],
)
def test_labels_come_in_the_smallest_type_that_napari_draws_fast(tmp_path, values, dtype):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["labels"] = values
    ((data, *_),) = layers(tmp_path / "a.h5")
    assert data.dtype == dtype
    np.testing.assert_array_equal(data, values)


@pytest.mark.parametrize("name", ["raw.tif", "labels.tif"])
def test_large_stacks_stay_on_disk(tmp_path, name, monkeypatch):
    monkeypatch.setattr(reader, "_IN_MEMORY_BYTES", RAW.nbytes - 1)
    values = (CELLS if name == "labels.tif" else RAW).astype(np.uint8)
    tifffile.imwrite(tmp_path / name, values, compression="zlib")
    ((data, meta, kind),) = layers(tmp_path / name)
    assert isinstance(data, LazyArray)
    layer = {"image": Image, "labels": Labels}[kind](data, **meta)
    layer.get_value((3, 4, 5))
    np.testing.assert_array_equal(np.asarray(layer.data[3]), values[3])


def test_a_large_image_of_several_levels_comes_with_all_of_them(tmp_path, monkeypatch):
    write_pyramid(tmp_path / "a.zarr", RAW)
    ((small, *_),) = layers(tmp_path / "a.zarr")
    np.testing.assert_array_equal(small, RAW)
    monkeypatch.setattr(reader, "_IN_MEMORY_BYTES", RAW.nbytes - 1)
    ((data, meta, kind),) = layers(tmp_path / "a.zarr")
    assert all(isinstance(level, LazyArray) for level in data)
    layer = Image(data, **meta)
    assert (kind, layer.multiscale, tuple(layer.scale)) == ("image", True, (40, 5, 4))
    assert [tuple(shape) for shape in layer.level_shapes] == [(5, 24, 37), (5, 12, 19)]
    np.testing.assert_array_equal(np.asarray(layer.data[1]), RAW[:, ::2, ::2])
    assert meta["metadata"]["dataset"] == "s0"
    assert meta["metadata"][LEVELS] == [
        {"dataset": "s0", "voxel_size_nm": (40, 5, 4), "offset_nm": (0, 0, 0)},
        {"dataset": "s1", "voxel_size_nm": (40, 10, 8), "offset_nm": (0, 2.5, 2)},
    ]


def test_labels_of_several_levels(tmp_path, monkeypatch):
    write_pyramid(tmp_path / "seg.zarr", CELLS.astype(np.uint8))
    monkeypatch.setattr(reader, "_IN_MEMORY_BYTES", RAW.nbytes - 1)
    group = zarr.open_group(tmp_path / "seg.zarr")
    levels = group.attrs["ome"]
    for name in ("s0", "s1"):
        shutil.move(tmp_path / "seg.zarr" / name, tmp_path / "seg.zarr" / f"{name}_labels")
    for level in levels["multiscales"][0]["datasets"]:
        level["path"] += "_labels"
    group.attrs["ome"] = levels
    (data, meta, kind), *_ = layers(tmp_path / "seg.zarr")
    assert (kind, Labels(data, **meta).multiscale) == ("labels", True)


def test_a_level_by_its_name_comes_alone(tmp_path):
    write_pyramid(tmp_path / "a.zarr", RAW)
    ((data, meta, _),) = read_layers(str(tmp_path / "a.zarr"), "s1")
    layer = Image(data, **meta)
    assert (tuple(layer.scale), tuple(layer.translate)) == ((40, 10, 8), (0, 2.5, 2))
    np.testing.assert_array_equal(layer.data, RAW[:, ::2, ::2])


def test_behind_a_url_nothing_is_read_at_once(memory):
    write_pyramid(f"{memory}/a.zarr", RAW)
    zarr.create_array(f"{memory}/b.zarr", data=RAW)
    ((pyramid, meta, _),) = layers(f"{memory}/a.zarr")
    ((alone, *_),) = layers(f"{memory}/b.zarr")
    assert isinstance(alone, LazyArray)
    assert (meta["name"], meta["multiscale"], len(pyramid)) == ("a", True, 2)
    assert (meta["metadata"]["source"], meta["metadata"]["dataset"]) == (f"{memory}/a.zarr", "s0")


def test_a_url_with_a_secret_is_refused_when_it_is_read():
    with pytest.raises(UserError, match="a URL without user, password, token or signature is needed"):
        layers("https://me:secret@host/a.zarr")


def test_a_folder_of_precomputed_scales(tmp_path):
    spec = {"driver": "neuroglancer_precomputed", "kvstore": {"driver": "file", "path": f"{tmp_path.as_posix()}/em/"}}
    spec["multiscale_metadata"] = {"type": "image", "data_type": "uint8", "num_channels": 1}
    spec["scale_metadata"] = {"size": RAW.T.shape, "resolution": [4, 5, 40], "encoding": "raw", "chunk_size": [8, 8, 8]}
    tensorstore.open(spec, create=True).result()[...] = RAW.T[..., None]
    ((data, meta, kind),) = layers(tmp_path / "em")
    assert (kind, meta["scale"], meta["metadata"]["dataset"]) == ("image", (40, 5, 4), "4_5_40")
    np.testing.assert_array_equal(data, RAW)


def test_what_is_left_to_other_plugins(tmp_path):
    tifffile.imwrite(tmp_path / "section.tif", RAW[0])
    tifffile.imwrite(tmp_path / "colour.tif", np.zeros((5, 24, 37, 3), np.uint8), photometric="rgb")
    zarr.create_array(tmp_path / "channels.zarr", data=np.stack([RAW] * 2))
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for name in ("section.tif", "colour.tif", "channels.zarr", "a.png", "folder"):
        assert get_reader(str(tmp_path / name)) is None
    assert get_reader([str(tmp_path / "section.tif")]) is None
    assert get_reader("https://127.0.0.1/a.png") is None


def sections(folder, values, name="{:03}.tif", **layout):
    folder.mkdir()
    for z, section in enumerate(values):
        tifffile.imwrite(folder / name.format(z), section, **layout)
    return folder


@pytest.mark.parametrize("suffix", [".btf", ".TIF", ".ome.tif", ".tf8"])
def test_suffixes_of_tiff(tmp_path, suffix):
    tifffile.imwrite(tmp_path / f"a{suffix}", RAW, bigtiff=True, photometric="minisblack", metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(layers(tmp_path / f"a{suffix}")[0][0], RAW)


def test_a_folder_of_sections(tmp_path):
    folder = sections(tmp_path / "em", RAW)
    (folder / "notes.txt").write_text("")
    ((data, meta, kind),) = layers(folder)
    assert (kind, meta["name"]) == ("image", "em")
    np.testing.assert_array_equal(data, RAW)


def test_folders_that_are_left_to_other_plugins(tmp_path):
    photos = sections(tmp_path / "photos", np.zeros((3, 8, 8, 3), np.uint8), photometric="rgb")
    stacks = sections(tmp_path / "stacks", np.stack([RAW] * 2), photometric="minisblack")
    pictures = sections(tmp_path / "pictures", RAW[:1])
    tifffile.imwrite(pictures / "other.tif", RAW[0, :9])
    program = sections(tmp_path / "program", RAW[:2])
    for number in range(4):
        (program / f"{number}.py").write_text("")
    for folder in (photos, stacks, pictures, program):
        assert get_reader(str(folder)) is None


def test_a_folder_is_looked_at_without_reading_its_sections(tmp_path, monkeypatch):
    folder = sections(tmp_path / "em", np.zeros((30, 2, 2), np.uint8))
    read = []
    monkeypatch.setattr(
        likely_stack, "section_header", lambda file: read.append(file) or ImageHeader((2, 2), np.dtype("u1"))
    )
    monkeypatch.setattr(folders_below, "MOST_ENTRIES", 10)
    assert get_reader(str(folder)) is not None
    assert len(read) == 2


def test_a_folder_of_one_folder_a_section(tmp_path):
    for place in ("em", "pictures"):
        (tmp_path / place).mkdir()
    for number, section in enumerate(RAW):
        sections(tmp_path / "em" / f"s{number}", section[None])
    ((data, _, kind),) = layers(tmp_path / "em")
    assert kind == "image"
    np.testing.assert_array_equal(data, RAW)
    sections(tmp_path / "pictures" / "a", RAW[:1])
    (tmp_path / "pictures" / "b").mkdir()
    assert get_reader(str(tmp_path / "pictures")) is None


def test_many_stacks_are_not_opened_together(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "_MOST_LAYERS", 2)
    for name in "abc":
        zarr.create_array(tmp_path / "many.zarr" / name, data=RAW)
    with pytest.raises(UserError, match="it holds 3 stacks"):
        layers(tmp_path / "many.zarr")


@pytest.fixture
def looks(monkeypatch):
    """The number of times that the disk is asked for something, entries of folders included."""
    asked = {"n": 0}

    def counted(function):
        def ask(*arguments, **options):
            asked["n"] += 1
            return function(*arguments, **options)

        return ask

    scandir = os.scandir

    @contextmanager
    def scan(folder):
        with scandir(folder) as entries:
            yield map(counted(lambda entry: entry), entries)

    def listed(folder):
        asked["n"] += len(names := listdir(folder))
        return names

    listdir = os.listdir
    for name in ("stat", "open"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    monkeypatch.setattr(io, "open", counted(io.open))
    monkeypatch.setattr(os, "scandir", scan)
    monkeypatch.setattr(os, "listdir", listed)
    return asked


ARRAY = {
    ".zarray": '{"chunks":[1,8,8],"compressor":null,"dtype":"|u1","fill_value":0,"filters":null,"order":"C",'
    '"shape":[2,8,8],"zarr_format":2}',
    "attributes.json": '{"dimensions":[8,8,2],"blockSize":[8,8,1],"dataType":"uint8","compression":{"type":"raw"}}',
}
"""Metadata of arrays, of Zarr and of N5."""


class TestHugeFolders:
    """napari asks every plugin about every path that is dropped: the answer costs no more where more lies there."""

    N = 3000
    """Files; more than are looked at."""

    def ask(self, folder, looks) -> tuple[bool, int]:
        looks["n"] = 0
        return get_reader(str(folder)) is not None, looks["n"]

    @pytest.mark.parametrize(("ending", "is_ours"), [("png", True), ("dat", False)])
    def test_of_files(self, tmp_path, looks, ending, is_ours):
        PIL.Image.fromarray(RAW[0]).save(tmp_path / "s.png")
        for number in range(self.N):
            os.link(tmp_path / "s.png", tmp_path / f"s{number}.{ending}")
        (tmp_path / "s.png").unlink()
        found, asked = self.ask(tmp_path, looks)
        assert found is is_ours and asked < 2000

    @pytest.mark.parametrize("inside", ["a.txt", "a.png"])
    def test_of_folders(self, tmp_path, looks, inside):
        PIL.Image.fromarray(RAW[0]).save(tmp_path / "s.png")
        for number in range(self.N):
            (tmp_path / "em" / f"s{number:04}").mkdir(parents=True)
            os.link(tmp_path / "s.png", tmp_path / "em" / f"s{number:04}" / inside)
        found, asked = self.ask(tmp_path / "em", looks)
        assert found is (inside == "a.png") and asked < 3000

    def test_of_a_tree(self, tmp_path, looks):
        for number in range(self.N):
            (tmp_path / str(number // 300) / str(number // 20) / str(number)).mkdir(parents=True)
        found, asked = self.ask(tmp_path, looks)
        assert not found and asked < 3000

    @pytest.mark.parametrize("mark", [".zarray", "attributes.json"])
    def test_of_arrays(self, tmp_path, looks, mark):
        for number in range(self.N // 3):
            (tmp_path / f"a{number:04}").mkdir()
            (tmp_path / f"a{number:04}" / mark).write_text(ARRAY[mark])
        found, asked = self.ask(tmp_path, looks)
        assert found and asked < 3000

    def test_of_chunks(self, tmp_path, looks):
        (tmp_path / ".zarray").write_text(ARRAY[".zarray"].replace("[2,", f"[{self.N},"))
        for number in range(self.N):
            (tmp_path / f"{number}.0.0").touch()
        found, asked = self.ask(tmp_path, looks)
        assert found and asked < 1000


def test_what_cannot_be_looked_at_is_left_to_others(tmp_path, monkeypatch):
    def stale(path, *more, **others):
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr("pathlib.Path.is_file", stale)
    monkeypatch.setattr("pathlib.Path.is_dir", stale)
    assert get_reader(str(tmp_path / "a.tif")) is None
    assert get_reader(str(tmp_path / "a")) is None


def test_a_session_tells_how_it_is_opened(tmp_path):
    session = tmp_path / "a.emcad"
    (session / "fragments.zarr").mkdir(parents=True)
    (session / "session.json").write_text("{}")
    with pytest.raises(UserError, match=r'a\.emcad: this folder is a session, .* open it with "Open session\.\.\."'):
        layers(session)


def test_channels_become_layers(tmp_path):
    values = np.stack([RAW, 255 - RAW])
    tifffile.imwrite(tmp_path / "a.tif", values.swapaxes(0, 1), imagej=True, metadata={"axes": "ZCYX"})
    zarr.create_array(tmp_path / "b.zarr", data=values, dimension_names=["c", "z", "y", "x"])
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["main"] = values
        file["main"].attrs["axes"] = ["c", "z", "y", "x"]
    for name in ("a.tif", "b.zarr", "c.h5"):
        found = layers(tmp_path / name)
        assert [kind for *_, kind in found] == ["image", "image"]
        np.testing.assert_array_equal(np.stack([data for data, *_ in found]), values)
        again, _, _ = read_layers(str(tmp_path / name), found[1][1]["metadata"]["dataset"])[0]
        np.testing.assert_array_equal(again, values[1])


def test_the_manifest_lists_the_suffixes_of_all_formats():
    (ours,) = PluginManifest.from_file(files("napari_emcad") / "napari.yaml").contributions.readers
    assert ours.filename_patterns == [f"*{end}" for end in known_suffixes()] + ["precomputed://*"]
    assert all(kind.suffixes for kind in ON_DISK if kind.open not in (open_section_images, refuse_foreign))


def test_a_damaged_file_says_so_when_it_is_read(tmp_path):
    (tmp_path / "a.tif").write_text("text")
    with pytest.raises(UserError, match=r"a\.tif: a stack in a format that is read is needed"):
        layers(tmp_path / "a.tif")


def test_published_data(shared):
    ((ids, meta, kind),) = layers(shared / "data" / "ac4" / "neuron_ids.tif")
    assert (kind, ids.dtype, ids.shape, meta["scale"]) == ("labels", np.uint16, (100, 1024, 1024), (30, 6, 6))
    cremi = layers(shared / "data" / "cremi_b" / "sample_B_46_50.hdf")
    kinds = [(kind, data.dtype, data.shape) for data, _, kind in cremi]
    assert kinds == [("image", np.uint8, (5, 500, 500)), ("labels", np.uint16, (5, 500, 500))]
