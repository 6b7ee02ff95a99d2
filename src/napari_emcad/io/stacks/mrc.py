"""Stacks in MRC files (.mrc, .rec, .st, .map), the usual files of electron tomography; voxels are mapped."""

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Slices, VoxelSize
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.metadata.lengths import Point
from napari_emcad.io.metadata.mrc_header import HEADER_BYTES, NUMBERS, MrcHeader
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.check_stack import NotAStack, check_stack
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.packed_files import rest_note
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection

SUFFIXES = {".mrc", ".mrcs", ".rec", ".st", ".map", ".ali", ".preali", ".ccp4"}
"""Endings of names, in small letters, of which a file is MRC though it does not say so."""


def open_mrc(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open an MRC stack; a file of several volumes needs one of them, as its time point.

    Raises
    ------
    NotAStack
        If it holds a single section, colours, or several volumes without a choice.
    UserError
        If its voxels are no numbers, or it is cut short.
    """
    header = _read_header(path)
    if header is None:
        raise UserError(f"{path}: the header of an MRC file is needed, and this one makes no sense; export it again.")
    _refuse_voxels(path, header)
    arrangement = arrange_axes(str(path), header.shape, header.axes, wish)
    check_stack(str(path), arrangement.shape, header.dtype)
    stat = path.stat()
    _refuse_cut_short(path, header, stat.st_size)
    end = header.data_start + math.prod(header.shape) * header.dtype.itemsize
    size, offset = header.voxel_size, header.offset
    return OpenDataset(
        _map_voxels(path, header, arrangement),
        size and VoxelSize(*_as_arranged(header, arrangement, size)),
        wish.named(None),
        (stat.st_size, stat.st_mtime_ns),
        offset and _as_arranged(header, arrangement, offset),
        size_source="MRC header" if size else "",
        notes=(*arrangement.notes, *_notes(header), *rest_note(stat.st_size, end)),
    )


def is_mrc(path: Path) -> bool:
    """Return True if a file begins with the header of an MRC file, or is named as one and begins like one."""
    if not path.is_file():
        return False
    header = _read_header(path)
    return header.is_stamped or path.suffix.lower() in SUFFIXES if header else False


def _read_header(path: Path) -> MrcHeader | None:
    with suppress(OSError), path.open("rb") as file:
        return MrcHeader.read(file.read(HEADER_BYTES))
    return None


def _refuse_voxels(path: Path, header: MrcHeader) -> None:
    if header.is_packed:
        raise UserError(
            f"{path}: an MRC file with a byte or more for each voxel is needed, got 4 bits; "
            "unpack it with IMOD, newstack -mode 0 IN OUT."
        )
    if header.mode == 16:
        raise NotAStack(f"{path}: grey voxels are needed, got an MRC file of colours; save it as 8-bit grey.")
    if header.mode not in NUMBERS:
        raise UserError(
            f"{path}: grey voxels are needed, got an MRC file of complex numbers, mode {header.mode}; "
            "save the image itself, not its transform."
        )


def _refuse_cut_short(path: Path, header: MrcHeader, size: int) -> None:
    """Refuse a file that ends before its last voxel."""
    needed = header.data_start + math.prod(header.shape) * header.dtype.itemsize
    if header.data_start < 0 or size < needed:
        raise UserError(
            f"{path}: the MRC file ends too early, {needed:,} bytes are needed for shape {header.shape} "
            f"{header.dtype.name}, got {size:,} bytes; copy or export it again."
        )


def _notes(header: MrcHeader) -> list[str]:
    notes = []
    if header.mode == 0 and not header.knows_sign:
        notes.append("its header does not say whether bytes have a sign; they are read as -128 to 127.")
    if header.voxel_size is None:
        notes.append("the voxel size in its header is 0 or 1 Angstrom, which stands for an unknown one.")
    if header.axes[-3:] != ("z", "y", "x"):
        notes.append(f"its sections, rows and columns lie along {', '.join(header.axes[-3:])}, as its header says.")
    return notes


def _as_arranged(header: MrcHeader, arrangement: Arrangement, lengths: Point) -> Point:
    """Return what the header states of z, y and x for the axes that are taken for them."""
    stated = dict(zip("zyx", lengths, strict=True))
    z, y, x = arrangement.of_space([stated[axis] for axis in header.axes[-3:]])
    return z, y, x


def _map_voxels(path: Path, header: MrcHeader, arrangement: Arrangement) -> LazyArray:
    def read(box: Slices) -> NDArray[Any]:
        # mapped anew for each slice, 0.1 ms: no handle stays open, so that the file can be moved while it is in use
        mapped = np.memmap(path, header.dtype, "r", header.data_start, header.shape)
        return np.array(arrangement.turn(mapped[arrangement.key(box)]))

    array = LazyArray(str(path), arrangement.shape, header.dtype, read)
    array.axes = arrangement.words
    return array
