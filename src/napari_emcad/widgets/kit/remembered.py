"""What the dock remembers from one day to the next: recent models, and how fast each device was."""

import json
import os
from pathlib import Path
from typing import Any

from qtpy.QtCore import QStandardPaths

from napari_emcad.io.atomic import write_then_rename
from napari_emcad.networks.card import ModelCard
from napari_emcad.workers.estimates import Planned, is_teacher

RECENT = 6
"""Models that are remembered."""

SMALL = 2_000_000
"""Voxels of work: what a run of fewer takes is mostly its beginning, and says little of longer ones."""

_SPEEDS, _SPEEDS_OF_SMALL = "seconds_per_megavoxel", "seconds_per_megavoxel_of_small_runs"


def default_file() -> Path | None:
    """In the configuration folder of the person; None (nothing is kept) where napari keeps no settings either."""
    if os.environ.get("NAPARI_CONFIG") == "":
        return None
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericConfigLocation)
    return Path(folder) / "napari-emcad" / "remembered.json" if folder else None


class Remembered:
    """A few facts in a JSON file; where it cannot be read or written, they last as long as the dock.

    Parameters
    ----------
    file : Path or None
        None: nothing is written.
    """

    def __init__(self, file: Path | None):
        self._file = file
        self._facts: dict[str, Any] = _read(file)

    @property
    def models(self) -> list[Path]:
        """Model files used lately and still there, the last one first."""
        return [path for path in map(Path, self._facts.get("models", [])) if path.is_file()]

    def used(self, model: Path) -> None:
        """Put a model file first."""
        others = [str(path) for path in self.models if path != model]
        self._keep("models", [str(model), *others][:RECENT])

    def seconds_per_megavoxel(self, device: str, card: ModelCard | None = None) -> float | None:
        """Of work, as `Planned` counts it: of the last run of such a model on a device, by its name, else of a student.

        A small run counts where there was no other. None where there was none.
        """
        kept = [self._facts.get(key, {}) for key in (_SPEEDS, _SPEEDS_OF_SMALL)]
        found = (speeds[runner] for runner in (_runner(device, card), device) for speeds in kept if runner in speeds)
        return next(found, None)

    def measured(self, device: str, planned: Planned, seconds: float) -> None:
        """Keep the speed of a run."""
        key = _SPEEDS_OF_SMALL if planned.work < SMALL else _SPEEDS
        speed = {_runner(device, planned.card): seconds / (planned.work / 1e6)}
        self._keep(key, {**self._facts.get(key, {}), **speed})

    def _keep(self, key: str, value: Any) -> None:
        self._facts[key] = value
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with write_then_rename(self._file) as part:
                part.write_text(json.dumps(self._facts, indent=1), "utf-8")
        except OSError:
            self._file = None


def _runner(device: str, card: ModelCard | None) -> str:
    """Whose speed it is: all students' on a device, or that of teachers of one kind and size."""
    return f"{device}: {card.architecture}, {card.maps} maps" if is_teacher(card) else device


def _read(file: Path | None) -> dict[str, Any]:
    try:
        facts = json.loads(file.read_text("utf-8")) if file else {}
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}
