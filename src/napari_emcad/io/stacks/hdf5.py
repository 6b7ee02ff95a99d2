"""Stacks in HDF5 files: CREMI, SNEMI and any other."""

from pathlib import Path

import h5py

from napari_emcad.core.errors import UserError
from napari_emcad.io.metadata.array_attributes import read_offset, read_voxel_size
from napari_emcad.io.stacks.choose_dataset import DatasetEntry, choose_dataset, openable_names
from napari_emcad.io.stacks.lazy_array import wrap_array
from napari_emcad.io.stacks.open_dataset import OpenDataset


def open_hdf5(path: Path, dataset: str | None) -> OpenDataset:
    """Open one dataset of an HDF5 file, or the one that stands to reason.

    Raises
    ------
    UserError
        Where the file cannot be read, has no such dataset, or several to choose from.
    """
    file = _open_file(path)
    try:
        name = choose_dataset(path, dataset, _entries(file))
        array = wrap_array(f"{path}, {name}", file[name], file.close)
    except BaseException:
        file.close()
        raise
    stat = path.stat()
    size = read_voxel_size(file[name].attrs) or read_voxel_size(file.attrs)
    return OpenDataset(array, size, name, (stat.st_size, stat.st_mtime_ns), read_offset(file[name].attrs))


def hdf5_stack_names(path: Path) -> list[str]:
    """The datasets of an HDF5 file that can be opened as (z, y, x)."""
    with _open_file(path) as file:
        return openable_names(_entries(file))


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does."""
    return path.is_file() and bool(h5py.is_hdf5(path))


def _open_file(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r", locking=False)  # HDF5's locks fail on read-only and network drives
    except (OSError, RuntimeError, KeyError) as error:
        raise UserError(
            f"{path}: the HDF5 file cannot be read ({error}); it may be damaged, copy or export it again."
        ) from error


def _entries(file: h5py.File) -> list[DatasetEntry]:
    entries = []

    def note(name: str, found: h5py.Group | h5py.Dataset) -> None:
        if isinstance(found, h5py.Dataset) and found.shape is not None:
            entries.append(DatasetEntry(name, found.shape, found.dtype))

    file.visititems(note)
    return entries
