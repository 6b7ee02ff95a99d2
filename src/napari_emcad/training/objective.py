"""The objective that a step of training minimises: the losses of distillation, each with its weight.

The ways to train are settings of one function, `total_loss`:

                     student  teacher  cross  interaction   teacher learns
    STUDENT_ONLY        1        -       -         -              -
    TEACHER_ONLY        -        1       -         -             yes
    FROZEN_TEACHER      1        -       1         1              no
    JOINT               1        1       1         1             yes
    DISTIL              -        -       1         -              no
    RESTORE             -        -       -         -             yes

Where a network learns alone, unlabelled crops can teach it by consistency. To restore perturbed sections (the
pre-training of SSNS-Net) is a loss of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from napari_emcad.core.affinities import NEAREST, Offset
from napari_emcad.networks.embedding import affinities_of_embeddings, pair_affinities
from napari_emcad.networks.teacher import TEACHER_OFFSETS
from napari_emcad.training.losses import (
    consistency_loss,
    cross_loss,
    interaction_loss,
    restoring_loss,
    student_loss,
    teacher_loss,
)
from napari_emcad.training.malis import malis_loss, student_malis
from napari_emcad.training.params import Loss, Mode
from napari_emcad.training.truth import Truth


class Objective(BaseModel):
    """Weights of the losses, and what the teacher does; a loss of weight 0 is not computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    student: float = Field(1.0, ge=0, title="Student", description="Weight of the student's loss against labels.")
    teacher: float = Field(1.0, ge=0, title="Teacher", description="Weight of the teacher's loss against labels.")
    cross: float = Field(
        1.0, ge=0, title="Distillation", description="Weight of the student's loss against the teacher."
    )
    interaction: float = Field(1.0, ge=0, title="Grafting", description="Weight of the student among teacher sections.")
    consistency: float = Field(0.0, ge=0, title="Consistency", description="Weight of two views saying the same.")
    restore: float = Field(0.0, ge=0, title="Restoring", description="Weight of grey levels restored.")
    loss: Loss = Field("mse", title="Loss", description="Loss of student and teacher against labels.")
    warm_up: int = Field(0, ge=0, title="Teacher warm-up", description="Steps before the student hears the teacher.")
    teacher_learns: bool = Field(True, title="Teacher learns", description="Otherwise no gradient reaches it.")
    teach_back: bool = Field(False, title="Teach back", description="Distillation changes the teacher too.")

    @model_validator(mode="after")
    def _teaches_something(self) -> "Objective":
        if not self.weights(0):
            raise ValueError("objective: a loss with a weight above 0 is needed from the first step on, got none.")
        if self.teacher and not self.teacher_learns:
            raise ValueError(f"objective: a teacher that does not learn has no loss, got weight {self.teacher}; set 0.")
        return self

    def weights(self, step: int) -> dict[str, float]:
        """Return the losses that count in this step, 0 being the first, and their weights."""
        weights = {name: getattr(self, name) for name in TERMS}
        return {name: w for name, w in weights.items() if w and (step >= self.warm_up or name in BY_LABELS)}

    def networks(self, step: int) -> frozenset[str]:
        """Return the names of the networks that must be run in this step: "student", "teacher"."""
        return frozenset().union(*(NETWORKS[name] for name in self.weights(step)))


@dataclass(frozen=True)
class Outputs:
    """Embeddings of a batch of crops, not normalised; None for a network that was not run.

    Attributes
    ----------
    previous, current : (n, e, p, y, x) float
        The student's, of the first and the second section of every pair; see `by_crop`.
    teacher : (n, e, z, y, x) float
        The teacher's, of all z sections: those of the p pairs, and maybe some that follow.
    of_affinities : bool
        True if the teacher gave affinities z, y, x in [0, 1] and no embeddings.
    views : (first, second, shown), (n, 3, z, y, x) each
        Affinities of two views of unlabelled blocks, and a mask of those that both show; None without such a loss.
    restored : (restored, sections), (n, z, y, x) each
        Grey levels made of perturbed sections, and those of the sections; None without such a loss.

    Raises
    ------
    ValueError
        If student and teacher saw crops that do not belong together; later, if an output is asked for that is None.
    """

    previous: Tensor | None = None
    current: Tensor | None = None
    teacher: Tensor | None = None
    of_affinities: bool = False
    views: tuple[Tensor, Tensor, Tensor] | None = None
    restored: tuple[Tensor, Tensor] | None = None

    def __post_init__(self) -> None:
        shapes = [_without_channels(t) for t in (self.previous, self.current, self.teacher) if t is not None]
        planes = {(n, y, x) for n, _, y, x in shapes}
        pairs = {t.shape[2] for t in (self.previous, self.current) if t is not None}
        unseen = self.teacher is not None and max(pairs, default=0) >= self.teacher.shape[2]
        if len(planes) > 1 or len(pairs) > 1 or unseen:
            raise ValueError(f"outputs: crops (n, z, y, x) that belong together are needed, got {shapes}; crop them.")

    @property
    def networks(self) -> frozenset[str]:
        """Names of the networks that were run: "student", "teacher"."""
        run = {"student": self.current, "teacher": self.teacher}
        return frozenset(name for name, embeddings in run.items() if embeddings is not None)

    @cached_property
    def student_affinities(self) -> Tensor:
        """(n, 3, p, y, x) float32: affinities of the student."""
        pair = _needed(self.previous, "student"), _needed(self.current, "student")
        previous, current = (values.transpose(1, 2).flatten(0, 1).float() for values in pair)
        return by_crop(pair_affinities(previous, current), len(pair[1]))

    @cached_property
    def teacher_nearest(self) -> Tensor:
        """(n, 3, z, y, x) float32: the teacher's nearest affinities, apart from farther ones.

        A frozen teacher needs no others.
        """
        outputs = _needed(self.teacher, "teacher").float()
        return outputs if self.of_affinities else affinities_of_embeddings(outputs, NEAREST)

    @property
    def teacher_offsets(self) -> tuple[Offset, ...]:
        """Offsets that the teacher learns: farther neighbours too, if it gives embeddings."""
        return NEAREST if self.of_affinities else TEACHER_OFFSETS

    @cached_property
    def teacher_affinities(self) -> Tensor:
        """(n, 12 or 3, z, y, x) float32: affinities of `teacher_offsets`."""
        if self.of_affinities:
            return self.teacher_nearest
        return affinities_of_embeddings(_needed(self.teacher, "teacher").float(), self.teacher_offsets)


