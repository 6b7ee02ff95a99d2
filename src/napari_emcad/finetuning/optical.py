"""Training for optical volumes on one screen: labelled volume -> foreground network, the best by its Dice.

    volume, labels --block by block--> SDASN, now and then --its foreground in the part held out--> the best so far

The best network is written as soon as it is found, beside and then renamed: whatever ends a run, it stays.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from napari_emcad import __version__
from napari_emcad.core.crop import Crop
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.neurites import dice
from napari_emcad.core.progress import drive
from napari_emcad.finetuning.events import StepEvent, step_event
from napari_emcad.networks.card import ModelCard
from napari_emcad.training.params import TrainingParameters

if TYPE_CHECKING:  # it brings torch, which takes seconds
    from napari_emcad.networks.sdasn import Sdasn

PARTS = 5
"""Parts of an axis of which one is held out, at one of its ends."""

LEAST = 32
"""Voxels on that axis that are held out at least."""

SCORES = 8
"""Times that a run scores the network, evenly over its budget; the last time is its end."""

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Thresholds of the foreground, among which the one with the highest Dice is recommended."""


class OpticalScoreEvent(TypedDict):
    """The network of a step is scored on what is held out."""

    event: Literal["score"]
    step: int
    dice: float
    threshold: float
    best: bool


class OpticalFinishedEvent(TypedDict):
    """The run has ended; `after` is the best score, None if there was none yet."""

    event: Literal["finished"]
    seconds: float
    after: OpticalScoreEvent | None


OpticalEvent = StepEvent | OpticalScoreEvent | OpticalFinishedEvent


@dataclass(frozen=True)
class OpticalLesson:
    """A labelled volume that is learnt from.

    Attributes
    ----------
    raw : (z, y, x)
        Grey values of any real dtype.
    labels : (z, y, x) integer
        Above 0 = foreground.
    name : str
        For the card.
    voxel_size : VoxelSize or None
        In nm, for the card; None = not known.
    """

    raw: NDArray[Any]
    labels: NDArray[np.integer]
    name: str
    voxel_size: VoxelSize | None = None


def train_optical(
    lesson: OpticalLesson,
    start: "tuple[Sdasn, ModelCard]",
    parameters: TrainingParameters,
    output: Path,
    device: str = "auto",
) -> Iterator[OpticalEvent]:
    """Train until the budget is spent, or nobody asks for the next event.

    Parameters
    ----------
    lesson : OpticalLesson
    start : (Sdasn, ModelCard)
        Network to begin with, trained in place, and its card, whose `black` and `white` are the grey levels; those of
        the data if it has none.
    parameters : TrainingParameters
        Budget, rates, blocks and seed.
    output : Path
        File of the best network.
    device : str

    Yields
    ------
    OpticalEvent
        Steps, scores, and that it finished.

    Raises
    ------
    UserError
        If the labels do not belong to the volume, are empty, or nothing can be held out.
    """
    from napari_emcad.inference.choice import choose_device
    from napari_emcad.inference.engines.device import reuse_memory
    from napari_emcad.networks.checkpoint import save_model
    from napari_emcad.training.foreground import ForegroundTraining

    reuse_memory()
    _check_lesson(lesson)
    network, card = start
    levels = _grey_levels(lesson, card)
    train, held_out = _hold_out_an_end(_crop_of(lesson, levels))
    training = ForegroundTraining(network, parameters, choose_device(device, trains=True).kind)
    marks: list[float] = [(n + 1) / SCORES for n in range(SCORES)]
    best: OpticalScoreEvent | None = None
    began = time.monotonic()
    for step in training.steps([train]):
        yield step_event(step)
        if step.done < marks[0]:
            continue
        marks = [mark for mark in marks if mark > step.done] or [np.inf]
        averaged = training.averaged()
        score = _score_event(averaged, held_out, step.step, device, best)
        if score["best"]:
            best = score
            save_model(averaged, output, _new_card(card, lesson, levels, score, time.monotonic() - began))
        yield score
    yield {"event": "finished", "seconds": time.monotonic() - began, "after": best}


