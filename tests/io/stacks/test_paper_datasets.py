import re

import h5py
import numpy as np
import pytest
import tifffile
from drawings import uneven

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.io.labels.tiff import write_labels
from napari_emcad.io.stacks.paper_datasets import NEURON_IDS, neuron_dataset, open_labelled_stack
from napari_emcad.io.stacks.paper_layouts import LAYOUTS, PAPER_DATASETS, PaperLayout, find_layouts, voxel_size_by_name

SHAPE = (5, 17, 23)
RAW, LABELS = uneven(SHAPE), uneven(SHAPE, np.uint16, seed=1)

PAIRS = [
    ("AC3-AC4", (30, 6, 6), "AC4_inputs.tif", "AC4_labels.tif"),
    ("AC3-AC4", (30, 6, 6), "AC3_inputs.h5", "AC3_labels.h5"),
    ("AC3-AC4", (30, 6, 6), "ac4_Inputs.TIFF", "AC4_LABELS.tiff"),
    ("AC3-AC4", (30, 6, 6), "AC4_inputs.tif", "AC4_labels.h5"),
    ("SNEMI3D", (30, 6, 6), "train-input.tif", "train-labels.tif"),
    ("SNEMI3D", (30, 6, 6), "train-input.h5", "train-labels.h5"),
    ("SNEMI3D", (30, 6, 6), "raw.tif", "neuron_ids.tif"),
    ("Wafer4", (35, 8, 8), "wafer4_inputs.h5", "wafer4_labels.h5"),
    ("Wafer4", (35, 8, 8), "Wafer26_2_inputs.h5", "wafer26_2_labels.h5"),
    ("Kasthuri15", (30, 6, 6), "train_input.tif", "train_labels.tif"),
    ("Kasthuri15", (30, 6, 6), "test_input.tif", "test_labels.tif"),
    ("CREMI", (40, 4, 4), "cremiA_inputs.h5", "cremiA_labels.h5"),
]


def save(path, values):
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["main"] = values
    else:
        tifffile.imwrite(path, values, photometric="minisblack")


def save_pair(folder, raw_name, labels_name):
    save(folder / raw_name, RAW)
    save(folder / labels_name, LABELS)


def save_cremi(path, labels=LABELS, offset=None, resolution=(40.0, 4.0, 4.0), raw=RAW):
    with h5py.File(path, "w") as file:
        file["volumes/raw"] = raw
        file["volumes/raw"].attrs["resolution"] = resolution
        file["volumes/labels/clefts"] = raw
        if labels is not None:
            file[NEURON_IDS] = labels.astype(np.uint64)
            file[NEURON_IDS].attrs["resolution"] = resolution
        if offset is not None:
            file[NEURON_IDS].attrs["offset"] = offset
    return path


def check_whole(pair, layout, size):
    assert (pair.layout, pair.voxel_size) == (layout, VoxelSize(*size))
    assert pair.raw.voxel_size == pair.labels.voxel_size == pair.voxel_size
    assert pair.place == Box.whole(SHAPE)
    np.testing.assert_array_equal(pair.raw.array[:], RAW)
    np.testing.assert_array_equal(pair.labels.array[:], LABELS)


@pytest.mark.parametrize(("layout", "size", "raw", "labels"), PAIRS)
def test_a_pair_opens_by_its_folder_and_by_either_file(tmp_path, layout, size, raw, labels):
    save_pair(tmp_path, raw, labels)
    (tmp_path / "readme.txt").write_text("AC4_inputs")
    for path in (tmp_path, tmp_path / raw, tmp_path / labels, str(tmp_path)):
        with open_labelled_stack(path) as pair:
            check_whole(pair, layout, size)


def test_cremi(tmp_path):
    path = save_cremi(tmp_path / "sample_A_20160501.hdf", resolution=(41.0, 5.0, 4.0))
    for place in (path, tmp_path):
        with open_labelled_stack(place) as pair:
            check_whole(pair, "CREMI", (41, 5, 4))
            assert pair.title == "CREMI sample_A_20160501"


