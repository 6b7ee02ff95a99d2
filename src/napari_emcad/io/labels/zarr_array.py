"""Zarr arrays that labels are written to."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr

from napari_emcad.core.geometry import Shape, VoxelSize
from napari_emcad.io.metadata.array_attributes import LABELS_MARK, MARK
from napari_emcad.io.zarr_arrays import create_zarr_array, label_layout


def create_labels_array(
    path: Path,
    shape: Shape,
    dtype: np.dtype[Any],
    voxel_size: VoxelSize | None,
    chunks: tuple[int, int, int],
    **attributes: Any,
) -> zarr.Array[Any]:
    """Create an empty Zarr array (z, y, x) for labels, in chunks of at most this shape; `attributes` are JSON."""
    size = list(voxel_size) if voxel_size else None
    known = {"axes": ["z", "y", "x"], "voxel_size_nm": size, MARK: LABELS_MARK}
    return create_zarr_array(path, shape, dtype, label_layout(chunks), {**known, **attributes})
