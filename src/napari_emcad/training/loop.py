"""The training loop, from top to bottom: student, teacher or both, with the losses of the mode."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from itertools import count, islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_emcad.core.crop import Crop
from napari_emcad.core.geometry import Shape, triple
from napari_emcad.core.in_threads import map_in_threads
from napari_emcad.training.align import rotation_towards, turned
from napari_emcad.training.augment import CHANCES, LIGHT
from napari_emcad.training.crops import (
    Batch,
    Views,
    Wanted,
    middle,
    random_batch,
    random_views,
    views_to_restore,
)
from napari_emcad.training.descent import descend, learning_rate
from napari_emcad.training.objective import Outputs, by_crop, total_loss
from napari_emcad.training.pairs import embed_pairs
from napari_emcad.training.params import NEEDS_LABELS, TrainingParameters
from napari_emcad.training.saved_state import TrainingState
from napari_emcad.training.truth import Truth
from napari_emcad.training.views import affinities_of_views, restored_sections


class Step(NamedTuple):
    """Report of one step of training."""

    step: int
    done: float  # of the budget, 0 to 1
    seconds: float  # since the run began, pauses between resumed parts not counted
    learning_rate: float
    loss: float
    parts: dict[str, float]  # each loss without its weight


TWINS = 0.5
"""Chance that next to a labelled section a copy of it stands for one of which nothing is known."""

Drawn = tuple[Batch, Views | None]
"""Labelled blocks, or blocks for a teacher to teach, and views of unlabelled ones."""


class Lesson(NamedTuple):
    """Sections that one step learns from."""

    images: Tensor  # (n, z, y, x) float32 in [0, 1]: the sections that the student sees
    truth: Truth  # of these sections and those that follow
    teacher: Tensor | None  # (n, e, z or more, y, x): outputs of the teacher for them
    views: Views | None  # of unlabelled blocks


def train(state: TrainingState, crops: Sequence[Crop], parameters: TrainingParameters) -> Iterator[Step]:
    """Train one `Step` at a time until the budget is spent; stop by not asking for the next.

    Parameters
    ----------
    state : TrainingState
        Changed in place.
    crops : sequence of Crop
    parameters : TrainingParameters

    Raises
    ------
    UserError
        If the loss is not a number any more.
    """
    shape, chances = parameters.crop.shape, LIGHT if parameters.augmented == "light" else CHANCES
    shown, defects = shown_shape(state, shape), parameters.defects_shown
    wanted = Wanted(parameters.crop.batch, shape, shown, chances, defects, twins=TWINS)
    unlabelled = [c for c in crops if not c.voxels_known] if state.objective.consistency else []
    taught = [c for c in crops if c not in unlabelled]

    def batch(number: int) -> Drawn:
        rng = np.random.default_rng((parameters.seed, number))
        drawn = random_batch(rng, taught, wanted)
        if state.objective.restore:
            return drawn, views_to_restore(rng, drawn.images)
        return drawn, random_views(rng, unlabelled, wanted) if unlabelled else None

    number, lessons_before = divmod(state.step, steps_a_batch(state, shape))
    if parameters.mode not in NEEDS_LABELS:
        taught = [replace(c, known=None) for c in taught]
    began = time.monotonic() - state.seconds
    if state.rotation is None and state.objective.interaction:
        state.rotation = _rotation(state, batch(number)[0].to(state.device), shape)
    with closing(map_in_threads(batch, count(number), threads=1)) as batches:
        lessons = islice(_lessons(state, batches, parameters), lessons_before, None)
        while (done := parameters.share_done(state.step, time.monotonic() - began)) < 1:
            state.train_mode()
            rate = learning_rate(parameters, state.step, done)
            loss, parts = _learn(state, next(lessons), parameters, rate)
            state.step, state.seconds = state.step + 1, time.monotonic() - began
            done = min(1.0, parameters.share_done(state.step, state.seconds))
            yield Step(state.step, done, state.seconds, rate, loss, parts)


def shown_shape(state: TrainingState, shape: Shape) -> Shape:
    """Return the shape of blocks that the networks are shown to learn blocks of this shape.

    A teacher may have margins and sizes of its own.
    """
    if "teacher" not in state.networks:
        return shape
    config = state.networks["teacher"].config
    sides = zip(shape, config.rasters, config.margin, strict=True)
    return triple(raster.at_least(n) + 2 * margin for n, raster, margin in sides)


def steps_a_batch(state: TrainingState, shape: Shape) -> int:
    """Return the steps that are made of a batch of blocks of this shape.

    Strategy: many small steps teach a student more than few large ones. The outputs of a frozen teacher for a block do
    not change, so it is run once, and the student makes a step of each pair of sections.
    """
    return shape[0] - 1 if "teacher" in state.networks and not state.objective.teacher_learns else 1


def _lessons(state: TrainingState, batches: Iterable[Drawn], parameters: TrainingParameters) -> Iterator[Lesson]:
    """Yield the lessons of all batches, each ready when it is asked for."""
    shape = parameters.crop.shape
    lessons = steps_a_batch(state, shape)
    sections = shape[0] - lessons + 1  # of a lesson: a pair, or the whole block
    for batch, views in batches:
        shown, *of_labels = batch.to(state.device)
        truth = Truth.of(*(middle(values, shape) for values in of_labels))
        with _autocast(state, parameters):
            teacher = teacher_outputs(state, shown, shape)
        images = middle(shown, shape)
        for z in range(lessons):
            of_lesson = None if teacher is None else teacher[:, :, z:]
            yield Lesson(images[:, z : z + sections], truth.sections(z), of_lesson, views)


def teacher_outputs(state: TrainingState, images: Tensor, shape: Shape) -> Tensor | None:
    """Return the teacher's outputs, turned towards the student; None if the step needs none.

    Parameters
    ----------
    state : TrainingState
    images : (n, z, y, x) float32 in [0, 1]
        Blocks of `shown_shape`.
    shape : (z, y, x)
        Shape of the middle, for which outputs are returned.
    """
    return _run_teacher(state, images, shape) if "teacher" in state.objective.networks(state.step) else None


def _run_teacher(state: TrainingState, images: Tensor, shape: Shape) -> Tensor:
    with nullcontext() if state.objective.teacher_learns else torch.no_grad():
        teacher = middle(state.networks["teacher"](images[:, None]), shape)
    return teacher if state.rotation is None else turned(teacher, state.rotation)


def student_embeddings(state: TrainingState, images: Tensor) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """Return the student's embeddings of every pair of images (n, z, y, x); None if it has no loss.

    They are (n, e, z - 1, y, x) each.
    """
    return _run_student(state, images) if "student" in state.objective.networks(state.step) else (None, None)


def _run_student(state: TrainingState, images: Tensor) -> tuple[Tensor, Tensor]:
    previous, current = (by_crop(e, len(images)) for e in embed_pairs(state.networks["student"], images))
    return previous, current


@torch.no_grad()
def _rotation(state: TrainingState, batch: Batch, shape: Shape) -> Tensor:
    """Return the rotation of the teacher's embeddings towards the student's, both as they are in use."""
    state.eval_mode()
    _, current = _run_student(state, middle(batch.images, shape))
    return rotation_towards(current, _run_teacher(state, batch.images, shape)[:, :, 1:])


def _autocast(state: TrainingState, parameters: TrainingParameters) -> torch.autocast:
    """Return a context for bf16 if it was asked for, except where torch's gradients would be wrong.

    On a CPU that multiplies in bf16 those of 3D convolutions over just two sections are (torch 2.13, oneDNN): by 30 %,
    or they are no numbers.
    """
    is_wrong = state.device == "cpu" and "teacher" in state.learning and parameters.crop.sections == 2
    return torch.autocast(state.device, torch.bfloat16, enabled=bool(parameters.half) and not is_wrong)


def _learn(
    state: TrainingState, lesson: Lesson, parameters: TrainingParameters, rate: float
) -> tuple[float, dict[str, float]]:
    """Make one step; return the loss and its parts."""
    of_affinities = "teacher" in state.networks and state.networks["teacher"].config.affinities
    with _autocast(state, parameters):
        previous, current = student_embeddings(state, lesson.images)
        outputs = Outputs(previous, current, lesson.teacher, of_affinities)
        if state.objective.consistency and lesson.views:
            outputs = replace(outputs, views=affinities_of_views(state, lesson.views, parameters.crop.shape))
        if state.objective.restore and lesson.views:
            outputs = replace(outputs, restored=restored_sections(state, lesson.views, parameters.crop.shape))
    losses = total_loss(outputs, lesson.truth, state.objective, state.step)
    loss = descend(state.optimiser, losses.total, rate, parameters.clip, state.step)
    for name, mean in state.means.items():
        mean.update_parameters(state.networks[name])
    return loss, {name: float(part) for name, part in losses.parts.items()}
