"""Checkpoints: inspect, load and save networks.

Read are the published dict (`model_weights`, `current_iter`, `valid_result`), a dict with `state_dict`, and plain state
dicts, from any device. Our own form is the published dict with a `ModelCard` beside it, NAME.pt with NAME.json or
NAME.ckpt with NAME.ckpt.json; the card holds the hash of the weights, and the two are only loaded together as they were
saved.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor, nn

from napari_emcad.core.errors import UserError
from napari_emcad.networks.card import SUFFIXES, ModelCard, Role, card_beside, card_path
from napari_emcad.networks.recognise import (
    MALA_UNET,
    RESIDUAL_UNET,
    SDASN,
    STUDENT,
    recognise,
    sdasn_config,
    student_config,
    teacher_config,
)
from napari_emcad.networks.replace_files import replace_files
from napari_emcad.networks.sdasn import BLACK, WHITE, Sdasn
from napari_emcad.networks.student import Student
from napari_emcad.networks.teacher import Teacher, build_teacher
from napari_emcad.networks.weights_file import WeightsFile, first_not_finite, read_weights

_PUBLISHED_SDASN = {
    "description": "Foreground probability of neurites in optical (light-microscopy) volumes: 0 = background, 1 = "
    "neurite. Not for EM stacks, and it does not tell neurites apart that touch.",
    "threshold": 0.5,
    "black": BLACK,
    "white": WHITE,
}
"""What is known of a foreground network without a card: it takes grey levels as the published one does."""


def inspect(path: str | Path) -> ModelCard:
    """What a checkpoint is, of all networks that are known.

    Returns
    -------
    ModelCard
        That beside the file, if there is one; otherwise what can be read off the weights.

    Raises
    ------
    UserError
        If the file is no checkpoint, was changed after its card was written, or is of no known network.
    """
    return _read(Path(path))[1]


def load_student(path: str | Path) -> tuple[Student, ModelCard]:
    """Load a student for inference or fine-tuning: on the CPU, fp32, in eval mode.

    Raises
    ------
    UserError
        Like `inspect`, and if the network is not a student.
    """
    return _loaded(path, ("student",), f"student checkpoint: a {STUDENT}", "a student's file")


def load_teacher(path: str | Path) -> tuple[Teacher, ModelCard]:
    """Load a teacher for distillation, fine-tuning or inference: on the CPU, fp32, in eval mode.

    Raises
    ------
    UserError
        Like `inspect`, and if the network is not a teacher.
    """
    return _loaded(path, ("teacher",), f"teacher checkpoint: a {RESIDUAL_UNET} or {MALA_UNET}", "a teacher's file")


def load_model(path: str | Path) -> tuple[Student | Teacher, ModelCard]:
    """Load any network that predicts affinities: on the CPU, fp32, in eval mode.

    Raises
    ------
    UserError
        Like `inspect`, and if the network is neither student nor teacher; see `load_foreground`.
    """
    kinds = f"{STUDENT}, {RESIDUAL_UNET} or {MALA_UNET}"
    return _loaded(path, ("student", "teacher"), f"model: a {kinds}", "another file")


def load_foreground(path: str | Path) -> tuple[Sdasn, ModelCard]:
    """Load a network that finds the foreground of optical volumes: on the CPU, fp32, in eval mode.

    Raises
    ------
    UserError
        Like `inspect`, and if the network gives something else.
    """
    return _loaded(path, ("foreground",), f"foreground checkpoint: an {SDASN}", "its file")


def load_network(path: str | Path) -> tuple[Student | Teacher | Sdasn, ModelCard]:
    """Load any network that is known, whatever it gives: on the CPU, fp32, in eval mode.

    Raises
    ------
    UserError
        Like `inspect`, and if keys or shapes are not those of the network that it claims to be.
    """
    return _loaded(path)


def save_model(network: Student | Teacher | Sdasn, path: str | Path, card: ModelCard) -> ModelCard:
    """Write a network and its card (see `card_path`): beside first, then renamed. Files there are replaced.

    Parameters
    ----------
    network : Student, Teacher or Sdasn
        On any device, not modified.
    path : str or Path
        Must end in .pt or .ckpt.
    card : ModelCard
        What is to be said of it; what can be read off the weights (role, architecture, sizes, sha256) is filled in.

    Returns
    -------
    ModelCard
        As written.

    Raises
    ------
    UserError
        If the name ends otherwise, a weight is not finite, or the files cannot be written.
    """
    path = Path(path)
    _refuse_suffix(path)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    _refuse_diverged(path, weights)
    content = _serialised({"model_weights": weights, "current_iter": card.iteration, "valid_result": None})
    card = card.changed(**_facts(weights, path), sha256=sha256(content).hexdigest())
    replace_files({path: content, card_path(path): card.as_json()})
    return card


def _loaded(path: str | Path, roles: tuple[Role, ...] = get_args(Role), needed: str = "", choose: str = "") -> tuple:
    """A network and its card, where it has one of these roles; otherwise what is needed is told, and what to choose."""
    path = Path(path)
    file, card = _read(path)
    if card.role not in roles:
        raise UserError(f"{needed} is needed, {path} holds the {card.architecture}; choose {choose}.")
    network = _BUILD[card.role](file.weights, path)
    network.load_state_dict(file.weights, strict=True)
    return network.eval(), card


_BUILD: dict[Role, Callable[[Mapping[str, Tensor], Path], nn.Module]] = {
    "student": lambda weights, _: Student(student_config(weights)),
    "teacher": lambda weights, path: build_teacher(teacher_config(weights, path)),
    "foreground": lambda weights, path: Sdasn(sdasn_config(weights, path)),
}


def _read(path: Path) -> tuple[WeightsFile, ModelCard]:
    told = card_beside(path) if path.is_file() else None
    file = read_weights(path, told.sha256 if told else "")
    facts = _facts(file.weights, path)
    known = _PUBLISHED_SDASN if facts["role"] == "foreground" else {}
    card = told or ModelCard(title=path.stem, iteration=file.iteration, **known)
    return file, card.changed(**facts, sha256=file.sha256)


def _facts(weights: Mapping[str, Tensor], path: Path) -> dict[str, object]:
    """The fields of a card that are read off the weights."""
    network = recognise(weights, path)
    return {
        "role": network.role,
        "architecture": network.name,
        "parameters": sum(tensor.numel() for tensor in weights.values()),
        "maps": network.maps,
        "embedding_channels": network.embedding_channels,
    }


def _serialised(payload: object) -> bytes:
    """The content of a file of torch.save; through memory, so that equal weights give equal bytes at any path."""
    buffer = BytesIO()
    torch.save(payload, buffer)
    return buffer.getvalue()


def _refuse_suffix(path: Path) -> None:
    if path.suffix not in SUFFIXES:
        raise UserError(f'checkpoint: a file name that ends in {" or ".join(SUFFIXES)} is needed, got "{path.name}".')


def _refuse_diverged(path: Path, weights: Mapping[str, Tensor]) -> None:
    broken = first_not_finite(weights)
    if broken:
        raise UserError(
            f"checkpoint: {path} was not written because {broken} holds values that are not finite; "
            "train again with a lower learning rate."
        )
