"""The count of the edits that a session has acknowledged, outside the database: a line for each, behind the row.

SQLite drops the end of a write-ahead log that is damaged, cut or left behind, and says nothing. The last line here says
how many edits there must be, and the hash of the last one.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

HASH_DIGITS = 16
"""Digits of a row's hash that a line holds; the hash chains all rows before it."""


@dataclass(frozen=True)
class Acknowledged:
    """The last edit that was acknowledged.

    Attributes
    ----------
    edits : int
        0 = none yet.
    line_hash : str
        Start of the hash of the last one; "" if there is none.
    """

    edits: int
    line_hash: str

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read the last whole line of a file; None if there is no file.

        Raises
        ------
        ValueError
            If it is damaged.
        """
        try:
            lines = path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ValueError(str(error)) from error
        if len(lines) < 2:  # what has no end was never acknowledged
            return cls(0, "")
        edits, line_hash = lines[-2].decode("ascii").split(" ")
        if len(line_hash) != HASH_DIGITS or int(line_hash, 16) < 0 or int(edits) < 1:
            raise ValueError(f"not a line of acknowledged edits: {lines[-2]!r}")
        return cls(int(edits), line_hash)

    def contradicts(self, edits: int, line_hash: str) -> bool:
        """Return True if the row of that number is another than the one that was acknowledged under it."""
        return edits == self.edits and not line_hash.startswith(self.line_hash)


class Acknowledgements:
    """The file, open to add lines; never one that a link leads to.

    Raises
    ------
    OSError
        If it cannot be opened.
    """

    def __init__(self, path: Path):
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        self._file = os.open(path, flags, 0o666)
        self._size = 1 + path.read_bytes().rfind(b"\n")

    def add(self, edits: int, line_hash: str) -> None:
        """Bring a line to the disk. Where there is no room the edit itself is kept, and the next line says as much."""
        line = f"{edits} {line_hash[:HASH_DIGITS]}\n".encode("ascii")
        with suppress(OSError):
            os.ftruncate(self._file, self._size)  # what was not finished
            os.lseek(self._file, 0, os.SEEK_END)
            if os.write(self._file, line) == len(line):
                os.fsync(self._file)
                self._size += len(line)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
