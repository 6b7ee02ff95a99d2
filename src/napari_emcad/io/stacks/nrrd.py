"""Stacks in NRRD files (.nrrd, .nhdr), through pynrrd (an optional extra)."""

import bz2
import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Slices, VoxelSize
from napari_emcad.io.extras import import_extra
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.metadata.axes import known_names
from napari_emcad.io.metadata.directions import axes_of_directions, place_of_origin
from napari_emcad.io.metadata.lengths import Point, point_in_nm, voxel_size_in_nm
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.check_stack import check_stack
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.packed_files import BZIP2, DEFLATE, check_packed, rest_note, unpack
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection

_SPACE = {"domain", "space", "none", "???"}
"""Kinds of axes that are x, y, z."""

_INTEGERS = {"char": "i1", "int8": "i1", "short": "i2", "int16": "i2", "int": "i4", "int32": "i4"} | dict.fromkeys(
    ("long long", "longlong", "int64"), "i8"
)
_TYPES = {**_INTEGERS, "float": "f4", "double": "f8"}
"""NumPy's names of the types of NRRD; see `_dtype` for the unsigned ones and synonyms."""

_UNPACKERS: Mapping[str, tuple[Callable[[BinaryIO], BinaryIO], int]] = {
    **dict.fromkeys(("gz", "gzip"), (lambda file: cast(BinaryIO, gzip.GzipFile(fileobj=file)), DEFLATE)),
    **dict.fromkeys(("bz2", "bzip2"), (lambda file: cast(BinaryIO, bz2.BZ2File(file)), BZIP2)),
}
"""Encodings of packed voxels: what unpacks them, and the bytes that one byte can hold."""

_MOST_HEADER = 2**20
"""Bytes of a header, at most."""


@dataclass(frozen=True)
class _RawVoxels:
    """Voxels that lie in a file as they are.

    Attributes
    ----------
    file : Path
    start : int
        Bytes before the first voxel.
    shape : tuple of int
        The slowest axis first.
    """

    file: Path
    start: int
    dtype: np.dtype
    shape: tuple[int, ...]

    def values(self) -> NDArray[Any]:
        """Map the voxels anew, so that no handle stays open."""
        return np.memmap(self.file, self.dtype, "r", self.start, self.shape)


@dataclass(frozen=True)
class _PackedVoxels(_RawVoxels):
    """Voxels that are packed as one, from a byte of a file on.

    Attributes
    ----------
    skip : int
        Bytes before the first voxel, unpacked.
    unpacker : callable
        Takes a file and returns one that is unpacked as it is read.
    """

    skip: int
    unpacker: Callable[[BinaryIO], BinaryIO]

    def values(self) -> NDArray[Any]:
        """Unpack the voxels."""
        return self._unpacked

    @cached_property
    def _unpacked(self) -> NDArray[Any]:
        count = prod(self.shape) * self.dtype.itemsize
        with self.file.open("rb") as file:
            file.seek(self.start)
            data = unpack(self.unpacker(file), self.skip + count)
        return np.frombuffer(data, self.dtype, offset=self.skip).reshape(self.shape)


