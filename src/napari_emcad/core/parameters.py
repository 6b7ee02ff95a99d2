"""Parameters of both methods, as people type, save and send them: the form, the command line and files speak of these.

A model with fields says what may be given, and a TypedDict of the same fields lets a type checker see a misspelt one in
a call; tests/core/test_parameters.py holds the two together.
"""

from math import sqrt
from typing import Any, Self, TypedDict

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from napari_emcad.core.choices import DEFAULT_SCORING, DEFAULT_SEED_SIGMA, SCORINGS, WISHES, Agglomeration, Crumbs
from napari_emcad.core.errors import UserError
from napari_emcad.core.pixel_size import COARSEST, FINEST, OWN, Scale, can_be_seen

_DEVICE = f"One of {', '.join(WISHES)}."


class Parameters(BaseModel):
    """Parameters that are read once, checked and never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def of(cls, **options: Any) -> Self:
        """Return the parameters given, with defaults for the others.

        Raises
        ------
        UserError
            One sentence on the first that is not known or out of range.
        """
        try:
            return cls(**options)
        except ValidationError as error:
            raise UserError(cls._sentence(error)) from error

    @classmethod
    def _sentence(cls, refusal: ValidationError) -> str:
        """Return one sentence for the first error: the parameter, what is needed, what came."""
        error = refusal.errors()[0]
        name = ".".join(map(str, error["loc"]))
        if error["type"] == "extra_forbidden":
            return f"{name}: there is no such parameter; choose among {', '.join(cls.model_fields)}."
        if error["type"] == "value_error":  # a sentence of ours, which says what came
            return f"{name}: {error['ctx']['error']}"
        return f"{name}: {error['msg']}, got {error['input']!r}."


class SegmentParameters(Parameters):
    """Parameters of the method for EM stacks."""

    threshold: float | None = Field(
        None, ge=0, le=1, title="Threshold", description="Higher merges more; None = what the model's card recommends."
    )
    min_size: int = Field(
        100, ge=0, title="Smallest neuron", description="Voxels of the stack; smaller segments are crumbs."
    )
    crumbs: Crumbs = Field("strongest", title="Crumbs", description="Join the strongest neighbour, or become 0.")
    seed_sigma: float = Field(
        DEFAULT_SEED_SIGMA,
        ge=0,
        le=20,
        title="Seed smoothing",
        description="Pixels as the network sees them; higher gives fewer fragments.",
    )
    agglomeration: Agglomeration = Field(
        "waterz", title="Agglomeration", description="waterz joins contact by contact, multicut weighs all at once."
    )
    scoring: str = Field(DEFAULT_SCORING, title="Scoring", description="Affinity statistic of an edge, of waterz.")
    device: str = Field("auto", title="Device", description=_DEVICE)
    black: float | None = Field(None, title="Black", description="Grey level that becomes 0; None = from the data.")
    white: float | None = Field(None, title="White", description="Grey level that becomes 1; None = from the data.")
    scale: Scale | None = Field(
        None,
        title="Scale",
        description="Pixels of the stack, y x, that the network sees as one; None = those of the model's pixel size.",
    )

    @property
    def pixel(self) -> float:
        """Pixels of the stack, a side, that count as one to the network; 1 if the scale is not resolved."""
        y, x = self.scale or OWN
        return sqrt(y * x)

    @field_validator("scale")
    @classmethod
    def _usable(cls, scale: Scale | None) -> Scale | None:
        """Refuse factors that nothing would be left at, or that take many times the work."""
        if scale is not None and not can_be_seen(scale):
            raise ValueError(f"two factors from 1/{COARSEST:g} to {FINEST:g} are needed, got {scale}.")
        return scale

    @field_validator("scoring")
    @classmethod
    def _compiled(cls, scoring: str) -> str:
        """Refuse a scoring that waterz does not bring compiled."""
        if scoring not in SCORINGS:
            raise ValueError(f'one of {", ".join(SCORINGS)} is needed, got "{scoring}".')
        return scoring


class AgglomerationOptions(TypedDict, total=False):
    """Fields of `SegmentParameters` that the agglomeration alone needs, for functions that take them one by one."""

    threshold: float | None
    min_size: int
    crumbs: Crumbs
    seed_sigma: float
    agglomeration: Agglomeration
    scoring: str


class SegmentOptions(AgglomerationOptions, total=False):
    """Fields of `SegmentParameters`, for functions that take them one by one."""

    device: str
    black: float | None
    white: float | None
    scale: Scale | None


class ResolvedSegmentParameters(SegmentParameters):
    """Parameters that a run really uses: nothing in them is left to the model or the data."""

    threshold: float
    black: float
    white: float
    scale: Scale = OWN  # files from before there was one


class OpticalParameters(Parameters):
    """Parameters of the method for optical volumes."""

    threshold: float | None = Field(
        None, ge=0, le=1, title="Threshold", description="Higher keeps less; None = what the model's card recommends."
    )
    min_size: int = Field(100, ge=0, title="Smallest neurite", description="Voxels; smaller pieces become 0.")
    device: str = Field("auto", title="Device", description=_DEVICE)
    black: float | None = Field(None, title="Black", description="Grey level that becomes 0; None = the model's.")
    white: float | None = Field(None, title="White", description="Grey level that becomes 1; None = the model's.")


class OpticalOptions(TypedDict, total=False):
    """Fields of `OpticalParameters`, for functions that take them one by one."""

    threshold: float | None
    min_size: int
    device: str
    black: float | None
    white: float | None


class ResolvedOpticalParameters(OpticalParameters):
    """Parameters that a run really uses: nothing in them is left to the model or the data."""

    threshold: float
    black: float
    white: float
