"""A look into the folders below one, as far as it stays quick."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_MOST_FOLDERS = 200
"""Folders that are looked into."""


def folders_below(folder: Path) -> Iterator[Path]:
    """Yield the folders below one, the upper ones first; no more than a few hundred are looked into."""
    level, looked_into = [str(folder)], 0
    while level and looked_into < _MOST_FOLDERS:
        below: list[str] = []
        for upper in level[: _MOST_FOLDERS - looked_into]:
            with suppress(OSError):
                below += [entry.path for entry in os.scandir(upper) if entry.is_dir()]
            looked_into += 1
        yield from map(Path, below)
        level = below
