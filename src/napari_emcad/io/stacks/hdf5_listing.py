"""The datasets of an HDF5 file, those that links lead to included."""

import re
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import h5py
import numpy as np

from napari_emcad.io.metadata.array_attributes import read_mark
from napari_emcad.io.metadata.axes import known_names, read_axis_names
from napari_emcad.io.stacks.choose_dataset import USUAL, DatasetEntry
from napari_emcad.io.stacks.hdf5_coordinates import coordinates_of
from napari_emcad.io.stacks.hdf5_links import broken_link, get_link, get_object

MOST_OBJECTS = 4096
"""Groups, datasets and links after which a listing ends: files with a group for each cell have millions."""

MATLAB = "MATLAB_class"
"""Attribute of the arrays in a MATLAB file of version 7.3, which is HDF5."""


_VELOX = re.compile("/Data/Image/[^/]+/Data")
"""Path of the images in an EMD file of Velox."""


class Hdf5Listing(NamedTuple):
    """Datasets of a file, each once, and what was left out, as sentences."""

    entries: list[DatasetEntry]
    notes: list[str]


class _Member(NamedTuple):
    """An object of a file, or a link that leads nowhere: then `found` is None."""

    name: str
    found: h5py.Group | h5py.Dataset | h5py.Datatype | None
    link: h5py.HardLink | h5py.SoftLink | h5py.ExternalLink | None


def list_datasets(file: h5py.File) -> Hdf5Listing:
    """Return the datasets of a file; a dataset with several names is listed once, under a usual one if it has that."""
    names: dict[object, str] = {}
    entries: dict[str, DatasetEntry] = {}
    notes = []
    for number, member in enumerate(_members(file)):
        if number == MOST_OBJECTS:
            notes.append(f"only the first {MOST_OBJECTS:,} of its datasets and groups were looked at.")
            break
        if member.found is None:
            notes.append(broken_link(member.name, member.link))
        elif isinstance(member.found, h5py.Dataset) and member.found.shape is not None:
            names.setdefault(_identity(member.found), member.name)
            entries.setdefault(names[_identity(member.found)], entry_of(member.name, member.found))
    for usual in USUAL:
        found = get_object(file, usual)
        if isinstance(found, h5py.Dataset) and (other := names.get(_identity(found), usual)) != usual:
            entries = {usual if name == other else name: entry for name, entry in entries.items()}
            entries[usual] = entries[usual]._replace(name=usual)
            names[_identity(found)] = usual
    return Hdf5Listing(sorted(entries.values(), key=lambda entry: entry.name), notes)


def entry_of(name: str, dataset: h5py.Dataset) -> DatasetEntry:
    """Return what is to be known of a dataset to choose it; one without a dataspace has no voxels."""
    try:
        dtype = dataset.dtype
    except TypeError:  # NumPy has no such type
        dtype = np.dtype("V1")
    shape = (0, 0, 0) if dataset.shape is None else dataset.shape
    return DatasetEntry(name, shape, dtype, _axes_of(dataset), read_mark(dataset.attrs))


def _members(file: h5py.File) -> Iterator[_Member]:
    """Go through a file, the objects near its root first; each group is entered once, so that loops end."""
    seen = {_identity(file)}
    waiting: deque[tuple[str, h5py.Group]] = deque([("", file)])
    while waiting:
        above, group = waiting.popleft()
        for name in group:
            if not isinstance(name, str) or name.startswith("#"):  # "#refs#" holds the insides of MATLAB's cells
                continue
            found, path = get_object(group, name), f"{above}{name}"
            yield _Member(path, found, None if found is not None else get_link(group, name))
            if isinstance(found, h5py.Group) and _identity(found) not in seen:
                seen.add(_identity(found))
                waiting.append((f"{path}/", found))


def _identity(found: h5py.Group | h5py.Dataset) -> tuple[int, int]:
    """Return what is equal for two names of one object: its file and its place in that."""
    info = h5py.h5o.get_info(found.id)
    return info.fileno, info.addr


def _axes_of(dataset: h5py.Dataset) -> list[str] | None:
    """Return the names of a dataset's axes: of its attributes, HDF5's labels, its axes' coordinates, or MATLAB's."""
    stated = read_axis_names(dataset.attrs) or known_names([dim.label for dim in dataset.dims])
    stated = stated or known_names([axis.name for axis in coordinates_of(dataset) or ()]) or _axes_of_velox(dataset)
    return stated or (_axes_of_matlab(dataset.shape) if MATLAB in dataset.attrs else None)


def _axes_of_velox(dataset: h5py.Dataset) -> list[str] | None:
    """Return the axes of images in an EMD file of Velox, which come one behind the other on the last axis."""
    is_image = _VELOX.fullmatch(str(dataset.name)) and dataset.ndim == 3 and "Metadata" in dataset.parent
    return ["y", "x", "z"] if is_image else None


def _axes_of_matlab(shape: tuple[int, ...]) -> list[str] | None:
    """Return the axes of an image stack of MATLAB, which is (y, x, z) there, and the other way round in the file."""
    long = [axis for axis, length in enumerate(shape) if length > 1]
    if len(long) != 3:
        return None
    names = dict(zip(long, "zxy", strict=True))
    return [names.get(axis, f"axis {axis}") for axis in range(len(shape))]
