"""Labels that stay in their files: read chunk by chunk as they are looked at, and changed in memory alone."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.ids import memory_dtype
from napari_emcad.io.read_errors import READ_ERRORS, first_line
from napari_emcad.io.stacks.lazy_array import LazyArray, Slices
from napari_emcad.io.stacks.zarr import open_zarr_node

KEPT_BYTES = 1 << 28
"""Decoded chunks that are kept, those that were looked at last: some sections of a screen."""

REMEDY = "copy the session again from where it is whole"

Chunk = tuple[int, int, int]


class _ChunkPart(NamedTuple):
    """What of one chunk is asked for: its number on an axis, where that lies in it, and where it goes."""

    number: int
    inside: slice
    place: slice


class ChunkedLabels(LazyArray):
    """Labels (z, y, x) that are read by whole numbers and slices, or voxel by voxel by three arrays.

    What is written into them is kept in memory, and seen in all levels; the files stay as they are. Safe to read by
    several threads at once.

    Parameters
    ----------
    folder : Path
        As `create_labels_array` makes it.
    is_full : bool
        Whether every voxel has a label: a chunk without any is a file that is missing then.
    coarser : ChunkedLabels, optional
        Every second pixel of these on y and x.
    """

    def __init__(self, folder: Path, is_full: bool, coarser: "ChunkedLabels | None" = None):
        array = open_zarr_node(folder)
        super().__init__(str(folder), array.shape, memory_dtype(array.dtype), self._read_parts)
        self._folder, self._metadata, self._chunks = folder, array.metadata, array.chunks
        self._is_full, self._coarser = is_full, coarser
        self._changed: dict[Chunk, NDArray] = {}
        kept = max(1, KEPT_BYTES // (prod(self._chunks) * self.dtype.itemsize))
        self._decoded = lru_cache(kept)(self._decode)

    @property
    def levels(self) -> "list[ChunkedLabels]":
        """These, and those of fewer and fewer pixels."""
        return [self, *([] if self._coarser is None else self._coarser.levels)]

    def __getitem__(self, key: Any) -> NDArray:
        if isinstance(key, tuple) and len(key) == 3 and all(isinstance(k, np.ndarray) for k in key):
            return self._at(np.stack(key, axis=-1))
        return super().__getitem__(key)

    def __setitem__(self, key: Slices, values: NDArray) -> None:
        """Write a box of labels, given by slices with a start and a stop."""
        for parts in _parts_of_box(key, self._chunks):
            chunk = tuple(p.number for p in parts)
            if chunk not in self._changed:
                self._changed[chunk] = self._decoded(chunk).copy()
            self._changed[chunk][tuple(p.inside for p in parts)] = values[tuple(p.place for p in parts)]
        if self._coarser is not None:
            z, *plane = key
            every_second = (slice(None), *(slice(s.start % 2, None, 2) for s in plane))
            self._coarser[(z, *(slice((s.start + 1) // 2, (s.stop + 1) // 2) for s in plane))] = values[every_second]

    def _read_parts(self, slices: Slices) -> NDArray:
        values = np.empty([len(range(s.start, s.stop, s.step)) for s in slices], self.dtype)
        for parts in _parts_of_box(slices, self._chunks):
            chunk = self._chunk(tuple(p.number for p in parts))
            values[tuple(p.place for p in parts)] = chunk[tuple(p.inside for p in parts)]
        return values

    def _at(self, voxels: NDArray) -> NDArray:
        """Labels of voxels (..., 3), each chunk of them read once."""
        flat = voxels.reshape(-1, 3)
        chunks, which, count = np.unique(flat // self._chunks, axis=0, return_inverse=True, return_counts=True)
        values, order = np.empty(len(flat), self.dtype), np.argsort(which.ravel(), kind="stable")
        for chunk, stop, n in zip(chunks, np.cumsum(count), count, strict=True):
            here = order[stop - n : stop]
            inside = flat[here] - chunk * self._chunks
            values[here] = self._chunk(tuple(chunk.tolist()))[tuple(inside.T)]
        return values.reshape(voxels.shape[:-1])

    def _chunk(self, number: Chunk) -> NDArray:
        changed = self._changed.get(number)
        return self._decoded(number) if changed is None else changed

    def _decode(self, number: Chunk) -> NDArray:
        """A chunk as it lies in its file, not to be modified; zarr would take it through two other threads."""
        file = self._folder / self._metadata.encode_chunk_key(number)
        if not self._is_full and not file.exists():
            return np.zeros(self._chunks, self.dtype)
        try:
            return np.frombuffer(self._metadata.compressor.decode(file.read_bytes()), self.dtype).reshape(self._chunks)
        except READ_ERRORS as error:
            raise UserError(f"{file}: cannot be read ({first_line(error)}); {REMEDY}.") from error


def _parts_of_box(slices: Slices, chunks: Sequence[int]) -> Iterator[tuple[_ChunkPart, _ChunkPart, _ChunkPart]]:
    """What of each chunk is in a box."""
    return product(*(_parts_of_axis(s, c) for s, c in zip(slices, chunks, strict=True)))


def _parts_of_axis(wanted: slice, length: int) -> list[_ChunkPart]:
    step, found, place = wanted.step or 1, [], 0
    if wanted.start >= wanted.stop:
        return found
    for number in range(wanted.start // length, (wanted.stop - 1) // length + 1):
        first = wanted.start + place * step - number * length
        stop = min(wanted.stop - number * length, length)
        count = len(range(first, stop, step))
        found.append(_ChunkPart(number, slice(first, stop, step), slice(place, place + count)))
        place += count
    return found
