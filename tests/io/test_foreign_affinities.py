"""Affinities of other programs in files: read as our own are, or refused in a sentence that says what to do."""

import json
import re
from dataclasses import replace

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from foreign_hands import SHAPE, WRITERS, cells, hdf5, npy, written, zarr2

from napari_emcad.core.affinities import NEAREST
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.io.affinities import new_affinities
from napari_emcad.io.foreign_affinities import AffinityRequest, open_affinity_file

LONG = (*NEAREST, (-2, 0, 0), (0, -9, 0), (0, 0, -9), (0, -9, -4))
OURS = cells()
LAYOUTS = {"czyx": (0, 1, 2, 3), "zyxc": (1, 2, 3, 0), "zcyx": (1, 0, 2, 3)}
TYPES = {
    "uint8": lambda v: v,
    "float16": lambda v: (v / 255).astype(np.float16),
    "float32": lambda v: (v / 255).astype(np.float32),
    "float64": lambda v: v / 255,
}


def read(path, box=None, **request):
    with open_affinity_file(AffinityRequest(path, **request)) as file:
        return written(file.affinities, box), file.notes


def refusal(path, **request):
    with pytest.raises(UserError) as refused:
        read(path, **request)
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("writer", WRITERS)
def test_every_format_layout_and_type_gives_our_affinities(tmp_path, writer, layout, dtype):
    if (writer, dtype) == ("n5", "float16"):
        pytest.skip("N5 has no such type")
    path = WRITERS[writer](tmp_path / "affs", np.transpose(TYPES[dtype](OURS), LAYOUTS[layout]))
    values, notes = read(path)
    assert np.array_equal(values, OURS)
    assert any("previous voxel" in note and "--offsets" in note for note in notes)


# ---- offsets -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_channels_in_another_order_are_found_by_their_offsets(tmp_path, order):
    path = hdf5(tmp_path / "affs", OURS[list(order)])
    assert np.array_equal(read(path, offsets=[NEAREST[n] for n in order])[0], OURS)


@pytest.mark.parametrize("writer", ["hdf5", "zarr2", "zarr3", "n5"])
@pytest.mark.parametrize("key", ["offsets", "neighborhood"])
def test_the_file_states_the_offsets_and_long_ones_are_left_out(tmp_path, writer, key):
    rng = np.random.default_rng(0)
    long = rng.integers(0, 256, (4, *SHAPE), np.uint8)
    order = (6, 2, 4, 0, 1, 5, 3)
    offsets = [LONG[n] for n in order]
    values = np.concatenate([OURS, long])[list(order)]
    path = WRITERS[writer](tmp_path / "affs", values, **{key: np.array(offsets).tolist()})
    found, notes = read(path)
    assert np.array_equal(found, OURS)
    assert any("4 of its channels are left out" in note for note in notes)