@pytest.mark.parametrize(("stack_offset", "start"), [(None, (1, 3, 8)), ((40.0, 8.0, 12.0), (0, 1, 5))])
def test_padded_cremi(tmp_path, stack_offset, start):
    labels = LABELS[:3, :9, :11]
    path = save_cremi(tmp_path / "sample_B_padded.hdf", labels, offset=(40.0, 12.0, 32.0))
    if stack_offset:
        with h5py.File(path, "r+") as file:
            file["volumes/raw"].attrs["offset"] = stack_offset
    with open_labelled_stack(path) as pair:
        assert pair.place == Box(start, tuple(a + n for a, n in zip(start, labels.shape, strict=True)))
        assert pair.labels.offset == (40, 12, 32)
        np.testing.assert_array_equal(pair.labels.array[:], labels)
        np.testing.assert_array_equal(pair.raw.array[pair.place.slices], RAW[pair.place.slices])


def test_the_voxel_size_of_a_file_counts(tmp_path):
    save(tmp_path / "AC4_inputs.tif", RAW)
    write_labels(tmp_path / "AC4_labels.tif", LABELS, VoxelSize(29, 5, 7), {})
    with open_labelled_stack(tmp_path) as pair:
        check_whole(pair, "AC3-AC4", (29, 5, 7))


def test_voxels_are_read_when_they_are_asked_for(tmp_path):
    save_pair(tmp_path, "train-input.h5", "train-labels.h5")
    pair = open_labelled_stack(tmp_path)
    pair.close()
    for volume in (pair.raw, pair.labels):
        with pytest.raises(ValueError, match="closed"):
            volume.array[0]


def test_what_has_no_labels_is_no_candidate(tmp_path):
    save_pair(tmp_path, "train-input.tif", "train-labels.tif")
    save(tmp_path / "test-input.tif", RAW)
    assert open_labelled_stack(tmp_path).raw.path.name == "train-input.tif"


def test_a_name_chooses_between_datasets_in_one_folder(tmp_path):
    save_pair(tmp_path, "train-input.tif", "train-labels.tif")
    save_pair(tmp_path, "train_input.tif", "train_labels.tif")
    save_cremi(tmp_path / "a.hdf")
    assert open_labelled_stack(tmp_path, "kasthuri15").raw.path.name == "train_input.tif"
    assert open_labelled_stack(tmp_path, "Snemi3D").raw.path.name == "train-input.tif"
    assert open_labelled_stack(tmp_path, "cremi").raw.dataset == "volumes/raw"


def refused(path, name=None):
    with pytest.raises(UserError) as error:
        open_labelled_stack(path, name)
    return str(error.value)


def test_no_such_file(tmp_path):
    assert (
        refused(tmp_path / "a.hdf")
        == f"{tmp_path / 'a.hdf'}: there is no such file or folder; check its name and place."
    )


def test_another_layout(tmp_path):
    assert refused(tmp_path, "FIB25") == (
        'layout: one of CREMI, AC3-AC4, SNEMI3D, Wafer4, Kasthuri15 is needed, got "FIB25"; '
        "leave it out to go by the files."
    )


def test_files_of_other_names(tmp_path):
    save_pair(tmp_path, "em.tif", "AC5_labels.tif")
    save_pair(tmp_path, "wafer4_inputs.h5", "wafer4_labels.h5")
    sentence = "files of CREMI, AC3-AC4, SNEMI3D, Wafer4, Kasthuri15 are needed, there are none; "
    assert refused(tmp_path / "em.tif").startswith(f"{tmp_path / 'em.tif'}: {sentence}")
    assert refused(tmp_path, "AC3-AC4").startswith(f"{tmp_path}: {sentence}")


def test_several_candidates(tmp_path):
    save_pair(tmp_path, "AC4_inputs.tif", "AC4_labels.tif")
    save_pair(tmp_path, "AC3_inputs.h5", "AC3_labels.h5")
    assert refused(tmp_path) == (
        f"{tmp_path}: one stack with labels is needed, it holds 2, AC3_inputs.h5, AC4_inputs.tif; name one of them."
    )


