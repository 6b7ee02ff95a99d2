"""Untrusted weights files: torch.load, its many ways to fail, and what to say then.

Nothing in a file is ever executed: only what looks like a file of torch.save, as zip archive or of before version 1.6,
reaches `torch.load`, always with `weights_only=True`. Pickles that it refuses are listed, not run, to name the culprit.
Files of safetensors hold no code at all; their own library reads them.
"""

import hashlib
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from io import SEEK_END, BytesIO
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import torch

from napari_emcad.core.errors import UserError
from napari_emcad.io.extras import import_extra
from napari_emcad.io.regular_files import open_regular
from napari_emcad.io.zip_files import refuse_bomb
from napari_emcad.networks.pickle_audit import MOST_STEPS, Audit, Excess
from napari_emcad.networks.stand_ins import STAND_INS

_ZIP = b"PK\x03\x04"
_LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)
"""First bytes of files of torch.save, before version 1.6 or with the zip format off."""

_PROTOCOL = 2
"""Pickle protocol of torch.save, and the only one that torch.load reads without running it."""

_CUT_OFF = "is cut off; copy or download it again"

_UNREADABLE = (
    *(pickle.UnpicklingError, EOFError, RuntimeError, OSError, ValueError, LookupError, TypeError, AttributeError),
    *(AssertionError, MemoryError, OverflowError, struct.error, zipfile.BadZipFile),
)
"""Errors that torch.load and pickletools raised on thousands of files with a few bytes changed."""

_WEIGHTS_MODULES = frozenset(
    {"collections", "torch", "torch._tensor", "torch._utils", "torch.cuda", "torch.nn.parameter", "torch.storage"}
)
"""Modules named in the pickle of an honest state dict; others name the culprit, torch.load is the judge."""

_HARMLESS = frozenset({*STAND_INS, *(f"builtins.{name}" for name in ("bytearray", "complex", "set")), "_codecs.encode"})
"""Further names of an honest file: those that torch.load knows, and those with a stand-in."""

_LEGACY_PICKLES = 4
"""Pickles before the storages in a file of before version 1.6: magic number, version, system and content."""

_LOADING = Lock()
"""Held while torch.load knows the stand-ins, which is a state of the whole program."""

_SAFETENSORS_HEAD, _LONGEST_HEADER = 9, 100_000_000
"""Bytes that tell safetensors: the length of its header, which its library limits, and the brace it begins with."""

_LONGEST_READ = 1 << 24
"""Bytes of the longest header of safetensors that is read: a hundred thousand tensors."""


@dataclass(frozen=True)
class FileContent:
    """Content of a checkpoint, before it is known what in it is a network.

    Attributes
    ----------
    value : object
        Whatever was saved, on the CPU; see `stand_ins` for what is not tensors, numbers and text.
    sha256 : str
        Hash of the file, 64 hex digits.
    """

    value: object
    sha256: str