class Losses(NamedTuple):
    """The number to minimise and what it is made of."""

    total: Tensor  # scalar
    parts: dict[str, Tensor]  # scalars without weight and gradient


def total_loss(outputs: Outputs, truth: Truth, objective: Objective, step: int = 0) -> Losses:
    """Return the weighted sum of the losses that count in this step.

    Parameters
    ----------
    outputs : Outputs
        Outputs of the networks that `objective.networks(step)` names.
    truth : Truth
        Truth of the same crops. If nothing is known only the distillation teaches.
    objective : Objective
    step : int
        0 = the first.

    Raises
    ------
    ValueError
        If the outputs of a network are missing.
    """
    if missing := objective.networks(step) - outputs.networks:
        raise ValueError(
            f"outputs: this objective needs embeddings of the {' and the '.join(sorted(missing))}; run it."
        )
    if outputs.teacher is not None and not objective.teacher_learns:
        outputs = replace(outputs, teacher=outputs.teacher.detach())
    weights = objective.weights(step)
    losses = {name: TERMS[name](outputs, truth, objective) for name in weights}
    total = reduce(add, (weight * losses[name] for name, weight in weights.items()))
    return Losses(total, {name: loss.detach() for name, loss in losses.items()})


def by_crop(of_pairs: Tensor, n: int) -> Tensor:
    """Return (n * p, c, y, x), the pairs of a crop one after the other, as (n, c, p, y, x)."""
    return of_pairs.unflatten(0, (n, len(of_pairs) // n)).transpose(1, 2)


T = TypeVar("T")


def _needed(output: T | None, network: str) -> T:
    if output is None:
        raise ValueError(f"outputs: those of the {network} are needed, got none; run it.")
    return output


def _without_channels(embeddings: Tensor) -> tuple[int, int, int, int]:
    n, _, z, y, x = embeddings.shape
    return n, z, y, x


def _student(outputs: Outputs, truth: Truth, objective: Objective) -> Tensor:
    mse = student_loss(outputs.student_affinities, truth)
    return mse if objective.loss == "mse" else mse + student_malis(outputs.student_affinities, truth)


def _teacher(outputs: Outputs, truth: Truth, objective: Objective) -> Tensor:
    mse = teacher_loss(outputs.teacher_affinities, truth, outputs.teacher_offsets)
    return mse if objective.loss == "mse" else mse + malis_loss(outputs.teacher_nearest, truth)


def _cross(outputs: Outputs, truth: Truth, objective: Objective) -> Tensor:
    return cross_loss(outputs.student_affinities, outputs.teacher_nearest, objective.teach_back, truth.seen)


def _interaction(outputs: Outputs, truth: Truth, objective: Objective) -> Tensor:
    previous, current = _needed(outputs.previous, "student"), _needed(outputs.current, "student")
    return interaction_loss(previous, current, _needed(outputs.teacher, "teacher"), truth)


def _consistency(outputs: Outputs, truth: Truth, objective: Objective) -> Tensor:
    return consistency_loss(*_needed(outputs.views, "network on two views"))


def _restore(outputs: Outputs, truth: Truth, objective: Objective) -> Tensor:
    return restoring_loss(*_needed(outputs.restored, "network on perturbed sections"))


TERMS: dict[str, Callable[[Outputs, Truth, Objective], Tensor]] = {
    "student": _student,
    "teacher": _teacher,
    "cross": _cross,
    "interaction": _interaction,
    "consistency": _consistency,
    "restore": _restore,
}
"""Loss -> its function."""

NETWORKS: dict[str, set[str]] = {
    "student": {"student"},
    "teacher": {"teacher"},
    "cross": {"student", "teacher"},
    "interaction": {"student", "teacher"},
    "consistency": set(),
    "restore": set(),
}
"""Loss -> networks that it needs."""

BY_LABELS = {"student", "teacher"}
"""Losses that count during the warm-up."""

STUDENT_ONLY = Objective(teacher=0, cross=0, interaction=0, teacher_learns=False)
TEACHER_ONLY = Objective(student=0, cross=0, interaction=0)
FROZEN_TEACHER = Objective(teacher=0, teacher_learns=False)
JOINT = Objective()
DISTIL = Objective(student=0, teacher=0, interaction=0, teacher_learns=False)
RESTORE = Objective(student=0, teacher=0, cross=0, interaction=0, restore=1)

OBJECTIVES: dict[Mode, Objective] = {
    "student": STUDENT_ONLY,
    "frozen-teacher": FROZEN_TEACHER,
    "joint": JOINT,
    "teacher": TEACHER_ONLY,
    "distil": DISTIL,
    "restore": RESTORE,
    "restore-teacher": RESTORE,
}
"""Mode -> its objective."""
