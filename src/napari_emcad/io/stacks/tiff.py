"""TIFF stacks: plain, ImageJ, OME and tifffile's own, of any size."""

import logging
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Slices
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.metadata.axes import known_names
from napari_emcad.io.metadata.tiff_description import record_of
from napari_emcad.io.metadata.tiff_place import read_tiff_place
from napari_emcad.io.read_errors import explain_header_errors
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.check_stack import NotAStack, check_stack
from napari_emcad.io.stacks.lazy_array import LazyArray, section_reader
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection


def open_tiff(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open a TIFF stack; uncompressed voxels are mapped, compressed ones decoded section by section.

    Raises
    ------
    NotAStack
        If it holds a single section, colours, channels or time points.
    UserError
        If it cannot be read or is cut short.
    """
    explain = explain_header_errors(f"{path}: the TIFF", "it may be damaged, copy or export it again")
    with ExitStack() as on_failure, _silence_tifffile():
        with explain:
            tiff = on_failure.enter_context(tifffile.TiffFile(path))
            dataset = _open_series(path, tiff, wish)
        on_failure.pop_all()
        return dataset


@contextmanager
def _silence_tifffile() -> Iterator[None]:
    """Keep tifffile's log lines from standard error: what matters in them becomes the one sentence."""
    logger = logging.getLogger("tifffile")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _open_series(path: Path, tiff: tifffile.TiffFile, wish: StackSelection) -> OpenDataset:
    _refuse_cut_short(path, tiff)
    series, stat, place = tiff.series[0], path.stat(), read_tiff_place(tiff)
    shape = _series_shape(path, tiff, series)
    axes = _axis_names(series) if len(shape) == series.ndim else None
    arrangement = arrange_axes(str(path), shape, axes, wish)
    check_stack(str(path), arrangement.shape, series.dtype)
    array = _map_voxels(path, tiff, shape, arrangement) or _decode_sections(path, tiff, shape, arrangement)
    return OpenDataset(
        array,
        place.voxel_size,
        wish.named(None),
        (stat.st_size, stat.st_mtime_ns),
        place.offset,
        place.source,
        notes=(*arrangement.notes, *place.notes),
    )


def _series_shape(path: Path, tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> tuple[int, ...]:
    if len(tiff.series) > 1 and series.ndim == 2:
        shapes = [s.shape for s in tiff.series]
        raise NotAStack(f"{path}: sections of one size are needed, got {shapes[0]} and {shapes[1]}; crop them alike.")
    if "S" in series.axes and not _are_sections_taken_for_colours(series, tiff):
        raise NotAStack(f"{path}: grey values are needed, got colours of shape {series.shape}; save it as 8-bit grey.")
    single = (1, *series.shape)  # our own file of one section: tifffile drops the axis z
    return single if record_of(tiff).get("shape") == list(single) else series.shape


def _axis_names(series: tifffile.TiffPageSeries) -> list[str] | None:
    """Return the names of a series' axes; None where tifffile made them up, as it does for pages that say nothing."""
    return known_names(list(series.axes)) if set(series.axes) <= set("TCZYX") else None


def _are_sections_taken_for_colours(series: tifffile.TiffPageSeries, tiff: tifffile.TiffFile) -> bool:
    """Return True if tifffile wrote a stack of three or four sections: unless told otherwise it marks them as RGB."""
    shape = (tiff.shaped_metadata or ({},))[0].get("shape", ())
    return series.axes == "SYX" and tuple(shape) == series.shape


def _refuse_cut_short(path: Path, tiff: tifffile.TiffFile) -> None:
    """Refuse a cut file. It still opens: with fewer sections than it had, or with sections that lie beyond its end."""
    size, sections = tiff.filehandle.size, len(tiff.pages)
    last = tiff.pages[-1]
    ends = [at + count for at, count in zip(last.dataoffsets, last.databytecounts, strict=True)]
    if max(ends, default=0) > size or _next_directory(tiff):
        raise UserError(
            f"{path}: the TIFF ends too early, in or after section {sections} ({size:,} bytes are there); "
            "copy or export it again."
        )


def _next_directory(tiff: tifffile.TiffFile) -> int:
    """Return the byte at which one more section begins, after the last that could be read; 0 if the file says none."""
    place = tiff.pages.next_page_offset
    if place is None:
        return 0
    tiff.filehandle.seek(place)
    return int.from_bytes(tiff.filehandle.read(tiff.tiff.offsetsize), "little" if tiff.byteorder == "<" else "big")


def _map_voxels(
    path: Path, tiff: tifffile.TiffFile, shape: tuple[int, ...], arrangement: Arrangement
) -> LazyArray | None:
    """Open the stack through the system's memory mapping; None if its voxels do not lie in the file as in memory."""
    series = tiff.series[0]
    if series.dataoffset is None or not series.keyframe.is_memmappable:
        return None
    place, dtype = series.dataoffset, series.dtype.newbyteorder(tiff.byteorder)
    if place + series.nbytes > tiff.filehandle.size:
        raise UserError(
            f"{path}: the TIFF ends too early, {series.nbytes:,} bytes of voxels are needed from byte {place:,}, got a "
            f"file of {tiff.filehandle.size:,} bytes; copy or export it again."
        )
    tiff.close()

    def read(box: Slices) -> NDArray[Any]:
        # mapped anew for each slice, 0.1 ms: no handle stays open, so that the file can be moved while it is in use
        return np.array(arrangement.turn(np.memmap(path, dtype, "r", place, shape)[arrangement.key(box)]))

    return LazyArray(str(path), arrangement.shape, dtype, read)


def _decode_sections(
    path: Path, tiff: tifffile.TiffFile, shape: tuple[int, ...], arrangement: Arrangement
) -> LazyArray:
    """Open a stack whose pages are decoded one by one; y and x are the axes of a page."""
    series, ahead = tiff.series[0], shape[:-2]
    if len(series) != math.prod(ahead) or set(arrangement.order[1:]) != {len(shape) - 2, len(shape) - 1}:
        raise UserError(
            f"{path}: one TIFF page a section is needed, got {len(series)} pages for shape {shape}; export it again."
        )
    whole = slice(None)

    def page(z: int) -> NDArray[Any]:
        place = arrangement.key((slice(z, z + 1), whole, whole))[:-2]
        starts = [part.start if isinstance(part, slice) else part for part in place]
        values = tiff.asarray(key=int(np.ravel_multi_index(starts, ahead)), series=0)
        return values if arrangement.order[1] < arrangement.order[2] else values.T

    read = section_reader(page, arrangement.shape, series.dtype)
    return LazyArray(str(path), arrangement.shape, series.dtype, read, tiff.close)


def is_tiff(path: Path) -> bool:
    """Return True if a file begins as a TIFF or BigTIFF does."""
    with suppress(OSError), path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    return False
