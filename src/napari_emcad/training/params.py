"""Parameters of a training run. No torch here: panels and the command line read them before a run."""

from math import inf
from types import MappingProxyType
from typing import Literal, NamedTuple, Self, TypedDict, Unpack, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_emcad.core.errors import UserError

Mode = Literal["student", "frozen-teacher", "joint", "teacher", "distil", "restore", "restore-teacher"]
"""Modes of training; `objective.OBJECTIVES` has the losses of each."""

MODES: MappingProxyType[Mode, str] = MappingProxyType(
    {
        "student": "student only: it learns from the labels",
        "frozen-teacher": "CAD, teacher as it is: the student learns from the labels and from the teacher",
        "joint": "CAD, teacher learns too: both learn from the labels, the student from the teacher as well",
        "teacher": "teacher only: it learns from the labels",
        "distil": "distillation: the student learns from the teacher alone, no labels are needed",
        "restore": "pre-training: the student learns to restore perturbed sections, no labels are needed",
        "restore-teacher": "pre-training: the teacher learns to restore perturbed sections, no labels are needed",
    }
)
"""Each mode and one line on it."""

RESTORES: frozenset[Mode] = frozenset({"restore", "restore-teacher"})
"""Modes in which a network learns to restore perturbed sections."""

NEEDS_LABELS: frozenset[Mode] = frozenset(get_args(Mode)) - {"distil"} - RESTORES
"""Modes that need labels."""

NEEDS_STUDENT: frozenset[Mode] = frozenset(get_args(Mode)) - {"teacher", "restore-teacher"}
"""Modes that need a student."""

NEEDS_TEACHER: frozenset[Mode] = frozenset(get_args(Mode)) - {"student", "restore"}
"""Modes that need a teacher."""

HEARS_TEACHER: frozenset[Mode] = NEEDS_TEACHER & NEEDS_STUDENT
"""Modes in which crops of which nothing is known teach the student as well."""

LEARNS_ALONE: frozenset[Mode] = NEEDS_LABELS - HEARS_TEACHER
"""Modes in which such crops teach by consistency, if that is asked for."""


Augmentation = Literal["light", "full"]
"""Flips and quarter turns only, or all of `augment.CHANCES`."""

Consistency = Literal["off", "plain", "ema"]
"""Consistency of a network without a teacher on unlabelled crops.

"plain" = it must give the same for two perturbed views of them; "ema" = for one view, what the running mean of its
weights gives for the other (Huang et al., IEEE TMI 2022: SSNS-Net).
"""

Loss = Literal["mse", "malis"]
"""Losses against the labels: balanced squared errors alone, or with those weighted by pairs of voxels besides."""

SHORT_STEPS, SHORT_MINUTES = 1000, 10
"""Budgets up to which a run is short, and light augmentation is better (docs/benchmarks.md)."""


class DefectChances(BaseModel):
    """Chances, 0 to 1, that a section of a block is shown with a defect; no section has two (`training.defects`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    missing: float = Field(0, ge=0, le=1, title="Missing", description="Blank, all of it or on one side.")
    pale: float = Field(0, ge=0, le=1, title="Pale", description="With little contrast.")
    blurred: float = Field(0, ge=0, le=1, title="Blurred", description="Out of focus.")
    slipped: float = Field(0, ge=0, le=1, title="Slipped", description="Moved, or it and all that follow.")
    wrong: float = Field(0, ge=0, le=1, title="Wrong", description="Mirrored or turned by half a turn.")

    @model_validator(mode="after")
    def _are_shares(self) -> Self:
        if self.total > 1 + 1e-9:
            raise ValueError(f"chances of at most 1 together are needed, got {self.total:g}; lower some.")
        return self

    @property
    def total(self) -> float:
        """Chance that a section has any defect."""
        return self.missing + self.pale + self.blurred + self.slipped + self.wrong


NO_DEFECTS = DefectChances()
"""Every section is shown as it is."""

FEW_DEFECTS = DefectChances(missing=0.01, pale=0.01, blurred=0.01, slipped=0.01, wrong=0.01)
"""One section in twenty has a defect, each kind as often."""


class CropSize(NamedTuple):
    """Size of the crops that a step sees."""

    batch: int
    sections: int
    size: int  # height and width, pixels

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one block, z y x."""
        return self.sections, self.size, self.size


PAIRS = CropSize(batch=2, sections=2, size=160)
"""Crops of a student alone: two sections are all it sees. Many small steps teach more in a minute than few large."""

BLOCKS = CropSize(batch=2, sections=5, size=160)
"""Crops of student and teacher: as deep as grafting looks back, four sections."""

DEEP_BLOCKS = CropSize(batch=2, sections=12, size=112)
"""Crops of a teacher alone.

There are two blocks, as torch's fast 3D convolutions for a CPU want a large input or more than one.
"""

CROPS: MappingProxyType[Mode, CropSize] = MappingProxyType(
    {
        "student": PAIRS,
        "frozen-teacher": BLOCKS,
        "joint": BLOCKS,
        "teacher": DEEP_BLOCKS,
        "distil": BLOCKS,
        "restore": PAIRS,
        "restore-teacher": DEEP_BLOCKS,
    }
)
"""Mode -> its crops."""

BYTES_A_VOXEL: MappingProxyType[Mode, int] = MappingProxyType(
    {
        "student": 3800,
        "frozen-teacher": 2400,
        "joint": 8600,
        "teacher": 5500,
        "distil": 2400,
        "restore": 3800,
        "restore-teacher": 5500,
    }
)
"""Peak memory a voxel of a step's crops, fp32; measured with networks of the published size, small ones take less."""

