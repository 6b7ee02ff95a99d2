"""The files of a Zarr store on this machine: pipes and devices never block, and none is longer than any can be."""

import asyncio
import os
import posixpath
import stat
from pathlib import Path

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import LocalStore

from napari_emcad.io.json_text import LONGEST
from napari_emcad.io.stacks.chunk_limits import MOST_CHUNK

METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
"""Files of metadata, which zarr reads as a whole."""


class RegularFiles(LocalStore):
    """A folder of Zarr, to read: what lies in the place of a file and is none is told, and never waited for."""

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return the bytes of a file, or a part of them; None if there is no such file."""
        path, kind = self.root / key, prototype or default_buffer_prototype()
        try:
            return kind.buffer.from_bytes(await asyncio.to_thread(_read, path, byte_range))
        except (FileNotFoundError, NotADirectoryError):
            return None


def check_length(name: str, length: int) -> None:
    """Refuse metadata that are longer than any, and a chunk that is larger than any.

    Raises
    ------
    ValueError
    """
    if length > (LONGEST if posixpath.basename(name) in METADATA else MOST_CHUNK):
        raise ValueError(f"{name} has {length:,} bytes")


def _read(path: Path, part: ByteRequest | None) -> bytes:
    with open(path, "rb", opener=_open_without_a_wait) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path.name} is no file")
        start, stop = _span(part, found.st_size)
        check_length(path.name, stop - start)
        file.seek(start)
        return file.read(stop - start)


def _span(part: ByteRequest | None, size: int) -> tuple[int, int]:
    """Return the first byte of a part of a file and the one after the last."""
    if isinstance(part, RangeByteRequest):
        return part.start, max(part.start, min(part.end, size))
    if isinstance(part, OffsetByteRequest):
        return part.offset, max(part.offset, size)
    return (max(0, size - part.suffix), size) if isinstance(part, SuffixByteRequest) else (0, size)


def _open_without_a_wait(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
