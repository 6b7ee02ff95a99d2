"""Voxel size and offset as the attributes of HDF5 and Zarr arrays state them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.lengths import point_in_nm, voxel_size_in_nm


def read_voxel_size(attributes: Mapping[str, Any]) -> VoxelSize | None:
    """The voxel size in the attributes of an HDF5 or Zarr array, (z, y, x).

    `voxel_size_nm` is ours, `resolution` that of CREMI and `voxel_size` that of funlib (both nm unless `units`
    says otherwise), `element_size_um` that of Fiji's HDF5 plugin.
    """
    stated = attributes.get("units", attributes.get("unit", "nm"))
    known = {"voxel_size_nm": "nm", "resolution": stated, "voxel_size": stated, "element_size_um": "um"}
    sizes = [
        voxel_size_in_nm(_last_three(attributes[key]), _last_three(known[key])) for key in known if key in attributes
    ]
    return next((size for size in sizes if size), None)


def read_offset(attributes: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Where the first voxel of an HDF5 or Zarr array begins, nm (z, y, x); None where its attributes do not say.

    `offset` is that of CREMI's padded files and of funlib. Without a `resolution` or `voxel_size` beside it, it may be
    anything, and is left alone.
    """
    if "offset" not in attributes or not {"resolution", "voxel_size"} & set(attributes):
        return None
    units = attributes.get("units", attributes.get("unit", "nm"))
    return point_in_nm(_last_three(attributes["offset"]), _last_three(units))


def _last_three(values: Any) -> list[Any]:
    """Those of z, y, x, from a list that may have channels before them, or from one value for all."""
    values = [values] if isinstance(values, str | bytes) else np.ravel(values).tolist()
    return values * 3 if len(values) == 1 else values[-3:]
