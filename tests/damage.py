"""Damage that tests do to files."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.stack import open_stack


def assert_damage_is_told(path, tries, places, number, cut=None):
    """A damaged stack is read, or refused in one sentence.

    Parameters
    ----------
    path : Path
        A whole file; it is written over.
    tries : int
    places : (int, int)
        Bytes between which some are changed.
    number : int
        Bytes that are changed in each try.
    cut : int, optional
        Where the file ends in the first try.
    """
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for n in range(tries):
        data = bytearray(whole[:cut] if n == 0 else whole)
        for place in rng.integers(*places, number):
            data[place] = rng.integers(0, 256)
        path.write_bytes(data)
        try:
            with open_stack(path) as opened:
                opened.array[:]
        except UserError as error:
            assert "\n" not in str(error)


def spoil_edit(folder: Path, seq: int = 2) -> None:
    """Change a row in the log of a session without its hash."""
    with closing(sqlite3.connect(folder / "edits.db")) as database, database:
        database.execute("UPDATE edits SET time = time + 1 WHERE seq = ?", (seq,))
