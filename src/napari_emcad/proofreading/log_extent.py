"""The number of edits of a log, and when it was written to last: known in no time, and nothing of it is checked."""

import sqlite3
from pathlib import Path
from typing import NamedTuple

from napari_emcad.proofreading.log import open_to_read

_QUERY = "SELECT SUM(CASE kind WHEN 'undo' THEN -1 ELSE 1 END), MAX(time) FROM edits"


class LogExtent(NamedTuple):
    """Edits that are in force, and the time of the last row in seconds since 1970; 0 and 0 without any."""

    edits: int
    last: float


def log_extent(path: Path) -> LogExtent:
    """Return the extent of a log; that of an empty one if it cannot be read."""
    try:
        if not path.stat().st_size:
            return LogExtent(0, 0.0)
        with open_to_read(path) as database:
            edits, last = database.execute(_QUERY).fetchone()
        return LogExtent(max(0, int(edits or 0)), float(last or 0.0))
    except (sqlite3.Error, OSError, ValueError, TypeError):
        return LogExtent(0, 0.0)
