"""Chunks of an HDF5 dataset, looked at before they are unpacked."""

import itertools
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import h5py
import numpy as np

from napari_emcad.io.stacks.chunk_limits import check_chunk, check_count, most_unpacked


class LimitedDataset:
    """A dataset (see `FileArray`) that refuses to unpack a chunk stored in far more bytes than its voxels take.

    Parameters
    ----------
    name : str
        Begins the sentences of errors.
    dataset : h5py.Dataset

    Raises
    ------
    UserError
        If its chunks are too large to be read.
    """

    def __init__(self, name: str, dataset: h5py.Dataset):
        self._dataset, self.shape, self.dtype = dataset, dataset.shape, dataset.dtype
        self._chunks: tuple[int, ...] = dataset.chunks or ()
        self._is_packed = bool(self._chunks) and dataset.id.get_create_plist().get_nfilters() > 0
        if self._chunks:
            check_chunk(name, self._chunks, np.dtype(dataset.dtype))

    def __getitem__(self, key: tuple[int | slice, ...]) -> Any:
        if self._chunks:
            check_count(key, self._chunks)
        if self._is_packed:
            self._check_stored(key)
        return self._dataset[key]

    def _check_stored(self, key: Sequence[int | slice]) -> None:
        most = most_unpacked(prod(self._chunks) * self.dtype.itemsize)
        for start in self._starts(key):
            stored = self._dataset.id.get_chunk_info_by_coord(start).size
            if stored is not None and stored > most:
                raise ValueError(f"a chunk of {stored:,} bytes is stored where {most:,} are the most")

    def _starts(self, key: Sequence[int | slice]) -> Iterator[tuple[int, ...]]:
        parts = [part if isinstance(part, slice) else slice(part, part + 1) for part in key]
        sides = zip(parts, self._chunks, strict=True)
        return itertools.product(*(range(part.start // n * n, part.stop, n) for part, n in sides))