VIEWS_SEEN: MappingProxyType[Consistency, float] = MappingProxyType({"off": 1, "plain": 2, "ema": 1.5})
"""Blocks, and views of unlabelled ones, whose gradients a step keeps for each block of the batch."""

PROCESS_BYTES = 300_000_000
"""Bytes of a process that trains before the first step; measured: 290 MB."""


class TrainingChoices(TypedDict, total=False):
    """Fields of `TrainingParameters`, those that somebody chose."""

    mode: Mode
    steps: int | None
    minutes: float | None
    batch: int | None
    sections: int | None
    size: int | None
    consistency: Consistency
    loss: Loss
    augmentation: Augmentation | None
    defects: DefectChances | None
    learning_rate: float
    weight_decay: float
    warm_up: int
    ema: float
    clip: float
    half: bool | None
    seed: int


class TrainingParameters(BaseModel):
    """Parameters of a run. It ends with the step or the minute budget, whichever is spent first."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mode: Mode = Field("student", title="Mode")
    steps: int | None = Field(None, ge=1, title="Steps", description="Optimiser steps in all.")
    minutes: float | None = Field(None, gt=0, title="Minutes", description="Time for all of it, validation included.")
    batch: int | None = Field(None, ge=1, title="Batch", description="Crops a step; None = by the mode.")
    sections: int | None = Field(None, ge=2, title="Sections", description="Sections of a crop; None = by the mode.")
    size: int | None = Field(
        None, ge=32, multiple_of=16, title="Crop", description="Height and width, pixels; None = by the mode."
    )
    consistency: Consistency = Field(
        "off", title="Uncorrected sections", description="They teach too, by two perturbed views of them."
    )
    loss: Loss = Field("mse", title="Loss", description="Against labels: balanced MSE alone, or with MALIS besides.")
    augmentation: Augmentation | None = Field(
        None, title="Augmentation", description="None = light for a short budget, full for a long one."
    )
    defects: DefectChances | None = Field(
        None, title="Defects", description="Of sections that are shown; None = none if light, few if full."
    )
    learning_rate: float = Field(1e-3, gt=0, title="Learning rate", description="Peak, reached after the warm-up.")
    weight_decay: float = Field(1e-4, ge=0, title="Weight decay")
    warm_up: int = Field(10, ge=0, title="Warm-up", description="Steps until the peak learning rate.")
    ema: float = Field(0.97, ge=0, lt=1, title="EMA", description="Decay of the running mean of the weights.")
    clip: float = Field(1.0, gt=0, title="Gradient clipping", description="Largest norm of a step's gradient.")
    half: bool | None = Field(
        None, title="bf16", description="Weights and losses stay in fp32; None = where the device has it."
    )
    seed: int = Field(0, ge=0, title="Seed", description="Two runs with one seed and a step budget agree on a CPU.")

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.steps is None and self.minutes is None:
            raise ValueError("steps or minutes are needed, or the run would never end.")
        return self

    @model_validator(mode="after")
    def _has_one_network(self) -> Self:
        if self.consistency != "off" and self.mode not in LEARNS_ALONE:
            raise ValueError(
                f'consistency: a student or a teacher that learns alone is needed, got mode "{self.mode}"; there '
                "unlabelled crops teach by the teacher."
            )
        return self

    @model_validator(mode="after")
    def _restores_good_sections(self) -> Self:
        if self.defects and self.defects.total and self.mode in RESTORES:
            raise ValueError(f'defects: sections are restored as they are in mode "{self.mode}"; leave them out.')
        return self

    @classmethod
    def of(cls, **choices: Unpack[TrainingChoices]) -> Self:
        """Return the parameters given, and defaults for the others.

        Raises
        ------
        UserError
            If one is not known or out of range: a sentence on the first.
        """
        try:
            return cls(**choices)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"])) or "budget"
            raise UserError(f"{name}: {first['msg'].removeprefix('Value error, ').rstrip('.')}.") from error

    @property
    def crop(self) -> CropSize:
        """Crops as asked for, and the mode's default for the rest."""
        default = CROPS[self.mode]
        return CropSize(self.batch or default.batch, self.sections or default.sections, self.size or default.size)

    @property
    def augmented(self) -> Augmentation:
        """Augmentation as asked for, or the one that suits the budget."""
        short = (self.steps or inf) <= SHORT_STEPS or (self.minutes or inf) <= SHORT_MINUTES
        return self.augmentation or ("light" if short else "full")

    @property
    def defects_shown(self) -> DefectChances:
        """Defects as asked for, or those that suit the augmentation; none where sections are restored."""
        if self.mode in RESTORES:
            return NO_DEFECTS
        return self.defects or (NO_DEFECTS if self.augmented == "light" else FEW_DEFECTS)

    @property
    def memory(self) -> int:
        """Bytes at the peak, about; on a GPU most of them are that device's."""
        crop = self.crop
        voxels = VIEWS_SEEN[self.consistency] * crop.batch * crop.sections * crop.size**2
        return PROCESS_BYTES + int(BYTES_A_VOXEL[self.mode] * voxels)

    def share_done(self, step: int, seconds: float) -> float:
        """Return the share of the budget that is spent, 0 to 1 and above."""
        of_steps = step / self.steps if self.steps else 0.0
        of_time = seconds / (60 * self.minutes) if self.minutes else 0.0
        return max(of_steps, of_time)