def _check_lesson(lesson: OpticalLesson) -> None:
    if not np.isfinite(lesson.raw).all():
        raise UserError(f"{lesson.name}: it holds NaN or infinite values; replace them.")
    if max(lesson.raw.shape) < 2 * LEAST:
        raise UserError(
            f"{lesson.name}: at least {2 * LEAST} voxels along one axis are needed, got {max(lesson.raw.shape)}; "
            "choose a larger box."
        )


class _GreyLevels(NamedTuple):
    """Grey levels that become 0 and 1."""

    black: float
    white: float


def _grey_levels(lesson: OpticalLesson, card: ModelCard) -> _GreyLevels:
    from napari_emcad.inference.normalisation import Normalisation

    if card.black is not None and card.white is not None:
        return _GreyLevels(card.black, card.white)
    data = Normalisation.of(lesson.raw)
    return _GreyLevels(data.low, data.high)


def _crop_of(lesson: OpticalLesson, levels: _GreyLevels) -> Crop:
    from napari_emcad.inference.normalisation import Normalisation

    grey = Normalisation(*levels, clips=False).apply(lesson.raw)
    return Crop(grey, lesson.labels, name=lesson.name)


def _hold_out_an_end(crop: Crop) -> tuple[Crop, Crop]:
    """Cut a crop into one to learn from and one to score on: an end of the longest axis with foreground in both."""
    for axis in np.argsort(crop.raw.shape, kind="stable")[::-1].tolist():
        length = crop.raw.shape[axis]
        held = max(LEAST, length // PARTS)
        if length < 2 * held:
            break
        for train, held_out in ((slice(0, -held), slice(-held, None)), (slice(held, None), slice(0, held))):
            parts = _cut(crop, axis, train), _cut(crop, axis, held_out)
            if all(part.labels.any() for part in parts):
                return parts
    raise UserError(
        f"{crop.name}: foreground is needed in a part to learn from and in one to score on, at an end of the volume; "
        "choose a larger box, or look whether the labels are empty."
    )


def _cut(crop: Crop, axis: int, part: slice) -> Crop:
    z, y, x = (part if n == axis else slice(None) for n in range(3))
    return crop.cut((z, y, x))


def _score_event(
    network: "Sdasn", held_out: Crop, step: int, device: str, best: OpticalScoreEvent | None
) -> OpticalScoreEvent:
    """Score the network of a step, and compare with the best so far."""
    found, threshold = _best_dice(network, held_out, device)
    is_best = best is None or found > best["dice"]
    return {"event": "score", "step": step, "dice": found, "threshold": threshold, "best": is_best}


def _best_dice(network: "Sdasn", held_out: Crop, device: str) -> tuple[float, float]:
    """Return the highest Dice on what is held out, and its threshold."""
    from napari_emcad.inference.choice import choose_device
    from napari_emcad.inference.normalisation import Normalisation
    from napari_emcad.inference.predict_foreground import predict_foreground
    from napari_emcad.inference.prediction import Prediction

    box = Box.whole(held_out.raw.shape)
    probability = np.zeros(box.shape, np.uint8)
    as_it_is = Normalisation(0, 1, clips=False)
    prediction = Prediction(box, as_it_is, choose_device(device, trains=True))
    drive(predict_foreground(network, held_out.raw, probability, prediction))
    scores = [dice(probability >= 255 * threshold, held_out.labels) for threshold in THRESHOLDS]
    return max(scores), THRESHOLDS[int(np.argmax(scores))]


def _new_card(
    parent: ModelCard, lesson: OpticalLesson, levels: _GreyLevels, score: OpticalScoreEvent, seconds: float
) -> ModelCard:
    return parent.changed(
        title=f"{parent.title or 'SDASN'}, trained on {lesson.name}",
        description="Foreground probability of neurites in optical (light-microscopy) volumes: 0 = background, 1 = "
        f"neurite. {score['step']} steps, {seconds:.0f} s; napari-emcad {__version__}.",
        data=lesson.name,
        voxel_size=lesson.voxel_size or parent.voxel_size,
        scores={"Dice on what was held out": round(score["dice"], 4)},
        threshold=score["threshold"],
        black=levels.black,
        white=levels.white,
        date=time.strftime("%Y-%m-%d"),
        parent_sha256=parent.sha256,
    )
