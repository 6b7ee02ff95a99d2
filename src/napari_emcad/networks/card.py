"""The model card: facts about a checkpoint, in a form that people read and files carry. No torch here.

A card file may hold two cards for a moment, the new one and that of the weights before, so that whatever weights lie
beside it have theirs; see `write_model`.
"""

import hashlib
import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.atomic import replace_files, replace_in_turn
from napari_emcad.io.regular_files import open_regular, read_regular

Role = Literal["student", "teacher", "foreground"]
"""Roles of networks.

Students and teachers give affinities of EM stacks, fast and slowly; foreground networks find neurites in optical
volumes.
"""

GreyRange = tuple[float, float]
"""Grey levels that 0.5 and 99.5 percent of the voxels lie below, on the scale of the network: 0 to 1."""

SUFFIXES = (".pt", ".ckpt")
"""Endings of weights files that are written."""

READ_SUFFIXES = (*SUFFIXES, ".pth", ".safetensors", ".bin", ".th", ".tar")
"""Usual endings of weights files; what a file is read as depends on its content."""

LONGEST = 1 << 20
"""Bytes of the longest card."""

_SHOWN = 200
"""Letters of what is wrong with a card that are shown."""

_Line = Annotated[str, Field(max_length=500)]
"""A fact of a line."""

_Text = Annotated[str, Field(max_length=20_000)]
"""A fact that may take a page."""

_MANY = 10**15
"""More than any network has of anything."""

_Number = Annotated[float, Field(ge=-1e9, le=1e9)]
"""A number that can be shown."""

_SHA256 = r"^([0-9a-f]{64})?$"
"""Pattern of a SHA-256, or nothing."""


class ModelCard(BaseModel):
    """Facts about one checkpoint; empty text and None mean that the fact is not stated.

    The first block is read off the weights and written anew whenever they are saved or inspected. The second block is
    stated by whoever trained them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    role: Role = Field("student", title="Role")
    architecture: _Line = Field("", title="Architecture", description="Name of the network.")
    parameters: int = Field(
        0, ge=0, le=_MANY, title="Values", description="Numbers in the state dict, running means included."
    )
    maps: int | None = Field(None, ge=1, le=_MANY, title="Maps", description="Feature maps at full resolution.")
    embedding_channels: int | None = Field(None, ge=1, le=_MANY, title="Embedding channels")
    sha256: str = Field("", pattern=_SHA256, title="SHA-256", description="Hash of the weights file, 64 hex digits.")
    note: _Text = Field("", title="Note", description="What was chosen or converted when the weights were read.")

    iteration: int | None = Field(
        None, ge=0, le=_MANY, title="Iteration", description="Optimiser steps of its training."
    )
    title: _Line = Field("", title="Title")
    description: _Text = Field("", title="Description")
    data: _Text = Field("", title="Data", description="Training data with their source.")
    licence: _Text = Field("", title="Licence")
    voxel_size: VoxelSize | None = Field(
        None, title="Voxel size", description="Voxel size of the training data, nm, z y x."
    )
    scores: dict[_Line, _Number] = Field(
        default_factory=dict,
        max_length=1000,
        title="Scores",
        description='"MEASURE on DATA" -> value; the first is shown in one line.',
    )
    date: _Line = Field("", title="Date", description="ISO 8601.")
    commit: _Line = Field("", title="Commit", description="Commit of the code that trained it.")
    parent_sha256: str = Field(
        "", pattern=_SHA256, title="Parent", description="SHA-256 of the model it was fine-tuned from."
    )
    threshold: float | None = Field(
        None, ge=0, le=1, title="Threshold", description="Recommended threshold of agglomeration, or of the foreground."
    )
    grey_range: GreyRange | None = Field(
        None, title="Grey range", description="Percentiles 0.5 and 99.5 of the training data, as the network sees them."
    )
    black: _Number | None = Field(None, title="Black", description="Grey level that is 0 to a foreground network.")
    white: _Number | None = Field(None, title="White", description="Grey level that is 1 to a foreground network.")

    @field_validator("voxel_size")
    @classmethod
    def _positive(cls, size: VoxelSize | None) -> VoxelSize | None:
        if size is not None and not size.is_possible:
            raise ValueError(f"edge lengths above 0 nm are needed, got {tuple(size)}")
        return size

    @field_validator("grey_range")
    @classmethod
    def _rising(cls, greys: GreyRange | None) -> GreyRange | None:
        if greys is not None and not 0 <= greys[0] < greys[1] <= 1:
            raise ValueError(f"two grey levels from 0 to 1 are needed, the lower one first, got {greys}")
        return greys

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a card from JSON.

        Raises
        ------
        UserError
            If the file cannot be read or is no card.
        """
        path = Path(path)
        file = _read(path)
        return cls.model_validate(file.model_dump(exclude={"before"}))

    def save(self, path: str | Path) -> None:
        """Write the card as JSON, beside and then renamed.

        Raises
        ------
        UserError
            If the file cannot be written.
        """
        replace_files({Path(path): self.as_json()})

    def as_json(self) -> bytes:
        """Return the content of a card file; the note is read off the weights each time."""
        return self.model_dump_json(indent=2, exclude={"note"}).encode() + b"\n"

    def _as_json_behind(self, before: "ModelCard | None") -> bytes:
        """Return the content of a card file that goes with the weights before, too."""
        old = None if before is None else before.model_dump(mode="json", exclude={"note"})
        own = self.model_dump(mode="json", exclude={"note"})
        return _CardFile.model_validate({**own, "before": old}).model_dump_json(indent=2).encode() + b"\n"

    def changed(self, **fields: object) -> Self:
        """Return a validated copy with some fields set anew."""
        return type(self).model_validate({**self.model_dump(), **fields})

    def summary(self) -> str:
        """Return one line for the panel: "student, 0.9 M values, trained at 30 x 6 x 6 nm, VOI 0.61 on AC4[80:100]"."""
        kind = self.role if self.role == "student" else self.architecture or self.role
        parts = [kind, _count(self.parameters), _trained_at(self.voxel_size)]
        parts += [_score(*score) for score in list(self.scores.items())[:1]]
        return ", ".join([*parts, *([self.note] if self.note else [])])


