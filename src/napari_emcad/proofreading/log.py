"""The edit log: an SQLite table to which rows are only added.

A row is on the disk before anything in memory changes; undo is a row, too. Every row carries a hash of itself and of
the row before it, so that a damaged file is read up to its last good row and no further. Beside it stands how many rows
there must be (`acknowledged`), since SQLite drops rows at the end of a damaged log without a word.
"""

import getpass
import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from napari_emcad.core.errors import UserError
from napari_emcad.core.wording import count
from napari_emcad.proofreading.acknowledged import Acknowledged, Acknowledgements
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.packed import pack_details
from napari_emcad.proofreading.plausible import check_row
from napari_emcad.proofreading.rows import EditInput, EditKind, LogRow

_TABLE = """
CREATE TABLE IF NOT EXISTS edits (
    seq INTEGER PRIMARY KEY, time REAL NOT NULL, user TEXT NOT NULL, duration_ms REAL NOT NULL, kind TEXT NOT NULL,
    base_hash TEXT NOT NULL, input TEXT NOT NULL, effect TEXT NOT NULL, hash TEXT NOT NULL
)
"""
_COLUMNS = "seq, time, user, duration_ms, kind, base_hash, input, effect, hash"

COUNTED, PACKED = 1, 2
"""SQLite's user_version of logs whose acknowledged edits are counted beside them, and in which rows are packed, too.

The first ones have 0. Rows that are not packed stay as they are: a log may begin with such.
"""

HASH_DIGITS = 32
"""Digits of a row's hash."""

_INSERT = f"INSERT INTO edits ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)"


class _LaterVersion(Exception):
    """The log may hold what this version cannot read."""


class EditLog:
    """The log of one session.

    Parameters
    ----------
    path : Path
    read_only : bool
    why_not : callable, optional
        Asked before each row is added: why nothing may be written now; "" if it may.

    Attributes
    ----------
    rows : list of LogRow
        In the order of their seq.
    damage : str
        Why the log can only be read; empty if it is whole.
    """

    def __init__(self, path: Path, read_only: bool = False, why_not: Callable[[], str] = str):
        self.rows: list[LogRow] = []
        self.damage = ""
        self._path, self._last_hash, self._why_not = Path(path), "", why_not
        self._counted = 0
        self._database: sqlite3.Connection | None = None
        self._acknowledgements: Acknowledgements | None = None
        if self._path.exists():
            self._read()
        if not read_only and not self.damage:
            self._open_to_write()

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
        if why_not := self._why_not():
            raise UserError(f"edit log: {why_not}; nothing was changed.")
        row = LogRow.of(len(self.rows) + 1, time.time(), user_name(), duration_ms, kind, base_hash, edit_input, effect)
        self.add_all([row], "nothing was changed")
        return row

    def add_all(self, rows: Sequence[LogRow], remedy: str) -> None:
        """Write rows as they are, all or none; their hashes follow from each other again.

        Parameters
        ----------
        rows : sequence of LogRow
            Their seq goes on from that of the last one.
        remedy : str
            End of the sentence that says why they cannot be written.

        Raises
        ------
        UserError
            If they cannot be written.
        """
        if self._database is None or self._acknowledgements is None:
            raise UserError(f"edit log: {self._path} is open for reading only; nothing was changed.")
        line_hash, before = self._last_hash, self.rows[-1].base_hash if self.rows else ""
        try:
            with self._database:
                for row in rows:
                    values = _values(row, before)
                    line_hash, before = _hash(line_hash, values), row.base_hash
                    self._database.execute(_INSERT, (*values, bytes.fromhex(line_hash)))
        except sqlite3.Error as error:
            raise UserError(f"edit log: {self._path} could not be written ({error}); {remedy}.") from error
        if rows:
            self.rows += rows
            self._last_hash = line_hash
            self._acknowledgements.add(len(self.rows), line_hash)

    def open_to_write(self, why_not: Callable[[], str] = str) -> None:
        """Let rows be added to a log that was opened to read, unless it is damaged; `why_not` as in the constructor.

        Raises
        ------
        UserError
            If its files cannot be opened.
        """
        self._why_not = why_not
        if not self.damage:
            self._open_to_write()

    def end_writing(self, why: str) -> None:
        """Take no more rows: damage was found after the log was opened."""
        self.close()
        self.damage = why

    def close(self) -> None:
        """Close the files."""
        if self._database is not None:
            self._database.close()
            self._database = None
        if self._acknowledgements is not None:
            self._acknowledgements.close()
            self._acknowledgements = None

    def _read(self) -> None:
        """Read the good rows; a row is good if its hash is that of its content behind the row before."""
        try:
            acknowledged = Acknowledged.read(acknowledged_file(self._path))
            self._counted = acknowledged.edits if acknowledged else 0
            if not self._path.stat().st_size:
                raise ValueError("SQLite removes the write-ahead log of an empty file")
            with open_to_read(self._path) as database:
                version = database.execute("PRAGMA user_version").fetchone()[0]
                if version > PACKED:
                    raise _LaterVersion
                for values in database.execute(f"SELECT {_COLUMNS} FROM edits ORDER BY seq"):
                    self._take(values, acknowledged)
        except _LaterVersion:
            self.damage = _damage_sentence(self._path, "was written by a later version of napari-emcad")
            return
        except (sqlite3.Error, ValueError, KeyError, TypeError, OSError, RecursionError):
            self.damage = _damage_sentence(self._path, f"is damaged after edit {len(self.rows)}")
            return
        if acknowledged is None and version >= COUNTED:
            missing = f"lacks {acknowledged_file(self._path).name}, so that edits after {len(self.rows)} may be lost"
            self.damage = _damage_sentence(self._path, missing)
        elif acknowledged and acknowledged.edits > len(self.rows):
            lost = count(acknowledged.edits - len(self.rows), "edit")
            damage = f"has lost its last {lost}, and is damaged after edit {len(self.rows)}"
            self.damage = _damage_sentence(self._path, damage)

    def _take(self, values: tuple[Any, ...], acknowledged: Acknowledged | None) -> None:
        """Take the next row of the table.

        Raises
        ------
        ValueError
            If it is not good.
        """
        *content, found = values
        seq = len(self.rows) + 1
        line_hash = _hash(self._last_hash, content)
        if content[0] != seq or line_hash != (found.hex() if isinstance(found, bytes) else found):
            raise ValueError(f"edit {seq} is not as it was written")
        if acknowledged and acknowledged.contradicts(seq, line_hash):
            raise ValueError(f"edit {seq} is not the one that was acknowledged")
        self.rows.append(_row_of(content, self.rows[-1].base_hash if self.rows else ""))
        self._last_hash = line_hash

    def _open_to_write(self) -> None:
        """Open the files; the count is there before the log says that it is counted."""
        try:
            self._acknowledgements = Acknowledgements(acknowledged_file(self._path))
            if len(self.rows) > self._counted:
                self._acknowledgements.add(len(self.rows), self._last_hash)
            self._database = _open_to_write(self._path)
        except (OSError, sqlite3.Error) as error:
            self.close()
            why = getattr(error, "strerror", None) or error
            raise UserError(f"edit log: {self._path} cannot be opened ({why}); choose another folder.") from error