@pytest.mark.parametrize(("there", "absent"), [("AC4_inputs.tif", "AC4_labels"), ("AC4_LABELS.h5", "AC4_inputs")])
def test_one_of_the_files_is_missing(tmp_path, there, absent):
    save(tmp_path / there, LABELS)
    for path in (tmp_path, tmp_path / there):
        suffix = (tmp_path / there).suffix
        assert refused(path) == (
            f"{tmp_path / there}: {absent}{suffix} is needed beside it, and is not there; copy it there."
        )


def test_a_cremi_file_without_neurons(tmp_path):
    path = save_cremi(tmp_path / "sample_A+.hdf", labels=None)
    assert refused(path) == f'{path}: the neurons, "{NEURON_IDS}", are not in it; choose another sample.'


@pytest.mark.parametrize("offset", [None, (80.0, 0.0, 0.0), (-40.0, 0.0, 0.0)])
def test_labels_that_do_not_lie_in_the_stack(tmp_path, offset):
    path = save_cremi(tmp_path / "a.hdf", LABELS[:4], offset)
    start = round((offset or (0,))[0] / 40)
    assert refused(path) == (
        f"{path}: labels that lie in the stack of shape (5, 17, 23) are needed, got ({start}, 0, 0) to "
        f"({start + 4}, 17, 23); choose the files that belong together."
    )


def test_shapes_of_two_files(tmp_path):
    save_pair(tmp_path, "wafer4_inputs.h5", "wafer4_labels.h5")
    save(tmp_path / "wafer4_inputs.h5", RAW[:, 1:])
    assert re.search(r"wafer4_labels\.h5: labels that lie in the stack of shape \(5, 16, 23\)", refused(tmp_path))


def test_labels_that_are_none(tmp_path):
    save_pair(tmp_path, "raw.tif", "neuron_ids.tif")
    save(tmp_path / "neuron_ids.tif", LABELS.astype(np.float32))
    assert "neuron_ids.tif: whole-number labels are needed, got float32" in refused(tmp_path)


def test_neurons_in(tmp_path):
    save_pair(tmp_path, "train-input.tif", "train-labels.h5")
    assert neuron_dataset(save_cremi(tmp_path / "a.hdf")) == NEURON_IDS
    others = ("train-input.tif", "train-labels.h5", "none.tif")
    assert [neuron_dataset(tmp_path / name) for name in others] == [None] * 3


@pytest.mark.parametrize(("layout", "size", "raw", "labels"), PAIRS)
def test_names_alone_say_a_voxel_size_where_they_leave_no_doubt(tmp_path, layout, size, raw, labels):
    known = layout in ("AC3-AC4", "Wafer4", "CREMI")
    assert [voxel_size_by_name(tmp_path / name) for name in (raw, labels)] == [size if known else None] * 2


def test_both_names_of_a_pair_are_known_from_either():
    layout = PaperLayout("mine", VoxelSize(30, 6, 5), "a|bc", "{}-em", "{}-ids")
    assert layout.stems("BC-EM") == layout.stems("BC-ids") == ("BC-em", "BC-ids")
    assert [layout.stems(stem) for stem in ("b-em", "bc-em2", "bc")] == [None] * 3


def test_the_layouts_of_a_name():
    assert PAPER_DATASETS == ("CREMI", "AC3-AC4", "SNEMI3D", "Wafer4", "Kasthuri15")
    assert [layout.raw for layout in find_layouts("snemi3d")] == ["{}-input", "raw"]
    assert tuple(find_layouts(None)) == LAYOUTS


def test_published_files(shared):
    with open_labelled_stack(shared / "data" / "cremi_b") as pair:
        assert (pair.layout, pair.voxel_size, pair.place.shape) == ("CREMI", (40, 4, 4), (5, 500, 500))
    with open_labelled_stack(shared / "data" / "ac4") as pair:
        assert (pair.layout, pair.voxel_size, pair.place.shape) == ("SNEMI3D", (30, 6, 6), (100, 1024, 1024))
