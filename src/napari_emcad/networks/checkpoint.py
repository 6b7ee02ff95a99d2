"""Checkpoints: inspect, load and save networks.

Read are state dicts of known networks in any wrapping (see `state_dicts`), from any device. Our own form is the
published dict (`model_weights`, `current_iter`, `valid_result`) with a `ModelCard` beside it, NAME.pt with NAME.json or
NAME.ckpt with NAME.ckpt.json; the card holds the hash of the weights, and the two are only loaded together as they were
saved.
"""

from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from napari_emcad.core.errors import UserError
from napari_emcad.networks.card import SUFFIXES, ModelCard, Role, card_beside, write_model
from napari_emcad.networks.published import trained_on
from napari_emcad.networks.recognise import (
    MALA_UNET,
    RESIDUAL_UNET,
    SDASN,
    STUDENT,
    recognise,
    sdasn_config,
    teacher_config,
)
from napari_emcad.networks.sdasn import BLACK, WHITE, Sdasn
from napari_emcad.networks.state_dicts import SavedNetwork, choose_network, first_not_finite
from napari_emcad.networks.student import Student
from napari_emcad.networks.students import build_student, student_config
from napari_emcad.networks.teacher import Teacher, build_teacher
from napari_emcad.networks.weights_file import read_content

_PUBLISHED_SDASN: dict[str, object] = {
    "description": "Foreground probability of neurites in optical (light-microscopy) volumes: 0 = background, 1 = "
    "neurite. Not for EM stacks, and it does not tell neurites apart that touch.",
    "threshold": 0.5,
    "black": BLACK,
    "white": WHITE,
}
"""Facts about a foreground network without a card: it takes grey levels as the published one does."""


def inspect(path: str | Path, part: str = "") -> ModelCard:
    """Return the card of a checkpoint, of all networks that are known.

    Parameters
    ----------
    path : str or Path
    part : str, optional
        Name of the network to take from a file that holds several; the error about them lists the names.

    Returns
    -------
    ModelCard
        The card beside the file, if there is one; otherwise a card of what can be read off the weights.

    Raises
    ------
    UserError
        If the file is no checkpoint, was changed after its card was written, is of no known network or of several.
    """
    return _read(Path(path), part)[1]


def load_student(path: str | Path) -> tuple[Student, ModelCard]:
    """Load a student for inference or fine-tuning: on the CPU, fp32, in eval mode.

    Raises
    ------
    UserError
        Like `inspect`, and if the network is not a student.
    """
    file, card = _read_role(path, ("student",), f"student checkpoint: a {STUDENT}", "a student's file")
    return _filled(build_student(student_config(file.weights)), file), card


def load_teacher(path: str | Path) -> tuple[Teacher, ModelCard]:
    """Load a teacher for distillation, fine-tuning or inference: on the CPU, fp32, in eval mode.

    Raises
    ------
    UserError
        Like `inspect`, and if the network is not a teacher.
    """
    needed = f"teacher checkpoint: a {RESIDUAL_UNET} or {MALA_UNET}"
    file, card = _read_role(path, ("teacher",), needed, "a teacher's file")
    return _filled(build_teacher(teacher_config(file.weights, path)), file), card


def load_model(path: str | Path) -> tuple[Student | Teacher, ModelCard]:
    """Load any network that predicts affinities: on the CPU, fp32, in eval mode.

    Raises
    ------
    UserError
        Like `inspect`, and if the network is neither student nor teacher; see `load_foreground`.
    """
    needed = f"model: a {STUDENT}, {RESIDUAL_UNET} or {MALA_UNET}"
    file, card = _read_role(path, ("student", "teacher"), needed, "another file")
    if card.role == "student":
        return _filled(build_student(student_config(file.weights)), file), card
    return _filled(build_teacher(teacher_config(file.weights, path)), file), card


