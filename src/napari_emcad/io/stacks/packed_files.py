"""Voxels that are packed as one: they are unpacked at once, and only if there can be as many as a header claims."""

from typing import BinaryIO, Protocol

import psutil

from napari_emcad.core.errors import UserError

DEFLATE = 1032
"""Bytes that one byte of gzip or zip can hold at most."""

BZIP2 = 1_100_000
"""Bytes that one byte of bzip2 can hold at most."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def check_packed(name: str, needed: int, packed: int, most: int = DEFLATE) -> None:
    """Refuse voxels that a file cannot hold, or that memory cannot.

    Parameters
    ----------
    name : str
        Begins the sentences of errors.
    needed : int
        Bytes of the voxels, as a header claims.
    packed : int
        Bytes in which they lie.
    most : int
        Bytes that one of these can hold.

    Raises
    ------
    UserError
    """
    if needed < 0 or needed > most * packed:
        raise UserError(
            f"{name}: its header claims {needed:,} bytes of voxels, which do not fit into {packed:,} packed bytes; it "
            "is damaged, copy or export it again."
        )
    free = psutil.virtual_memory().available
    if needed > free:
        raise UserError(
            f"{name}: its voxels are packed as one and take {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are "
            "free; save it without compression, or in chunks, such as OME-Zarr."
        )


def unpack(file: BinaryIO | _Readable, count: int) -> bytes:
    """Return the bytes of all voxels from a file that unpacks as it is read, and see that it ends behind them.

    A checksum is compared only there.

    Raises
    ------
    EOFError
        If there are fewer.
    ValueError
        If there are more.
    """
    data = file.read(count)
    if len(data) < count:
        raise EOFError(f"{count:,} bytes of voxels are due, got {len(data):,}")
    if file.read(1):
        raise ValueError(f"it goes on behind the {count:,} bytes of voxels that its header states")
    return data


def rest_note(size: int, end: int) -> tuple[str, ...]:
    """Return the note on a file of raw voxels that is longer than its header says; none if it is not.

    Parameters
    ----------
    size : int
        Bytes of the file.
    end : int
        Byte after the last voxel.
    """
    more = size - end
    return (f"it has {more:,} bytes behind the voxels that its header states.",) if more > 0 else ()
