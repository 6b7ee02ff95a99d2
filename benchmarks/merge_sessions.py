"""Merging two sessions of many random edits each: the time it takes the processor, and what becomes of the edits.

    xvfb-run -a python benchmarks/merge_sessions.py [--edits 10000] [--keep FOLDER]

The sessions are those of `long_session.py`: 65,536 fragments, edited at random in all ways, by two people who began
with the same fragments and never met. The merge reads both, writes a third, and is done in both orders.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
from long_session import SECTIONS, SIDE, Hands, _base, _facts

from napari_emcad.core.progress import drive
from napari_emcad.io.sessions.merge import merge_sessions
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import open_session


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="folder in which the sessions stay, and are used again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        people = [folder / f"{person}_{options.edits}.emcad" for person in ("anna", "ben")]
        for seed, session in enumerate(people):
            if not session.exists():
                _grow(session, options.edits, seed)
        tables = []
        for i, order in enumerate((people, people[::-1])):
            new = Path(name) / f"merged{i}.emcad"
            start = time.process_time()
            report = drive(merge_sessions(order, new))
            print(f"{time.process_time() - start:.2f} s of the processor; {report.line()}", flush=True)
            with open_session(new, to_read=True) as opened:
                tables.append(opened.session.state.table)
        print(f"the same neurons in both orders: {np.array_equal(*tables)}")


def _grow(session: Path, edits: int, seed: int) -> None:
    create_session(session, _base(), np.full((3, SECTIONS, SIDE, SIDE), 200, np.uint8), _facts(session)).close()
    with open_session(session) as opened, mock.patch.object(os, "fsync"):
        opened.session.log._database.execute("PRAGMA synchronous=OFF")
        hands = Hands(opened.session, seed)
        while len(opened.session.log.rows) < edits:
            hands.edit()


if __name__ == "__main__":
    main()
