"""Training for optical volumes on one screen: labelled volume -> foreground network, the best by its Dice.

    volume, labels --block by block--> SDASN, now and then --its foreground in the part held out--> the best so far

The best network is written as soon as it is found, beside and then renamed: whatever ends a run, it stays.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad import __version__
from napari_emcad.core.crop import Crop
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.neurites import dice
from napari_emcad.core.progress import drive
from napari_emcad.networks.card import ModelCard
from napari_emcad.training.params import TrainingParameters

PARTS, LEAST = 5, 32
"""One of so many parts of an axis is held out, at one of its ends; and so many voxels at least."""

SCORES = 8
"""Times that a run scores the network, evenly over its budget; the last time is its end."""

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the foreground, among which the one with the highest Dice is recommended."""


@dataclass(frozen=True)
class OpticalLesson:
    """What is learnt from.

    Attributes
    ----------
    raw : (z, y, x)
        Grey values of any real dtype.
    labels : (z, y, x) integer
        Above 0 = foreground.
    name : str
        For the card.
    """

    raw: NDArray
    labels: NDArray
    name: str


def train_optical(
    lesson: OpticalLesson, network, card: ModelCard, parameters: TrainingParameters, output: Path, device: str = "auto"
) -> Iterator[dict[str, Any]]:
    """Train until the budget is spent, or nobody asks for the next event.

    Parameters
    ----------
    lesson : OpticalLesson
    network : Sdasn
        To begin with; trained in place.
    card : ModelCard
        Of what it was before; its `black` and `white` are the grey levels, those of the data where it has none.
    parameters : TrainingParameters
        Budget, rates, blocks and seed.
    output : Path
        Where the best network goes.
    device : str

    Yields
    ------
    dict
        "step" with done, loss and seconds; "score" with step, dice, threshold and best; "finished" with the best score.

    Raises
    ------
    UserError
        Where the labels do not belong to the volume, are empty, or nothing can be held out.
    """
    from napari_emcad.inference.choice import choose_device
    from napari_emcad.inference.engines.device import reuse_memory
    from napari_emcad.training.foreground import ForegroundTraining

    reuse_memory()
    _check(lesson)
    levels = _levels(lesson, card)
    train, held_out = _parted(_crop(lesson, levels))
    run = ForegroundTraining(network, parameters, choose_device(device, trains=True).kind)
    marks, best, began = [(n + 1) / SCORES for n in range(SCORES)], None, time.monotonic()
    for step in run.steps([train]):
        yield {"event": "step", **step._asdict()}
        if step.done < marks[0]:
            continue
        marks = [mark for mark in marks if mark > step.done] or [np.inf]
        averaged = run.averaged()
        score = {"event": "score", "step": step.step, **_scored(averaged, held_out, device)}
        score["best"] = best is None or score["dice"] > best["dice"]
        if score["best"]:
            best = score
            _keep(averaged, output, _card(card, lesson, levels, score, time.monotonic() - began))
        yield score
    yield {"event": "finished", "seconds": time.monotonic() - began, "after": best}


def _check(lesson: OpticalLesson) -> None:
    if not np.isfinite(lesson.raw).all():
        raise UserError(f"{lesson.name}: it holds NaN or infinite values; replace them.")
    if max(lesson.raw.shape) < 2 * LEAST:
        raise UserError(
            f"{lesson.name}: at least {2 * LEAST} voxels along one axis are needed, got {max(lesson.raw.shape)}; "
            "choose a larger box."
        )


def _levels(lesson: OpticalLesson, card: ModelCard) -> tuple[float, float]:
    """Grey levels that become 0 and 1."""
    from napari_emcad.inference.normalisation import Normalisation

    if card.black is not None and card.white is not None:
        return card.black, card.white
    data = Normalisation.of(lesson.raw)
    return data.low, data.high


def _crop(lesson: OpticalLesson, levels: tuple[float, float]) -> Crop:
    from napari_emcad.inference.normalisation import Normalisation

    grey = Normalisation(*levels, clips=False).apply(lesson.raw)
    return Crop(grey, lesson.labels, name=lesson.name)


def _parted(crop: Crop) -> tuple[Crop, Crop]:
    """To learn from, and to score on: an end of the longest axis on which both parts have foreground."""
    for axis in np.argsort(crop.raw.shape, kind="stable")[::-1]:
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
    place = [slice(None)] * 3
    place[axis] = part
    return crop.cut(tuple(place))


def _scored(network, held_out: Crop, device: str) -> dict[str, float]:
    """The highest Dice on what is held out, and its threshold."""
    from napari_emcad.inference.choice import choose_device
    from napari_emcad.inference.normalisation import Normalisation
    from napari_emcad.inference.predict_foreground import predict_foreground
    from napari_emcad.inference.prediction import Prediction

    probability = np.zeros(held_out.raw.shape, np.uint8)
    as_it_is = Normalisation(0, 1, clips=False)
    prediction = Prediction(Box.whole(held_out.raw.shape), as_it_is, choose_device(device, trains=True))
    drive(predict_foreground(network, held_out.raw, probability, prediction))
    scores = [dice(probability >= 255 * threshold, held_out.labels) for threshold in THRESHOLDS]
    return {"dice": max(scores), "threshold": THRESHOLDS[int(np.argmax(scores))]}


def _keep(network, output: Path, card: ModelCard) -> None:
    from napari_emcad.networks.checkpoint import save_model

    save_model(network, output, card)


def _card(
    parent: ModelCard, lesson: OpticalLesson, levels: tuple[float, float], score: dict, seconds: float
) -> ModelCard:
    return parent.changed(
        title=f"{parent.title or 'SDASN'}, trained on {lesson.name}",
        description="Foreground probability of neurites in optical (light-microscopy) volumes: 0 = background, 1 = "
        f"neurite. {score['step']} steps, {seconds:.0f} s; napari-emcad {__version__}.",
        data=lesson.name,
        scores={"Dice on what was held out": round(score["dice"], 4)},
        threshold=score["threshold"],
        black=levels[0],
        white=levels[1],
        date=time.strftime("%Y-%m-%d"),
        parent_sha256=parent.sha256,
    )
