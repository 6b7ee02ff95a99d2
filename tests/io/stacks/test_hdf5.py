import h5py
import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.choose_dataset import SeveralStacks
from napari_emcad.io.stacks.hdf5 import hdf5_stack_names, is_hdf5, open_hdf5
from napari_emcad.io.stacks.stack_selection import StackSelection


def save(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file.create_dataset(name.replace("__", "/"), data=values)
    return path


def test_cremi(tmp_path, stack):
    path = save(tmp_path / "a.hdf", volumes__raw=stack, volumes__labels__neuron_ids=stack.astype(np.uint64) * 10**6)
    with h5py.File(path, "r+") as file:
        file["volumes/raw"].attrs["resolution"] = (40.0, 5.0, 4.0)
        file["volumes/labels/neuron_ids"].attrs["resolution"] = (41.0, 5.0, 4.0)
    raw, labels = open_hdf5(path), open_hdf5(path, StackSelection("/volumes/labels/neuron_ids"))
    assert (raw.dataset, raw.voxel_size) == ("volumes/raw", (40, 5, 4))
    assert (labels.dataset, labels.voxel_size) == ("volumes/labels/neuron_ids", (41, 5, 4))
    np.testing.assert_array_equal(raw.array[1:3, ::2], stack[1:3, ::2])
    assert labels.array[2, 3, 4] == int(stack[2, 3, 4]) * 10**6
    assert hdf5_stack_names(path) == ["volumes/labels/neuron_ids", "volumes/raw"]


def test_the_only_stack_and_main(tmp_path, stack):
    assert open_hdf5(save(tmp_path / "a.h5", a=stack, b=stack[0], c=[1, 2])).dataset == "a"
    assert open_hdf5(save(tmp_path / "b.h5", other=stack, main=stack + 1)).dataset == "main"


def test_several_stacks_are_listed(tmp_path, stack):
    path = save(tmp_path / "a.h5", left=stack, right=stack.astype(float), line=[1, 2])
    with pytest.raises(SeveralStacks) as error:
        open_hdf5(path)
    assert str(error.value) == (
        f'{path}: it holds 2 stacks, "left" (5, 24, 37) uint8, "right" (5, 24, 37) float64; name the dataset.'
    )


def test_a_missing_dataset_lists_what_is_there(tmp_path, stack):
    path = save(tmp_path / "a.h5", left=stack, line=[1, 2])
    sentence = r'there is no dataset "right" in it; choose from "left" \(5, 24, 37\) uint8, "line" \(2,\) int64\.'
    with pytest.raises(UserError, match=sentence):
        open_hdf5(path, StackSelection("right"))


def test_a_long_list_is_cut(tmp_path, stack):
    path = save(tmp_path / "a.h5", **{f"stack{n:02}": stack for n in range(20)})
    with pytest.raises(SeveralStacks, match=r'"stack11" \(5, 24, 37\) uint8, 8 more; name the dataset'):
        open_hdf5(path)


def test_no_stack(tmp_path, stack):
    path = save(tmp_path / "a.h5", flat=stack[0], many=np.stack([stack] * 2), words=np.array(b"text"))
    with pytest.raises(UserError, match=r'with the axes \(z, y, x\) is needed, got "flat" \(24, 37\) uint8, "many"'):
        open_hdf5(path)
    with pytest.raises(NotAStack, match=r"a\.h5, many: a stack .* is needed, got 4 axes of shape \(2, 5, 24, 37\)"):
        open_hdf5(path, StackSelection("many"))
    with pytest.raises(UserError, match="no dataset at all"):
        open_hdf5(save(tmp_path / "b.h5"))


def test_empty_stack(tmp_path):
    with pytest.raises(UserError, match=r"with voxels is needed, got an empty one of shape \(0, 4, 5\)"):
        open_hdf5(save(tmp_path / "a.h5", main=np.zeros((0, 4, 5))))


def test_a_cut_file(tmp_path, stack):
    path = save(tmp_path / "a.h5", main=stack)
    path.write_bytes(path.read_bytes()[:1500])
    assert is_hdf5(path)
    with pytest.raises(UserError, match=r"the HDF5 file cannot be read .*copy or export it again"):
        open_hdf5(path)


def test_a_refused_file_is_closed(tmp_path, stack):
    path = save(tmp_path / "a.h5", left=stack, right=stack)
    with pytest.raises(SeveralStacks):
        open_hdf5(path)
    with h5py.File(path, "r+") as file:  # refused while another handle reads it
        file["left"][0] = 0


def test_published_stack(shared):
    source = open_hdf5(shared / "data" / "cremi_b" / "sample_B_46_50.hdf")
    assert (source.array.shape, source.voxel_size, source.dataset) == ((5, 500, 500), (40, 4, 4), "volumes/raw")