def card_path(weights: str | Path) -> Path:
    """Return the place of the card of a weights file: NAME.json of NAME.pt, NAME.ckpt.json of NAME.ckpt, and so on.

    A published AC34.ckpt and an AC34.pt with its card may share a folder.
    """
    weights = Path(weights)
    return weights.with_suffix(".json") if weights.suffix == ".pt" else weights.with_name(f"{weights.name}.json")


def card_beside(weights: str | Path) -> ModelCard | None:
    """Return the card that lies beside a weights file, not compared with it; None if there is none.

    Raises
    ------
    UserError
        If it cannot be read or is no card.
    """
    weights = Path(weights)
    path = card_path(weights)
    if weights.suffix not in READ_SUFFIXES or not os.path.lexists(path):
        return None
    file = _read(path)
    if "before" in file.model_fields_set and file.sha256 != _hash_of(weights):
        return file.before  # a program was killed between the two
    return ModelCard.model_validate(file.model_dump(exclude={"before"}))


def write_model(path: Path, content: bytes, card: ModelCard) -> None:
    """Write weights and their card, in place of older ones: whenever a program is killed, the old or the new are there.

    Strategy: the card comes first, and holds that of the older weights, too, as long as these may be there; where there
    are no weights a card is no model yet.

    Raises
    ------
    UserError
        If they cannot be written; what was there before then stays.
    """
    beside, new = card_path(path), card.as_json()
    if path.exists():
        replace_in_turn([(beside, card._as_json_behind(_older(path))), (path, content), (beside, new)])
    else:
        replace_in_turn([(beside, new), (path, content)])


class _CardFile(ModelCard):
    """The content of a card file: a card, and that of the weights before if these may still be there."""

    before: ModelCard | None = None


def _read(path: Path) -> _CardFile:
    try:
        return _CardFile.model_validate_json(read_regular(path, LONGEST))
    except OSError as error:
        raise UserError(f"model card: {path} could not be read ({error.strerror}); choose another file.") from error
    except ValueError as error:
        raise UserError(
            f"model card: {path} is not a card of this version ({_first(error)}); "
            "take weights and card from their source again, or rename this file if it is something else."
        ) from error


def _older(weights: Path) -> ModelCard | None:
    """Return the card of weights that are to be replaced; None if there is none, or none that can be read."""
    try:
        return card_beside(weights)
    except UserError:
        return None


def _hash_of(weights: Path) -> str:
    """Return the hash of a file; "" if it cannot be read, which is told where it is."""
    try:
        with open_regular(weights) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _count(values: int) -> str:
    return f"{values / 1e6:.1f} M values" if values >= 100_000 else f"{values:,} values"


def _trained_at(size: VoxelSize | None) -> str:
    return "voxel size not stated" if size is None else f"trained at {size.z:g} x {size.y:g} x {size.x:g} nm"


def _score(name: str, value: float) -> str:
    measure, on, data = name.partition(" on ")
    return f"{measure} {value:.2f}{on}{data}"


def _first(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field[:_SHOWN]}: {first['msg'][:_SHOWN]}" if field else first["msg"][:_SHOWN]
