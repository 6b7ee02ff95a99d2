"""TIFF stacks: plain, ImageJ, OME and tifffile's own, of any size."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import tifffile

from napari_emcad.core.errors import UserError
from napari_emcad.io.metadata.tiff_description import record_of, tiff_voxel_size
from napari_emcad.io.read_errors import explain_header_errors
from napari_emcad.io.stacks.check_stack import NotAStack, check_stack, count_leading_axes
from napari_emcad.io.stacks.lazy_array import LazyArray, section_reader
from napari_emcad.io.stacks.open_dataset import OpenDataset


def open_tiff(path: Path) -> OpenDataset:
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
            dataset = _open_series(path, tiff)
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


def _open_series(path: Path, tiff: tifffile.TiffFile) -> OpenDataset:
    _refuse_cut_short(path, tiff)
    series, stat, size = tiff.series[0], path.stat(), tiff_voxel_size(tiff)
    shape = _stack_shape(path, tiff, series)
    check_stack(str(path), shape, series.dtype)
    array = _map_voxels(path, tiff, shape) or _decode_sections(path, tiff, shape)
    return OpenDataset(array, size, None, (stat.st_size, stat.st_mtime_ns))


def _stack_shape(path: Path, tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> tuple[int, ...]:
    if len(tiff.series) > 1 and series.ndim == 2:
        shapes = [s.shape for s in tiff.series]
        raise NotAStack(f"{path}: sections of one size are needed, got {shapes[0]} and {shapes[1]}; crop them alike.")
    if "S" in series.axes and not _are_sections_taken_for_colours(series, tiff):
        raise NotAStack(f"{path}: grey values are needed, got colours of shape {series.shape}; save it as 8-bit grey.")
    shape = series.shape[count_leading_axes(series.shape) :]
    single = (1, *shape)  # our own file of one section: tifffile drops the axis z
    return single if record_of(tiff).get("shape") == list(single) else shape


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


def _map_voxels(path: Path, tiff: tifffile.TiffFile, shape: tuple[int, ...]) -> LazyArray | None:
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
    # mapped anew for each slice, 0.1 ms: no handle stays open, so that the file can be moved while it is in use
    return LazyArray(
        str(path), shape, dtype, lambda box: np.array(np.memmap(path, dtype, "r", offset=place, shape=shape)[box])
    )


def _decode_sections(path: Path, tiff: tifffile.TiffFile, shape: tuple[int, ...]) -> LazyArray:
    series = tiff.series[0]
    if len(series) != shape[0]:
        raise UserError(
            f"{path}: one TIFF page a section is needed, got {len(series)} pages for shape {shape}; export it again."
        )
    read = section_reader(lambda z: tiff.asarray(key=z, series=0), shape, series.dtype)
    return LazyArray(str(path), shape, series.dtype, read, tiff.close)


def is_tiff(path: Path) -> bool:
    """Return True if a file begins as a TIFF or BigTIFF does."""
    with suppress(OSError), path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    return False
