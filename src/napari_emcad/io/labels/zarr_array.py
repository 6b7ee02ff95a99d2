"""Zarr arrays that labels are written to."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec

from napari_emcad.core.geometry import Shape, VoxelSize
from napari_emcad.io.metadata.array_attributes import LABELS_MARK, MARK
from napari_emcad.io.zarr_arrays import create_zarr_array, label_layout

CHUNK = (8, 256, 256)
"""Voxels (z, y, x) of a chunk in a shard: what a viewer reads at once."""

SHARD = (16, 1024, 1024)
"""Voxels (z, y, x) of a shard, which is a file."""


def create_labels_array(
    path: Path,
    shape: Shape,
    dtype: np.dtype[Any],
    voxel_size: VoxelSize | None,
    chunks: tuple[int, int, int],
    /,
    **attributes: Any,
) -> zarr.Array[Any]:
    """Create an empty Zarr array (z, y, x) for labels, in chunks of at most this shape; `attributes` are JSON."""
    size = list(voxel_size) if voxel_size else None
    known = {"axes": ["z", "y", "x"], "voxel_size_nm": size, MARK: LABELS_MARK}
    return create_zarr_array(path, shape, dtype, label_layout(chunks), {**known, **attributes})


def create_sharded_labels(path: Path, shape: Shape, dtype: np.dtype[Any]) -> zarr.Array[Any]:
    """Create an empty Zarr array (z, y, x) of format 3 for labels, in chunks of at most `CHUNK` in shards."""
    chunks = tuple(min(n, c) for n, c in zip(shape, CHUNK, strict=True))
    shards = tuple(c * min(s // c, -(-n // c)) for n, c, s in zip(shape, chunks, SHARD, strict=True))
    return zarr.create_array(
        path,
        shape=shape,
        chunks=chunks,
        shards=shards,
        dtype=dtype,
        compressors=BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"),
        zarr_format=3,
        fill_value=0,
        dimension_names=("z", "y", "x"),
        attributes={MARK: LABELS_MARK},
    )
