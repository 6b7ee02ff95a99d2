"""Fine-tuning on one screen: crops -> trained network, the best by its VOI on the crops held out.

Of networks that are about as good the latest counts as the best.

    crops --train--> network, every now and then --score on held-out crops--> best so far, with its card

A run lives in a folder, so that it can be stopped, killed and gone on with:

    order.json   what was asked for             state.pt              to go on from
    train/       crops to learn from            best_N.pt, .json      the best network so far, of step N, and its card
    held_out/    crops to score on              held_out_N.npz        raw, truth, labels before and after
    events.jsonl what happened

Where the teacher learns beside the student, best_N_teacher.pt is what it was then. The best network of before is only
removed when a better one is on the disk and was said to be there.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_emcad import __version__
from napari_emcad.core.crop import Crop
from napari_emcad.core.errors import UserError
from napari_emcad.io.atomic import remove_parts, write_beside, write_then_rename
from napari_emcad.io.training_crops import load_crops, save_crops
from napari_emcad.training.params import (
    HEARS_TEACHER,
    MODES,
    NEEDS_LABELS,
    NEEDS_STUDENT,
    NEEDS_TEACHER,
    Mode,
    TrainingParameters,
)

Event = dict[str, Any]

ORDER, EVENTS, STATE = "order.json", "events.jsonl", "state.pt"

SCORING_SHARE = 0.07
"""Of the time budget, at most, for scoring; so often is scored, ten times at most."""

AS_GOOD = 1.1
"""Times the lowest VOI so far: up to there a later network takes the place of an earlier one.

Few held-out sections tell no finer, and what has learnt longer is mostly better elsewhere (docs/benchmarks.md).
"""

BEGINS_ANEW: frozenset[Mode] = frozenset({"teacher", "joint", "restore-teacher"})
"""Modes in which a teacher may have random weights: it learns."""

SAVE_EVERY = 30.0
"""Seconds between two states on disk."""


class TrainingOrder(BaseModel):
    """What a run is asked to do.

    Attributes
    ----------
    student, teacher : Path, optional
        Checkpoints to begin with; a mode that needs one and has none begins with random weights where that network
        learns.
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
        """Write it into the folder of a run."""
        with write_then_rename(folder / ORDER) as part:
            part.write_text(self.model_dump_json(indent=2), "utf-8")


def write_run(folder: Path, order: TrainingOrder, train: Sequence[Crop], held_out: Sequence[Crop]) -> None:
    """Make the folder of a new run.

    Raises
    ------
    UserError
        Where crops, networks and mode do not go together, or the folder is there already or cannot be written.
    """
    _check(order, train, held_out)
    try:
        save_crops(folder / "train", train)
        save_crops(folder / "held_out", held_out)
        order.write(folder)
    except FileExistsError as error:
        raise UserError(f"{folder}: there is a run already; choose another folder, or go on with that one.") from error
    except OSError as error:
        raise UserError(f"{folder}: the crops could not be written ({error.strerror}); make room.") from error


def read_order(folder: Path) -> TrainingOrder:
    """What the run of this folder was asked to do.

    Raises
    ------
    UserError
        Where it is no such folder.
    """
    try:
        return TrainingOrder.model_validate_json((folder / ORDER).read_bytes())
    except (OSError, ValidationError) as error:
        raise UserError(f"{folder}: this is no folder of a training run; choose another one.") from error


def fine_tune(folder: Path, wanted: Callable[[], bool] = lambda: True) -> Iterator[Event]:
    """Work on a run until its budget is spent or it is not wanted any more; goes on where it was stopped.

    Parameters
    ----------
    folder : Path
        Made by `write_run`.
    wanted : callable
        Asked after every step.

    Yields
    ------
    dict
        Events: stage, started, score, step, finished; see the module's text and the keys in the code below.

    Raises
    ------
    UserError
        One sentence; what was best until then is kept.
    """
    remove_parts(folder)
    for event in _work(folder, wanted):
        note(folder, event)
        yield event


