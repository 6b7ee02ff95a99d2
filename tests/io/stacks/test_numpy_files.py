import numpy as np
import pytest
from damage import assert_damage_is_told

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.choose_dataset import SeveralStacks
from napari_emcad.io.stacks.stack import open_stack, stack_names


@pytest.mark.parametrize("kind", ["u1", ">i2", "f4", "?"])
@pytest.mark.parametrize("order", "CF")
def test_an_array(tmp_path, stack, kind, order):
    np.save(tmp_path / "a.npy", np.asarray(stack.astype(kind), order=order))
    opened = open_stack(tmp_path / "a.npy")
    np.testing.assert_array_equal(opened.array[1:4, ::2, 3], stack.astype(kind)[1:4, ::2, 3])
    assert (opened.voxel_size, opened.dataset) == (None, None)


def test_axes_of_choice(tmp_path, stack):
    np.save(tmp_path / "a.npy", np.stack([stack, stack + 1], axis=-1))
    with pytest.raises(UserError, match="name them with --axes"):
        open_stack(tmp_path / "a.npy")
    np.testing.assert_array_equal(open_stack(tmp_path / "a.npy", "[axes=zyxc,c=1]").array[:], stack + 1)


def test_python_objects_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.full((2, 3, 4), "x", object))
    with pytest.raises(UserError, match="got one of Python objects"):
        open_stack(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", raw=np.full((2, 3, 4), "x", object))
    with pytest.raises(UserError, match=r"a\.npz, raw: an array of numbers is needed, got one of Python objects"):
        open_stack(tmp_path / "a.npz", "raw")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive(tmp_path, stack, save):
    path = tmp_path / "a.npz"
    save(path, one=stack, two=stack + 1, line=np.arange(3))
    with pytest.raises(SeveralStacks, match='it holds 2 stacks, "one"'):
        open_stack(path)
    assert stack_names(path) == ["one", "two"]
    np.testing.assert_array_equal(open_stack(path, "two").array[2], stack[2] + 1)
    save(path, raw=stack, labels=stack)
    assert open_stack(path).dataset == "raw"


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_damage_is_one_sentence(tmp_path, stack, name):
    path = tmp_path / name
    np.save(path, stack) if name == "a.npy" else np.savez_compressed(path, raw=stack)
    assert_damage_is_told(path, 200, (0, 128), 2, cut=path.stat().st_size // 2)
