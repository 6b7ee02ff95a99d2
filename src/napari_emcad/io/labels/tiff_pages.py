"""Sections of labels as pages of a TIFF, compressed in bands of rows by threads: no section has to fit into memory."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import numpy as np
from imagecodecs import deflate_encode

from napari_emcad.core.geometry import Box
from napari_emcad.core.in_threads import map_in_threads
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.io.labels.label_volume import THREADS, bands, convert_ids

STRIP_BYTES = 1 << 18

KEPT_BYTES = 1 << 26
"""Of the strips of a section; more of them wait in a file for their page."""

_LAYOUT = {"compression": "zlib", "photometric": "minisblack", "metadata": None, "software": "napari-emcad"}
"""Strips and no predictor: what every reader knows, and what suits labels."""

WritePage = Callable[[int, Iterator[bytes], dict[str, Any]], None]
"""Gets the section, its strips, and how they lie, for tifffile."""


def write_pages(path: Path, labels: Any, dtype: np.dtype, write: WritePage) -> Job[None]:
    """Compress labels and hand them out page by page.

    Parameters
    ----------
    path : Path
        For errors; strips wait in its folder.
    labels : array-like (z, y, x) of whole numbers
        Read by bands, `labels[z0:z1, y0:y1]`, several at once; not modified.
    dtype : dtype
        Of the file.
    write : callable

    Yields
    ------
    Progress
        Stage "export", in sections; after each band.

    Raises
    ------
    UserError
        Where an id does not fit into the type.
    """
    height, width = labels.shape[1:]
    rows = min(height, max(1, STRIP_BYTES // (width * dtype.itemsize)))
    parts = bands(labels.shape, rows)
    layout = {"shape": (height, width), "dtype": dtype, "rowsperstrip": rows, **_LAYOUT}

    def compressed(band: Box) -> list[bytes]:
        z, y, _ = band.slices
        values = np.ascontiguousarray(convert_ids(path, np.asarray(labels[z, y]), dtype, z.start)[0])
        return [deflate_encode(values[row : row + rows]) for row in range(0, len(values), rows)]

    watch, in_section = Stopwatch("export", labels.shape[0]), parts.counts[1]
    with (
        closing(map_in_threads(compressed, parts, THREADS)) as found,
        SpooledTemporaryFile(KEPT_BYTES, dir=path.parent) as file,
    ):
        strips = _Strips(file)
        for done, (band, more) in enumerate(zip(parts, found, strict=True), 1):
            strips.add(more)
            if band.stop[1] == height:
                write(band.start[0], iter(strips), layout)
                strips.clear()
            yield watch.at(done // in_section, done % in_section / in_section)


class _Strips:
    """Strips of a section that wait for their page."""

    def __init__(self, file: IO[bytes]):
        self._file, self._sizes = file, []

    def add(self, strips: list[bytes]) -> None:
        self._sizes += [self._file.write(strip) for strip in strips]

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        return map(self._file.read, self._sizes)

    def clear(self) -> None:
        self._sizes.clear()
        self._file.seek(0)
        self._file.truncate()