@pytest.mark.parametrize("forward", [(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
@pytest.mark.parametrize("box", [None, Box((0, 3, 0), (4, 30, 40)), Box((2, 0, 5), (3, 1, 6))])
def test_affinities_to_the_next_voxel_are_moved_to_it(tmp_path, forward, box):
    """The first voxels have none before them: there the second ones' affinity stands."""
    theirs, ours = OURS.copy(), OURS.copy()
    for axis in np.flatnonzero(forward):
        along = np.moveaxis(theirs[axis], axis, 0)
        along[:-1], along[-1] = np.moveaxis(OURS[axis], axis, 0)[1:], 7
        moved = np.moveaxis(ours[axis], axis, 0)
        moved[0] = moved[1]
    offsets = [tuple(-n for n in one) if ahead else one for one, ahead in zip(NEAREST, forward, strict=True)]
    found, _ = read(zarr2(tmp_path / "affs", theirs), box, offsets=offsets)
    assert np.array_equal(found, ours[(slice(None), *box.slices)] if box else ours)


def test_a_channel_that_is_missing_is_named(tmp_path):
    path = npy(tmp_path / "affs", OURS)
    sentence = refusal(path, offsets=[(-1, 0, 0), (0, -1, 0), (0, 0, -2)])
    assert "neighbour on x is needed, offset 0,0,-1 or 0,0,1" in sentence


def test_of_more_channels_the_offsets_are_needed(tmp_path):
    path = npy(tmp_path / "affs", np.concatenate([OURS] * 4))
    assert "--offsets" in refusal(path)
    assert "--offsets" in refusal(path, dataset="[axes=czyx]")
    assert "12 channels is needed, got 3" in refusal(path, dataset="[axes=czyx]", offsets=NEAREST)


# ---- axes ----------------------------------------------------------------------------------------------------------


def test_two_readings_of_the_axes_are_refused_until_they_are_named(tmp_path):
    path = npy(tmp_path / "affs", OURS[:, :3])
    assert "--axes czyx" in refusal(path)
    assert np.array_equal(read(path, dataset="[axes=czyx]")[0], OURS[:, :3])
    assert np.array_equal(read(path, dataset="[axes=zcyx]")[0], OURS[:, :3].swapaxes(0, 1))


def test_stated_axes_count_and_nothing_is_guessed(tmp_path):
    path = hdf5(
        tmp_path / "affs", OURS[:, :3].swapaxes(0, 1), axis_names=["z", "c^", "y", "x"], offsets=np.array(NEAREST)
    )
    assert read(path)[1] == []
    assert np.array_equal(read(path)[0], OURS[:, :3])


def test_a_batch_axis_and_an_imagej_stack_of_channels(tmp_path):
    assert np.array_equal(read(npy(tmp_path / "affs", OURS[None]))[0], OURS)
    path = tmp_path / "fiji.tif"
    tifffile.imwrite(path, OURS.swapaxes(0, 1), imagej=True, metadata={"axes": "ZCYX"})
    assert np.array_equal(read(path)[0], OURS)


def test_affinities_in_ome_zarr(tmp_path):
    path = tmp_path / "affs.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=3)
    group.create_array("0", data=OURS)
    axes = [{"name": "c", "type": "channel"}, *({"name": n, "type": "space", "unit": "nanometer"} for n in "zyx")]
    scale = [{"type": "scale", "scale": [1, 40, 8, 8]}, {"type": "translation", "translation": [0, 80, 0, 16]}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    with open_affinity_file(AffinityRequest(path)) as file:
        assert np.array_equal(written(file.affinities), OURS)
        assert file.stack.voxel_size == (40, 8, 8)
        assert file.start == (2, 0, 2)


# ---- the dataset ---------------------------------------------------------------------------------------------------


def test_several_arrays_of_channels_are_listed(tmp_path):
    path = tmp_path / "two.h5"
    with h5py.File(path, "w") as file:
        file["one"], file["other"] = OURS, OURS[::-1]
    assert '"one" (3, 5, 40, 48) uint8, "other"' in refusal(path)
    assert np.array_equal(read(path, dataset="other")[0], OURS[::-1])


def test_a_map_of_boundaries_is_no_affinities_unless_said(tmp_path):
    sentence = refusal(npy(tmp_path / "map", OURS[0]))
    assert "got (5, 40, 48) uint8" in sentence
    assert "--boundaries" in sentence


def test_a_format_without_channels_is_refused(tmp_path):
    (tmp_path / "affs.nrrd").write_bytes(
        b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\n\n12345678"
    )
    assert "NPY, NPZ, HDF5, Zarr, N5 or TIFF" in refusal(tmp_path / "affs.nrrd")
    assert "no such file" in refusal(tmp_path / "nothing.h5")


def test_channels_are_not_chosen_by_number(tmp_path):
    assert "leave --channel out" in refusal(npy(tmp_path / "affs", OURS), dataset="[c=1]")


# ---- values --------------------------------------------------------------------------------------------------------


def test_boundaries_become_affinities_by_the_higher_one_of_two_voxels(tmp_path):
    boundaries = np.random.default_rng(1).random(SHAPE, np.float32)
    found, _ = read(npy(tmp_path / "map", boundaries), boundaries=True)
    for axis in range(3):
        along, expected = np.moveaxis(found[axis], axis, 0), np.moveaxis(boundaries, axis, 0)
        higher = np.maximum(expected[1:], expected[:-1])
        assert np.abs(along[1:] / 255 - (1 - higher)).max() <= 0.5 / 255 + 1e-6
        assert np.abs(along[0] / 255 - (1 - expected[0])).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param((OURS[1] < 99).astype(np.uint8), "none beyond 1; if 1 means a boundary.*range 1 0", id="0 and 1"),
        pytest.param(OURS[1].astype(np.float32) * 257, "say so with --affinities-range 65535 0", id="16 bits as float"),
        pytest.param(OURS[1] * 0, "all are close to 0", id="nothing"),
        pytest.param(OURS[1] < 99, "got bool.*such as 1 0", id="a mask"),
        pytest.param(
            OURS[1].astype(np.float32),
            "if 255 means a boundary, say so with --affinities-range 255 0",
            id="bytes as float",
        ),
    ],
)
def test_boundaries_that_could_mean_something_else_are_refused(tmp_path, values, words):
    assert re.search(words, refusal(npy(tmp_path / "map", values), boundaries=True))


def test_a_mask_of_boundaries_is_read_once_its_range_is_said(tmp_path):
    mask = OURS[1] < 99
    found, _ = read(npy(tmp_path / "map", mask), boundaries=True, value_range=(1, 0))
    as_bytes, _ = read(npy(tmp_path / "map", mask.astype(np.uint8) * 255), boundaries=True)
    assert np.array_equal(found, as_bytes)


def test_the_channel_of_boundaries_among_several_is_chosen(tmp_path):
    boundaries = 1 - OURS[1] / 255
    path = npy(tmp_path / "probabilities", np.stack([1 - boundaries, boundaries]))
    assert "--axes" in refusal(path, boundaries=True)
    one = read(npy(tmp_path / "map", boundaries), boundaries=True)[0]
    assert np.array_equal(read(path, boundaries=True, dataset="[axes=czyx,c=1]")[0], one)


def test_a_map_of_what_lies_inside_is_read_by_its_range(tmp_path):
    boundaries = np.random.default_rng(1).integers(0, 256, SHAPE, np.uint8)
    turned, _ = read(npy(tmp_path / "map", boundaries), boundaries=True)
    as_given, _ = read(npy(tmp_path / "inside", 255 - boundaries), boundaries=True, value_range=(0, 255))
    assert np.array_equal(turned, as_given)


@pytest.mark.parametrize(
    ("values", "limits"),
    [
        pytest.param(OURS.astype(np.float32), (0, 255), id="bytes as float"),
        pytest.param(OURS.astype(np.uint16) * 257, (0, 65535), id="uint16"),
        pytest.param(OURS.astype(np.int64), (0, 255), id="int64"),
        pytest.param(255 - OURS, (255, 0), id="1 = boundary"),
        pytest.param(1 - OURS / 255, (1, 0), id="1 = boundary, float"),
        pytest.param(OURS / 255 * 2 - 1, (-1, 1), id="from -1 to 1"),
    ],
)
def test_other_values_are_read_by_their_range(tmp_path, values, limits):
    assert np.array_equal(read(npy(tmp_path / "affs", values), value_range=limits)[0], OURS)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        pytest.param(-4.5, "in sections 0 to 4; logits", id="logit"),
        pytest.param(1.01, "to 1.01 in sections 0 to 4", id="beyond 1"),
        pytest.param(255, "if 255 means the same neuron, say so with --affinities-range 0 255.", id="a byte"),
        pytest.param(np.nan, "got nan at voxel 3,2,1", id="nan"),
        pytest.param(np.inf, "got inf at voxel 3,2,1", id="inf"),
    ],
)
def test_one_wrong_value_anywhere_is_refused(tmp_path, axis, spoilt, words):
    values = (OURS / 255).astype(np.float32)
    values[axis, 3, 2, 1] = spoilt
    assert words in refusal(npy(tmp_path / "affs", values))


