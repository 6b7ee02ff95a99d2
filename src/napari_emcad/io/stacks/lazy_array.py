"""A stack whose voxels are read when they are asked for."""

import math
import operator
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, Protocol, SupportsIndex

import numpy as np
import psutil
from numpy.typing import DTypeLike, NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, Slices, triple
from napari_emcad.core.volume import Key
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.read_errors import explain_read_errors
from napari_emcad.io.stacks.check_stack import check_stack

KEPT_SECTION_BYTES = 128 * 2**20
"""Size of a section above which it is decoded again for each slice of it, instead of being kept."""

_LITTLE = 64 * 2**20
"""Bytes that are read without a look at how much memory is free."""

Read = Callable[[Slices], NDArray[Any]]
"""Takes three slices with a start, a stop and a positive step, and returns the voxels in them."""


class LazyArray:
    """A (z, y, x) array that reads what is sliced from it, in native byte order, and nothing more.

    Parameters
    ----------
    name : str
        Begins the sentences of errors.
    shape : (z, y, x)
        In voxels.
    dtype
        Type of the values; the byte order of the file does not show.
    read : callable
    close : callable, optional
        Gives the file back; called by `close`, or when the array is no longer used.

    Attributes
    ----------
    remedy : str
        Advice if a part cannot be read, the end of the sentence.
    is_far : bool
        True behind a URL.
    axes : str
        Axes that the array has in the file, in words, see `Arrangement.words`; empty if they are z, y and x alone.
    open_coarser : callable
        Opens the same stack at lower resolutions, the finest first; called once, when `coarser` is asked for.
    """

    ndim = 3
    remedy = "copy or export the file again"
    is_far = False
    axes = ""

    def __init__(
        self,
        name: str,
        shape: Sequence[int],
        dtype: DTypeLike,
        read: Read,
        close: Callable[[], None] | None = None,
    ):
        self.shape: Shape = triple(shape)
        self.dtype: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
        self._name, self._read = name, read
        self.open_coarser: Callable[[], Sequence[LazyArray]] = tuple
        self.close = weakref.finalize(self, close or (lambda: None))

    def __repr__(self) -> str:
        return f"LazyArray({self._name}, shape={self.shape}, dtype={self.dtype})"

    @cached_property
    def coarser(self) -> Sequence["LazyArray"]:
        """The same stack at lower resolutions, the finest first; none if the file has none.

        Raises
        ------
        UserError
            If one of them cannot be opened.
        """
        return self.open_coarser()

    @property
    def size(self) -> int:
        """Number of voxels."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the whole array would take in memory."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[z] for z in range(len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError(f"{self._name}: an array without a copy is not possible, it lies in a file.")
        return self[:].astype(dtype or self.dtype, copy=False)

    def __getitem__(self, key: Key) -> NDArray[Any]:
        """Read a part given by whole numbers and slices.

        Raises
        ------
        IndexError
            If the key is anything else or lies outside.
        ValueError
            After `close`.
        UserError
            If the file cannot be read there.
        """
        if not self.close.alive:
            raise ValueError(f"{self._name}: an open stack is needed to read from, this one is closed; open it again.")
        slices, numbered = _resolve_key(key, self.shape)
        shape = tuple(len(range(s.start, s.stop, s.step)) for s in slices)
        self._check_memory(shape)
        values = self._read_values(slices) if all(shape) else np.empty(shape)
        return np.ascontiguousarray(values, self.dtype).reshape(shape)[numbered]

    def _check_memory(self, shape: tuple[int, ...]) -> None:
        """Refuse to read more than memory takes; a file of a few kilobytes may claim any number of voxels."""
        needed = math.prod(shape) * self.dtype.itemsize
        if needed > _LITTLE and needed > (free := psutil.virtual_memory().available):
            raise UserError(
                f"{self._name}: {' x '.join(map(str, shape))} voxels take {needed / 1e9:,.1f} GB of memory, "
                f"{free / 1e9:.1f} GB are free; read a smaller part of it, or a coarser level."
            )

    def _read_values(self, slices: Slices) -> NDArray[Any]:
        place = ",".join(f"{s.start}:{s.stop}" for s in slices)
        with explain_read_errors(f"{self._name}: voxels {place}", self.remedy):
            return self._read(slices)


def _resolve_key(key: Key, shape: Shape) -> tuple[Slices, tuple[int | slice, ...]]:
    """Return three slices with all their numbers, and the index that drops the axes asked for by number."""
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(k is Ellipsis for k in keys):
        at = next(i for i, k in enumerate(keys) if k is Ellipsis)
        keys[at : at + 1] = [slice(None)] * (len(shape) - len(keys) + 1)
    if len(keys) > len(shape):
        raise IndexError(f"a stack has the axes z, y, x; got {len(keys)} indices.")
    keys += [slice(None)] * (len(shape) - len(keys))
    z, y, x = (_axis_slice(k, n) for k, n in zip(keys, shape, strict=True))
    return (z, y, x), tuple(slice(None) if isinstance(k, slice) else 0 for k in keys)


def _axis_slice(key: object, length: int) -> slice:
    """Return the slice of an axis that a slice or a whole number asks for, with start, stop and step."""
    if isinstance(key, slice):
        start, stop, step = key.indices(length)
        if step < 1:
            raise IndexError(f"slices with a positive step are needed, got step {step}.")
        return slice(start, stop, step)
    wrong = IndexError(f"whole numbers and slices are needed to read a part of a stack, got {key!r}.")
    if not isinstance(key, SupportsIndex):
        raise wrong
    try:
        number = operator.index(key)
    except TypeError:  # an array of several numbers
        raise wrong from None
    if not -length <= number < length:
        raise IndexError(f"index {number} lies outside an axis of {length} voxels.")
    return slice(number % length, number % length + 1, 1)


def section_reader(read_section: Callable[[int], NDArray[Any]], shape: Sequence[int], dtype: DTypeLike) -> Read:
    """Return the `read` of a LazyArray whose sections are read one by one, by a function from z to (y, x).

    The last two sections are kept, so that tiles of one section, or pairs of sections, decode it once.
    """
    section_bytes = math.prod(shape[1:]) * np.dtype(dtype).itemsize

    def check() -> None:
        if section_bytes > _LITTLE and section_bytes > (free := psutil.virtual_memory().available):
            raise ValueError(f"a section takes {section_bytes / 1e9:,.1f} GB of memory, {free / 1e9:.1f} GB are free")

    section = lru_cache(maxsize=2 if section_bytes <= KEPT_SECTION_BYTES else 0)(read_section)
    alone = threading.Lock()  # one file position, but the window and a job read at the same time

    def read(slices: Slices) -> NDArray[Any]:
        check()
        depths = range(slices[0].start, slices[0].stop, slices[0].step)
        values = np.empty((len(depths), *(len(range(s.start, s.stop, s.step)) for s in slices[1:])), dtype)
        with alone:
            for place, z in enumerate(depths):
                values[place] = section(z)[slices[1:]]
        return values

    return read


class FileArray(Protocol):
    """An array of any number of axes that a library reads by slices, such as one of h5py or zarr."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Elements on each axis."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        ...

    def __getitem__(self, key: tuple[int | slice, ...], /) -> Any: ...


def wrap_array(
    name: str,
    array: FileArray,
    arrangement: Arrangement,
    close: Callable[[], None] | None = None,
    kind: type[LazyArray] = LazyArray,
) -> LazyArray:
    """Wrap an array of a file as (z, y, x).

    Parameters
    ----------
    name, close
        See `LazyArray`.
    array : FileArray
    arrangement : Arrangement
        Where the stack lies in it.
    kind : type
        LazyArray, or a subclass with another `remedy`.

    Raises
    ------
    UserError
        If it holds no voxels or no numbers.
    """
    check_stack(name, arrangement.shape, array.dtype)

    def read(box: Slices) -> NDArray[Any]:
        return arrangement.turn(np.asarray(array[arrangement.key(box)]))

    wrapped = kind(name, arrangement.shape, array.dtype, read, close)
    wrapped.axes = arrangement.words
    return wrapped
