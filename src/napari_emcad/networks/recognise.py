"""Which network a state dict belongs to, from its keys and shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from napari_emcad.core.errors import UserError
from napari_emcad.networks.card import Role
from napari_emcad.networks.student import Student, StudentConfig
from napari_emcad.networks.wording import first_few

STUDENT = "CAD student"
"""Architecture of the networks that segment."""

_STUDENT_MAPS, _STUDENT_EMBEDDING = "inc.conv.conv.0.weight", "outc_t.conv.weight"


@dataclass(frozen=True)
class Architecture:
    """What a state dict turned out to be.

    Attributes
    ----------
    role : "student", "teacher" or "unknown"
    name : str
        Of the network, with what it gives.
    maps, embedding_channels : int or None
        Feature maps at full resolution; channels of the embedding, None where it gives something else.
    """

    role: Role
    name: str
    maps: int
    embedding_channels: int | None


@dataclass(frozen=True)
class _Family:
    """A published network that is not the student: the keys it is known by and what its outputs mean."""

    role: Role
    name: str
    keys: Sequence[str]  # the first gives the maps, the last the output channels
    affinities: str = ""  # whose network it is with 3 outputs
    embeddings: str = ""  # and with more

    def read(self, weights: Mapping[str, Tensor]) -> Architecture | None:
        if not all(key in weights and weights[key].ndim == 5 for key in self.keys):
            return None
        maps, outputs = weights[self.keys[0]].shape[0], weights[self.keys[-1]].shape[0]
        if outputs == 1:
            return Architecture(self.role, self.name, maps, None)
        if outputs == 3:
            return Architecture(self.role, f"{self.name} with 3 sigmoid affinities{self.affinities}", maps, None)
        name = f"{self.name} with {outputs} embedding channels{self.embeddings}"
        return Architecture(self.role, name, maps, outputs)


_FAMILIES = (
    _Family(
        "teacher",
        "residual U-Net",
        ("embed_in.0.weight", "conv0.block2.3.weight", "center.block2.3.weight", "out_put.0.weight"),
        affinities=" (SSNS-Net)",
        embeddings=" (CAD teacher)",
    ),
    _Family("teacher", "MALA U-Net", ("conv1.weight", "conv8.weight", "dconv3.weight", "conv18.weight")),
    _Family(
        "unknown",
        "SDASN (foreground of optical volumes)",
        ("inc.conv.0.weight", "x20.conv.1.conv.0.weight", "x02.conv_up.conv.0.weight", "clc1.conv.weight"),
    ),
)


def recognise(weights: Mapping[str, Tensor], path: str | Path) -> Architecture:
    """Which network these weights are.

    Parameters
    ----------
    weights : mapping of name to Tensor
    path : str or Path
        Where they come from, for the error.

    Raises
    ------
    UserError
        Where it is none of those known, or a student with keys or shapes that are not a student's.
    """
    for family in _FAMILIES:
        architecture = family.read(weights)
        if architecture:
            return architecture
    config = student_config(weights)
    _refuse_keys(weights, config, path)
    _refuse_shapes(weights, config, path)
    return Architecture("student", STUDENT, config.maps, config.embedding_channels)


def student_config(weights: Mapping[str, Tensor]) -> StudentConfig:
    """Size of the student that these weights claim to be; the published size where they do not say."""
    published = StudentConfig()
    return StudentConfig(
        _channels(weights, _STUDENT_MAPS) or published.maps,
        _channels(weights, _STUDENT_EMBEDDING) or published.embedding_channels,
    )


@lru_cache(maxsize=8)
def student_shapes(config: StudentConfig) -> Mapping[str, tuple[int, ...]]:
    """Name -> shape of everything in the state dict of a student of this size; no memory is taken for it."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in Student(config).state_dict().items()}


def _channels(weights: Mapping[str, Tensor], key: str) -> int:
    return weights[key].shape[0] if key in weights and weights[key].ndim else 0


def _refuse_keys(weights: Mapping[str, Tensor], config: StudentConfig, path: str | Path) -> None:
    needed = student_shapes(config)
    missing = [key for key in needed if key not in weights]
    strange = [key for key in weights if key not in needed]
    if missing:
        raise UserError(
            f"student checkpoint: keys {first_few(missing)} are missing in {path}, it holds {len(weights)} tensors "
            f"({first_few(list(weights))}); choose the file of a {STUDENT}."
        )
    if strange:
        raise UserError(
            f"student checkpoint: {path} holds keys that a {STUDENT} does not have ({first_few(strange)}); "
            "choose another file."
        )


def _refuse_shapes(weights: Mapping[str, Tensor], config: StudentConfig, path: str | Path) -> None:
    for key, needed in student_shapes(config).items():
        got = tuple(weights[key].shape)
        if got != needed:
            raise UserError(
                f"student checkpoint: {key} of shape {needed} is needed in {path} for {config.maps} maps, "
                f"got {got}; choose another file."
            )
