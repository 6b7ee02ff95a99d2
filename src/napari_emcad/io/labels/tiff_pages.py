"""Sections of labels as pages of a TIFF, compressed in bands of rows by threads: no section has to fit into memory."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, TypedDict

import numpy as np
from imagecodecs import deflate_encode

from napari_emcad.core.geometry import Box
from napari_emcad.core.in_threads import map_in_threads
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.volume import Volume
from napari_emcad.io.labels.label_volume import THREADS, bands, convert_ids

STRIP_BYTES = 1 << 18
"""Bytes of a strip, uncompressed, unless a row is more."""

KEPT_BYTES = 1 << 26
"""Compressed strips of a section that wait in memory for their page; more of them wait in a file."""


class PageLayout(TypedDict):
    """The arguments for tifffile that say how the strips of a page lie.

    Strips and no predictor: every reader knows them, and they suit labels.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    rowsperstrip: int
    compression: str
    photometric: str
    metadata: None
    software: str


WritePage = Callable[[int, Iterator[bytes], PageLayout], None]
"""Takes the number of a section, its strips, and how they lie; writes the page."""


def write_pages(path: Path, labels: Volume, dtype: np.dtype[Any], write: WritePage) -> Job[None]:
    """Compress labels and hand them out page by page.

    Parameters
    ----------
    path : Path
        Begins the sentences of errors; strips wait in its folder.
    labels : Volume (z, y, x) of whole numbers
        Read by bands, `labels[z0:z1, y0:y1]`, several at once; not modified.
    dtype : dtype
        Type of the file.
    write : callable

    Yields
    ------
    Progress
        Stage "export", in sections; after each band.

    Raises
    ------
    UserError
        If an id does not fit into the type.
    """
    depth, height, width = labels.shape
    rows = min(height, max(1, STRIP_BYTES // (width * dtype.itemsize)))
    parts, layout = bands(labels.shape, rows), _layout((height, width), dtype, rows)

    def compress(band: Box) -> list[bytes]:
        z, y, _ = band.slices
        values = np.ascontiguousarray(convert_ids(path, np.asarray(labels[z, y]), dtype, z.start)[0])
        return [bytes(deflate_encode(values[row : row + rows].tobytes())) for row in range(0, len(values), rows)]

    watch, in_section = Stopwatch("export", depth), parts.counts[1]
    with (
        closing(map_in_threads(compress, parts, THREADS)) as found,
        SpooledTemporaryFile(KEPT_BYTES, dir=str(path.parent)) as file,
    ):
        strips = _WaitingStrips(file)
        for done, (band, more) in enumerate(zip(parts, found, strict=True), 1):
            strips.add(more)
            if band.stop[1] == height:
                write(band.start[0], iter(strips), layout)
                strips.clear()
            yield watch.at(done // in_section, done % in_section / in_section)


def _layout(shape: tuple[int, int], dtype: np.dtype[Any], rows: int) -> PageLayout:
    return PageLayout(
        shape=shape,
        dtype=dtype,
        rowsperstrip=rows,
        compression="zlib",
        photometric="minisblack",
        metadata=None,
        software="napari-emcad",
    )


class _WaitingStrips:
    """Strips of a section that wait for their page."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self._sizes: list[int] = []

    def add(self, strips: list[bytes]) -> None:
        self._sizes += [self._file.write(strip) for strip in strips]

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        return map(self._file.read, self._sizes)

    def clear(self) -> None:
        self._sizes.clear()
        self._file.seek(0)
        self._file.truncate()
