"""Fine-tuning on one screen: crops -> trained network, the best by its VOI on the crops held out.

    crops --train--> network, every now and then --score on held-out crops--> best so far, with its card

Of networks that are about as good the latest counts as the best. A run lives in a folder, see `folder`.
"""

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.finetuning.cards import CardMaker
from napari_emcad.finetuning.events import Event, FinishedEvent, ScoreEvent, StartedEvent, step_event
from napari_emcad.finetuning.folder import (
    HELD_OUT,
    STATE,
    TRAIN,
    TrainingOrder,
    check_run,
    note_event,
    read_events,
    read_order,
    teacher_beside,
    write_held_out_labels,
)
from napari_emcad.finetuning.held_out import score_network
from napari_emcad.io.links import link_out_of
from napari_emcad.io.parts import remove_parts
from napari_emcad.io.training_crops import load_crops
from napari_emcad.networks.card import ModelCard
from napari_emcad.training.params import NEEDS_STUDENT, NEEDS_TEACHER, TrainingParameters

if TYPE_CHECKING:  # these bring torch, which takes seconds
    from napari_emcad.networks.student import Student
    from napari_emcad.networks.teacher import Teacher
    from napari_emcad.training.saved_state import Networks

SCORING_SHARE = 0.07
"""Share of the time budget that scoring takes at most; it decides how often the network is scored."""

MOST_SCORES = 10
"""Times that a run scores the network, at most."""

AS_GOOD = 1.1
"""Factor on the lowest VOI so far: up to there a later network takes the place of an earlier one.

Few held-out sections tell no finer, and what has learnt longer is mostly better elsewhere (docs/benchmarks.md).
"""

