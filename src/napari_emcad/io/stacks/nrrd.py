"""Stacks in NRRD files (.nrrd, .nhdr), through pynrrd (an optional extra)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Slices, VoxelSize
from napari_emcad.io.extras import import_extra
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.metadata.lengths import voxel_size_in_nm
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.check_stack import check_stack
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection

_SPACE = {"domain", "space", "none", "???"}
"""Kinds of axes that are x, y, z."""


def open_nrrd(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open a NRRD image; its first axis of space is x. It is read at once, when it is used first.

    Raises
    ------
    UserError
        If the extra is not installed, it cannot be read, or it holds no grey voxels.
    NotAStack
        If it has several channels or time points.
    """
    nrrd = import_extra("nrrd", f"{path}: NRRD needs", "formats")
    with _as_os_error(nrrd):
        header = nrrd.read_header(str(path))
    shape = tuple(int(n) for n in header["sizes"][::-1])
    arrangement = arrange_axes(str(path), shape, _axes(header, len(shape)), wish)

    @cache
    def values() -> NDArray[Any]:
        with _as_os_error(nrrd):
            return np.asarray(nrrd.read(str(path), index_order="C")[0])

    check_stack(str(path), arrangement.shape, values().dtype)

    def read(box: Slices) -> NDArray[Any]:
        return arrangement.turn(values()[arrangement.key(box)])

    size = _voxel_size(header, arrangement)
    stat = path.stat()
    notes = () if size else ("its header states no voxel size with a unit.",)
    return OpenDataset(
        LazyArray(str(path), arrangement.shape, values().dtype, read),
        size,
        wish.named(None),
        (stat.st_size, stat.st_mtime_ns),
        size_source="NRRD header" if size else "",
        notes=(*arrangement.notes, *notes),
    )


@contextmanager
def _as_os_error(nrrd: Any) -> Iterator[None]:
    """Turn pynrrd's own error on damaged files into one that all libraries have."""
    try:
        yield
    except nrrd.NRRDError as error:
        raise OSError(str(error)) from error


def is_nrrd(path: Path) -> bool:
    """Return True if a file begins as NRRD does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"NRRD"


def _axes(header: Mapping[str, Any], count: int) -> list[str] | None:
    """Return the names of the array's axes, the slowest first; None if they are three or their kinds are not stated."""
    kinds = [str(kind).lower() for kind in header.get("kinds", [])]
    if len(kinds) != count or sum(kind in _SPACE for kind in kinds) != 3:
        return None
    space = iter("xyz")
    names = [next(space) if kind in _SPACE else {"time": "t"}.get(kind, "c") for kind in kinds]
    return names[::-1]


def _voxel_size(header: Mapping[str, Any], arrangement: Arrangement) -> VoxelSize | None:
    """Read the voxel size in nm from spacings, or from the lengths of the directions of space."""
    count = len(header["sizes"])
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
