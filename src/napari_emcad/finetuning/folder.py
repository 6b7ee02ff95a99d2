"""The folder that a training run lives in, so that it can be stopped, killed and gone on with.

    order.json   what was asked for             state.pt              to go on from
    train/       crops to learn from            best_N.pt, .json      the best network so far, of step N, and its card
    held_out/    crops to score on              held_out_N.npz        raw, truth, labels before and after
    events.jsonl what happened

If the teacher learns beside the student, best_N_teacher.pt is what it was then. The best network of before is only
removed when a better one is on the disk and was said to be there.
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from napari_emcad.core.crop import Crop
from napari_emcad.core.errors import UserError
from napari_emcad.finetuning.events import Event, is_event
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.json_text import LONGEST, parse_json
from napari_emcad.io.npz_files import read_npz
from napari_emcad.io.regular_files import read_regular
from napari_emcad.io.training_crops import save_crops
from napari_emcad.training.params import (
    HEARS_TEACHER,
    MODES,
    NEEDS_LABELS,
    NEEDS_TEACHER,
    Mode,
    TrainingParameters,
)

ORDER = "order.json"
EVENTS = "events.jsonl"
STATE = "state.pt"
TRAIN = "train"
HELD_OUT = "held_out"

MOST_EVENTS = 1 << 28
"""Bytes of the events of a run, at most."""

BEGINS_ANEW: frozenset[Mode] = frozenset({"teacher", "joint", "restore-teacher"})
"""Modes in which a teacher may have random weights: it learns."""


class HeldOutArrays(TypedDict, total=False):
    """Arrays (z, y, x) of held_out_N.npz: grey values, truth, and the segmentations before and after training."""

    raw: NDArray[np.uint8] | NDArray[np.float32]
    truth: NDArray[np.integer]
    before: NDArray[np.integer]
    after: NDArray[np.integer]


class TrainingOrder(BaseModel):
    """Everything that a run is asked to do.

    Attributes
    ----------
    student, teacher : Path, optional
        Checkpoints to begin with; a mode that needs one and has none begins with random weights if that network learns.
    teacher_maps : tuple of int, optional
        Feature maps of such a new teacher, full resolution first; None = the published ones.
    parameters : TrainingParameters
    device : str
        As in `SegmentParameters`.
    about : dict
        Fields of the new model's card that only the asker knows: title, data, licence, voxel_size, commit, ...
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    student: Path | None = None
    teacher: Path | None = None
    teacher_maps: tuple[int, ...] | None = None
    parameters: TrainingParameters
    device: str = "auto"
    about: dict[str, Any] = Field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write it into the folder of a run.

        Raises
        ------
        UserError
            If it cannot be written.
        """
        text = self.model_dump_json(indent=2)
        with write_beside(folder / ORDER, lambda _: len(text)) as part:
            part.write_text(text, "utf-8")


def write_run(folder: Path, order: TrainingOrder, train: Sequence[Crop], held_out: Sequence[Crop]) -> None:
    """Make the folder of a new run, which is there once all of it is written.

    Raises
    ------
    UserError
        If crops, networks and mode do not go together, or the folder is there already or cannot be written.
    """
    check_run(order, train, held_out)
    if folder.exists():
        raise UserError(f"{folder}: there is a run already; choose another folder, or go on with that one.")
    with write_beside(folder, lambda _: sum(crop.raw.nbytes for crop in [*train, *held_out])) as part:
        save_crops(part / TRAIN, train)
        save_crops(part / HELD_OUT, held_out)
        order.write(part)


def read_order(folder: Path) -> TrainingOrder:
    """Read what the run of a folder was asked to do.

    Raises
    ------
    UserError
        If it is no such folder.
    """
    try:
        return TrainingOrder.model_validate_json(read_regular(folder / ORDER, LONGEST))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: this is no folder of a training run; choose another one.") from error


def check_run(order: TrainingOrder, train: Sequence[Crop], held_out: Sequence[Crop]) -> None:
    """Refuse crops, networks and a mode that do not go together.

    Raises
    ------
    UserError
    """
    mode = order.parameters.mode
    if not train:
        raise UserError("crops: one to train on is needed, there is none; add a box, done neurons or edits.")
    if mode in NEEDS_TEACHER and mode not in BEGINS_ANEW and order.teacher is None:
        raise UserError(f"teacher: this mode needs one ({MODES[mode]}); choose a teacher or train the student only.")
    if mode in NEEDS_LABELS:
        _check_labels(order.parameters, train, held_out)


def note_event(folder: Path, event: Event) -> None:
    """Write down what happened, as far as there is room."""
    with suppress(OSError), (folder / EVENTS).open("ab+") as notes:
        if notes.tell():
            notes.seek(-1, os.SEEK_END)
            if notes.read(1) != b"\n":  # of a program that was killed, or where there was no room
                notes.write(b"\n")
        notes.write(json.dumps(event).encode() + b"\n")


def read_events(folder: Path) -> list[Event]:
    """Read what happened in a run so far; lines cut off by a kill are left out, and those that tell no event.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    try:
        lines = read_regular(folder / EVENTS, MOST_EVENTS).splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / EVENTS}: what happened in the run cannot be read ({error}); discard it.") from error
    events: list[Event] = []
    for line in lines:
        with suppress(ValueError):
            found = parse_json(line)
            if is_event(found):
                events.append(found)
    return events


