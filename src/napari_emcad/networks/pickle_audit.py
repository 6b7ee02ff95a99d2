"""A look through the pickle of a checkpoint before torch makes anything of it: what it would take, and what it claims.

The pickle is run with recorders in the place of everything that it names, so that nothing is looked up or allocated. A
tensor must lie in its storage, a storage in its file; what could grow without an end is refused.
"""

import pickle
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import BinaryIO

import torch

from napari_emcad.io.zip_files import MOST_PACKED
from napari_emcad.networks.stand_ins import STAND_INS

MOST_SHARED = 4
"""Times the file's size that all its tensors may take together: tied weights share a storage."""

SPARE = 1 << 24
"""Bytes that they may take besides."""

MOST_STEPS = 1_000_000
"""Instructions of a pickle, at most: each may make an object of two hundred bytes."""

_LATIN = ("latin1", "latin-1", "iso-8859-1")
"""Encodings that pickles of protocol 2 name for bytes."""

_STORAGES = {"DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2} | {
    "LongStorage": 8,
    "IntStorage": 4,
    "ShortStorage": 2,
    "QInt32Storage": 4,
    "ComplexDoubleStorage": 16,
    "ComplexFloatStorage": 8,
}
"""Bytes of a number in storages of more than one byte, whose classes warn of their age where they are asked."""

_TENSORS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_qtensor")
"""Functions that make a tensor of storage, offset, size and stride."""

_HARMLESS = {
    *("collections.OrderedDict", "collections.Counter", "builtins.set", "builtins.complex", "torch.Size"),
    *("torch.device", "torch.serialization._get_layout", "torch.nn.parameter.Parameter"),
    *(f"torch._utils._rebuild_{name}" for name in ("parameter", "parameter_with_state", "device_tensor_from_numpy")),
    *("torch._utils._rebuild_device_tensor_from_cpu_tensor", "torch._utils._rebuild_sparse_tensor"),
    "torch._utils._rebuild_meta_tensor_no_storage",
}
"""Names that a pickle may call whatever it gives: they take no more memory than their arguments."""


class Excess(ValueError):
    """A pickle claims more than its file holds, or would take memory without an end."""


class Recorder:
    """Stands for all that a pickle makes, and takes what a pickle does to an object."""

    def __init__(self, *_ignored: object):
        """Take any arguments."""

    def __setstate__(self, _state: object) -> None:
        """Take any state."""

    def __setitem__(self, _key: object, _value: object) -> None:
        """Take any entry."""

    def __hash__(self) -> int:
        """Return the same for all: some are keys."""
        return 0


class _Storage(Recorder):
    """A storage of so many bytes, in numbers of `itemsize` bytes."""

    def __init__(self, size: int, itemsize: int):
        self.size, self.itemsize = size, itemsize


class Audit(pickle._Unpickler):
    """Runs one pickle without making anything of it.

    Parameters
    ----------
    file : BinaryIO
    size : int
        Bytes of the whole checkpoint.
    entries : mapping of str to int, optional
        Bytes of each storage by its key; None = they follow in the same file.
    """

    def __init__(self, file: BinaryIO, size: int, entries: Mapping[str, int] | None = None):
        super().__init__(_Counted(file, size), encoding="bytes")
        self._size, self._entries = size, entries
        self._storages: dict[object, _Storage] = {}
        self._used = 0

    def find_class(self, module: str, name: str) -> Callable[..., object]:
        """Return what stands for a name."""
        full = f"{module}.{name}".replace("__builtin__.", "builtins.").replace("copy_reg.", "copyreg.")
        if full in STAND_INS:
            return STAND_INS[full]
        calls: dict[str, Callable[..., object]] = {
            "builtins.bytearray": _only_bytes,
            "_codecs.encode": _encoded,
            "torch._tensor._rebuild_from_type_v2": _rebuilt,
            **{f"torch._utils.{tensor}": self._tensor for tensor in _TENSORS},
        }
        return calls.get(full, _name(full))

    def persistent_load(self, pid: object) -> object:
        """Return what stands for a storage, if it is no longer than its file."""
        if not isinstance(pid, tuple) or len(pid) < 5:
            return Recorder()
        _, kind, key, _, numel = pid[:5]
        itemsize = _itemsize(getattr(kind, "full", ""))
        if not isinstance(numel, int) or numel < 0:
            raise Excess("a storage without a length")
        if key not in self._storages:
            size = numel * itemsize
            held = self._size if self._entries is None else self._entries.get(_text(key), 0)
            taken = 0 if self._entries is not None else sum(one.size for one in self._storages.values())
            if size + taken > held:
                raise Excess(f"a storage of {size} bytes in {held}")
            self._storages[key] = _Storage(size, itemsize)
        return self._storages[key]

    def _tensor(self, *arguments: object) -> Recorder:
        """Stand for the functions that make a tensor."""
        storage, _, shape = arguments[:3]
        if not isinstance(storage, _Storage) or not isinstance(shape, Sequence):
            raise Excess("a tensor without a storage")
        itemsize = storage.itemsize
        for kind in arguments[6:7]:
            itemsize = max(itemsize, _itemsize(getattr(kind, "full", "")))
        self._used += prod(int(n) for n in shape) * itemsize
        if self._used > MOST_SHARED * self._size + SPARE:
            raise Excess(f"tensors of {self._used} bytes in a file of {self._size}")
        return Recorder()


class _Counted:
    """A file of which each instruction is read by a call of its own."""

    def __init__(self, file: BinaryIO, size: int):
        self._file, self._size, self._calls = file, size, 0
        self.readline = file.readline

    def read(self, size: int = -1) -> bytes:
        """Read some bytes, unless that was done too often."""
        self._calls += 1
        if self._calls > 2 * MOST_STEPS:  # an instruction and its argument
            raise Excess(f"more than {MOST_STEPS:,} objects")
        if size > MOST_PACKED * self._size + SPARE:
            raise Excess(f"a text of {size} bytes")
        return self._file.read(size)


def _name(full: str) -> Callable[..., object]:
    """Return what stands for a class or function of this name."""
    is_called = full in _HARMLESS or not full.startswith(("torch", "builtins", "_codecs"))
    return type(full, (Recorder if is_called else _NeverCalled,), {"full": full})


class _NeverCalled(Recorder):
    """Stands for what weights name, but never call: types of numbers and storages, which would take any memory."""

    def __new__(cls, *_ignored: object) -> "_NeverCalled":
        """Refuse a call."""
        raise Excess(f"a call of {cls.__name__}")


def _only_bytes(*arguments: object) -> Recorder:
    """Stand for `bytearray`, which makes any number of zeros of a number."""
    if arguments and not isinstance(arguments[0], str | bytes):
        raise Excess("an array of bytes that is not in it")
    return Recorder()


def _encoded(text: object = "", encoding: object = "", *_ignored: object) -> bytes:
    """Stand for `codecs.encode`, by which protocol 2 writes bytes; other encodings grow."""
    if not isinstance(text, str) or _text(encoding) not in _LATIN:
        raise Excess("bytes in another encoding")
    return text.encode("latin-1")


def _rebuilt(function: Callable[..., object], _kind: object, arguments: Sequence[object], *_ignored: object) -> object:
    """Stand for the function that makes tensors with attributes of their own by calling another one."""
    return function(*arguments)


def _itemsize(full: str) -> int:
    """Return the bytes of a number of a torch type or storage of this name; 1 for any other."""
    name = full.removeprefix("torch.")
    if name in _STORAGES:
        return _STORAGES[name]
    kind = getattr(torch, name, None)
    return kind.itemsize if isinstance(kind, torch.dtype) else 1


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