def read_content(path: str | Path, sha256: str = "") -> FileContent:
    """Read a file of torch.save or safetensors, whatever its name ends in.

    Parameters
    ----------
    path : str or Path
    sha256 : str, optional
        Hash that the file must have; checked before anything in it is read.

    Raises
    ------
    UserError
        One sentence that says what the file is instead.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            _refuse_changed(path, sha256, digest)
            file.seek(0)
            return FileContent(_load(path, file), digest)
    except OSError as error:
        raise UserError(f"checkpoint: {_unopened(path, error)}; choose a checkpoint file.") from error


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
    if _is_safetensors(file):
        return _load_safetensors(path, file)
    try:
        kind = _what_else(file)
        if not kind:
            _refuse_excess(file)
            with _LOADING, torch.serialization.safe_globals([(stand_in, name) for name, stand_in in STAND_INS.items()]):
                return torch.load(file, weights_only=True, map_location="cpu")
    except _UNREADABLE as error:
        raise UserError(f"checkpoint: {path} {_what_is_wrong(file, error)}.") from error
    raise UserError(f"checkpoint: {path} {kind}.")


def _refuse_excess(file: BinaryIO) -> None:
    """Raise Excess for a file whose tensors are not in it, or that would take memory without an end.

    It is left at its beginning.
    """
    size = file.seek(0, SEEK_END)
    file.seek(0)
    try:
        if _is_zip(file):
            with zipfile.ZipFile(file) as archive:
                entries = _storage_sizes(archive)
            file.seek(0)
            Audit(_pickle_of(file), size, entries).load()
        else:
            for _ in range(_LEGACY_PICKLES):
                Audit(file, size).load()
    finally:
        file.seek(0)


def _storage_sizes(archive: zipfile.ZipFile) -> dict[str, int]:
    """Return the bytes of each storage of an archive, by its key; of two with one key the fewer."""
    sizes: dict[str, int] = {}
    for entry in archive.infolist():
        _, is_storage, key = entry.filename.partition("/data/")
        if is_storage:
            sizes[key] = min(entry.file_size, sizes.get(key, entry.file_size))
    return sizes


def _is_zip(file: BinaryIO) -> bool:
    """Return True if a file begins as zip archives do; it is left at its beginning."""
    head = file.read(len(_ZIP))
    file.seek(0)
    return head == _ZIP


def _is_safetensors(file: BinaryIO) -> bool:
    """Return True if a file begins as those of safetensors do; it is left at its beginning."""
    head = file.read(_SAFETENSORS_HEAD)
    file.seek(0)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") <= _LONGEST_HEADER


def _load_safetensors(path: Path, file: BinaryIO) -> object:
    if int.from_bytes(file.read(8), "little") > _LONGEST_READ:
        raise UserError(f"checkpoint: {path} is cut off or damaged; copy or download it again.")
    file.seek(0)
    library = import_extra("safetensors", f"checkpoint: {path}: files of safetensors need", "safetensors")
    reader = import_module("safetensors.torch")
    try:
        return reader.load(file.read())
    except (library.SafetensorError, *_UNREADABLE) as error:
        raise UserError(f"checkpoint: {path} is cut off or damaged; copy or download it again.") from error


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
    try:
        refuse_bomb(file)
    except ValueError as error:
        return f"{error}; choose another file"
    with zipfile.ZipFile(file) as archive:
        names = {Path(name).name for name in archive.namelist()}
    file.seek(0)
    if "constants.pkl" in names:
        return "holds a TorchScript program instead of weights and was not opened; save its state dict"
    return "" if "data.pkl" in names else "is a zip archive but no file of torch.save; choose a checkpoint file"


def _what_is_wrong(file: BinaryIO, error: Exception) -> str:
    """Return why a file that looks like one of torch.save was refused with this error."""
    file.seek(0)
    try:
        code = _foreign_code(_pickle_of(file))
    except _UNREADABLE:
        code = ""
    if code:
        return _says_code(code)
    if isinstance(error, Excess):
        return f"is cut off or claims more than it holds ({error}) and was not opened; copy or download it again"
    protocol = _protocol(file)
    if protocol > _PROTOCOL:
        return f"was saved with pickle protocol {protocol}, which is not read; save it with protocol {_PROTOCOL}"
    return "is cut off or damaged; copy or download it again"


def _protocol(file: BinaryIO) -> int:
    """Return the pickle protocol of a file of torch.save, 0 if it does not say."""
    file.seek(0)
    try:
        head = _pickle_of(file).read(2)
    except _UNREADABLE:
        return 0
    return head[1] if len(head) == 2 and head[:1] == pickle.PROTO else 0


def _pickle_of(file: BinaryIO) -> BinaryIO:
    """Return the part of a file of torch.save that could hold code."""
    if not _is_zip(file):
        return file
    with zipfile.ZipFile(file) as archive:
        name = next(name for name in archive.namelist() if Path(name).name == "data.pkl")
        return BytesIO(archive.read(name))


def _says_code(name: str) -> str:
    return (
        f"holds code instead of weights ({name}) and was not opened; only a state dict can be loaded: if you trust the "
        'file, open it where it was made and write torch.save(network.state_dict(), "NEW.pt")'
    )


def _foreign_code(file: BinaryIO) -> str:
    """Return the first function or class in the file's leading pickles that weights do not need, or ""."""
    try:
        for _ in range(5):  # legacy files: magic number, version, system, state dict, storage keys
            foreign = [name for name in _globals(file) if not _is_harmless(name)]
            if foreign:
                return foreign[0]
    except _UNREADABLE:
        pass  # not a whole pickle
    return ""


def _is_harmless(name: str) -> bool:
    name = name.replace("__builtin__.", "builtins.")  # as protocol 2 has it
    return name in _HARMLESS or name.rpartition(".")[0] in _WEIGHTS_MODULES


def _globals(file: BinaryIO) -> list[str]:
    """Return dotted names that one pickle would import; it is read as a list of instructions, not run."""
    return list(_imports(islice(pickletools.genops(file), MOST_STEPS)))


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