def _work(folder: Path, wanted: Callable[[], bool]) -> Iterator[Event]:
    """As `fine_tune`, but nothing is noted."""
    from napari_emcad.training.loop import train

    began = time.monotonic()
    order = read_order(folder)
    yield {"event": "stage", "text": "loading the networks"}
    run = _Run(folder, order)
    yield run.started()
    if run.held_out and run.before is None:
        yield {"event": "stage", "text": "scoring on the held-out crops before the first step"}
        yield run.score()
    yield {"event": "stage", "text": "trying one step"}
    run.rehearse()
    parameters = run.parameters_left(time.monotonic() - began)
    marks, saved = run.scoring_times(parameters), time.monotonic()
    for step in train(run.state, run.crops, parameters):
        yield {"event": "step", **step._asdict()}
        if marks and step.done >= marks[0]:
            marks = [m for m in marks if m > step.done]
            yield run.score()
        if time.monotonic() - saved > SAVE_EVERY:
            run.state.save(folder / STATE)
            saved = time.monotonic()
        if not wanted():
            break
    yield from run.finish("budget" if wanted() else "stopped")


class _Run:
    """The state of a run and what is written of it."""

    def __init__(self, folder: Path, order: TrainingOrder):
        import torch

        from napari_emcad.inference.choice import choose_device
        from napari_emcad.inference.engines.device import multiplies_bf16, reuse_memory
        from napari_emcad.training.saved_state import TrainingState

        reuse_memory()
        self.folder, self.order = folder, order
        self.crops, self.held_out = load_crops(folder / "train"), load_crops(folder / "held_out")
        _check(order, self.crops, self.held_out)
        self.device = choose_device(order.device, trains=True)
        half = order.parameters.half if order.parameters.half is not None else multiplies_bf16(self.device)
        settled = {"half": half, "augmentation": order.parameters.augmented}  # the rehearsal has another budget
        self.parameters = order.parameters.model_copy(update=settled)
        torch.manual_seed(self.parameters.seed)
        networks, self.parents = _networks(order)
        self.state = TrainingState(networks, self.parameters, self.device.kind)
        if (folder / STATE).exists():
            self.state.load(folder / STATE)
        self.product = "student" if order.parameters.mode in NEEDS_STUDENT else "teacher"
        scores = [event for event in read_events(folder) if event["event"] == "score"]
        self.before = next((event for event in scores if event["step"] == 0), None)
        self.best = next((event for event in reversed(scores) if event["best"]), None)
        self.lowest = min((event["voi"] for event in scores if event["step"]), default=np.inf)
        self.cost = 0.0  # seconds of one scoring
        self.scored_at = -1

    def started(self) -> Event:
        """The first event that has figures."""
        objective = self.state.objective
        return {
            "event": "started",
            "device": self.device.name,
            "losses": sorted(objective.weights(objective.warm_up)),
            "train_voxels": sum(crop.voxels_known for crop in self.crops),
            "held_out_voxels": sum(crop.voxels_known for crop in self.held_out),
            "step": self.state.step,
        }

    def rehearse(self) -> None:
        """One step on a copy, saved and loaded again: what would fail after hours fails now."""
        import copy

        from napari_emcad.training.loop import train

        rehearsal, file = copy.deepcopy(self.state), self.folder / "rehearsal.pt"
        told = self.parameters.model_copy(update={"steps": rehearsal.step + 1, "minutes": None})
        for _ in train(rehearsal, self.crops, told):
            pass
        try:
            rehearsal.save(file)
            rehearsal.load(file)
        finally:
            file.unlink(missing_ok=True)

    def parameters_left(self, spent: float) -> TrainingParameters:
        """With the time budget that loading, the first score and the last one leave."""
        if self.parameters.minutes is None:
            return self.parameters
        left = 60 * self.parameters.minutes - spent - self.cost - self.state.seconds
        return self.parameters.model_copy(update={"minutes": max(1.0, left + self.state.seconds) / 60})

    def scoring_times(self, parameters: TrainingParameters) -> list[float]:
        """Shares of the budget after which to score; the end is not among them, `finish` scores then."""
        times = 10
        if parameters.minutes is not None and self.cost:
            times = int(np.clip(SCORING_SHARE * 60 * parameters.minutes / self.cost, 1, 10))
        return [n / times for n in range(1, times)] if self.held_out else []

    def score(self) -> Event:
        """Score the running mean of the weights; keep it where it is the best so far."""
        from napari_emcad.finetuning.held_out import score_network

        start, step = time.monotonic(), self.state.step
        self._forget_worse()
        network = self.state.averaged(self.product)
        found, labels = score_network(network, self.held_out, self.device.wish)
        best = step > 0 and found.voi < self.before["voi"] and found.voi <= AS_GOOD * self.lowest
        event = {"event": "score", "step": step, "seconds": self.state.seconds, **found.as_dict(), "best": best}
        event["model"] = f"best_{step}.pt" if best else None
        if step == 0:
            self.before = event
            self._write_labels("before", labels)
        else:
            self.lowest = min(self.lowest, found.voi)
        if best:
            self._keep(network, event["model"], event)
            self.best = event
            self._write_labels("after", labels)
        self.cost, self.scored_at = time.monotonic() - start, step
        return event

    def finish(self, why: str) -> Iterator[Event]:
        """Score for the last time and say what came out."""
        self.state.save(self.folder / STATE)
        if self.held_out and self.scored_at != self.state.step:
            yield {"event": "stage", "text": "scoring on the held-out crops"}
            yield self.score()
        model = self.best["model"] if self.best else None
        if not self.held_out:
            model = f"best_{self.state.step}.pt"
            self._keep(self.state.averaged(self.product), model, None)
        yield {
            "event": "finished",
            "why": why,
            "steps": self.state.step,
            "seconds": self.state.seconds,
            "before": self.before,
            "after": self.best or self.before,
            "model": model,
        }

    def _forget_worse(self) -> None:
        """Remove what was the best before the best."""
        best = Path(self.best["model"]) if self.best else None
        kept = {best.stem, teacher_beside(best).stem} if best else set()
        for file in self.folder.glob("best_[0-9]*.*"):
            if file.stem not in kept:
                file.unlink()

    def _keep(self, network, name: str, score: Event | None) -> None:
        from napari_emcad.networks.checkpoint import save_model

        file = self.folder / name
        if self.order.parameters.mode == "joint":  # first, so that it is there when the student is
            save_model(self.state.averaged("teacher"), teacher_beside(file), self._teachers_card())
        save_model(network, file, self._card(score))

    def _card(self, score: Event | None):
        parent, about = self.parents[self.product], self.order.about
        scores = {}
        for when, event in (("", score), (" before fine-tuning", self.before)):
            if event:
                scores[f"VOI on the held-out crops{when}"] = round(event["voi"], 4)
                scores[f"ARAND on the held-out crops{when}"] = round(event["arand"], 4)
        threshold = score["threshold"] if score else parent.threshold
        return parent.changed(**{**self._history(self.product), "scores": scores, "threshold": threshold, **about})

    def _teachers_card(self):
        """Of a teacher that learnt beside the student; nobody has scored it."""
        about = {name: told for name, told in self.order.about.items() if name != "title"}
        return self.parents["teacher"].changed(**{**self._history("teacher"), "scores": {}, **about})

    def _history(self, name: str) -> dict[str, Any]:
        """What a card says of where a network comes from."""
        parent, told = self.parents[name], self.order.parameters
        data = ", ".join(dict.fromkeys(crop.name for crop in self.crops))
        return {
            "title": f"{parent.title or name}, trained further",
            "description": f"{MODES[told.mode]}; {self.state.step} steps, {self.state.seconds:.0f} s "
            f"on {self.device.name}; {told.model_dump_json(exclude_none=True)}; napari-emcad {__version__}.",
            "data": f"{data}. Before: {parent.data}" if parent.data else data,
            "iteration": (parent.iteration or 0) + self.state.step,
            "date": time.strftime("%Y-%m-%d"),
            "parent_sha256": parent.sha256,
        }

    def _write_labels(self, when: str, labels: list) -> None:
        for i, (crop, found) in enumerate(zip(self.held_out, labels, strict=True)):
            file = self.folder / f"held_out_{i}.npz"
            arrays = {}
            if file.exists():
                with np.load(file) as saved:
                    arrays = dict(saved)
            arrays |= {"raw": crop.raw, "truth": crop.truth, when: found}
            with write_beside(file, lambda part: 2 * part.stat().st_size) as part, part.open("wb") as content:
                np.savez(content, **arrays)


