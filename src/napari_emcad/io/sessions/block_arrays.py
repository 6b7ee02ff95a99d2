"""Arrays of a run by blocks: there as a whole or not at all, whenever the program that makes them is killed."""

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import zarr

from napari_emcad.io.atomic import write_then_rename
from napari_emcad.io.put_in_place import synchronise_all
from napari_emcad.io.read_errors import HEADER_ERRORS

ARRAY_ERRORS = HEADER_ERRORS
"""Errors that zarr raises where there is no array, or one whose description is damaged."""


def open_to_change(path: Path) -> zarr.Array[Any]:
    """Open an array to read it and to write to it.

    Raises
    ------
    One of `ARRAY_ERRORS`
        If there is none, or it is damaged.
    """
    array = zarr.open_array(path, mode="r+")
    if min(array.chunks, default=0) < 1:
        raise ValueError(f"chunks of {array.chunks}")
    return array


def make_array(path: Path, make: Callable[[Path], object], is_used: bool) -> None:
    """Make an array under another name first, unless it is there.

    Parameters
    ----------
    path : Path
    make : callable
        Makes the array at the path that it gets.
    is_used : bool
        True if blocks are written in it: a damaged one stays as it is. Otherwise it is made anew, as nothing is lost.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    if path.exists() and not is_used and not _is_array(path):
        shutil.rmtree(path)
    if not path.exists():
        with write_then_rename(path) as part:
            make(part)


def synchronise_box(path: Path, box: tuple[slice, ...]) -> None:
    """Bring the chunks of a box of an array to the disk, before anything says that they are there.

    Raises
    ------
    OSError
        If the disk does not take them.
    One of `ARRAY_ERRORS`
        If there is no such array.
    """
    array = open_to_change(path)
    numbers = product(*(range(s.start // c, -(-s.stop // c)) for s, c in zip(box, array.chunks, strict=True)))
    chunks = [path / array.metadata.encode_chunk_key(number) for number in numbers]
    files = [chunk for chunk in chunks if chunk.is_file()]  # those of 0 alone are left out
    within = {folder for file in files for folder in file.parents if folder.is_relative_to(path)}
    synchronise_all(files, within)


def _is_array(path: Path) -> bool:
    try:
        open_to_change(path)
    except ARRAY_ERRORS:
        return False
    return True
