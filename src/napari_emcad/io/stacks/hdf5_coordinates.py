"""Coordinates of an HDF5 dataset's axes, as netCDF, NeXus, EMD and HyperSpy keep them in objects of their own."""

from collections.abc import Callable

import h5py
import numpy as np

from napari_emcad.io.metadata.coordinates import AxisCoordinates
from napari_emcad.io.stacks.hdf5_links import get_object

Axes = list[AxisCoordinates]


def coordinates_of(dataset: h5py.Dataset) -> Axes | None:
    """Return the coordinates of a dataset's axes, in its own order; None if there are none."""
    if dataset.ndim < 3:  # coordinates themselves, and many a table
        return None
    found = (find(dataset) for find in _FINDERS)
    return next((axes for axes in found if axes and len(axes) == dataset.ndim), None)


def _of_scales(dataset: h5py.Dataset) -> Axes | None:
    """Read the scales that are attached to dimensions, as netCDF 4 has them."""
    scales = [dim[0] if len(dim) else None for dim in dataset.dims]
    if None in scales:
        return None
    return [_coordinates(str(scale.name).rpartition("/")[2], scale) for scale in scales if scale is not None]


def _of_nexus(dataset: h5py.Dataset) -> Axes | None:
    """Read the datasets that the group around it names as axes, as NeXus has them."""
    names = np.ravel(dataset.parent.attrs.get("axes", ())).tolist()
    words = [name.decode(errors="replace") if isinstance(name, bytes) else str(name) for name in names]
    return [_sibling(dataset, word, word) for word in words]


def _of_emd(dataset: h5py.Dataset) -> Axes | None:
    """Read the datasets dim1, dim2 ... beside it, which have names and units, as EMD has them."""
    dims = [get_object(dataset.parent, f"dim{number + 1}") for number in range(dataset.ndim)]
    return [_coordinates(_text(dim, "name"), dim) for dim in dims if isinstance(dim, h5py.Dataset)]


def _of_hyperspy(dataset: h5py.Dataset) -> Axes | None:
    """Read the groups axis-0, axis-1 ... beside it, which state an offset and a scale each."""
    groups = [get_object(dataset.parent, f"axis-{number}") for number in range(dataset.ndim)]
    axes = []
    for group in groups:
        if isinstance(group, h5py.Group) and {"offset", "scale"} <= set(group.attrs):
            start, step = float(group.attrs["offset"]), float(group.attrs["scale"])
            axes.append(AxisCoordinates.of_values(_text(group, "name"), _text(group, "units"), [start, start + step]))
    return axes


_FINDERS: tuple[Callable[[h5py.Dataset], Axes | None], ...] = (_of_scales, _of_nexus, _of_emd, _of_hyperspy)


def _sibling(dataset: h5py.Dataset, name: str, path: str) -> AxisCoordinates:
    found = get_object(dataset.parent, path)
    return _coordinates(name, found) if isinstance(found, h5py.Dataset) else AxisCoordinates(name)


def _coordinates(name: str, found: h5py.Dataset) -> AxisCoordinates:
    if found.dtype.kind not in "iuf" or found.ndim != 1:
        return AxisCoordinates(name)
    return AxisCoordinates.of_values(name, _text(found, "units"), found[()])


def _text(found: h5py.Dataset | h5py.Group, key: str) -> str:
    value = found.attrs.get(key, "")
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
