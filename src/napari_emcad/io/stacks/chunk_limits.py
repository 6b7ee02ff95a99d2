"""Chunks that anybody may have written: none unpacks to far more than it can hold, and none is larger than memory.

A few kilobytes of gzip or Zstandard unpack to gigabytes of zeros, and libraries take the memory before they compare.
"""

import bz2
import lzma
import zlib
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, Protocol

import numpy as np

from napari_emcad.core.errors import UserError

MOST_CHUNK = 2**31
"""Bytes of a chunk at most; most ways to compress end there, too."""

MOST_CHUNKS = 2**20
"""Chunks that are read at once, at most: each takes a tenth of a millisecond or more, there or not."""

_SPARE = 2**16
"""Bytes of a packed or unpacked chunk besides its voxels."""


Bytes = bytes | memoryview


class _Unpacker(Protocol):
    eof: bool
    unused_data: bytes

    def decompress(self, data: Bytes, max_length: int, /) -> bytes: ...


_STREAMS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    "zlib": zlib.decompressobj,
    "bz2": bz2.BZ2Decompressor,
    "lzma": lzma.LZMADecompressor,
}
"""Classes that unpack a stream, by the names of codecs."""


def most_unpacked(voxels: int) -> int:
    """Return the bytes to which a chunk may unpack whose voxels take so many: codecs add some of their own."""
    return 4 * voxels + _SPARE


def check_chunk(name: str, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Refuse an array whose chunks are too large to be read.

    Raises
    ------
    UserError
        `name` begins the sentence.
    """
    nbytes = prod(int(n) for n in shape) * dtype.itemsize
    if not 0 < nbytes <= MOST_CHUNK:
        raise UserError(
            f"{name}: chunks of at most {MOST_CHUNK / 1e9:.1f} GB are needed, got {tuple(shape)} of {dtype}, "
            f"{nbytes / 1e9:,.1f} GB; write it anew in smaller chunks."
        )


def check_count(key: Sequence[int | slice], chunks: Sequence[int]) -> None:
    """Refuse to read more chunks at once than anybody waits for.

    Raises
    ------
    ValueError
    """
    along = zip(key, chunks, strict=True)
    count = prod((part.stop - 1) // n - part.start // n + 1 if isinstance(part, slice) else 1 for part, n in along)
    if count > MOST_CHUNKS:
        raise ValueError(f"they lie in {count:,} chunks of {tuple(chunks)}; write it anew in larger ones")


def check_claim(codec: str, data: Bytes, most: int) -> bool:
    """Refuse a chunk that says that it unpacks to more than a limit; a few bytes of it are looked at.

    Parameters
    ----------
    codec : str
        Name by which numcodecs or Zarr knows it.
    data : bytes or view of them
    most : int
        Bytes at most, see `most_unpacked`.

    Returns
    -------
    bool
        True if its library may unpack it; False if it does not say, and has to be unpacked by `unpack_chunk`.

    Raises
    ------
    ValueError
    """
    kind = _plain(codec)
    claimed = None if kind in _STREAMS else _claimed(kind, data)
    if claimed is not None and claimed > most:
        raise _too_much(most)
    return claimed is not None


def unpack_chunk(codec: str, data: Bytes, most: int) -> bytes:
    """Unpack a chunk that does not say how much it holds, up to a limit.

    Raises
    ------
    ValueError
        If it unpacks to more.
    EOFError
        If it is cut short.
    """
    kind = _plain(codec)
    return unpack_stream(kind, data, most) if kind in _STREAMS else unpack_zstd(data, most)


def _plain(codec: str) -> str:
    return codec.removeprefix("numcodecs.").removeprefix("imagecodecs_")


def unpack_stream(codec: str, data: Bytes, most: int) -> bytes:
    """Unpack gzip, zlib, bz2 or lzma as `unpack_chunk` does."""
    parts, left = [], most
    while len(data):
        member: _Unpacker = _STREAMS[codec]()
        part = member.decompress(data, left + 1)
        left -= len(part)
        if left < 0:
            raise _too_much(most)
        if not member.eof:
            raise EOFError("a chunk is cut short")
        parts.append(part)
        data = member.unused_data.lstrip(b"\0")
    return b"".join(parts)


def unpack_zstd(data: Bytes, most: int) -> bytes:
    """Unpack Zstandard up to a limit; the library refuses more."""
    from imagecodecs import zstd_decode  # loads a library of its own

    return bytes(zstd_decode(bytes(data), out=most))


def _claimed(kind: str, data: Bytes) -> int | None:
    """Return the bytes that a packed chunk says it holds, 0 if it does not say; None if Zstandard leaves that open."""
    if kind == "blosc":
        return int.from_bytes(data[4:8], "little")
    if kind == "lz4":
        return int.from_bytes(data[:4], "little")
    if kind != "zstd" or data[:4] != b"\x28\xb5\x2f\xfd" or len(data) < 6:
        return 0
    descriptor = data[4]
    is_single = descriptor >> 5 & 1
    width = (is_single, 2, 4, 8)[descriptor >> 6]
    start = 5 + (1 - is_single) + (0, 1, 2, 4)[descriptor & 3]
    stated = int.from_bytes(data[start : start + width], "little") + (256 if width == 2 else 0)
    return stated if width else None


def _too_much(most: int) -> ValueError:
    return ValueError(f"a chunk unpacks to more than {most:,} bytes, which its voxels do not take")
