"""The folders of runs until they are kept or discarded: in the session's folder, else among the person's data."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from napari_emcad.finetuning.folder import ORDER, TrainingOrder, read_order
from napari_emcad.io.atomic import discard, temporary_beside
from napari_emcad.io.json_text import read_json
from napari_emcad.io.parts import remove_parts
from napari_emcad.io.put_in_place import synchronise, synchronise_folder
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


def new_folder(runs: Path, write: Callable[[Path], object]) -> Path:
    """Write the folder of a run, which gets a name that no other one has, such as 001, once all of it is there.

    Parameters
    ----------
    runs : Path
        Made if it is not there.
    write : callable
        Given another path, makes that folder.

    Raises
    ------
    OSError
        If that is not possible; nothing stays then. As are the errors of `write`.
    """
    runs.mkdir(parents=True, exist_ok=True)
    remove_parts(runs)
    with temporary_beside(runs / "run") as part:
        write(part)
        synchronise(part)
        number = max((int(path.name) for path in runs.glob("[0-9]*") if path.name.isdigit()), default=0)
        while True:
            number += 1
            folder = runs / f"{number:03d}"
            if not folder.exists() and _renamed(part, folder):
                synchronise_folder(runs)
                return folder


def _renamed(part: Path, folder: Path) -> bool:
    """Give a folder its name; False if another program has just taken it."""
    try:
        part.rename(folder)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            return False
        raise
    return True


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
        remove_parts(runs)
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
        discard(self.folder)
