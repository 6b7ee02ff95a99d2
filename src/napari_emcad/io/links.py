"""Links in folders that the program keeps: nothing is ever written to where they lead."""

import os
from collections.abc import Iterator
from pathlib import Path


def link_out_of(folder: Path, depth: int | None = 2) -> Path | None:
    """Return a link in a folder that leads out of it, or nowhere; None if there is none.

    Parameters
    ----------
    folder : Path
        May itself be reached by a link.
    depth : int, optional
        Levels that are searched, 1 = what lies in the folder itself; None = all. Links to folders are not followed.
    """
    inside = folder.resolve()
    for link in _links(inside, depth):
        if not link.exists() or not link.resolve().is_relative_to(inside):
            return folder / link.relative_to(inside)
    return None


def _links(folder: Path, depth: int | None) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                yield Path(entry.path)
            elif entry.is_dir() and depth != 1:
                yield from _links(Path(entry.path), depth and depth - 1)
