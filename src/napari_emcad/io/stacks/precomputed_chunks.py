"""Chunks of a precomputed volume that lie compressed as files, NAME.gz, as cloud-volume writes them to a disk.

A web server or a bucket unpacks them on the way; tensorstore looks for NAME alone and takes what it does not find for
0.
"""

import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.io.metadata.precomputed import INFO, PrecomputedScale
from napari_emcad.io.stacks.chunk_limits import (
    check_chunk,
    check_count,
    most_unpacked,
    unpack_stream,
    unpack_zstd,
)
from napari_emcad.io.stacks.locations import Location
from napari_emcad.io.stacks.tensorstore_arrays import CONTEXT, kvstore, short_reason


def _unpack_brotli(packed: bytes, most: int) -> bytes:
    from imagecodecs import brotli_decode  # loads a library of its own

    return bytes(brotli_decode(packed, out=most))


_UNPACK: Mapping[str, Callable[[bytes, int], bytes]] = {
    ".gz": partial(unpack_stream, "gzip"),
    ".br": _unpack_brotli,
    ".zstd": unpack_zstd,
    ".zst": unpack_zstd,
    ".xz": partial(unpack_stream, "lzma"),
    ".bz2": partial(unpack_stream, "bz2"),
}
"""Endings of compressed chunks, and what unpacks them to so many bytes at most."""

_KEPT_BYTES = 256 * 2**20
"""The most bytes of chunks that stay in memory, unpacked but not decoded."""

_MOST_LOOKED_AT = 100_000
"""Files of a folder after which no further ending is looked for."""


def find_endings(ts: ModuleType, where: Location, scale: PrecomputedScale) -> set[str] | None:
    """Return the endings of compressed chunks of a scale; none if its chunks lie as they are; None if it has no chunk.

    A folder is listed. Behind a URL the first, the middle and the last chunk are asked for, in vain where a volume is
    sparse.
    """
    if isinstance(where, Path):
        return _endings_in_folder(where / scale["key"])
    if "sharding" in scale:
        return set()
    files = ts.KvStore.open(kvstore(where, scale["key"]), context=ts.Context(CONTEXT)).result()
    for name in _some_names(scale):
        for ending in ("", *_UNPACK):
            if files.read(name + ending).result().state == "value":
                return {ending} - {""}
    return None


def _endings_in_folder(folder: Path) -> set[str] | None:
    if not folder.is_dir():
        return None
    with os.scandir(folder) as entries:
        endings = {os.path.splitext(entry.name)[1] for entry in itertools.islice(entries, _MOST_LOOKED_AT)}
    return endings & set(_UNPACK) if endings else None


def _some_names(scale: PrecomputedScale) -> list[str]:
    """Return the names of the first, the middle and the last chunk."""
    starts = _starts(scale, [range(length) for length in scale["size"]])
    places = [[axis[place] for axis in starts] for place in (0, -1)]
    places.insert(1, [axis[len(axis) // 2] for axis in starts])
    return list(dict.fromkeys(_name(scale, place) for place in places))


def _starts(scale: PrecomputedScale, box: Iterable[range]) -> list[range]:
    """Return the first voxels (x, y, z) of the chunks in which a box lies, counted from the scale's first voxel."""
    steps = scale["chunk_sizes"][0]
    return [range(part.start // step * step, part.stop, step) for part, step in zip(box, steps, strict=True)]


def _name(scale: PrecomputedScale, start: Iterable[int]) -> str:
    sides = zip(start, scale["chunk_sizes"][0], scale["size"], scale.get("voxel_offset", (0, 0, 0)), strict=True)
    return "_".join(f"{at + first}-{min(at + step, length) + first}" for at, step, length, first in sides)


class PackedChunks:
    """The array (x, y, z, channel) of a scale whose chunks, or some of them, lie compressed.

    They are unpacked into a store in memory, from which tensorstore decodes them.

    Parameters
    ----------
    ts : module
        tensorstore.
    where : path or URL
    scale : PrecomputedScale
    info : bytes
        The file `info`.
    number : int
        The scale's number in it.
    endings : iterable of str
        Of compressed chunks; those without an ending are found, too.
    """

    def __init__(
        self, ts: ModuleType, where: Location, scale: PrecomputedScale, info: bytes, number: int, endings: Iterable[str]
    ):
        context = ts.Context(CONTEXT)
        self._files = ts.KvStore.open(kvstore(where, scale["key"]), context=context).result()
        self._chunks = ts.KvStore.open("memory://", context=context).result()
        self._chunks.write(INFO, info).result()
        spec = {"driver": "neuroglancer_precomputed", "kvstore": "memory://", "scale_index": number}
        store = ts.open(spec, read=True, context=context).result()
        self._store = store[ts.d[:].translate_to[0]]
        check_chunk(f"{where}, {scale['key']}", scale["chunk_sizes"][0], self.dtype)
        self._scale, self._endings = scale, sorted(endings)
        self._kept: OrderedDict[str, int] = OrderedDict()
        self._alone = threading.Lock()  # the window and a job read at the same time

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels on x, y, z, and the number of channels."""
        return tuple(self._store.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return np.dtype(self._store.dtype.numpy_dtype)

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        with self._alone:
            check_count(key[:3], self._scale["chunk_sizes"][0])
            try:
                names = list(self._names(key))
                self._unpack([name for name in names if name not in self._kept])
                values: NDArray[Any] = self._store[key].read().result()
                self._forget(names)
            except ValueError as error:
                raise OSError(short_reason(error)) from error
        return values

    def _names(self, key: tuple[int | slice, ...]) -> Iterator[str]:
        parts = [part if isinstance(part, slice) else slice(part, part + 1) for part in key[:3]]
        box = [range(part.start, part.stop) for part in parts]
        return (_name(self._scale, place) for place in itertools.product(*_starts(self._scale, box)))

    def _unpack(self, names: list[str]) -> None:
        """Bring chunks into the store in memory; those that are not there count as 0."""
        most = most_unpacked(prod(self._scale["chunk_sizes"][0]) * self.dtype.itemsize * self.shape[3])
        for ending in (*self._endings, ""):
            reads = {name: self._files.read(name + ending) for name in names}
            found = {name: read.result() for name, read in reads.items()}
            for name, kept in found.items():
                if kept.state == "value":
                    data = _UNPACK[ending](bytes(kept.value), most) if ending else kept.value
                    self._chunks.write(f"{self._scale['key']}/{name}", data).result()
                    self._kept[name] = len(data)
            names = [name for name in names if name not in self._kept]

    def _forget(self, used: list[str]) -> None:
        """Drop the chunks that were used longest ago while there are too many."""
        for name in used:
            if name in self._kept:
                self._kept.move_to_end(name)
        while sum(self._kept.values()) > _KEPT_BYTES:
            name, _size = self._kept.popitem(last=False)
            self._chunks.write(f"{self._scale['key']}/{name}", None).result()