def load_foreground(path: str | Path) -> tuple[Sdasn, ModelCard]:
    """Load a network that finds the foreground of optical volumes: on the CPU, fp32, in eval mode.

    Raises
    ------
    UserError
        Like `inspect`, and if the network gives something else.
    """
    file, card = _read_role(path, ("foreground",), f"foreground checkpoint: an {SDASN}", "its file")
    return _filled(Sdasn(sdasn_config(file.weights, path)), file), card


def load_network(path: str | Path, part: str = "") -> tuple[Student | Teacher | Sdasn, ModelCard]:
    """Load any network that is known, whatever its role: on the CPU, fp32, in eval mode.

    Parameters
    ----------
    path, part
        See `inspect`.

    Raises
    ------
    UserError
        Like `inspect`, and if keys or shapes are not those of the network that it claims to be.
    """
    file, card = _read(Path(path), part)
    if card.role == "foreground":
        return _filled(Sdasn(sdasn_config(file.weights, path)), file), card
    if card.role == "student":
        return _filled(build_student(student_config(file.weights)), file), card
    return _filled(build_teacher(teacher_config(file.weights, path)), file), card


def save_model(network: Student | Teacher | Sdasn, path: str | Path, card: ModelCard) -> ModelCard:
    """Write a network and its card (see `card_path`): both or none, as `write_model` does. Files there are replaced.

    Parameters
    ----------
    network : Student, Teacher or Sdasn
        On any device, not modified.
    path : str or Path
        Must end in .pt or .ckpt.
    card : ModelCard
        Facts about the network; role, architecture, sizes and sha256 are read off the weights and filled in.

    Returns
    -------
    ModelCard
        The card as written.

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
    card = card.changed(**_facts(weights, path), sha256=sha256(content).hexdigest(), note="")
    write_model(path, content, card)
    return card


N = TypeVar("N", Student, Teacher, Sdasn)


def _filled(network: N, file: SavedNetwork) -> N:
    """Return the network with the weights of a file, in eval mode."""
    network.load_state_dict(file.weights, strict=True)
    return network.eval()


def _read_role(path: str | Path, roles: tuple[Role, ...], needed: str, choose: str) -> tuple[SavedNetwork, ModelCard]:
    """Read a checkpoint that must have one of these roles; the error says what is needed and what to choose."""
    path = Path(path)
    file, card = _read(path)
    if card.role not in roles:
        raise UserError(f"{needed} is needed, {path} holds the {card.architecture}; choose {choose}.")
    return file, card


def _read(path: Path, part: str = "") -> tuple[SavedNetwork, ModelCard]:
    beside = card_beside(path) if path.is_file() else None
    content = read_content(path, beside.sha256 if beside else "")
    file = choose_network(content.value, path, part)
    facts = _facts(file.weights, path)
    card = beside or ModelCard(title=_title(path), iteration=file.iteration, **_published(content.sha256))
    if beside is None and facts["role"] == "foreground":
        card = card.changed(**_PUBLISHED_SDASN)
    return file, card.changed(**facts, sha256=content.sha256, note=file.note)


def _title(path: Path) -> str:
    return Path(path.stem).stem if path.suffix == ".tar" else path.stem


def _published(sha256: str) -> dict[str, Any]:
    """Return the fields of a card that are known of a published checkpoint."""
    known = trained_on(sha256)
    return {} if known is None else known._asdict()


def _facts(weights: Mapping[str, Tensor], path: Path) -> dict[str, object]:
    """Return the fields of a card that are read off the weights."""
    network = recognise(weights, path)
    return {
        "role": network.role,
        "architecture": network.name,
        "parameters": sum(tensor.numel() for tensor in weights.values()),
        "maps": network.maps,
        "embedding_channels": network.embedding_channels,
    }


def _serialised(payload: object) -> bytes:
    """Return the content of a file of torch.save.

    Done in memory, so that equal weights give equal bytes at any path.
    """
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
