import gzip
import itertools
import sys

import numpy as np
import pytest
from damage import assert_damage_is_told

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.stack import open_stack

nibabel = pytest.importorskip("nibabel")


def save(path, values, unit="mm", zooms=(5e-6, 6e-6, 4e-5), scale=None):
    image = nibabel.Nifti1Image(values, np.diag([*zooms, 1]))
    image.header.set_xyzt_units(unit)
    image.header.set_slope_inter(*(scale or (1, 0)))
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("kind", ["u1", "i2", "f4"])
def test_a_stack(tmp_path, stack, name, kind):
    opened = open_stack(save(tmp_path / name, stack.T.astype(kind)))
    np.testing.assert_array_equal(opened.array[:], stack.astype(kind))
    np.testing.assert_array_equal(opened.array[1:3, 2, ::3], stack[1:3, 2, ::3].astype(kind))
    assert (opened.array.dtype, opened.voxel_size, opened.size_source) == (kind, (40, 6, 5), "NIfTI header")


def test_microns_and_no_unit(tmp_path, stack, monkeypatch):
    monkeypatch.setattr("napari_emcad.io.metadata.lengths._ask_pint", None)  # half a second, for rare units alone
    assert open_stack(save(tmp_path / "a.nii", stack.T, "micron", (0.005, 0.006, 0.04))).voxel_size == (40, 6, 5)
    opened = open_stack(save(tmp_path / "b.nii", stack.T, "unknown", (5, 6, 40)))
    assert (opened.voxel_size, opened.notes) == (None, ("its voxel size of 40 x 6 x 5 has no unit: it is left out.",))


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, -1, 1)])
def test_the_place_where_axes_go_up_or_down(tmp_path, stack, flips):
    affine = np.diag([*np.multiply(flips, (0.005, 0.006, 0.04)), 1])
    affine[:3, 3] = np.multiply(flips, (0.1, 0.2, 0.4))
    image = nibabel.Nifti1Image(stack.T, affine)
    image.header.set_xyzt_units("micron")
    nibabel.save(image, tmp_path / "a.nii")
    opened = open_stack(tmp_path / "a.nii")
    assert (opened.voxel_size, opened.offset) == ((40, 6, 5), (400, 200, 100))
    np.testing.assert_array_equal(opened.array[:], stack)


@pytest.mark.parametrize("order", list(itertools.permutations("xyz")))
def test_axes_by_their_directions(tmp_path, stack, order):
    affine = np.eye(4) * 0
    for axis, name in enumerate(order):
        affine["xyz".index(name), axis] = {"x": 0.005, "y": 0.006, "z": 0.04}[name]
    image = nibabel.Nifti1Image(stack.transpose(["zyx".index(name) for name in order]), affine)
    image.header.set_xyzt_units("micron")
    nibabel.save(image, tmp_path / "a.nii")
    opened = open_stack(tmp_path / "a.nii")
    np.testing.assert_array_equal(opened.array[:], stack)
    assert opened.voxel_size == (40, 6, 5)


def test_slanted_axes_stay_in_their_order(tmp_path, stack):
    angle = np.deg2rad(30)
    affine = np.array(
        [[np.cos(angle), -np.sin(angle), 0, 9], [np.sin(angle), np.cos(angle), 0, 9], [0, 0, 1, 9], [0, 0, 0, 1]]
    )
    image = nibabel.Nifti1Image(stack.T, affine)
    image.header.set_xyzt_units("micron")
    nibabel.save(image, tmp_path / "a.nii")
    opened = open_stack(tmp_path / "a.nii")
    np.testing.assert_array_equal(opened.array[:], stack)
    assert opened.offset is None


@pytest.mark.parametrize("name", ["a.hdr", "a.img"])
def test_a_pair_of_files(tmp_path, stack, name):
    image = nibabel.Nifti1Pair(stack.T, np.diag([0.005, 0.006, 0.04, 1]))
    image.header.set_xyzt_units("micron")
    nibabel.save(image, tmp_path / "a.img")
    opened = open_stack(tmp_path / name)
    np.testing.assert_array_equal(opened.array[:], stack)
    assert opened.voxel_size == (40, 6, 5)


def test_other_files_of_that_name_are_no_nifti(tmp_path):
    (tmp_path / "a.hdr").write_bytes(b"ENVI" * 100)
    (tmp_path / "a.img").write_bytes(bytes(400))
    (tmp_path / "b.img").write_bytes(bytes(400))
    for name in ("a.hdr", "a.img", "b.img"):
        with pytest.raises(UserError, match="this file is none of them"):
            open_stack(tmp_path / name)


def test_scaled_values(tmp_path, stack):
    image = nibabel.Nifti1Image(stack.T.astype("f4"), np.eye(4))
    image.set_data_dtype("i2")
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "a.nii")
    np.testing.assert_allclose(open_stack(tmp_path / "a.nii").array[:], stack * 0.5 + 10, atol=0.5)


def test_time_points(tmp_path, stack):
    path = save(tmp_path / "a.nii", np.stack([stack.T, stack.T + 1], axis=-1))
    with pytest.raises(NotAStack, match="one time point is needed, and it has 2; choose one with --time"):
        open_stack(path)
    opened = open_stack(path, "[t=1]")
    np.testing.assert_array_equal(opened.array[:], stack + 1)
    assert opened.voxel_size == (40, 6, 5)


def test_colours_are_refused(tmp_path, stack):
    values = np.zeros(stack.T.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(UserError, match="whole or real numbers"):
        open_stack(save(tmp_path / "a.nii", values))


def test_damage_is_one_sentence(tmp_path, stack):
    path = save(tmp_path / "a.nii", stack.T)
    whole = path.read_bytes()
    assert_damage_is_told(path, 100, (0, 352), 2, cut=-100)
    packed = tmp_path / "b.nii.gz"
    packed.write_bytes(gzip.compress(whole)[:-50])
    with pytest.raises(UserError):
        open_stack(packed)


def test_the_extra_is_named(tmp_path, stack, monkeypatch):
    path = save(tmp_path / "a.nii", stack.T)
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(UserError, match=r'NIfTI needs an extra .* pip install "napari-emcad\[formats\]"'):
        open_stack(path)