def test_what_rounding_brings_beyond_1_is_no_fault(tmp_path):
    values = (OURS / 255).astype(np.float32)
    values[0, 0, 0, 0], values[1, 1, 1, 1] = -1e-6, 1 + 1e-6
    assert read(npy(tmp_path / "affs", values))[0].max() == 255


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param((OURS > 127).astype(np.uint8), "got none beyond 1; .*--affinities-range 0 1", id="0 and 1"),
        pytest.param(OURS / 255**2, "--affinities-range", id="divided twice"),
        pytest.param(OURS * 0, "all are close to 0", id="nothing"),
        pytest.param(OURS > 127, "got bool", id="a mask"),
        pytest.param(OURS.astype(np.uint16), "got uint16", id="uint16"),
        pytest.param(OURS.astype(np.int32), "got int32; if these are no labels", id="labels"),
    ],
)
def test_values_that_could_mean_something_else_are_refused(tmp_path, values, words):
    assert re.search(words, refusal(npy(tmp_path / "affs", values)))


@pytest.mark.parametrize(
    ("values", "words"), [(255 - OURS, "--affinities-range 255 0"), (OURS // 3, "highest value is 85 of 255")]
)
def test_values_that_look_turned_round_or_weak_are_told(tmp_path, values, words):
    with open_affinity_file(AffinityRequest(npy(tmp_path / "affs", values))) as file:
        from napari_emcad.core.progress import drive

        doubts = drive(file.affinities.write(np.zeros_like(OURS), Box.whole(SHAPE)))
    assert [words in doubt for doubt in doubts] == [True]


# ---- the place -----------------------------------------------------------------------------------------------------

SIZE = VoxelSize(40, 8, 8)


def opened(tmp_path, **attributes):
    return open_affinity_file(AffinityRequest(hdf5(tmp_path / "affs", OURS, **attributes)))


def test_the_place_is_the_whole_stack_or_that_of_the_file(tmp_path):
    with opened(tmp_path) as file:
        assert file.box_in(SHAPE, SIZE, None) == Box.whole(SHAPE)
    with opened(tmp_path, resolution=SIZE, offset=(80, 24, 8)) as file:
        assert file.box_in((9, 60, 60), SIZE, None) == Box.whole(SHAPE).moved((2, 3, 1))
        assert file.box_in((9, 60, 60), None, (40, 8, 8)) == Box.whole(SHAPE).moved((1, 2, 0))


@pytest.mark.parametrize(
    ("attributes", "size", "words"),
    [
        ({}, SIZE, r"shape of the stack \(9, 60, 60\) are needed, got \(5, 40, 48\), and nothing says where"),
        ({"resolution": SIZE, "offset": (400, 0, 0)}, SIZE, "by their place they lie at 10:15"),
        ({"resolution": SIZE, "offset": (60, 0, 0)}, SIZE, "nothing says where"),
        ({"resolution": (40, 4, 4), "offset": (0, 0, 0)}, SIZE, "40 x 8 x 8 nm, are needed, got 40 x 4 x 4 nm"),
    ],
)
def test_a_place_that_does_not_fit_is_refused(tmp_path, attributes, size, words):
    with opened(tmp_path, **attributes) as file, pytest.raises(UserError, match=words):
        file.box_in((9, 60, 60), size, None)


def test_our_own_affinities_come_home(tmp_path):
    box = Box((1, 2, 3), (6, 42, 51))
    made_by = {"program": "napari-emcad 1", "box": [list(box.start), list(box.stop)]}
    with new_affinities(tmp_path / "own.zarr", SHAPE, SIZE, made_by) as kept:
        kept[:] = OURS
    with open_affinity_file(AffinityRequest(tmp_path / "own.zarr")) as file:
        assert file.notes == []
        assert np.array_equal(written(file.affinities), OURS)
        assert file.box_in((9, 60, 60), SIZE, None) == box
        assert (file.start, file.stack.voxel_size, file.plan) == (box.start, SIZE, None)


def test_slabs_do_not_show(tmp_path, monkeypatch):
    from napari_emcad.core import foreign_affinities

    with opened(tmp_path) as file:
        for forward in ((False,) * 3, (True,) * 3):
            source = replace(file.affinities, are_forward=forward)
            whole = written(source)
            monkeypatch.setattr(foreign_affinities, "SLAB", SHAPE[1] * SHAPE[2])
            assert np.array_equal(written(source), whole)
            monkeypatch.undo()


# ---- files of other programs ---------------------------------------------------------------------------------------


def ilastik(folder):
    with h5py.File(folder / "exported.h5", "w") as file:
        kept = file.create_dataset("exported_data", data=np.moveaxis(OURS / 255, 0, -1))
        kept.attrs["axistags"] = json.dumps({"axes": [{"key": axis} for axis in "zyxc"]})
    return folder / "exported.h5"


def axes_of_n5(folder):
    with h5py.File(folder / "xyzc.h5", "w") as file:
        file["pred"] = np.transpose(OURS, (3, 2, 1, 0))
        file["pred"].attrs["axis_names"] = ["x", "y", "z", "c"]
    return folder / "xyzc.h5"


def bare_zarr(folder):
    zarr.create_array(folder / "bare.zarr", data=OURS, chunks=(3, 2, 20, 20))
    return folder / "bare.zarr"


def fortran_and_big_endian(folder):
    np.save(folder / "affs.npy", np.asfortranarray((OURS / 255).astype(">f4")))
    return folder / "affs.npy"


def ome_tiff(folder):
    lengths = {f"PhysicalSize{axis}": 8 for axis in "XYZ"} | {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
    values = (OURS / 255).astype(np.float32).swapaxes(0, 1)
    tifffile.imwrite(folder / "affs.ome.tif", values, ome=True, metadata={"axes": "ZCYX"} | lengths)
    return folder / "affs.ome.tif"


def time_points_of_imagej(folder):
    values = (OURS / 255).astype(np.float32).swapaxes(0, 1)
    tifffile.imwrite(folder / "fiji.tif", values, imagej=True, metadata={"axes": "TCYX"})
    return folder / "fiji.tif"


def compressed_tiff(folder):
    tifffile.imwrite(folder / "affs.tif", OURS, compression="zlib", photometric="minisblack")
    return folder / "affs.tif"


@pytest.mark.parametrize(
    "write",
    [ilastik, axes_of_n5, bare_zarr, fortran_and_big_endian, ome_tiff, time_points_of_imagej, compressed_tiff],
)
def test_files_of_other_programs(tmp_path, write):
    assert np.array_equal(read(write(tmp_path))[0], OURS)
