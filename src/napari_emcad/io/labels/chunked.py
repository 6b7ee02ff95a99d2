"""Labels that stay in their files: read chunk by chunk as they are looked at, and changed in memory alone."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from zarr.core.metadata import ArrayV2Metadata

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, Slices, triple
from napari_emcad.core.ids import memory_dtype
from napari_emcad.core.volume import Key, Voxels
from napari_emcad.io.chunk_checksums import ChunkChecksums
from napari_emcad.io.read_errors import READ_ERRORS, first_line
from napari_emcad.io.stacks.chunk_limits import check_chunk, check_claim, most_unpacked, unpack_chunk
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.zarr import open_zarr_array

if TYPE_CHECKING:
    from typing_extensions import TypeIs

KEPT_BYTES = 1 << 28
"""Bytes of decoded chunks that are kept, those that were looked at last: some sections of a screen."""

REMEDY = "copy the session again from where it is whole"
"""Advice for a chunk that cannot be read."""

Chunk = tuple[int, int, int]
"""The number of a chunk on z, y, x."""


class _ChunkPart(NamedTuple):
    """The part of a chunk that is asked for on an axis: its number, the slice of it, and the slice of the answer."""

    number: int
    inside: slice
    place: slice


class ChunkedLabels(LazyArray):
    """Labels (z, y, x) that are read by whole numbers and slices, or voxel by voxel by three arrays.

    Labels written into them are kept in memory, and seen in all levels; the files stay as they are. Safe to read by
    several threads at once.

    Parameters
    ----------
    folder : Path
        Made by `create_labels_array`.
    is_full : bool
        True if every voxel has a label: a chunk without any is a file that is missing then.
    coarser : ChunkedLabels, optional
        Every second pixel of these on y and x.
    seal : int, optional
        Of the checksums of the chunks, see `ChunkChecksums`; None = they are compared if there are any.

    Raises
    ------
    UserError
        If the folder holds no such labels, or other checksums.
    """

    def __init__(self, folder: Path, is_full: bool, coarser: "ChunkedLabels | None" = None, seal: int | None = None):
        array = open_zarr_array(folder)
        if not isinstance(array.metadata, ArrayV2Metadata) or array.metadata.compressor is None or array.ndim != 3:
            raise UserError(f"{folder}: compressed labels (z, y, x) of Zarr format 2 are needed; {REMEDY}.")
        check_chunk(str(folder), array.chunks, array.dtype)
        super().__init__(str(folder), array.shape, memory_dtype(array.dtype), self._read_parts)
        self._folder, self._chunks = folder, triple(array.chunks)
        self._chunk_key, self._codec = array.metadata.encode_chunk_key, array.metadata.compressor
        self._is_full, self._coarser = is_full, coarser
        self._checksums = ChunkChecksums.read(folder, seal, REMEDY)
        self._changed: dict[Chunk, NDArray[Any]] = {}
        kept = max(1, KEPT_BYTES // (prod(self._chunks) * self.dtype.itemsize))
        self._decoded = lru_cache(kept)(self._decode)

    @property
    def levels(self) -> "list[ChunkedLabels]":
        """These labels, and those of fewer and fewer pixels."""
        return [self, *([] if self._coarser is None else self._coarser.levels)]

    def __getitem__(self, key: Key | Voxels) -> NDArray[Any]:
        if _are_voxels(key):
            return self._read_voxels(np.stack(key, axis=-1))
        return super().__getitem__(key)

    def __setitem__(self, key: Slices, values: NDArray[Any]) -> None:
        """Write a box of labels, given by slices with a start and a stop."""
        for z, y, x in _parts_of_box(key, self._chunks):
            chunk = (z.number, y.number, x.number)
            if chunk not in self._changed:
                self._changed[chunk] = self._decoded(chunk).copy()
            self._changed[chunk][z.inside, y.inside, x.inside] = values[z.place, y.place, x.place]
        if self._coarser is not None:
            depth, *plane = key
            y_half, x_half = (slice((s.start + 1) // 2, (s.stop + 1) // 2) for s in plane)
            every_second = (slice(None), *(slice(s.start % 2, None, 2) for s in plane))
            self._coarser[depth, y_half, x_half] = values[every_second]

    def _read_parts(self, slices: Slices) -> NDArray[Any]:
        values = np.empty([len(range(s.start, s.stop, s.step)) for s in slices], self.dtype)
        for z, y, x in _parts_of_box(slices, self._chunks):
            chunk = self._chunk((z.number, y.number, x.number))
            values[z.place, y.place, x.place] = chunk[z.inside, y.inside, x.inside]
        return values

    def _read_voxels(self, voxels: NDArray[np.integer]) -> NDArray[Any]:
        """Return the labels of voxels (..., 3), with one look at each chunk.

        Strategy: sort the voxels by the chunk that holds them, and fill in those of one chunk after the other.
        """
        flat = voxels.reshape(-1, 3)
        chunks, which, count = np.unique(flat // self._chunks, axis=0, return_inverse=True, return_counts=True)
        values, order = np.empty(len(flat), self.dtype), np.argsort(which.ravel(), kind="stable")
        for chunk, stop, n in zip(chunks, np.cumsum(count), count, strict=True):
            here = order[stop - n : stop]
            inside = flat[here] - chunk * self._chunks
            values[here] = self._chunk(triple(chunk))[tuple(inside.T)]
        return values.reshape(voxels.shape[:-1])

    def _chunk(self, number: Chunk) -> NDArray[Any]:
        changed = self._changed.get(number)
        return self._decoded(number) if changed is None else changed

    def _unpacked(self, content: bytes) -> Any:
        """Return what a packed chunk holds, unless that is more than it can hold."""
        codec, most = self._codec.codec_id, most_unpacked(prod(self._chunks) * self.dtype.itemsize)
        if check_claim(codec, content, most):
            return self._codec.decode(content)
        return unpack_chunk(codec, content, most)

    def _decode(self, number: Chunk) -> NDArray[Any]:
        """Read a chunk as it lies in its file, not to be modified; zarr would take it through two other threads."""
        file = self._folder / self._chunk_key(number)
        try:
            may_be_missing = self._checksums is not None or not self._is_full
            content = None if may_be_missing and not file.exists() else file.read_bytes()
            if self._checksums is not None:
                self._checksums.check(number, content)
            if content is None:
                return np.zeros(self._chunks, self.dtype)
            return np.frombuffer(self._unpacked(content), self.dtype).reshape(self._chunks)
        except READ_ERRORS as error:
            raise UserError(f"{file}: cannot be read ({first_line(error)}); {REMEDY}.") from error


def _are_voxels(key: Key | Voxels) -> "TypeIs[Voxels]":
    return isinstance(key, tuple) and len(key) == 3 and all(isinstance(k, np.ndarray) for k in key)


def _parts_of_box(slices: Slices, chunks: Shape) -> Iterator[tuple[_ChunkPart, _ChunkPart, _ChunkPart]]:
    """Yield the parts of chunks that make up a box."""
    z, y, x = (_parts_of_axis(wanted, length) for wanted, length in zip(slices, chunks, strict=True))
    return product(z, y, x)


def _parts_of_axis(wanted: slice, length: int) -> list[_ChunkPart]:
    step, place = wanted.step or 1, 0
    parts: list[_ChunkPart] = []
    if wanted.start >= wanted.stop:
        return parts
    for number in range(wanted.start // length, (wanted.stop - 1) // length + 1):
        first = wanted.start + place * step - number * length
        stop = min(wanted.stop - number * length, length)
        count = len(range(first, stop, step))
        parts.append(_ChunkPart(number, slice(first, stop, step), slice(place, place + count)))
        place += count
    return parts
