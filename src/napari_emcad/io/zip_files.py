"""Zip archives that anybody may have written: what they would take is known before they are unpacked or listed."""

import struct
import zipfile
from io import SEEK_END
from typing import BinaryIO

from napari_emcad.core.wording import size_text

MOST_PACKED = 2
"""Times their size on disk that the entries of an archive of weights or tables may unpack to: neither is packed."""

SPARE = 1 << 20
"""Bytes that they may unpack to besides."""

MOST_LISTED = 1 << 23
"""Bytes of the list of entries, at most: each of them takes ten times that in memory."""

_END, _END_BYTES, _LONGEST_COMMENT = b"PK\x05\x06", 22, 1 << 16


def refuse_bomb(file: BinaryIO) -> None:
    """Refuse an archive that takes far more memory than its size; it is left at its beginning.

    Raises
    ------
    ValueError
        What it would take, as words after the name of the file.
    zipfile.BadZipFile
        If it is no archive.
    """
    size = file.seek(0, SEEK_END)
    if (listed := _listed_bytes(file, size)) > MOST_LISTED:
        raise ValueError(f"lists {size_text(listed)} of entries, which no weights or tables do")
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    file.seek(0)
    if unpacked > MOST_PACKED * size + SPARE:
        raise ValueError(f"unpacks to {size_text(unpacked)} from {size_text(size)}, which no weights or tables do")


def _listed_bytes(file: BinaryIO, size: int) -> int:
    """Return the bytes between the beginning of the list of entries and the end of a file of so many bytes.

    The list may be as long as that, whatever the file says of it.
    """
    file.seek(max(0, size - _END_BYTES - _LONGEST_COMMENT))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise zipfile.BadZipFile("no archive")
    listed, _start = struct.unpack_from("<II", tail, at + 12)
    entries = struct.unpack_from("<H", tail, at + 10)[0]
    return int(size if entries == 0xFFFF or listed == 0xFFFFFFFF else listed)
