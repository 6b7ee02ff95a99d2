"""Untrusted weights files: torch.load, its many ways to fail, and what to say then.

Nothing in a file is ever executed: only what looks like a file of torch.save, as zip archive or of before version 1.6,
reaches `torch.load`, always with `weights_only=True`. Pickles that it refuses are listed, not run, to name the culprit.
"""

import hashlib
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from napari_emcad.core.errors import UserError
from napari_emcad.core.wording import first_few

_ZIP = b"PK\x03\x04"
_LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
"""First bytes of files of torch.save, before version 1.6 or with the zip format off."""

_CUT_OFF = "is cut off; copy or download it again"

_UNREADABLE = (
    *(pickle.UnpicklingError, EOFError, RuntimeError, OSError, ValueError, LookupError, TypeError, AttributeError),
    *(AssertionError, MemoryError, OverflowError, struct.error, zipfile.BadZipFile),
)
"""Errors that torch.load and pickletools raised on thousands of files with a few bytes changed."""

_WEIGHTS_MODULES = frozenset(
    {"collections", "torch", "torch._tensor", "torch._utils", "torch.cuda", "torch.nn.parameter"}
)
"""Modules named in the pickle of an honest state dict; others name the culprit, torch.load is the judge."""


@dataclass(frozen=True)
class WeightsFile:
    """Content of a checkpoint, before it is known which network it is.

    Attributes
    ----------
    weights : mapping of name to Tensor
        On the CPU, finite, without the prefix `module.` of a parallel wrapper.
    iteration : int or None
        Training steps, where the file says so.
    sha256 : str
        Hash of the file, 64 hex digits.
    """

    weights: Mapping[str, Tensor]
    iteration: int | None
    sha256: str


def read_weights(path: str | Path, sha256: str = "") -> WeightsFile:
    """Read the state dict of a checkpoint: the published dict with `model_weights`, `state_dict`, or a plain one.

    Parameters
    ----------
    path : str or Path
    sha256 : str, optional
        Hash that the file must have; checked before anything in it is read.

    Raises
    ------
    UserError
        One sentence that says what the file is, if it is not finite weights.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            _refuse_changed(path, sha256, digest)
            file.seek(0)
            payload = _load(path, file)
    except OSError as error:
        raise UserError(f"checkpoint: {_unopened(path, error)}; choose a checkpoint file.") from error
    weights, iteration = _state_dict(path, payload)
    _refuse_unfit(path, weights)
    return WeightsFile(weights, iteration, digest)


def _unopened(path: Path, error: OSError) -> str:
    if path.is_dir():
        return f"{path} is a folder"
    return f"{path} does not exist" if isinstance(error, FileNotFoundError) else f"{path}: {error.strerror}"


def _refuse_changed(path: Path, needed: str, got: str) -> None:
    if needed and needed != got:
        raise UserError(
            f"checkpoint: {path} was changed after its card was written (sha256 {needed[:12]}... is needed, "
            f"got {got[:12]}...); take weights and card from their source again."
        )


def _load(path: Path, file: BinaryIO) -> object:
    try:
        kind = _what_else(file)
        if not kind:
            return torch.load(file, weights_only=True, map_location="cpu")
    except _UNREADABLE as error:
        raise UserError(f"checkpoint: {path} {_what_is_wrong(file)}.") from error
    raise UserError(f"checkpoint: {path} {kind}.")


def _what_else(file: BinaryIO) -> str:
    """Return what a file is that does not look like one of torch.save, or "".

    It is read from its beginning, and left there.
    """
    head = file.read(4096)
    file.seek(0)
    if not head:
        return "is empty; choose a checkpoint file"
    if _ZIP.startswith(head) or _LEGACY.startswith(head):
        return _CUT_OFF
    if head.startswith(_ZIP):
        return _which_zip(file)
    if head.startswith(_LEGACY):
        return ""
    code = _foreign_code(file)
    if code:
        return _says_code(code)
    return f"is {'a text file' if _is_text(head) else 'no file of torch.save'}; choose a checkpoint file"


def _which_zip(file: BinaryIO) -> str:
    """Return what a zip archive is if not one of torch.save, or ""."""
    if not zipfile.is_zipfile(file):
        return _CUT_OFF
    with zipfile.ZipFile(file) as archive:
        names = {Path(name).name for name in archive.namelist()}
    file.seek(0)
    if "constants.pkl" in names:
        return "holds a TorchScript program instead of weights and was not opened; save its state dict"
    return "" if "data.pkl" in names else "is a zip archive but no file of torch.save; choose a checkpoint file"


def _what_is_wrong(file: BinaryIO) -> str:
    """Return why torch.load refused a file that looks like one of torch.save."""
    file.seek(0)
    try:
        code = _foreign_code(_pickle_of(file))
    except _UNREADABLE:
        code = ""
    return _says_code(code) if code else "is cut off or damaged; copy or download it again"


def _pickle_of(file: BinaryIO) -> BinaryIO:
    """Return the part of a file of torch.save that could hold code."""
    is_zip = file.read(len(_ZIP)) == _ZIP
    file.seek(0)
    if not is_zip:
        return file
    with zipfile.ZipFile(file) as archive:
        name = next(name for name in archive.namelist() if Path(name).name == "data.pkl")
        return BytesIO(archive.read(name))


def _says_code(name: str) -> str:
    return f"holds code instead of weights ({name}) and was not opened; only a state dict can be loaded"


def _foreign_code(file: BinaryIO) -> str:
    """Return the first function or class in the file's leading pickles that weights do not need, or ""."""
    try:
        for _ in range(5):  # legacy files: magic number, version, system, state dict, storage keys
            foreign = [name for name in _globals(file) if name.rpartition(".")[0] not in _WEIGHTS_MODULES]
            if foreign:
                return foreign[0]
    except _UNREADABLE:
        pass  # not a whole pickle
    return ""