SAVE_EVERY = 30.0
"""Seconds between two states on disk."""


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
    Event
        A stage, that it started, steps, scores, and that it finished.

    Raises
    ------
    UserError
        One sentence; what was best until then is kept.
    """
    if link := link_out_of(folder):
        raise UserError(f"{link}: this link leads out of the run's folder; put what it leads to in its place.")
    remove_parts(folder, alone=True)
    for event in _work(folder, wanted):
        note_event(folder, event)
        yield event


def _work(folder: Path, wanted: Callable[[], bool]) -> Iterator[Event]:
    """Do what `fine_tune` does, but note nothing."""
    from napari_emcad.training.loop import train

    began = time.monotonic()
    order = read_order(folder)
    yield {"event": "stage", "text": "loading the networks"}
    run = TrainingRun(folder, order)
    yield run.started_event()
    if run.held_out and run.before is None:
        yield {"event": "stage", "text": "scoring on the held-out crops before the first step"}
        yield run.score()
    yield {"event": "stage", "text": "trying one step"}
    run.rehearse()
    parameters = run.remaining_parameters(time.monotonic() - began)
    marks, saved = run.scoring_times(parameters), time.monotonic()
    for step in train(run.state, run.crops, parameters):
        yield step_event(step)
        if marks and step.done >= marks[0]:
            marks = [m for m in marks if m > step.done]
            yield run.score()
        if time.monotonic() - saved > SAVE_EVERY:
            run.state.save(folder / STATE)
            saved = time.monotonic()
        if not wanted():
            break
    yield from run.finish("budget" if wanted() else "stopped")


class TrainingRun:
    """A run under way: its networks, its scores and what is kept of it.

    Attributes
    ----------
    crops, held_out : list of Crop
    state : TrainingState
    before : ScoreEvent or None
        Score before the first step.
    best : ScoreEvent or None
        Score of the network that is kept.
    """

    def __init__(self, folder: Path, order: TrainingOrder):
        import torch

        from napari_emcad.inference.choice import choose_device
        from napari_emcad.inference.engines.device import reuse_memory
        from napari_emcad.training.saved_state import TrainingState

        reuse_memory()
        self._folder = folder
        self.crops, self.held_out = load_crops(folder / TRAIN), load_crops(folder / HELD_OUT)
        check_run(order, self.crops, self.held_out)
        self._device = choose_device(order.device, trains=True)
        self._parameters = self._decided(order.parameters)
        torch.manual_seed(self._parameters.seed)
        networks, parents = _load_networks(order)
        self.state = TrainingState(networks, self._parameters, self._device.kind)
        if (folder / STATE).exists():
            self.state.load(folder / STATE)
        self._product: Literal["student", "teacher"] = "student" if "student" in networks else "teacher"
        data = ", ".join(dict.fromkeys(crop.name for crop in self.crops))
        self._cards = CardMaker(order, parents, data, self._device.name)
        scores = [event for event in read_events(folder) if event["event"] == "score"]
        self.before = next((score for score in scores if score["step"] == 0), None)
        self.best = next((score for score in reversed(scores) if score["best"]), None)
        self._lowest = min((score["voi"] for score in scores if score["step"]), default=np.inf)
        self._seconds_a_score, self._scored_at = 0.0, -1

    def started_event(self) -> StartedEvent:
        """Return the first event that has figures."""
        objective = self.state.objective
        return {
            "event": "started",
            "device": self._device.name,
            "losses": sorted(objective.weights(objective.warm_up)),
            "train_voxels": sum(crop.voxels_known for crop in self.crops),
            "held_out_voxels": sum(crop.voxels_known for crop in self.held_out),
            "step": self.state.step,
        }

    def rehearse(self) -> None:
        """Take one step on a copy, save it and load it again: what would fail after hours fails now."""
        from napari_emcad.training.loop import train

        rehearsal, file = copy.deepcopy(self.state), self._folder / "rehearsal.pt"
        parameters = self._parameters.model_copy(update={"steps": rehearsal.step + 1, "minutes": None})
        for _ in train(rehearsal, self.crops, parameters):
            pass
        try:
            rehearsal.save(file)
            rehearsal.load(file)
        finally:
            with suppress(OSError):
                file.unlink(missing_ok=True)

    def remaining_parameters(self, spent: float) -> TrainingParameters:
        """Return the parameters with the time that is left after `spent` seconds, and for the last score."""
        if self._parameters.minutes is None:
            return self._parameters
        left = 60 * self._parameters.minutes - spent - self._seconds_a_score - self.state.seconds
        return self._parameters.model_copy(update={"minutes": max(1.0, left + self.state.seconds) / 60})

    def scoring_times(self, parameters: TrainingParameters) -> list[float]:
        """Return the shares of the budget after which to score, without the end, when `finish` scores."""
        times = MOST_SCORES
        if parameters.minutes is not None and self._seconds_a_score:
            affordable = SCORING_SHARE * 60 * parameters.minutes / self._seconds_a_score
            times = int(np.clip(affordable, 1, MOST_SCORES))
        return [n / times for n in range(1, times)] if self.held_out else []

    def score(self) -> ScoreEvent:
        """Score the running mean of the weights, and keep it if it is the best so far."""
        start, step = time.monotonic(), self.state.step
        self._forget_worse()
        network = self.state.averaged(self._product)
        found, labels = score_network(network, self.held_out, self._device.wish)
        is_best = self.before is not None and found.voi < self.before["voi"] and found.voi <= AS_GOOD * self._lowest
        is_best = is_best and step > 0
        event: ScoreEvent = {
            "event": "score",
            "step": step,
            "seconds": self.state.seconds,
            "voi": found.voi,
            "voi_split": found.voi_split,
            "voi_merge": found.voi_merge,
            "arand": found.arand,
            "threshold": found.threshold,
            "best": is_best,
            "model": f"best_{step}.pt" if is_best else None,
        }
        if step == 0:
            self.before = event
            write_held_out_labels(self._folder, "before", self.held_out, labels)
        else:
            self._lowest = min(self._lowest, found.voi)
        if is_best:
            self._keep(network, f"best_{step}.pt", event)
            self.best = event
            write_held_out_labels(self._folder, "after", self.held_out, labels)
        self._seconds_a_score, self._scored_at = time.monotonic() - start, step
        return event

    def finish(self, why: Literal["budget", "stopped"]) -> Iterator[Event]:
        """Score for the last time and tell what came out."""
        self.state.save(self._folder / STATE)
        if self.held_out and self._scored_at != self.state.step:
            yield {"event": "stage", "text": "scoring on the held-out crops"}
            yield self.score()
            self._forget_worse()
        model = self.best["model"] if self.best else None
        if not self.held_out:
            model = f"best_{self.state.step}.pt"
            self._keep(self.state.averaged(self._product), model, None)
        finished: FinishedEvent = {
            "event": "finished",
            "why": why,
            "steps": self.state.step,
            "seconds": self.state.seconds,
            "before": self.before,
            "after": self.best or self.before,
            "model": model,
        }
        yield finished

    def _decided(self, parameters: TrainingParameters) -> TrainingParameters:
        """Return the parameters with what depends on device and budget decided: the rehearsal has another budget."""
        from napari_emcad.inference.engines.device import multiplies_bf16

        half = parameters.half if parameters.half is not None else multiplies_bf16(self._device)
        return parameters.model_copy(update={"half": half, "augmentation": parameters.augmented})

    def _forget_worse(self) -> None:
        """Remove what was the best before the best."""
        best = Path(self.best["model"]) if self.best and self.best["model"] else None
        kept = {best.stem, teacher_beside(best).stem} if best else set()
        for file in self._folder.glob("best_[0-9]*.*"):
            if file.stem not in kept:
                with suppress(OSError):  # else the next time
                    file.unlink()

    def _keep(self, network: "Student | Teacher", name: str, score: ScoreEvent | None) -> None:
        from napari_emcad.networks.checkpoint import save_model

        file, spent = self._folder / name, (self.state.step, self.state.seconds)
        if self._parameters.mode == "joint":  # first, so that it is there when the student is
            save_model(self.state.averaged("teacher"), teacher_beside(file), self._cards.teacher_card(*spent))
        save_model(network, file, self._cards.product_card(self._product, *spent, score, self.before))


def _load_networks(order: TrainingOrder) -> tuple["Networks", dict[str, ModelCard]]:
    """Load the networks of a run, or make them, and the cards of what they were before."""
    from napari_emcad.networks.cad_student import CadStudent
    from napari_emcad.networks.checkpoint import load_student, load_teacher
    from napari_emcad.networks.residual_unet import ResidualUNet, ResidualUNetConfig

    networks: Networks = {}
    cards = {"student": ModelCard(), "teacher": ModelCard()}
    if order.parameters.mode in NEEDS_STUDENT:
        if order.student:
            networks["student"], cards["student"] = load_student(order.student)
        else:
            networks["student"] = CadStudent()
    if order.parameters.mode in NEEDS_TEACHER:
        if order.teacher:
            networks["teacher"], cards["teacher"] = load_teacher(order.teacher)
        else:
            networks["teacher"] = ResidualUNet(
                ResidualUNetConfig(maps=order.teacher_maps) if order.teacher_maps else None
            )
    return networks, cards
