"""Zarr arrays as this package makes them, and as volumes.

They have format 2 with "/" between the chunk numbers: read by zarr-python 2 and 3 and by the tools of the field
(Neuroglancer, funlib, WEBKNOSSOS), while format 3 is not yet by all; a flat folder of all chunks would be slow.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeGuard

import numcodecs
import numpy as np
import zarr
from numpy.typing import DTypeLike

from napari_emcad.core.volume import AffinityVolume, FragmentVolume, Writable


class ZarrLayout(NamedTuple):
    """The layout of an array on disk: the largest shape of its chunks, and a codec that is fast rather than strong."""

    chunks: tuple[int, ...]
    codec: numcodecs.Blosc


def affinity_layout() -> ZarrLayout:
    """Return the layout of affinities: a chunk holds the three channels of a piece of one section.

    That is what prediction writes and agglomeration reads.
    """
    return ZarrLayout((3, 1, 512, 512), numcodecs.Blosc("zstd", clevel=1, shuffle=numcodecs.Blosc.NOSHUFFLE))


def label_layout(chunks: tuple[int, int, int]) -> ZarrLayout:
    """Return the layout of labels in chunks of at most this shape (z, y, x)."""
    return ZarrLayout(chunks, numcodecs.Blosc("lz4", clevel=3, shuffle=numcodecs.Blosc.SHUFFLE))


class StoredVolume(FragmentVolume, Protocol):
    """A volume of ids (z, y, x) on disk that is read and written by slices, or read voxel by voxel."""


class StoredAffinities(AffinityVolume, Writable, Protocol):
    """Affinities (3, z, y, x) on disk that are read and written by slices."""


def create_zarr_array(
    path: Path, shape: Sequence[int], dtype: DTypeLike, layout: ZarrLayout, attributes: dict[str, Any]
) -> zarr.Array[Any]:
    """Create a Zarr array, all 0; `attributes` are JSON."""
    return zarr.create_array(
        path,
        shape=tuple(shape),
        chunks=tuple(min(n, c) for n, c in zip(shape, layout.chunks, strict=True)),
        dtype=np.dtype(dtype),
        compressors=layout.codec,
        zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": "/"},
        fill_value=0,
        attributes=attributes,
    )


def as_volume(array: zarr.Array[Any]) -> StoredVolume:
    """Return a Zarr array as a volume.

    Raises
    ------
    ValueError
        If it has not three axes.
    """
    if not _is_volume(array):
        raise ValueError(f"a Zarr array (z, y, x) is needed, got shape {array.shape}")
    return array


def as_affinities(array: zarr.Array[Any]) -> StoredAffinities:
    """Return a Zarr array as affinities.

    Raises
    ------
    ValueError
        If it has not four axes.
    """
    if not _is_affinities(array):
        raise ValueError(f"a Zarr array (channel, z, y, x) is needed, got shape {array.shape}")
    return array


def _is_volume(array: zarr.Array[Any]) -> TypeGuard[StoredVolume]:
    return array.ndim == 3  # its slices are NumPy arrays, which zarr's annotations leave open


def _is_affinities(array: zarr.Array[Any]) -> TypeGuard[StoredAffinities]:
    return array.ndim == 4
