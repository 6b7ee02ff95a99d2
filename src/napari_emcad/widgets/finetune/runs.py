"""The folders of runs until they are kept or discarded: in the session's folder, else among the person's data."""

import os
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from napari_emcad.finetuning.folder import ORDER, TrainingOrder, read_order
from napari_emcad.io.json_text import read_json
from napari_emcad.networks.own_data import own_data

FOLDER = "finetune"
PLACES = "places.json"
"""File of a run's folder: the places of its held-out crops, see `held_out_place.place_facts`."""

LOCK = "in_use"


def runs_folder(session: Path | None) -> Path:
    """Return the folder for runs: in their session if it can be written to, else among the person's data."""
    return session / FOLDER if session is not None and os.access(session, os.W_OK) else own_folder()


def own_folder() -> Path:
    """Return the folder for runs without a session."""
    return own_data() / FOLDER


def new_folder(runs: Path) -> Path:
    """Make a folder with a name that no other one has, such as 001."""
    runs.mkdir(parents=True, exist_ok=True)
    number = max((int(path.name) for path in runs.glob("[0-9]*") if path.name.isdigit()), default=0)
    while True:
        number += 1
        with suppress(FileExistsError):
            (runs / f"{number:03d}").mkdir()
            return runs / f"{number:03d}"


class RunFolder:
    """A run that this window works on, or asks about; no other window does at the same time.

    Attributes
    ----------
    folder : Path
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._lock = FileLock(folder / LOCK, thread_local=False)
        self._lock.acquire(blocking=False)

    @classmethod
    def last_in(cls, runs: Path) -> Self | None:
        """Return the last run that was neither kept nor discarded; None if nobody has left one."""
        for folder in sorted(runs.glob("[0-9]*"), reverse=True):
            with suppress(Timeout, OSError):
                if (folder / ORDER).is_file():
                    return cls(folder)
        return None

    @property
    def order(self) -> TrainingOrder:
        """The order that it was started with."""
        return read_order(self.folder)

    @property
    def crops_scored(self) -> int:
        """Number of held-out crops that can be looked at."""
        return next(i for i in count() if not (self.folder / f"held_out_{i}.npz").is_file())

    def facts_of(self, number: int) -> dict[str, Any]:
        """Return name and place of a held-out crop; empty if they are not known."""
        try:
            return read_json(self.folder / PLACES)[number]
        except (OSError, ValueError, IndexError):
            return {}

    def release(self) -> None:
        """Leave it for another day."""
        self._lock.release()

    def remove(self) -> None:
        """Delete it: it is kept or discarded, and nothing of it is needed any more."""
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)
