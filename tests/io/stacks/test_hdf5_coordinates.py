import itertools

import h5py
import numpy as np
import pytest

from napari_emcad.io.stacks.hdf5 import open_hdf5

SIZE, PLACE = {"z": 40.0, "y": 5.0, "x": 4.0}, {"z": 400.0, "y": 50.0, "x": 80.0}
UNITS = {"nm": 1, "um": 1e-3}


def coordinates(axis, length, unit="nm"):
    return (np.arange(length) * SIZE[axis] + PLACE[axis]) * UNITS[unit]


def turned(stack, order):
    return stack.transpose(["zyx".index(axis) for axis in order])


def save_netcdf(file, values, order, unit):
    """Scales that are attached to dimensions, as netCDF 4 and xarray write them."""
    file["raw"] = values
    for number, axis in enumerate(order):
        file[axis] = coordinates(axis, values.shape[number], unit).astype("f4")
        file[axis].make_scale(axis)
        file[axis].attrs["units"] = unit
        file["raw"].dims[number].attach_scale(file[axis])


def save_nexus(file, values, order, unit):
    group = file.create_group("entry/data")
    group.attrs["axes"] = [axis.encode() for axis in order]
    group["raw"] = values
    for axis, length in zip(order, values.shape, strict=True):
        group[axis] = coordinates(axis, length, unit)
        group[axis].attrs["units"] = unit


def save_emd(file, values, order, unit):
    group = file.create_group("signals/one")
    group["data"] = values
    for number, axis in enumerate(order):
        group[f"dim{number + 1}"] = coordinates(axis, 2, unit)
        group[f"dim{number + 1}"].attrs.update({"name": axis, "units": f"[{unit[0]}_m]"})


def save_hyperspy(file, values, order, unit):
    group = file.create_group("Experiments/one")
    group["data"] = values
    for number, axis in enumerate(order):
        found = coordinates(axis, 2, unit)
        stated = {"name": axis, "units": unit, "offset": found[0], "scale": found[1] - found[0]}
        group.create_group(f"axis-{number}").attrs.update(stated)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("order", list(itertools.permutations("zyx")))
@pytest.mark.parametrize("save", [save_netcdf, save_nexus, save_emd, save_hyperspy])
def test_axes_size_and_place(tmp_path, stack, save, order, unit):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        save(file, turned(stack, order), order, unit)
    opened = open_hdf5(tmp_path / "a.h5")
    np.testing.assert_array_equal(opened.array[:], stack)
    assert opened.voxel_size == (40, 5, 4)
    assert opened.offset == pytest.approx((400, 50, 80))
    assert opened.size_source == "coordinates of the axes"


def test_dimensions_without_coordinates_name_the_axes(tmp_path, stack):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = stack.T
        for number, axis in enumerate("xyz"):
            file.create_dataset(axis, (stack.T.shape[number],), "f4").make_scale("no variable")
            file["raw"].dims[number].attach_scale(file[axis])
    opened = open_hdf5(tmp_path / "a.h5")
    np.testing.assert_array_equal(opened.array[:], stack)
    assert (opened.voxel_size, opened.offset) == (None, None)


@pytest.mark.parametrize(
    ("change", "size"), [(lambda z: z**2, None), (lambda z: -z, (40, 5, 4)), (lambda z: z * 0, None)]
)
def test_uneven_and_falling_coordinates(tmp_path, stack, change, size):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        save_nexus(file, stack, "zyx", "nm")
        file["entry/data/z"][:] = change(file["entry/data/z"][:])
    opened = open_hdf5(tmp_path / "a.h5")
    assert (opened.voxel_size, opened.offset) == (size, None)


def test_a_size_in_the_attributes_counts_more(tmp_path, stack):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        save_nexus(file, stack, "zyx", "nm")
        file["entry/data/raw"].attrs.update({"resolution": (30, 6, 6), "offset": (1, 2, 3)})
    opened = open_hdf5(tmp_path / "a.h5")
    assert (opened.voxel_size, opened.offset, opened.size_source) == ((30, 6, 6), (1, 2, 3), "HDF5 attributes")


@pytest.mark.parametrize("count", [1, 5])
def test_images_of_velox(tmp_path, stack, count):
    with h5py.File(tmp_path / "a.emd", "w") as file:
        group = file.create_group("Data/Image/0f2a")
        group["Data"], group["Metadata"] = np.moveaxis(stack[:count], 0, -1), np.zeros((9, count), "u1")
    np.testing.assert_array_equal(open_hdf5(tmp_path / "a.emd").array[:], stack[:count])


def test_objects_of_those_names_that_are_no_coordinates(tmp_path, stack):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = stack
        file.attrs["axes"] = ["z", "y", "x"]
        file["z"], file["y"] = "text", stack
        file["dim1"], file["axis-0"] = stack, [1, 2]
    opened = open_hdf5(tmp_path / "a.h5")
    np.testing.assert_array_equal(opened.array[:], stack)
    assert opened.voxel_size is None