def best_model(folder: Path) -> Path | None:
    """Return the file of the best network of a run so far; None if there is none."""
    kept = [event["model"] for event in read_events(folder) if event["event"] in ("score", "finished")]
    last = next((name for name in reversed(kept) if name), None)
    file = folder / last if last and Path(last).name == last else None  # never one that lies elsewhere
    return file if file is not None and file.is_file() else None


def teacher_beside(model: Path) -> Path:
    """Return the file of the teacher that learnt beside this student, there or not."""
    return model.with_name(f"{model.stem}_teacher{model.suffix}")


def write_held_out_labels(
    folder: Path, when: Literal["before", "after"], crops: Sequence[Crop], labels: Sequence[NDArray[np.integer]]
) -> None:
    """Keep the segmentation of each held-out crop, beside its grey values and truth.

    Raises
    ------
    UserError
        If there is no room.
    """
    for i, (crop, found) in enumerate(zip(crops, labels, strict=True)):
        file = folder / f"{HELD_OUT}_{i}.npz"
        arrays: HeldOutArrays = {"raw": crop.raw, "truth": crop.truth}
        if when == "before":
            arrays["before"] = found
        else:
            if file.exists():
                arrays["before"] = read_npz(file)["before"]
            arrays["after"] = found
        with write_beside(file, lambda part: 2 * part.stat().st_size) as part, part.open("wb") as content:
            np.savez(content, **arrays)


def _check_labels(parameters: TrainingParameters, train: Sequence[Crop], held_out: Sequence[Crop]) -> None:
    """Refuse crops that a mode which learns from labels cannot learn from or be scored on."""
    if not held_out:
        raise UserError("crops: one to hold out is needed, there is none; hold one out, or add another one.")
    uses_unlabelled = parameters.mode in HEARS_TEACHER or parameters.consistency != "off"
    labelled = [crop for crop in train if crop.voxels_known] if uses_unlabelled else train
    for crop in [*labelled, *held_out]:
        if not crop.truth.any():
            raise UserError(f"{crop.name}: nothing in it is labelled and verified; mark neurons in it as done.")
    if not labelled:
        raise UserError("crops: nothing is verified in any; mark neurons as done, or distil without labels.")
    if parameters.consistency != "off" and len(labelled) == len(train):
        raise UserError("crops: sections that nobody has corrected are needed, all are; add a stack or a box of them.")
