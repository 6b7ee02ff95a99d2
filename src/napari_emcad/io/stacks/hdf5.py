"""Stacks in HDF5 files: CREMI, SNEMI and any other."""

from pathlib import Path

import h5py

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.datasets import Entry, chosen, stack_names
from napari_emcad.io.stacks.lazy import Source, of_array
from napari_emcad.io.stacks.voxel_sizes import of_attributes, offset_of_attributes


def open_hdf5(path: Path, dataset: str | None) -> Source:
    """Open one dataset of an HDF5 file, or the one that stands to reason.

    Raises
    ------
    UserError
        Where the file cannot be read, has no such dataset, or several to choose from.
    """
    file = _opened(path)
    try:
        name = chosen(path, dataset, _entries(file))
        array = of_array(f"{path}, {name}", file[name], file.close)
    except BaseException:
        file.close()
        raise
    stat = path.stat()
    size = of_attributes(file[name].attrs) or of_attributes(file.attrs)
    return Source(array, size, name, (stat.st_size, stat.st_mtime_ns), offset_of_attributes(file[name].attrs))


def hdf5_stacks(path: Path) -> list[str]:
    """The datasets of an HDF5 file that can be opened as (z, y, x)."""
    with _opened(path) as file:
        return stack_names(_entries(file))


def is_hdf5(path: Path) -> bool:
    """Whether a file begins as HDF5 does."""
    return path.is_file() and bool(h5py.is_hdf5(path))


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r", locking=False)  # HDF5's locks fail on read-only and network drives
    except (OSError, RuntimeError, KeyError) as error:
        raise UserError(
            f"{path}: the HDF5 file cannot be read ({error}); it may be damaged, copy or export it again."
        ) from error


def _entries(file: h5py.File) -> list[Entry]:
    entries = []

    def note(name: str, found: h5py.Group | h5py.Dataset) -> None:
        if isinstance(found, h5py.Dataset) and found.shape is not None:
            entries.append(Entry(name, found.shape, found.dtype))

    file.visititems(note)
    return entries
