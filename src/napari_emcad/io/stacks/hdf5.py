"""Stacks in HDF5 files: CREMI, SNEMI and any other."""

from pathlib import Path

import h5py

from napari_emcad.io.metadata.array_attributes import read_offset, read_voxel_size
from napari_emcad.io.metadata.axes import known_names, read_axis_names
from napari_emcad.io.read_errors import explain_header_errors
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.choose_dataset import DatasetEntry, choose_dataset, openable_names
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
    file = _open_file(path)
    try:
        entry = choose_dataset(path, wish, _list_entries(file))
        name, found = f"{path}, {entry.name}", file[entry.name]
        arrangement = arrange_axes(name, entry.shape, entry.axes, wish)
        array = wrap_array(name, found, arrangement, file.close)
    except BaseException:
        file.close()
        raise
    stat = path.stat()
    size = read_voxel_size(found.attrs, arrangement) or read_voxel_size(file.attrs, arrangement)
    return OpenDataset(
        array,
        size,
        wish.named(entry.name),
        (stat.st_size, stat.st_mtime_ns),
        read_offset(found.attrs, arrangement),
        size_source="HDF5 attributes" if size else "",
        notes=arrangement.notes,
    )


def hdf5_stack_names(path: Path) -> list[str]:
    """Return the names of the datasets in an HDF5 file that can be opened as (z, y, x)."""
    with _open_file(path) as file:
        return openable_names(_list_entries(file))


def is_hdf5(path: Path) -> bool:
    """Return True if a file begins as HDF5 does."""
    return path.is_file() and bool(h5py.is_hdf5(path))


def _open_file(path: Path) -> h5py.File:
    with explain_header_errors(f"{path}: the HDF5 file", "it may be damaged, copy or export it again"):
        return h5py.File(path, "r", locking=False)  # HDF5's locks fail on read-only and network drives


def _list_entries(file: h5py.File) -> list[DatasetEntry]:
    entries: list[DatasetEntry] = []

    def note(name: str, found: h5py.Group | h5py.Dataset) -> None:
        if isinstance(found, h5py.Dataset) and found.shape is not None:
            entries.append(DatasetEntry(name, found.shape, found.dtype, _axes_of(found)))

    file.visititems(note)
    return entries


def _axes_of(dataset: h5py.Dataset) -> list[str] | None:
    """Return the names of a dataset's axes: those of its attributes, or HDF5's own labels of dimensions."""
    return read_axis_names(dataset.attrs) or known_names([dim.label for dim in dataset.dims])
