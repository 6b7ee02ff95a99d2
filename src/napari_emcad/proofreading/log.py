"""The edit log: an SQLite table to which rows are only added.

A row is on the disk before anything in memory changes; undo is a row, too. Every row carries a hash of itself and of
the row before it, so that a damaged file is read up to its last good row and no further.
"""

import getpass
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from napari_emcad.core.errors import UserError
from napari_emcad.proofreading.effect_text import effect_from, effect_text
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.rows import EditInput, EditKind, LogRow

_TABLE = """
CREATE TABLE IF NOT EXISTS edits (
    seq INTEGER PRIMARY KEY, time REAL NOT NULL, user TEXT NOT NULL, duration_ms REAL NOT NULL, kind TEXT NOT NULL,
    base_hash TEXT NOT NULL, input TEXT NOT NULL, effect TEXT NOT NULL, hash TEXT NOT NULL
)
"""
_COLUMNS = "seq, time, user, duration_ms, kind, base_hash, input, effect, hash"
_INSERT = f"INSERT INTO edits ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)"


class EditLog:
    """The log of one session.

    Attributes
    ----------
    rows : list of LogRow
        In the order of their seq.
    damage : str
        Why the log can only be read; empty if it is whole.
    """

    def __init__(self, path: Path, read_only: bool = False):
        self.rows: list[LogRow] = []
        self.damage = ""
        self._path, self._last_hash = Path(path), ""
        self._database: sqlite3.Connection | None = None
        if self._path.exists():
            self._read()
        if not read_only and not self.damage:
            self._database = _open_to_write(self._path)

    @property
    def writable(self) -> bool:
        """True if rows can be added."""
        return self._database is not None

    def add(
        self, kind: EditKind, edit_input: EditInput, effect: Effect, base_hash: str, duration_ms: float = 0.0
    ) -> LogRow:
        """Write a row to the disk.

        Raises
        ------
        UserError
            If it cannot be written; nothing has changed then.
        """
        if self._database is None:
            raise UserError(f"edit log: {self._path} is open for reading only; nothing was changed.")
        row = LogRow(len(self.rows) + 1, time.time(), user_name(), duration_ms, kind, base_hash, edit_input, effect)
        values = _values(row)
        line_hash = _hash(self._last_hash, values)
        try:
            with self._database:
                self._database.execute(_INSERT, (*values, line_hash))
        except sqlite3.Error as error:
            raise UserError(f"edit log: {self._path} could not be written ({error}); nothing was changed.") from error
        self.rows.append(row)
        self._last_hash = line_hash
        return row

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _read(self) -> None:
        """Read the good rows; a row is good if its hash is that of its content behind the row before."""
        try:
            with closing(_open_to_read(self._path)) as database:
                for *values, line_hash in database.execute(f"SELECT {_COLUMNS} FROM edits ORDER BY seq"):
                    if values[0] != len(self.rows) + 1 or _hash(self._last_hash, values) != line_hash:
                        self.damage = _damage_sentence(self._path, len(self.rows))
                        return
                    self.rows.append(_row_of(values))
                    self._last_hash = line_hash
        except (sqlite3.Error, ValueError, KeyError, TypeError):
            self.damage = _damage_sentence(self._path, len(self.rows))


def write_rows(path: Path, rows: Iterable[LogRow]) -> None:
    """Write a new log of rows as they are, seq from 1 without gaps; their hashes follow from each other again.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    line_hash = ""
    with closing(_open_to_write(path)) as database:
        try:
            with database:
                for values in map(_values, rows):
                    line_hash = _hash(line_hash, values)
                    database.execute(_INSERT, (*values, line_hash))
        except sqlite3.Error as error:
            raise UserError(f"edit log: {path} could not be written ({error}); make room or use another disk.") from (
                error
            )


def _open_to_read(path: Path) -> sqlite3.Connection:
    """Open a log; on a disk that cannot be written to, SQLite reads it only if it is told that nobody writes."""
    database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        database.execute("SELECT 1 FROM edits LIMIT 1")
    except sqlite3.OperationalError:
        database.close()
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    return database


def _open_to_write(path: Path) -> sqlite3.Connection:
    database = None
    try:
        database = sqlite3.connect(path, check_same_thread=False)  # a worker opens it, the window writes: one at a time
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        with database:
            database.execute(_TABLE)
    except sqlite3.Error as error:
        if database is not None:
            database.close()  # or nobody can take the file away
        raise UserError(f"edit log: {path} cannot be opened ({error}); choose another folder.") from error
    return database


def _values(row: LogRow) -> list[Any]:
    """Return a row as the table has it, but for its hash."""
    input_text = json.dumps(row.input, separators=(",", ":"), sort_keys=True)
    return [
        row.seq, row.time, row.user, row.duration_ms, row.kind, row.base_hash, input_text, effect_text(row.effect)
    ]  # fmt: skip


def _row_of(values: list[Any]) -> LogRow:
    seq, at, user, duration_ms, kind, base_hash, input_text, effect = values
    return LogRow(seq, at, user, duration_ms, kind, base_hash, json.loads(input_text), effect_from(effect))


def _hash(before: str, values: list[Any]) -> str:
    return hashlib.sha256(json.dumps([before, *values]).encode()).hexdigest()


def _damage_sentence(path: Path, good: int) -> str:
    return (
        f"edit log: {path} is damaged after edit {good}; it is open for reading up to there, "
        f'make a copy of the session to go on from it (napari-emcad copy "{path.parent}" NEW.emcad).'
    )


def user_name() -> str:
    """Return who is at the keyboard; empty if the system does not tell."""
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return ""
