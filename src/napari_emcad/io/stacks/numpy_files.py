"""Stacks in files of NumPy: one array (.npy, mapped), or several in a zip file (.npz, each read at once)."""

import zipfile
from collections.abc import Iterator
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Slices
from napari_emcad.core.npy_lock import NPY_LOCK
from napari_emcad.io.npy_header import read_npy_header
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.check_stack import check_stack
from napari_emcad.io.stacks.choose_dataset import DatasetEntry, choose_dataset, openable_names
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.packed_files import check_packed, rest_note
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection


def open_npy(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open the array of a .npy file.

    Raises
    ------
    UserError
        If it holds Python objects, no numbers, or ends too early.
    """
    array = _map(path)
    arrangement = arrange_axes(str(path), array.shape, None, wish)
    check_stack(str(path), arrangement.shape, array.dtype)

    def read(box: Slices) -> NDArray[Any]:
        return np.array(arrangement.turn(_map(path)[arrangement.key(box)]))

    lazy = LazyArray(str(path), arrangement.shape, array.dtype, read)
    stat = path.stat()
    notes = (*arrangement.notes, *rest_note(stat.st_size, array.offset + array.nbytes))
    return OpenDataset(lazy, None, wish.named(None), (stat.st_size, stat.st_mtime_ns), notes=notes)


def npy_arrays(path: Path) -> list[DatasetEntry]:
    """Return the array of a .npy file, of whatever axes."""
    array = _map(path)
    return [DatasetEntry("", array.shape, array.dtype)]


def is_npy(path: Path) -> bool:
    """Return True if a file begins as .npy does."""
    return path.is_file() and _begins(path, npy.MAGIC_PREFIX)


def open_npz(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open an array of a .npz file: the one that is named, or the one that `choose_dataset` finds.

    Raises
    ------
    UserError
        If there is none, or it holds no numbers.
    """
    entry = choose_dataset(path, wish, list(_members(path)))
    name = f"{path}, {entry.name}"
    _check_member(path, name, entry)
    arrangement = arrange_axes(name, entry.shape, None, wish)
    check_stack(name, arrangement.shape, entry.dtype)

    @cache
    def values() -> NDArray[Any]:
        with NPY_LOCK, np.load(path, allow_pickle=False) as file:
            return np.asarray(file[entry.name])

    def read(box: Slices) -> NDArray[Any]:
        return arrangement.turn(values()[arrangement.key(box)])

    lazy = LazyArray(name, arrangement.shape, entry.dtype, read)
    stat = path.stat()
    return OpenDataset(lazy, None, wish.named(entry.name), (stat.st_size, stat.st_mtime_ns), notes=arrangement.notes)


def _check_member(path: Path, name: str, entry: DatasetEntry) -> None:
    """Refuse an array that is shorter or longer than its header claims, before there is memory for it."""
    with zipfile.ZipFile(path) as archive:
        stored = archive.getinfo(f"{entry.name}.npy")
        with archive.open(stored) as file:
            read_npy_header(file)
            start = file.tell()
    if entry.dtype.hasobject:
        raise UserError(f"{name}: an array of numbers is needed, got one of Python objects; save it as numbers.")
    needed = prod(entry.shape) * entry.dtype.itemsize
    if start + needed != stored.file_size:
        raise ValueError(f"{needed:,} bytes of voxels are due in {entry.name}, got {stored.file_size - start:,}")
    check_packed(name, needed, stored.compress_size)


def npz_stack_names(path: Path) -> list[str]:
    """Return the names of the arrays in a .npz file that can be opened as (z, y, x)."""
    return openable_names(_members(path))


def npz_arrays(path: Path) -> list[DatasetEntry]:
    """Return the arrays in a .npz file, of whatever axes."""
    return list(_members(path))


def is_npz(path: Path) -> bool:
    """Return True if a file is named .npz and begins as a zip file does."""
    return path.suffix.lower() == ".npz" and path.is_file() and _begins(path, b"PK")


def _begins(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def _map(path: Path) -> np.memmap[Any, Any]:
    with path.open("rb") as file:
        _shape, dtype = read_npy_header(file)
    if dtype.hasobject:
        raise UserError(f"{path}: an array of numbers is needed, got one of Python objects; save it as numbers.")
    with NPY_LOCK:
        array: np.memmap[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _members(path: Path) -> Iterator[DatasetEntry]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".npy"):
                with archive.open(name) as file:
                    shape, dtype = read_npy_header(file)
                yield DatasetEntry(name.removesuffix(".npy"), shape, dtype)
