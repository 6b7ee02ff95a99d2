"""Zarr arrays that labels are written to, compressed fast rather than well."""

from pathlib import Path

import numcodecs
import numpy as np
import zarr

from napari_emcad.core.geometry import VoxelSize


def create_labels_array(
    path: Path,
    shape: tuple[int, int, int],
    dtype: np.dtype,
    voxel_size: VoxelSize | None,
    chunks: tuple[int, int, int],
    **attributes,
) -> zarr.Array:
    """An empty Zarr array (z, y, x) for labels, in chunks of so many voxels at most."""
    return zarr.create_array(
        path,
        shape=shape,
        chunks=tuple(map(min, shape, chunks)),
        dtype=dtype,
        compressors=numcodecs.Blosc("lz4", clevel=3, shuffle=numcodecs.Blosc.SHUFFLE),
        zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": "/"},
        fill_value=0,
        attributes={
            "axes": ["z", "y", "x"],
            "voxel_size_nm": list(voxel_size) if voxel_size else None,
            **attributes,
        },
    )
