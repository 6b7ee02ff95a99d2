"""The file that keeps the tracebacks of defects, for whoever reports them."""

import time
from contextlib import suppress
from pathlib import Path

from napari_emcad import __version__
from napari_emcad.core.defects import traceback_text
from napari_emcad.io.atomic import write_then_rename

MOST = 200_000
"""Bytes of the file that are kept, the last ones."""


class DefectLog:
    """Keeps tracebacks in a text file, and each only once in a row.

    Parameters
    ----------
    file : Path or None
        None = nothing is kept.
    """

    def __init__(self, file: Path | None):
        self._file, self._last = file, ""

    def keep(self, error: Exception) -> Path | None:
        """Add the traceback of an error; return the file, or None if it cannot be written."""
        text = traceback_text(error)
        if self._file is None or text == self._last:
            return self._file
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            before = b""
            with suppress(FileNotFoundError):
                before = self._file.read_bytes()[-MOST:]
            head = f"\n{time.strftime('%Y-%m-%d %H:%M:%S %z')}, napari-emcad {__version__}\n"
            with write_then_rename(self._file) as part:
                part.write_bytes(before + (head + text).encode("utf-8", "replace"))
        except OSError:
            return None
        self._last = text
        return self._file
