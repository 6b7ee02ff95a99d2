"""Metadata of a neuroglancer precomputed volume: the file `info` and its scales.

Lengths and places are (x, y, z) there. Source: neuroglancer, src/datasource/precomputed/volume.md.
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict, TypeGuard

import numpy as np

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.lengths import Point

INFO = "info"
"""Name of the file that makes a folder a precomputed volume."""


class PrecomputedScale(TypedDict):
    """One resolution of a volume, as `info` lists it; further keys are kept as they are.

    Attributes
    ----------
    key : str
        Name of its folder, such as "8_8_40".
    resolution : [x, y, z]
        Voxel size in nm.
    size : [x, y, z]
        In voxels.
    chunk_sizes : list of [x, y, z]
        Voxels of a chunk; further ones are other copies of the voxels.
    voxel_offset : [x, y, z]
        First voxel, in voxels of this scale; 0 if left out.
    encoding : str
        Of its chunks: "raw", "jpeg" and so on.
    sharding : object
        There if many chunks share a file.
    """

    key: str
    resolution: list[float]
    size: list[int]
    chunk_sizes: list[list[int]]
    voxel_offset: NotRequired[list[int]]
    encoding: NotRequired[str]
    sharding: NotRequired[object]


def stated_scales(info: Any) -> list[PrecomputedScale]:
    """Return the scales that `info` lists, the finest first.

    Raises
    ------
    ValueError
        If it lists none, or one of them lacks what belongs to it.
    """
    scales = info.get("scales") if isinstance(info, Mapping) else None
    if not isinstance(scales, list) or not scales:
        raise ValueError("it lists no scales")
    for number, scale in enumerate(scales):
        if not _is_scale(scale):
            raise ValueError(f"its scale {number} lacks a key, resolution, size or chunk_sizes that make sense")
    return scales


def _is_scale(scale: object) -> TypeGuard[PrecomputedScale]:
    if not isinstance(scale, Mapping) or not isinstance(scale.get("key"), str):
        return False
    chunks = scale.get("chunk_sizes")
    return (
        _are_three(scale.get("resolution"), float)
        and _are_three(scale.get("size"), int)
        and _are_three(scale.get("voxel_offset", [0, 0, 0]), int)
        and isinstance(chunks, list)
        and bool(chunks)
        and all(_are_three(chunk, int) and min(chunk) > 0 for chunk in chunks)
    )


def _are_three(numbers: object, kind: type[int] | type[float]) -> bool:
    kinds = (int,) if kind is int else (int, float)
    return isinstance(numbers, list) and len(numbers) == 3 and all(type(n) in kinds and abs(n) < 2**63 for n in numbers)


def scale_voxel_size(scale: PrecomputedScale) -> VoxelSize:
    """Return the voxel size of a scale in nm."""
    return VoxelSize(*scale["resolution"][::-1])


def scale_offset(scale: PrecomputedScale, finest: PrecomputedScale) -> Point:
    """Return the place of a scale's first voxel, in nm (z, y, x).

    A viewer draws a voxel's middle at its place, the file states its corner; of coarser scales the middle lies further
    in.
    """
    step, start = np.array(scale["resolution"]), np.array(scale.get("voxel_offset", (0, 0, 0)))
    x, y, z = (start + 0.5) * step - 0.5 * np.array(finest["resolution"])
    return float(z), float(y), float(x)
