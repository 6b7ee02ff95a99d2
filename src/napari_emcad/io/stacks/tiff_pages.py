"""Pages of a TIFF: which there are, how their values become grey levels, and the values."""

import logging
import math
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.io.read_errors import explain_read_errors
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.tiff_directories import CutShort, Directories
from napari_emcad.io.stacks.tiff_greys import GreyScale, are_colours, grey_scale
from napari_emcad.io.stacks.tiff_images import Page

_MOST_PACKED = 2**17
"""Bytes of voxels that a byte of a compressed page can hold at most; a page that claims more is damaged."""

_TAG_NAMES = {270: "ImageDescription", 282: "XResolution", 283: "YResolution", 296: "ResolutionUnit"}
"""Names of tags that say something of the voxels."""

_TURNED = "its tag Orientation asks for rows or columns to be turned: they are read as they lie."


@contextmanager
def opening_tiff(path: Path) -> Iterator[None]:
    """Make one sentence of what tifffile says, by errors or on standard error."""
    with silent_tifffile(), explain_read_errors(f"{path}: the TIFF", "it may be damaged, copy or export it again"):
        yield


class _Silence:
    """Keep tifffile's log lines from standard error, in any number of threads: the one sentence says what matters."""

    def __init__(self) -> None:
        self._depth, self._lock, self._heard = 0, threading.Lock(), threading.local()

    def __call__(self, record: logging.LogRecord) -> bool:
        getattr(self._heard, "lines", []).append(record.getMessage())
        return self._depth == 0

    @contextmanager
    def hold(self) -> Iterator[None]:
        with self._lock:
            self._depth += 1
        try:
            yield
        finally:
            with self._lock:
                self._depth -= 1

    @contextmanager
    def listen(self) -> Iterator[list[str]]:
        """Keep the lines of this thread in a list."""
        before, self._heard.lines = getattr(self._heard, "lines", []), []
        try:
            with self.hold():
                yield self._heard.lines
        finally:
            self._heard.lines = before


_silence = _Silence()
logging.getLogger("tifffile").addFilter(_silence)
silent_tifffile = _silence.hold
"""A context in which tifffile logs nothing."""

listening_to_tifffile = _silence.listen
"""A context in which tifffile logs nothing but into the list that it gives."""

_TAG = re.compile(r"TiffTag (\d+) @")


def tag_notes(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the note on tags that tifffile left out, by what it logged; none if there are none."""
    numbers = sorted({int(found[1]) for line in lines if (found := _TAG.search(line))})
    if not numbers:
        return ()
    names = ", ".join(_TAG_NAMES.get(number) or str(number) for number in numbers[:5])
    return (f"its tag {names} cannot be read: what it says is left out.",)


def read_directories(path: Path, tiff: tifffile.TiffFile) -> Directories:
    """Read what the pages are, and refuse a cut file: it would open with fewer sections, or some beyond its end."""
    size = tiff.filehandle.size
    try:
        pages = Directories.read(tiff)
        last = tiff.pages.get(len(pages.of_page) - 1)
        if max((at + n for at, n in zip(last.dataoffsets, last.databytecounts, strict=True)), default=0) > size:
            raise CutShort(len(pages.of_page))
    except CutShort as error:
        raise UserError(
            f"{path}: the TIFF ends too early, in or after section {error.pages} ({size:,} bytes are there); "
            "copy or export it again."
        ) from None
    return pages


def page_scale(path: Path, page: tifffile.TiffPage, shape: tuple[int, ...], chooses_sample: bool = True) -> GreyScale:
    if page.compression not in tifffile.TIFF.DECOMPRESSORS:
        name = str(getattr(page.compression, "name", page.compression))[:40]
        raise UserError(
            f"{path}: its compression {name} cannot be decoded here; save it again without compression, or with "
            "deflate or LZW."
        )
    if page.dtype is None:
        raise UserError(f"{path}: {str(page.bitspersample)[:40]} bits a value cannot be read; save it as 8-bit grey.")
    if page.dtype.kind in "buif" and are_colours(page) and not chooses_sample:
        raise NotAStack(
            f"{path}: grey values are needed, got colours of shape {shape}; save it as 8-bit grey, or choose one "
            "colour with --channel, from 0."
        )
    scale = grey_scale(str(path), page)
    turned = page.tags.valueof("Orientation", default=1) != 1
    return replace(scale, note="; ".join(filter(None, (scale.note.removesuffix("."), _TURNED)))) if turned else scale


def stored_values(page: tifffile.TiffPage) -> NDArray[Any]:
    """Return the values of a page as they are stored: mapped if they lie in the file as in memory, else decoded."""
    file = page.parent.filehandle
    if page.is_final and file.is_file and page.dataoffsets:
        dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
        return np.memmap(file.path, dtype, "r", page.dataoffsets[0], page.shape)
    check_claims(page)
    return np.asarray(page.asarray())


def check_claims(page: tifffile.TiffPage) -> None:
    """Refuse a page that claims more than its data can hold, before there is memory for it."""
    parts, stored = math.prod(page.chunked), sum(page.databytecounts)
    if (longest := max(page.databytecounts, default=0)) > page.parent.filehandle.size:
        raise ValueError(f"{longest:,} bytes are due in one part, the file has {page.parent.filehandle.size:,}")
    if not len(page.dataoffsets) == len(page.databytecounts) == parts or page.nbytes > _MOST_PACKED * max(
        stored, page.parent.filehandle.size
    ):
        raise ValueError(
            f"{page.nbytes:,} bytes of voxels in {parts:,} parts are due, got {stored:,} bytes in "
            f"{len(page.dataoffsets):,} parts"
        )


@contextmanager
def own_file(page: Page) -> Iterator[None]:
    """Open the file of a page for the time being, if it is another than the one that was opened."""
    file = page.parent.filehandle
    was_closed = file.closed
    if was_closed:
        file.open()
    try:
        yield
    finally:
        if was_closed:
            file.close()


def read_single_page(path: Path, tiff: tifffile.TiffFile) -> tifffile.TiffPage:
    """Return the only page of a TIFF that is one section, without smaller copies of it.

    Raises
    ------
    UserError
        If it is cut short; NotAStack if it holds several sections.
    """
    full = read_directories(path, tiff).full_pages()
    page = tiff.pages.get(full[0]).aspage()
    count = len(full)
    if count == 1 and (page.description or page.is_stk):  # they may say that there are more sections than pages
        count = len(tiff.series[0])
    if count > 1:
        raise NotAStack(
            f"{path}: one section in each file of the folder is needed, got {count} pages; open it as a stack of its "
            "own, or save its sections one by one."
        )
    return page
