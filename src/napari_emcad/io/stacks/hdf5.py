"""Stacks in HDF5 files: CREMI, SNEMI, ilastik, MATLAB 7.3 and any other."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.metadata.array_attributes import read_offset, read_voxel_size, stated_offsets
from napari_emcad.io.metadata.coordinates import place_of_coordinates
from napari_emcad.io.metadata.lengths import Point
from napari_emcad.io.read_errors import explain_read_errors
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.choose_dataset import DatasetEntry, choose_dataset, openable_names
from napari_emcad.io.stacks.hdf5_chunks import LimitedDataset
from napari_emcad.io.stacks.hdf5_coordinates import coordinates_of
from napari_emcad.io.stacks.hdf5_links import broken_link, get_link, get_object, open_dataset
from napari_emcad.io.stacks.hdf5_listing import MATLAB, entry_of, list_datasets
from napari_emcad.io.stacks.hdf5_storage import check_storage
from napari_emcad.io.stacks.lazy_array import wrap_array
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection


def open_hdf5(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open one dataset of an HDF5 file: the one that is selected, or the one that `choose_dataset` finds.

    Raises
    ------
    UserError
        If the file cannot be read, has no such dataset, or several to choose from.
    """
    file = open_file(path)
    try:
        entry, notes = _find_entry(path, file, wish)
        name, found = f"{path}, {entry.name}", open_dataset(file, entry.name)
        arrangement = arrange_axes(name, entry.shape, entry.axes, wish)
        array = wrap_array(name, LimitedDataset(name, found), arrangement, file.close)
        check_storage(name, found)
    except BaseException:
        file.close()
        raise
    stat = path.stat()
    size, offset, source = _place(found, list(_around(file, entry.name)), arrangement)
    return OpenDataset(
        array,
        size,
        wish.named(entry.name),
        (stat.st_size, stat.st_mtime_ns),
        offset,
        size_source=source,
        holds=entry.holds,
        notes=(*arrangement.notes, *notes, *_matlab_notes(found, entry, wish)),
    )


def hdf5_stack_names(path: Path) -> list[str]:
    """Return the names of the datasets in an HDF5 file that can be opened as (z, y, x)."""
    with open_file(path) as file:
        return openable_names(list_datasets(file).entries)


def hdf5_arrays(path: Path) -> list[DatasetEntry]:
    """Return the datasets in an HDF5 file, of whatever axes."""
    with open_file(path) as file:
        entries = list_datasets(file).entries
        return [
            entry._replace(
                offsets=stated_offsets(found.attrs for found in (file[entry.name], *_around(file, entry.name)))
            )
            for entry in entries
        ]


def is_hdf5(path: Path) -> bool:
    """Return True if a file begins as HDF5 does."""
    return path.is_file() and bool(h5py.is_hdf5(path))


def open_file(path: Path) -> h5py.File:
    """Open an HDF5 file to read.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    with explain_read_errors(f"{path}: the HDF5 file", "it may be damaged, copy or export it again"):
        return h5py.File(path, "r", locking=False)  # HDF5's locks fail on read-only and network drives


def _find_entry(path: Path, file: h5py.File, wish: StackSelection) -> tuple[DatasetEntry, list[str]]:
    """Return the dataset that is meant, by any of its names, and what was left out to find it."""
    name = (wish.dataset or "").strip("/")
    found = get_object(file, name) if name else None
    if isinstance(found, h5py.Dataset):
        return entry_of(name, found), []
    if name and found is None and (link := get_link(file, name)) is not None:
        raise UserError(f"{path}: {broken_link(name, link).removesuffix('.')}; put it there, or choose another one.")
    listing = list_datasets(file)
    if not listing.entries and listing.notes:
        raise UserError(f"{path}: no dataset is in it, and {listing.notes[0].removesuffix('.')}; put it there.")
    return choose_dataset(path, wish, listing.entries), listing.notes


def _place(
    dataset: h5py.Dataset, around: Sequence[h5py.Group], arrangement: Arrangement
) -> tuple[VoxelSize | None, Point | None, str]:
    """Read voxel size and place of a dataset, and where they are stated.

    Strategy: its attributes, the coordinates of its axes, then the attributes of the groups around it, the nearest
    first.
    """
    offset = read_offset(dataset.attrs, arrangement)
    if size := read_voxel_size(dataset.attrs, arrangement):
        return size, offset, "HDF5 attributes"
    axes = coordinates_of(dataset)
    size, start = place_of_coordinates(axes, arrangement) if axes else (None, None)
    if size:
        return size, start, "coordinates of the axes"
    size = next(filter(None, (read_voxel_size(group.attrs, arrangement) for group in around)), None)
    return size, offset, "HDF5 attributes" if size else ""


def _around(file: h5py.File, name: str) -> Iterator[h5py.Group]:
    parts = name.split("/")
    for count in range(len(parts) - 1, 0, -1):
        yield file["/".join(parts[:count])]
    yield file


def _matlab_notes(dataset: h5py.Dataset, entry: DatasetEntry, wish: StackSelection) -> list[str]:
    if MATLAB not in dataset.attrs or wish.axes or not entry.axes:
        return []
    return ["its array is MATLAB's, whose axes are taken for y, x, z; name others with --axes, such as --axes zyx."]
