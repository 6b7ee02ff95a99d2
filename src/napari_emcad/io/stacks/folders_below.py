"""A look into a folder and those below it, as far as it stays quick, however much lies there and however far away."""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

MOST_ENTRIES = 400
"""Entries of a folder that are looked at."""

_MOST_FOLDERS = 100
"""Folders that are looked into."""


def first_entries(folder: Path | str) -> list[os.DirEntry[str]]:
    """Return the first entries of a folder, a few hundred at most; what they are is known without asking the disk.

    Raises
    ------
    OSError
        If it cannot be listed.
    """
    with os.scandir(folder) as entries:
        return list(islice(entries, MOST_ENTRIES))


def is_file(entry: os.DirEntry[str]) -> bool:
    """Return True if an entry is a file, or a link to one; False for links that go round in a circle."""
    with suppress(OSError):
        return entry.is_file()
    return False


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Return True if an entry is a folder, or a link to one; False for links that go round in a circle."""
    with suppress(OSError):
        return entry.is_dir()
    return False


def folders_below(folder: Path) -> Iterator[Path]:
    """Yield the first folders below one, the upper ones first; a hundred at most."""
    level, left = [str(folder)], _MOST_FOLDERS
    while level and left:
        below: list[str] = []
        for upper in level:
            if len(below) >= left:
                break
            with suppress(OSError):
                below += sorted(entry.path for entry in first_entries(upper) if is_folder(entry))
        level = below[:left]
        left -= len(level)
        yield from map(Path, level)