def note(folder: Path, event: Event) -> None:
    """Write down what happened, as far as there is room."""
    with suppress(OSError), (folder / EVENTS).open("a") as notes:
        notes.write(json.dumps(event) + "\n")


def best_model(folder: Path) -> Path | None:
    """The file of the best network of a run so far; None where there is none."""
    said = [event["model"] for event in read_events(folder) if event.get("model")]
    file = folder / said[-1] if said else None
    return file if file is not None and file.is_file() else None


def teacher_beside(model: Path) -> Path:
    """The file of the teacher that learnt beside this student, there or not."""
    return model.with_name(f"{model.stem}_teacher{model.suffix}")


def read_events(folder: Path) -> list[Event]:
    """What happened in a run so far; a line cut off by a kill is left out."""
    events = []
    with suppress(FileNotFoundError):
        for line in (folder / EVENTS).read_text().splitlines():
            with suppress(ValueError):
                events.append(json.loads(line))
    return events


def _networks(order: TrainingOrder) -> tuple[dict, dict]:
    """The networks of a run, and the cards of what they were before."""
    from napari_emcad.networks.card import ModelCard
    from napari_emcad.networks.checkpoint import load_student, load_teacher
    from napari_emcad.networks.residual_unet import ResidualUNet, ResidualUNetConfig
    from napari_emcad.networks.student import Student

    def new_teacher() -> ResidualUNet:
        return ResidualUNet(ResidualUNetConfig(maps=order.teacher_maps) if order.teacher_maps else None)

    mode, networks, cards = order.parameters.mode, {}, {}
    for name, needing, load, new in (
        ("student", NEEDS_STUDENT, load_student, Student),
        ("teacher", NEEDS_TEACHER, load_teacher, new_teacher),
    ):
        path = getattr(order, name)
        if mode in needing:
            networks[name], cards[name] = load(path) if path else (new(), ModelCard())
    return networks, cards


def _check(order: TrainingOrder, train: Sequence[Crop], held_out: Sequence[Crop]) -> None:
    mode = order.parameters.mode
    if not train:
        raise UserError("crops: one to train on is needed, there is none; add a box, done neurons or edits.")
    if mode in NEEDS_TEACHER and mode not in BEGINS_ANEW and order.teacher is None:
        raise UserError(f"teacher: this mode needs one ({MODES[mode]}); choose a teacher or train the student only.")
    if mode not in NEEDS_LABELS:
        return
    if not held_out:
        raise UserError("crops: one to hold out is needed, there is none; hold one out, or add another one.")
    uses_unlabelled = mode in HEARS_TEACHER or order.parameters.consistency != "off"
    labelled = [crop for crop in train if crop.voxels_known] if uses_unlabelled else train
    for crop in [*labelled, *held_out]:
        if not crop.truth.any():
            raise UserError(f"{crop.name}: nothing in it is labelled and verified; mark neurons in it as done.")
    if not labelled:
        raise UserError("crops: nothing is verified in any; mark neurons as done, or distil without labels.")
    if order.parameters.consistency != "off" and len(labelled) == len(train):
        raise UserError("crops: sections that nobody has corrected are needed, all are; add a stack or a box of them.")
