"""Affinities on disk: a Zarr array (3, z, y, x) of uint8.

Zarr format 2 with "/" between the chunk numbers: read by zarr-python 2 and 3 and by the tools of the field
(Neuroglancer, funlib, WEBKNOSSOS), while format 3 is not yet by all; a flat folder of all chunks would be slow.
A chunk holds the three channels of a piece of one section: that is what prediction writes and agglomeration reads.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numcodecs
import zarr

from napari_emcad.core.affinities import NEAREST, Affinities
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.stacks.zarr import is_zarr, open_zarr_node

_CHUNK = (3, 1, 512, 512)


@contextmanager
def new_affinities(
    path: Path | str, shape: Sequence[int], voxel_size: VoxelSize | None, provenance: Mapping[str, Any]
) -> Iterator[zarr.Array]:
    """Give an array (3, z, y, x) of uint8 (value x 255, 0 at first) to fill; it is in its place when the block ends.

    Until then it lies beside `path` and can be read and written there; when the block ends early (an error, a
    cancelled job) it is removed and older affinities at `path` stay. Afterwards, read with `open_affinities`.

    Parameters
    ----------
    path : path
        A folder, NAME.zarr; older affinities there are replaced.
    shape : (z, y, x)
        Of the volume, in voxels.
    voxel_size : VoxelSize or None
        In nm.
    provenance : mapping
        Goes into the attributes; JSON.

    Raises
    ------
    UserError
        Where the disk is full, the folder is missing or may not be written to, or something else lies at `path`.
    """
    path = Path(path)
    if path.exists() and not _holds_affinities(path):
        raise UserError(f"{path}: this name is taken by something that is not affinities; choose another name.")
    with write_beside(path, lambda _: len(NEAREST) * math.prod(shape)) as part:
        yield create_affinities(part, shape, voxel_size, provenance)


def create_affinities(
    path: Path, shape: Sequence[int], voxel_size: VoxelSize | None, provenance: Mapping[str, Any]
) -> zarr.Array:
    """Make an array (3, z, y, x) of uint8 for a volume of this shape (z, y, x), all 0."""
    whole = (len(NEAREST), *(int(n) for n in shape))
    return zarr.create_array(
        path,
        shape=whole,
        chunks=tuple(min(n, c) for n, c in zip(whole, _CHUNK, strict=True)),
        dtype="uint8",
        compressors=numcodecs.Blosc("zstd", clevel=1, shuffle=numcodecs.Blosc.NOSHUFFLE),
        zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": "/"},
        fill_value=0,
        attributes=_attributes(voxel_size, provenance),
    )


def open_affinities(path: Path | str) -> Affinities:
    """Open affinities to read: `values` is the Zarr array (3, z, y, x) of uint8, its `attrs` hold the voxel size.

    Raises
    ------
    UserError
        Where there are none.
    """
    path = Path(path)
    if not _holds_affinities(path):
        raise UserError(f"{path}: affinities (3, z, y, x) are needed, and there are none; predict them again.")
    values = open_zarr_node(path)
    return Affinities(values, tuple(tuple(offset) for offset in values.attrs["offsets"]))


def _attributes(voxel_size: VoxelSize | None, provenance: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "axes": ["c", "z", "y", "x"],
        "offsets": [list(offset) for offset in NEAREST],
        "voxel_size_nm": list(voxel_size) if voxel_size else None,
        "provenance": dict(provenance),
    }


def _holds_affinities(path: Path) -> bool:
    if not is_zarr(path):
        return False
    found = open_zarr_node(path)
    return isinstance(found, zarr.Array) and found.ndim == 4 and len(found.attrs.get("offsets", ())) == found.shape[0]
