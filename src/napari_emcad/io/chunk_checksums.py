"""Checksums of the chunks of Zarr arrays, kept beside them and compared as chunks are read.

CRC-32 of each chunk's file, as in zip archives. A codec that adds one to each chunk would be known to few other
readers, and would not tell a chunk that is missing, that is an older one, or that was exchanged with another.
"""

import asyncio
import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import zarr
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.core.metadata import ArrayV2Metadata
from zarr.storage import LocalStore

from napari_emcad.core.errors import UserError
from napari_emcad.core.npy_lock import NPY_LOCK
from napari_emcad.io.json_text import read_json
from napari_emcad.io.read_errors import TABLE_ERRORS

CHUNK_CHECKSUMS = "checksums.npy"
"""File in the folder of an array: a checksum for each chunk, 0 where there is no file."""

ChunkNumber: TypeAlias = tuple[int, ...]
"""The number of a chunk on each axis."""

Check: TypeAlias = Callable[[ChunkNumber, bytes | None], None]
"""Takes the number of a chunk and what its file holds, None = there is none; raises a UserError if that is wrong."""

_LAYOUT = ("shape", "chunks", "dtype", "order", "fill_value", "compressor", "filters", "dimension_separator")
"""Fields of an array's description that say how its chunks are to be read."""


def checksum(content: bytes | None) -> int:
    """Return the checksum of what the file of a chunk holds; 0 if there is none, and never for one that is there."""
    return 0 if content is None else zlib.crc32(content) or 1


class ChunkChecksums:
    """The checksums of an array's chunks.

    Parameters
    ----------
    folder : Path
        The array.
    expected : callable
        From the number of a chunk to its checksum; None = not known.
    remedy : callable
        From the number of a chunk that is damaged to advice, the end of the sentence.
    """

    def __init__(
        self, folder: Path, expected: Callable[[ChunkNumber], int | None], remedy: Callable[[ChunkNumber], str]
    ):
        self._folder, self._expected, self._remedy = folder, expected, remedy

    @classmethod
    def read(cls, folder: Path, seal: int | None, remedy: str) -> "ChunkChecksums | None":
        """Read the checksums of an array; None if it has none and none are promised.

        Parameters
        ----------
        folder : Path
        seal : int or None
            What `seal_of` returned when they were written; None = not known.
        remedy : str

        Raises
        ------
        UserError
            If they, or the array's description, are not those that were written.
        """
        if seal is None and not (folder / CHUNK_CHECKSUMS).exists():
            return None
        try:
            if seal is not None and seal_of(folder) != seal:
                raise ValueError("not those that were written")
            with NPY_LOCK:
                table = np.load(folder / CHUNK_CHECKSUMS, mmap_mode="r")
            if table.dtype != np.uint32 or table.shape != _grid(folder):
                raise ValueError("not of this array")
        except TABLE_ERRORS as error:
            raise UserError(f"{folder}: missing or damaged; {remedy}.") from error
        return cls(folder, lambda number: int(table[number]), lambda _number: remedy)

    def check(self, number: ChunkNumber, content: bytes | None) -> None:
        """Compare the file of a chunk, None = there is none, with its checksum.

        Raises
        ------
        UserError
            If it is not as it was written.
        """
        expected = self._expected(number)
        if expected is None or checksum(content) == expected:
            return
        what = "missing" if content is None else "damaged" if expected else "not to be there"
        raise UserError(f"{self._folder}: chunk {'/'.join(map(str, number))} is {what}; {self._remedy(number)}.")


class CheckedStore(LocalStore):
    """The folder of an array whose chunks are checked as they are read."""

    def __init__(self, root: Path, check: Check):
        super().__init__(root, read_only=True)
        self._check = check

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read a file, see `zarr.abc.store.Store`."""
        found = await super().get(key, prototype, byte_range)
        parts = key.split("/")
        if all(part.isdecimal() for part in parts):
            content = None if found is None else found.to_bytes()
            await asyncio.to_thread(self._check, tuple(map(int, parts)), content)
        return found


def write_chunk_checksums(folder: Path, known: Mapping[ChunkNumber, int] | None = None) -> None:
    """Write the checksums of an array, all of whose chunks are written; those that are not known are computed.

    Raises
    ------
    OSError
        If a chunk cannot be read or there is no room.
    """
    known = known or {}
    found = np.zeros(_grid(folder), np.uint32)
    for number in np.ndindex(found.shape):
        found[number] = known[number] if number in known else checksum_of(folder, number)
    np.save(folder / CHUNK_CHECKSUMS, found)


def checksum_of(folder: Path, number: ChunkNumber) -> int:
    """Return the checksum of a chunk as its file is now."""
    try:
        return checksum(folder.joinpath(*map(str, number)).read_bytes())
    except FileNotFoundError:
        return 0


def seal_of(folder: Path) -> int:
    """Return a checksum of the checksums of an array and of how its chunks are to be read.

    Raises
    ------
    OSError, ValueError
        If they are missing or damaged.
    """
    described = read_json(folder / ".zarray")
    if not isinstance(described, dict):
        raise ValueError(f"{folder / '.zarray'} is damaged")
    layout = json.dumps({name: described.get(name) for name in _LAYOUT}, sort_keys=True)
    return zlib.crc32((folder / CHUNK_CHECKSUMS).read_bytes(), zlib.crc32(layout.encode()))


def _grid(folder: Path) -> tuple[int, ...]:
    """Return the number of chunks of an array on each axis."""
    array = zarr.open_array(folder, mode="r")
    metadata = array.metadata
    if not isinstance(metadata, ArrayV2Metadata) or metadata.dimension_separator != "/":
        raise ValueError(f"{folder}: an array of Zarr format 2 is needed, with / between the numbers of chunks")
    return tuple(-(-n // c) for n, c in zip(array.shape, array.chunks, strict=True))
