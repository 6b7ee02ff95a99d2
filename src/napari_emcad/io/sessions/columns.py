"""Tables of a session: a folder of plain files, one for each column, of which the system reads what is looked at.

Beside them lie their checksums (CRC-32, as in zip archives), so that a damaged file is told and not believed.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.npy_lock import NPY_LOCK
from napari_emcad.core.progress import Job, Stopwatch, drive
from napari_emcad.io.json_text import read_json
from napari_emcad.io.npz_files import read_npz
from napari_emcad.io.read_errors import TABLE_ERRORS
from napari_emcad.io.sessions.file_names import EARLIER

CHECKSUMS = "checksums.json"
"""The checksum of each file of a table, by its name."""

CHECKED_BYTES = 1 << 29
"""Bytes of a table up to which it is checked when it is opened, which takes less than a second."""

_PIECE = 1 << 22
"""Bytes that are read at a time."""


def write_columns(folder: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Write a table as a folder of plain files, with their checksums."""
    folder.mkdir(exist_ok=True)
    for name, column in columns.items():
        np.save(folder / f"{name}.npy", column)
    checksums = {f"{name}.npy": _checksum(folder / f"{name}.npy") for name in columns}
    (folder / CHECKSUMS).write_text(json.dumps(checksums, indent=1), "utf-8")


def read_columns(folder: Path, names: tuple[str, ...], seal: int | None = None) -> dict[str, NDArray[Any]]:
    """Map the columns of a table; a table that an earlier version wrote is read.

    Parameters
    ----------
    folder : Path
    names : tuple of str
    seal : int, optional
        What `seal_of_columns` returned when it was written; None = not known.

    Raises
    ------
    UserError
        If the table or a column is missing or damaged, or it is another one.
    """
    earlier = folder.with_name(folder.name + EARLIER)
    try:
        if seal is not None and seal != seal_of_columns(folder):
            raise ValueError("another table")
        if folder.is_dir():
            _check(folder, [f"{name}.npy" for name in names])
            with NPY_LOCK:
                return {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in names}
        saved = read_npz(earlier)
        return {name: saved[name] for name in names}
    except TABLE_ERRORS as error:
        raise damaged(earlier if earlier.exists() else folder) from error


def seal_of_columns(folder: Path) -> int:
    """Return a checksum of the checksums of a table.

    Raises
    ------
    OSError
        If it has none.
    """
    return zlib.crc32((folder / CHECKSUMS).read_bytes())


def _check(folder: Path, files: list[str]) -> None:
    """Compare the files of a table with their checksums, if they are not too large for that and it has some.

    Raises
    ------
    ValueError
        If one is not as it was written.
    """
    if not _is_left_for_later(folder, files):
        drive(_compare(folder, files))


def check_columns(folder: Path, names: tuple[str, ...]) -> Job[None]:
    """Compare the columns of a table with their checksums, if it is too large to be checked when it is opened.

    Yields
    ------
    Progress
        Stage "checking", in bytes.

    Raises
    ------
    UserError
        If one is not as it was written.
    """
    files = [f"{name}.npy" for name in names]
    try:
        if folder.is_dir() and _is_left_for_later(folder, files):
            yield from _compare(folder, files)
    except TABLE_ERRORS as error:
        raise damaged(folder) from error


def is_checked_late(folder: Path, names: tuple[str, ...]) -> bool:
    """Return True if a table is too large to be checked when it is opened."""
    try:
        return folder.is_dir() and _is_left_for_later(folder, [f"{name}.npy" for name in names])
    except OSError:
        return False


def _is_left_for_later(folder: Path, files: list[str]) -> bool:
    return sum((folder / file).stat().st_size for file in files) > CHECKED_BYTES


def _compare(folder: Path, files: list[str]) -> Job[None]:
    """Compare the files of a table with their checksums, if it has some."""
    if not (folder / CHECKSUMS).exists():
        return
    expected, done = read_json(folder / CHECKSUMS), 0
    watch = Stopwatch("checking", sum((folder / file).stat().st_size for file in files))
    for file in files:
        found = 0
        for length, running in _running_checksum(folder / file):
            found, done = running, done + length
            yield watch.at(done)
        if not isinstance(expected, dict) or found != expected[file]:
            raise ValueError(f"{folder / file} is not as it was written")


def _checksum(file: Path) -> int:
    return [found for _, found in _running_checksum(file)][-1]


def _running_checksum(file: Path) -> Iterator[tuple[int, int]]:
    """Yield the length of each piece of a file, and the checksum of all up to its end; nothing of an empty one."""
    found = 0
    with file.open("rb") as content:
        while piece := content.read(_PIECE):
            found = zlib.crc32(piece, found)
            yield len(piece), found


def damaged(path: Path) -> UserError:
    """Return the error for a file of a session that is missing or damaged."""
    return UserError(f"{path}: missing or damaged; copy the session again from where it is whole.")
