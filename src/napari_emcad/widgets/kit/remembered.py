"""Facts that the dock remembers from one day to the next: recent models, colours, and how fast each device was."""

import json
from pathlib import Path
from typing import Any

from napari_emcad.core.palettes import BRIGHT, PALETTES
from napari_emcad.io.atomic import write_then_rename
from napari_emcad.io.json_text import read_json
from napari_emcad.io.regular_files import is_there
from napari_emcad.networks.card import ModelCard
from napari_emcad.workers.estimates import Planned, is_teacher

RECENT = 6
"""Number of models that are remembered."""

SMALL = 2_000_000
"""Voxels of work: a shorter run mostly takes the time to start, which says little of longer ones."""

_SPEEDS, _SPEEDS_OF_SMALL = "seconds_per_megavoxel", "seconds_per_megavoxel_of_small_runs"


class Remembered:
    """A few facts in a JSON file; if it cannot be read or written, they last as long as the dock.

    Parameters
    ----------
    file : Path or None
        None = nothing is written.
    """

    def __init__(self, file: Path | None):
        self._file = file
        self._facts: dict[str, Any] = _read(file)

    @property
    def models(self) -> list[Path]:
        """Model files used lately that are still there, the last one first."""
        return [path for path in map(Path, self._facts.get("models", [])) if is_there(path)]

    def remember_model(self, model: Path) -> None:
        """Put a model file first."""
        others = [str(path) for path in self.models if path != model]
        self._keep("models", [str(model), *others][:RECENT])

    @property
    def palette(self) -> str:
        """The palette of neurons that was chosen last, a key of `PALETTES`."""
        palette = self._facts.get("palette")
        return palette if isinstance(palette, str) and palette in PALETTES else BRIGHT

    def remember_palette(self, palette: str) -> None:
        """Keep a choice of palette."""
        self._keep("palette", palette)

    def seconds_per_megavoxel(self, device: str, card: ModelCard | None = None) -> float | None:
        """Return the seconds for a million voxels of work, as `Planned` counts it, on a device, by its name.

        They are those of the last run of such a model, else of a student; those of a small run only if there was no
        other. None if there was none.
        """
        kept = [self._facts.get(key, {}) for key in (_SPEEDS, _SPEEDS_OF_SMALL)]
        found = (speeds[runner] for runner in (_runner(device, card), device) for speeds in kept if runner in speeds)
        return next(found, None)

    def remember_speed(self, device: str, planned: Planned, seconds: float) -> None:
        """Keep the speed of a run on a device, by its name."""
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
    """Return the key of a speed: one for all students on a device, and one for teachers of each kind and size."""
    return f"{device}: {card.architecture}, {card.maps} maps" if card is not None and is_teacher(card) else device


def _read(file: Path | None) -> dict[str, Any]:
    try:
        facts = read_json(file) if file else {}
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}
