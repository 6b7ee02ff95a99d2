"""Damage that tests do to the log of a session."""

import sqlite3
from contextlib import closing
from pathlib import Path


def spoil_edit(folder: Path, seq: int = 2) -> None:
    """Change a row without its hash."""
    with closing(sqlite3.connect(folder / "edits.db")) as database, database:
        database.execute("UPDATE edits SET time = time + 1 WHERE seq = ?", (seq,))
