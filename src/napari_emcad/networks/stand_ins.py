"""Stand-ins for the harmless objects that training programs save beside weights: numbers, paths, dates, options.

`torch.load(..., weights_only=True)` refuses a file for one NumPy number in it. It is told to take these stand-ins for
the names of the real classes, so that neither a class nor its module is looked up, imported or run: numbers and arrays
of NumPy are read from their bytes, mappings become empty dicts to be filled, and everything else is forgotten.
"""

from collections import OrderedDict
from collections.abc import Callable
from math import prod

import numpy as np
from numpy.typing import NDArray

_MOST_AXES = 32


class Forgotten:
    """Stands for an object of which nothing is kept."""

    def __new__(cls, *_ignored: object) -> "Forgotten":
        """Take any arguments."""
        return object.__new__(cls)

    def __init__(self, *_ignored: object):
        """Take any arguments."""

    def __setstate__(self, _state: object) -> None:
        """Take any state."""


class FilledMapping:
    """Stands for a class of mappings: calling it gives an empty dict, which the file then fills."""

    def __new__(cls, *_ignored: object) -> OrderedDict:  # type: ignore[misc]
        """Return a dict in place of an instance."""
        return OrderedDict()


class NumpyType:
    """Stands for `numpy.dtype`; only plain numbers are understood."""

    def __init__(self, text: object = "", *_ignored: object):
        self._text, self._order = text, "="

    def __setstate__(self, state: object) -> None:
        """Take the byte order, the second entry of a state."""
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else "="
        self._order = order if order in ("<", ">") else "="

    @property
    def dtype(self) -> np.dtype | None:
        """The type that is meant; None if it is not one of numbers."""
        if not isinstance(self._text, str) or self._text[:1] not in tuple("biuf") or not self._text[1:].isdigit():
            return None
        return np.dtype(f"{self._order}{self._text}")


class NumpyArray:
    """Stands for a NumPy array.

    Attributes
    ----------
    values : array of numbers, or None
        None until the file has given the values, and if they are not plain numbers.
    """

    def __init__(self, *_ignored: object):
        self.values: NDArray | None = None

    def __setstate__(self, state: tuple[int, tuple[int, ...], object, bool, object]) -> None:
        """Take version, shape, type, memory order and bytes, as an array gives them; damage is a ValueError."""
        _, shape, kind, is_fortran, content = state
        dtype = kind.dtype if isinstance(kind, NumpyType) else None
        if dtype is None or not isinstance(content, bytes):
            return
        if len(shape) > _MOST_AXES or prod(shape) * dtype.itemsize != len(content):
            raise ValueError(f"an array of shape {shape} in {len(content)} bytes")
        self.values = np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")


def numpy_number(kind: object = None, content: object = b"") -> object:
    """Stand for the function that rebuilds a NumPy number: return it as one of Python."""
    dtype = kind.dtype if isinstance(kind, NumpyType) else None
    if dtype is None or not isinstance(content, bytes):
        return Forgotten()
    return np.frombuffer(content, dtype, count=1)[0].item()


def no_bytes(*_ignored: object) -> bytes:
    """Stand for `bytes`, which is called for empty ones only."""
    return b""


_MAPPINGS = (
    "addict.addict.Dict",
    "collections.defaultdict",
    "easydict.EasyDict",
    "fvcore.common.config.CfgNode",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "yacs.config.CfgNode",
)

_BUILTINS = ("bool", "dict", "float", "frozenset", "int", "list", "object", "range", "slice", "str", "tuple")
_NODES = ("Any", "Boolean", "Bytes", "Enum", "Float", "Integer", "Path", "String")
_SYSTEMS = ("", "Posix", "Windows", "Pure", "PurePosix", "PureWindows")

_FORGOTTEN = (
    "argparse.Namespace",
    *(f"builtins.{name}" for name in _BUILTINS),
    *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
    "decimal.Decimal",
    "numpy.ndarray",
    *(f"numpy.{kind}{bits}" for kind in ("int", "uint", "float") for bits in (8, 16, 32, 64)[kind == "float" :]),
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    *(f"omegaconf.nodes.{kind}Node" for kind in _NODES),
    *(f"{module}.{system}Path" for module in ("pathlib", "pathlib._local") for system in _SYSTEMS),
    "torch.torch_version.TorchVersion",
    "types.SimpleNamespace",
    *(f"typing.{name}" for name in ("Any", "Dict", "List")),
    "uuid.UUID",
)

STAND_INS: dict[str, Callable[..., object]] = {
    "builtins.bytes": no_bytes,
    "numpy.dtype": NumpyType,
    **{f"numpy.{core}.multiarray._reconstruct": NumpyArray for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": numpy_number for core in ("core", "_core")},
    **dict.fromkeys(_MAPPINGS, FilledMapping),
    **dict.fromkeys(_FORGOTTEN, Forgotten),
}
"""Full name of a class or function in a file -> what stands for it."""
