"""Recognition of the network that a state dict belongs to, from its keys and shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import triple
from napari_emcad.core.wording import count, first_few
from napari_emcad.networks.card import Role
from napari_emcad.networks.mala import MalaUNetConfig
from napari_emcad.networks.residual_unet import ResidualUNetConfig
from napari_emcad.networks.sdasn import Sdasn, SdasnConfig
from napari_emcad.networks.students import (
    CAD_KEY,
    SMALL_KEY,
    CadStudentConfig,
    StudentConfig,
    build_student,
    channels,
    is_small,
    student_config,
)
from napari_emcad.networks.teacher import TeacherConfig, build_teacher

STUDENT, SMALL_STUDENT = "CAD student", "small student"
"""Architectures of the networks that segment: the published one, and one of a fifth of its arithmetic."""

RESIDUAL_UNET, MALA_UNET = "residual U-Net", "MALA U-Net"
"""Architectures of the networks that teach; they segment as well, in many times the time."""

SDASN = "SDASN"
"""Architecture of the networks that find the foreground of optical volumes."""

_AFFINITIES = 3
"""Outputs of a network that gives affinities: nobody embeds in so few channels."""


@dataclass(frozen=True)
class Architecture:
    """The network that a state dict belongs to.

    Attributes
    ----------
    role : "student", "teacher" or "foreground"
    name : str
        Name of the network and of what it gives.
    maps, embedding_channels : int or None
        Feature maps at full resolution, None if it has none there; channels of the embedding, None if it gives
        something else.
    """

    role: Role
    name: str
    maps: int | None
    embedding_channels: int | None


@dataclass(frozen=True)
class _Family:
    """A published network that is not the student: the keys it is known by and the meaning of its outputs."""

    role: Role
    name: str
    keys: Sequence[str]  # the first gives the maps, the last the output channels
    affinities: str = ""  # whose network it is with 3 outputs
    embeddings: str = ""  # and with more

    def read(self, weights: Mapping[str, Tensor]) -> Architecture | None:
        """Return the architecture of weights of this family; None if they are of another one."""
        if not all(key in weights and weights[key].ndim == 5 for key in self.keys):
            return None
        maps, outputs = weights[self.keys[0]].shape[0], weights[self.keys[-1]].shape[0]
        if outputs == 1:
            return Architecture(self.role, self.name, maps, None)
        if outputs == _AFFINITIES:
            return Architecture(self.role, f"{self.name} with 3 sigmoid affinities{self.affinities}", maps, None)
        name = f"{self.name} with {outputs} embedding channels{self.embeddings}"
        return Architecture(self.role, name, maps, outputs)


_FAMILIES = (
    _Family(
        "teacher",
        RESIDUAL_UNET,
        ("embed_in.0.weight", "conv0.block2.3.weight", "center.block2.3.weight", "out_put.0.weight"),
        affinities=" (SSNS-Net)",
        embeddings=" (CAD teacher)",
    ),
    _Family("teacher", MALA_UNET, ("conv1.weight", "conv8.weight", "dconv3.weight", "conv18.weight")),
    _Family(
        "foreground",
        f"{SDASN} (foreground of optical volumes)",
        ("inc.conv.0.weight", "x20.conv.1.conv.0.weight", "x02.conv_up.conv.0.weight", "clc1.conv.weight"),
    ),
)

ANCHORS = (CAD_KEY, SMALL_KEY, *(family.keys[0] for family in _FAMILIES))
"""Keys of which each known network has one."""


def claims_network(weights: Mapping[str, Tensor]) -> bool:
    """Return True if weights have the keys that a known network is recognised by, complete or not."""
    return CAD_KEY in weights or is_small(weights) or _family(weights) is not None


def needed_shapes(weights: Mapping[str, Tensor]) -> Mapping[str, tuple[int, ...]]:
    """Return name -> shape of everything in the state dict of the network that weights claim to be."""
    family = _family(weights)
    if family is None:
        return student_shapes(student_config(weights))
    if family.role == "foreground":
        return _other_shapes(_sdasn_config(weights))
    is_residual = family.name == RESIDUAL_UNET
    return _other_shapes(_residual_unet_config(weights) if is_residual else _mala_unet_config(weights))


def recognise(weights: Mapping[str, Tensor], path: str | Path) -> Architecture:
    """Return the network that these weights belong to.

    Parameters
    ----------
    weights : mapping of name to Tensor
    path : str or Path
        Where they come from, for the error.

    Raises
    ------
    UserError
        If it is none of those known, or a student with keys or shapes that are not a student's.
    """
    family = _family(weights)
    architecture = family.read(weights) if family else None
    if architecture:
        return architecture
    config = student_config(weights)
    if isinstance(config, CadStudentConfig):
        name, maps, sizes = STUDENT, config.maps, f"{config.maps}"
    else:
        name, maps, sizes = SMALL_STUDENT, None, ", ".join(map(str, config.down))
    _refuse_other(weights, _Layout("student", name, sizes, student_shapes(config)), path)
    return Architecture("student", name, maps, config.embedding_channels)


@lru_cache(maxsize=8)
def student_shapes(config: StudentConfig) -> Mapping[str, tuple[int, ...]]:
    """Return name -> shape of everything in the state dict of a student of this size; takes no memory."""
    with torch.device("meta"):
        return _shapes(build_student(config))


@lru_cache(maxsize=8)
def _other_shapes(config: TeacherConfig | SdasnConfig) -> Mapping[str, tuple[int, ...]]:
    with torch.device("meta"):
        return _shapes(Sdasn(config) if isinstance(config, SdasnConfig) else build_teacher(config))


def teacher_config(weights: Mapping[str, Tensor], path: str | Path) -> TeacherConfig:
    """Return size and kind of the teacher that these weights are; three outputs are taken for affinities.

    Parameters
    ----------
    weights : mapping of name to Tensor
        Recognised as those of a teacher.
    path : str or Path
        Where they come from, for the error.

    Raises
    ------
    UserError
        If keys or shapes are not those of such a teacher, or it gives neither affinities nor embeddings.
    """
    is_residual = "embed_in.0.weight" in weights
    config = _residual_unet_config(weights) if is_residual else _mala_unet_config(weights)
    name = RESIDUAL_UNET if is_residual else MALA_UNET
    layout = _Layout("teacher", name, ", ".join(map(str, config.maps)), _other_shapes(config))
    _refuse_other(weights, layout, path)
    if config.outputs < _AFFINITIES:
        raise UserError(
            f"teacher checkpoint: {_AFFINITIES} affinities or more embedding channels are needed, the {name} in {path} "
            f"has {count(config.outputs, 'output')}; choose another file."
        )
    return config


def sdasn_config(weights: Mapping[str, Tensor], path: str | Path) -> SdasnConfig:
    """Return the size of the SDASN that these weights are.

    Parameters
    ----------
    weights : mapping of name to Tensor
        Recognised as those of a foreground network.
    path : str or Path
        Where they come from, for the error.

    Raises
    ------
    UserError
        If keys or shapes are not those of such a network.
    """
    config = _sdasn_config(weights)
    name = f"foreground network ({SDASN})"
    layout = _Layout("foreground", name, ", ".join(map(str, config.maps)), _other_shapes(config))
    _refuse_other(weights, layout, path)
    return config


def _family(weights: Mapping[str, Tensor]) -> _Family | None:
    return next((family for family in _FAMILIES if family.read(weights)), None)


def _sdasn_config(weights: Mapping[str, Tensor]) -> SdasnConfig:
    lasts = ("inc.conv.3.weight", "x10.conv.1.conv.6.weight", "x20.conv.1.conv.6.weight")
    return SdasnConfig(triple(channels(weights, key) or 1 for key in lasts))


def _residual_unet_config(weights: Mapping[str, Tensor]) -> ResidualUNetConfig:
    depth = sum(f"up{rise}.1.weight" in weights for rise in range(len(weights)))
    levels = [*(f"conv{level}" for level in range(max(1, depth))), "center"]
    maps = tuple(channels(weights, f"{level}.block2.3.weight") or 1 for level in levels)
    outputs = channels(weights, "out_put.0.weight")
    return ResidualUNetConfig(
        maps,
        outputs,
        upsampling="transposed" if "up0.0.weight" in weights else "trilinear",
        merge="cat" if channels(weights, "cat0.0.weight") == 2 * maps[-2] else "add",
        affinities=outputs == _AFFINITIES,
    )


def _mala_unet_config(weights: Mapping[str, Tensor]) -> MalaUNetConfig:
    full, third, ninth, least = (channels(weights, f"conv{2 * level}.weight") or 1 for level in range(1, 5))
    outputs = channels(weights, "conv18.weight")
    return MalaUNetConfig((full, third, ninth, least), outputs, affinities=outputs == _AFFINITIES)


@dataclass(frozen=True)
class _Layout:
    """The keys and shapes that a state dict must have, and the words for them."""

    role: Role
    name: str
    maps: str
    shapes: Mapping[str, tuple[int, ...]]


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def _refuse_other(weights: Mapping[str, Tensor], needed: _Layout, path: str | Path) -> None:
    _refuse_keys(weights, needed, path)
    for key, shape in needed.shapes.items():
        got = tuple(weights[key].shape)
        if got != shape:
            raise UserError(
                f"{needed.role} checkpoint: {key} of shape {shape} is needed in {path} for {needed.maps} maps, "
                f"got {got}; choose another file."
            )


def _refuse_keys(weights: Mapping[str, Tensor], needed: _Layout, path: str | Path) -> None:
    missing = [key for key in needed.shapes if key not in weights]
    strange = [key for key in weights if key not in needed.shapes]
    if missing:
        raise UserError(
            f"{needed.role} checkpoint: keys {first_few(missing)} are missing in {path}, it holds {len(weights)} "
            f"tensors ({first_few(list(weights))}); choose the file of a {needed.name}."
        )
    if strange:
        raise UserError(
            f"{needed.role} checkpoint: {path} holds keys that a {needed.name} does not have ({first_few(strange)}); "
            "choose another file."
        )
