"""Where runs lie until they are kept or discarded: in the session's folder, else among the person's data. No torch."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout
from napari.layers import Image
from numpy.typing import NDArray

from napari_emcad.core.crop import Crop
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.finetuning.folder import ORDER, TrainingOrder, read_order, write_run
from napari_emcad.inference.normalisation import choose_normalisation
from napari_emcad.networks.own_data import own_data
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.finetune.crop_places import Plan, PlannedCrop
from napari_emcad.widgets.kit.layers import AXES, place_of, volume_of

FOLDER = "finetune"
PLACES = "places.json"
"""File of a run's folder: where its held-out crops lie."""

LOCK = "in_use"


def runs_folder(session: Path | None) -> Path:
    """Where runs go: with their session where it can be written to, else among the person's data."""
    return session / FOLDER if session is not None and os.access(session, os.W_OK) else own_folder()


def own_folder() -> Path:
    """For runs without a session."""
    return own_data() / FOLDER


def new_folder(runs: Path) -> Path:
    """Make a folder with a name that nobody has, such as 001."""
    runs.mkdir(parents=True, exist_ok=True)
    taken = [int(path.name) for path in runs.glob("[0-9]*") if path.name.isdigit()]
    for number in count(max(taken, default=0) + 1):
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
    def left_in(cls, runs: Path) -> Self | None:
        """The last run that was neither kept nor discarded; None where there is none that nobody works on."""
        for folder in sorted(runs.glob("[0-9]*"), reverse=True):
            with suppress(Timeout, OSError):
                if (folder / ORDER).is_file():
                    return cls(folder)
        return None

    @property
    def order(self) -> TrainingOrder:
        """What was asked for."""
        return read_order(self.folder)

    @property
    def crops_scored(self) -> int:
        """How many held-out crops there are to look at."""
        return next(i for i in count() if not (self.folder / f"held_out_{i}.npz").is_file())

    def facts_of(self, number: int) -> dict[str, Any]:
        """Name and place of a held-out crop, see `place_facts`; empty where nobody knows."""
        try:
            return json.loads((self.folder / PLACES).read_text("utf-8"))[number]
        except (OSError, ValueError, IndexError):
            return {}

    def release(self) -> None:
        """Leave it for another day."""
        self._lock.release()

    def remove(self) -> None:
        """It is kept or discarded: nothing of it is needed any more."""
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Source:
    """A crop with what is needed to read it: the stack's array, the labels of the crop, and where it lies."""

    name: str
    volume: Any
    box: Box
    labels: NDArray
    known: NDArray[np.bool_] | None


def source_of(crop: PlannedCrop) -> Source:
    """Labels and mask as they stand now: people may go on editing."""
    labels = crop.of.truth.labels_in(crop.box)
    return Source(crop.name, volume_of(crop.of.stack), crop.box, labels, crop.known)


@dataclass(frozen=True)
class Request:
    """A run to write: what is asked for, and the crops with where those held out lie."""

    runs: Path
    order: TrainingOrder
    train: Sequence[Source]
    held_out: Sequence[Source]
    places: Sequence[Mapping[str, Any]]
    levels: SegmentParameters

    @classmethod
    def of(cls, runs: Path, order: TrainingOrder, plan: Plan, levels: SegmentParameters) -> Self:
        train, held_out = ([source_of(crop) for crop in crops] for crops in (plan.train, plan.held_out))
        return cls(runs, order, train, held_out, [place_facts(crop) for crop in plan.held_out], levels)


def writing(request: Request) -> Job[RunFolder]:
    """Read the crops' pixels and write the run's folder, of which nothing stays where that fails.

    Raises
    ------
    UserError
        Where the disk is full, or the crops cannot be learnt from.
    """
    depth = sum(source.box.shape[0] for source in (*request.train, *request.held_out))
    watch, done = Stopwatch("reading the crops", depth), 0
    crops: list[Crop] = []
    for source in (*request.train, *request.held_out):
        sections = []
        for section in _sections(source, request.levels):
            sections.append(section)
            done += 1
            yield watch.at(done)
        crops.append(Crop(np.stack(sections), source.labels, source.known, source.name))
    n = len(request.train)
    return _written(request, crops[:n], crops[n:])


def _written(request: Request, train: Sequence[Crop], held_out: Sequence[Crop]) -> RunFolder:
    """The run on disk; nothing of it stays where that fails."""
    try:
        folder = new_folder(request.runs)
    except OSError as error:
        raise UserError(f"{request.runs}: no run can be written there ({error.strerror}).") from error
    try:
        write_run(folder, request.order, train, held_out)
        (folder / PLACES).write_text(json.dumps(request.places), "utf-8")
        return RunFolder(folder)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise UserError(f"{folder}: the run could not be written ({error.strerror}); make room.") from error
        raise


def place_facts(crop: PlannedCrop) -> dict[str, Any]:
    """What tells where a held-out crop lies, also when its stack is not open any more."""
    stack, place = crop.of.stack, place_of(crop.of.stack, crop.box.start)
    return {
        "name": crop.of.name,
        "stack": stack.name,
        "scale": [float(n) for n in place["scale"]],
        "translate": [float(n) for n in place["translate"]],
        "units": [str(unit) for unit in place["units"]],
    }


def layer_place(facts: Mapping[str, Any], stacks: Sequence[Image]) -> dict[str, Any]:
    """Keyword arguments that put a layer where a held-out crop lies; turned like its stack where that is open."""
    if not facts:
        return {"axis_labels": AXES}
    turned = next((place_of(stack) for stack in stacks if stack.name == facts["stack"]), {})
    return {**turned, "axis_labels": AXES, **{name: facts[name] for name in ("scale", "translate", "units")}}


def _sections(source: Source, levels: SegmentParameters):
    """One section after the other, by the grey levels of the whole stack or those that a person set."""
    first, *plane = source.box.slices
    normalisation = choose_normalisation(source.volume, levels.black, levels.white)
    for z in range(first.start, first.stop):
        yield normalisation.for_crops(np.asarray(source.volume[(z, *plane)]))