def acknowledged_file(path: Path) -> Path:
    """Return the file that says how many edits a log must hold."""
    return path.with_suffix(".known")


def write_rows(path: Path, rows: Iterable[LogRow]) -> None:
    """Write a new log of rows as they are, seq from 1 without gaps; their hashes follow from each other again.

    Raises
    ------
    UserError
        If it cannot be written.
    """
    with closing(EditLog(path)) as log:
        log.add_all([*rows], "make room or use another disk")


@contextmanager
def open_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a log to read; where nothing can be written, SQLite shows recent rows in a copy alone."""
    with ExitStack() as opened:
        database = opened.enter_context(closing(_connect(path, "ro")))
        try:
            database.execute("SELECT 1 FROM edits LIMIT 1")
        except sqlite3.OperationalError:
            folder = Path(opened.enter_context(TemporaryDirectory()))
            for file in (path, path.with_name(f"{path.name}-wal")):
                if file.exists():
                    shutil.copyfile(file, folder / file.name)
            database = opened.enter_context(closing(_connect(folder / path.name, "rw")))
        yield database


def _open_to_write(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False)  # a worker opens it, the window writes: one at a time
    try:
        with database:
            database.execute(_TABLE)
            if database.execute("PRAGMA user_version").fetchone()[0] < PACKED:
                database.execute(f"PRAGMA user_version = {PACKED}")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
    except sqlite3.Error:
        database.close()  # or nobody can take the file away
        raise
    return database


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)


def _values(row: LogRow, before: str) -> tuple[Any, ...]:
    """Return a row as the table has it, but for its hash; a `base_hash` that is that of the row before is left out.

    User and duration are among the details, which stand where the input of earlier versions is.
    """
    base_hash = "" if row.base_hash == before else row.base_hash
    return row.seq, row.time, "", 0.0, row.kind, base_hash, row.details, row.packed


def _row_of(values: Sequence[Any], before: str) -> LogRow:
    seq, at, user, duration_ms, kind, base_hash, details, packed = values
    check_row(at, kind, base_hash)
    if isinstance(details, str):  # of an earlier version
        details = pack_details([user, duration_ms, json.loads(details)])
    return LogRow(seq, at, kind, base_hash or before, details, packed)


def _hash(before: str, values: Sequence[Any]) -> str:
    """Return the hash of a row, hexadecimal; it chains all rows before it."""
    seq, at, user, duration_ms, kind, base_hash, details, packed = values
    if isinstance(details, str):  # of an earlier version
        return hashlib.sha256(json.dumps([before, *values]).encode()).hexdigest()
    as_text = isinstance(packed, str)
    head = before, seq, at, user, duration_ms, kind, base_hash, len(details), as_text
    content = repr(head).encode() + details + (packed.encode() if as_text else packed)
    return hashlib.sha256(content).hexdigest()[:HASH_DIGITS]


def _damage_sentence(path: Path, what: str) -> str:
    return (
        f"edit log: {path} {what}; it is open for reading up to there, "
        f'make a copy of the session to go on from it (napari-emcad copy "{path.parent}" NEW.emcad).'
    )


def user_name() -> str:
    """Return who is at the keyboard; empty if the system does not tell."""
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return ""