def _globals(file: BinaryIO) -> list[str]:
    """Return dotted names that one pickle would import; it is read as a list of instructions, not run."""
    return list(_imports(pickletools.genops(file)))


def _imports(instructions: Iterator[tuple[pickletools.OpcodeInfo, object, int | None]]) -> Iterator[str]:
    strings: list[str] = []
    for opcode, argument, _ in instructions:
        if opcode.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".")
        elif opcode.name == "STACK_GLOBAL":
            yield ".".join(strings[-2:])
        elif isinstance(argument, str):
            strings.append(argument)


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # otherwise only the last letter was cut
            return False
        text = head[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter.isspace() for letter in text)


def _state_dict(path: Path, payload: object) -> tuple[dict[str, Tensor], int | None]:
    """Return state dict and iteration of a file's content."""
    if not isinstance(payload, Mapping):
        raise UserError(f"checkpoint: {path} holds a {type(payload).__name__}; a state dict is needed.")
    found = [payload[key] for key in ("model_weights", "state_dict") if isinstance(payload.get(key), Mapping)]
    weights = found[0] if found else payload
    if not weights or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in weights.items()):
        raise UserError(
            f'checkpoint: a state dict is needed in {path}, plain or under "model_weights", '
            f"it holds {first_few([str(key) for key in weights]) or 'nothing'}; choose another file."
        )
    iteration = payload.get("current_iter")
    return _unwrapped(weights), iteration if isinstance(iteration, int) and iteration >= 0 else None


def _unwrapped(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = "module." if all(name.startswith("module.") for name in weights) else ""
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items()}


def _refuse_unfit(path: Path, weights: Mapping[str, Tensor]) -> None:
    for name, tensor in weights.items():
        if not _is_plain(tensor):
            raise UserError(f"checkpoint: {name} in {path} is not a plain array of numbers; choose another file.")
    broken = first_not_finite(weights)
    if broken:
        raise UserError(
            f"checkpoint: {broken} in {path} holds values that are not finite (its training diverged, "
            "or the file is damaged); choose another file."
        )


def first_not_finite(weights: Mapping[str, Tensor]) -> str:
    """Return the name of the first tensor with NaN or infinity in it, or ""."""
    return next((name for name, tensor in weights.items() if not tensor.isfinite().all()), "")


def _is_plain(tensor: Tensor) -> bool:
    """Return True if a tensor is dense, with memory of its own for every value.

    An expanded tensor of a few bytes can pose as a huge one.
    """
    if tensor.layout != torch.strided or tensor.is_meta or tensor.is_quantized:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