def open_nrrd(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open a NRRD image; its first axis of space is x, unless its labels or directions say otherwise.

    Raw voxels are mapped, compressed ones are read at once.

    Raises
    ------
    UserError
        If the extra is not installed, it cannot be read, or it holds no grey voxels.
    NotAStack
        If it has several channels or time points.
    """
    nrrd = import_extra("nrrd", f"{path}: NRRD needs", "formats")
    with path.open("rb") as file:
        _check_header_length(file)
        header = nrrd.read_header(file)
        shape = _shape(header)
        stored = _find_voxels(path, header, file)
    arrangement = arrange_axes(str(path), shape, _axes(header, len(shape)), wish)

    @cache
    def decoded() -> NDArray[Any]:
        return np.asarray(nrrd.read(str(path), index_order="C")[0])

    values: Callable[[], NDArray[Any]] = stored.values if stored else decoded
    dtype = stored.dtype if stored else values().dtype
    check_stack(str(path), arrangement.shape, dtype)

    def read(box: Slices) -> NDArray[Any]:
        return np.array(arrangement.turn(values()[arrangement.key(box)]))

    size = _voxel_size(header, arrangement)
    stat = (stored.file if stored else path).stat()
    notes = [] if size else ["its header states no voxel size with a unit."]
    if stored and not isinstance(stored, _PackedVoxels):
        notes += rest_note(stat.st_size, stored.start + prod(shape) * dtype.itemsize)
    return OpenDataset(
        LazyArray(str(path), arrangement.shape, dtype, read),
        size,
        wish.named(None),
        (stat.st_size, stat.st_mtime_ns),
        _offset(header, arrangement) if size else None,
        size_source="NRRD header" if size else "",
        notes=(*arrangement.notes, *notes),
    )


def _check_header_length(file: BinaryIO) -> None:
    """Refuse a header that does not end, and leave the file at its beginning."""
    begin = file.read(_MOST_HEADER)
    file.seek(0)
    if len(begin) == _MOST_HEADER and b"\n\n" not in begin and b"\n\r\n" not in begin:
        raise ValueError(f"its header is longer than {_MOST_HEADER:,} bytes")


def _find_voxels(path: Path, header: Mapping[str, Any], file: BinaryIO) -> _RawVoxels | None:
    """Return where the voxels lie, in the open file behind its header or in another one; None if they are text.

    Raises
    ------
    UserError
        If they lie in a file that is not beside this one, or cannot be as many as the header claims.
    """
    apart = header.get("data file", header.get("datafile"))
    data = path if apart is None else _data_file(path, str(apart))
    dtype, encoding = _dtype(header), str(header.get("encoding"))
    if dtype is None or encoding not in ("raw", *_UNPACKERS):
        return None
    if apart is None:
        return _behind(data, header, file, dtype)
    with data.open("rb") as other:
        return _behind(data, header, other, dtype)


def _data_file(path: Path, apart: str) -> Path:
    data = path.parent / apart
    if not data.is_file() or path.parent.resolve() not in data.resolve().parents:
        raise UserError(f'{path}: its voxels lie in "{apart[:200]}", which is no file beside it; put it there.')
    return data


def _behind(path: Path, header: Mapping[str, Any], file: BinaryIO, dtype: np.dtype) -> _RawVoxels:
    """Return the voxels behind the lines and bytes to skip."""
    shape = _shape(header)
    needed, there = prod(shape) * dtype.itemsize, path.stat().st_size
    for _ in range(min(there, int(header.get("line skip", header.get("lineskip", 0))))):
        file.readline()
    skip, start = int(header.get("byte skip", header.get("byteskip", 0))), file.tell()
    if skip < -1:
        raise ValueError(f"voxels behind {skip} bytes")
    if header.get("encoding") == "raw":
        start = there - needed if skip == -1 else start + skip
        if start < 0 or start + needed > there:
            raise EOFError(f"{needed:,} bytes of voxels are due, got {max(0, there - start):,}")
        return _RawVoxels(path, start, dtype, shape)
    unpacker, most = _UNPACKERS[header["encoding"]]
    check_packed(str(path), needed + max(0, skip), there - start, most)
    return _PackedVoxels(path, start, dtype, shape, max(0, skip), unpacker)


def _shape(header: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the lengths of all axes, the slowest first."""
    sizes = [int(n) for n in header.get("sizes", ())]
    if not sizes or min(sizes) < 1:
        raise ValueError(f"its sizes are {' '.join(map(str, sizes)) or 'not stated'}")
    return tuple(sizes[::-1])


def _dtype(header: Mapping[str, Any]) -> np.dtype | None:
    """Return the type of the voxels; None if it is not one of numbers, or its byte order is not stated."""
    words = str(header.get("type", "")).lower().removesuffix("_t")
    is_unsigned = words.startswith("u")
    plain = words.removeprefix("unsigned ").removeprefix("signed ").removeprefix("u")
    name = _TYPES.get(plain) or _TYPES.get(plain.removesuffix(" int"))
    if name is None or (is_unsigned and name[0] == "f"):
        return None
    order = {"little": "<", "big": ">"}.get(str(header.get("endian")), "|" if name == "i1" else "")
    return np.dtype(order + (name.replace("i", "u") if is_unsigned else name)) if order else None


def is_nrrd(path: Path) -> bool:
    """Return True if a file begins as NRRD does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"NRRD"


def _axes(header: Mapping[str, Any], count: int) -> list[str] | None:
    """Return the names of the array's axes, the slowest first; None if the header does not tell."""
    if labels := known_names(header.get("labels")):
        return labels[::-1] if len(labels) == count else None
    along = axes_of_directions(_of_space(header)[1])
    kinds = [str(kind).lower() for kind in header.get("kinds", [])]
    if len(kinds) != count or sum(kind in _SPACE for kind in kinds) != 3:
        return along[::-1] if along and count == 3 else None
    space = iter(along or "xyz")
    names = [next(space) if kind in _SPACE else {"time": "t"}.get(kind, "c") for kind in kinds]
    return names[::-1]


def _of_space(header: Mapping[str, Any]) -> tuple[list[int], list[Any]]:
    """Return the axes of space, the fastest first, and the step along each; none if no directions are stated."""
    rows = header.get("space directions")
    stated = {axis: row for axis, row in enumerate(() if rows is None else rows) if row is not None}
    known = {axis: row for axis, row in stated.items() if np.isfinite(np.asarray(row, float)).all()}
    return list(known), list(known.values())


def _offset(header: Mapping[str, Any], arrangement: Arrangement) -> Point | None:
    """Read the place of the first voxel in nm; None if the header does not say."""
    axes, steps = _of_space(header)
    place = place_of_origin(steps, header.get("space origin", ())) if len(axes) == 3 else None
    if place is None:
        return None
    starts = dict(zip(axes, place, strict=True))
    listed = [starts.get(axis, 0.0) for axis in range(len(_shape(header)))]
    return point_in_nm(arrangement.of_space(listed[::-1]), [(header.get("space units") or [""])[0]] * 3)


def _voxel_size(header: Mapping[str, Any], arrangement: Arrangement) -> VoxelSize | None:
    """Read the voxel size in nm from spacings, or from the lengths of the directions of space."""
    count = len(_shape(header))
    directions = header.get("space directions")
    if directions is not None:
        rows = [np.full(3, np.nan) if row is None else np.asarray(row, float) for row in directions]
        lengths = [float(np.linalg.norm(row)) for row in rows]
        units = [str((header.get("space units") or [""])[0])] * count
    else:
        lengths = [float(n) for n in header.get("spacings", [np.nan] * count)]
        units = [str(unit) for unit in header.get("units", [""] * count)]
    if len(lengths) != count or len(units) != count:
        return None
    return voxel_size_in_nm(arrangement.of_space(lengths[::-1]), arrangement.of_space(units[::-1]))
