"""Affinities on disk: a Zarr array (3, z, y, x) of uint8."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zarr

from napari_emcad.core.affinities import NEAREST, Affinities, Offset
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Voxel, VoxelSize, triple
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.metadata.array_attributes import place_attributes
from napari_emcad.io.metadata.lengths import start_in_nm
from napari_emcad.io.read_errors import HEADER_ERRORS
from napari_emcad.io.stacks.zarr import is_zarr, open_zarr_node
from napari_emcad.io.zarr_arrays import StoredAffinities, affinity_layout, as_affinities, create_zarr_array


@contextmanager
def new_affinities(
    path: Path | str,
    shape: Sequence[int],
    voxel_size: VoxelSize | None,
    provenance: Mapping[str, Any],
    start: Voxel | None = None,
) -> Iterator[StoredAffinities]:
    """Give an array (3, z, y, x) of uint8 (value x 255, 0 at first) to fill; it is in its place when the block ends.

    Until then it lies beside `path` and can be read and written there; when the block ends early (an error, a
    cancelled job) it is removed and older affinities at `path` stay. Afterwards, read with `open_affinities`.

    Parameters
    ----------
    path : path
        A folder, NAME.zarr; older affinities there are replaced.
    shape : (z, y, x)
        Voxels of the volume.
    voxel_size : VoxelSize or None
        In nm.
    provenance : mapping
        Goes into the attributes; JSON. Its "origin", if there is one, is the place of the stack's first voxel, in
        voxels.
    start : (z, y, x), optional
        Place of the first voxel in the stack, in voxels: voxel size and place are stated as other programs read them,
        too, see `place_attributes`.

    Raises
    ------
    UserError
        If the disk is full, the folder is missing or may not be written to, or something else lies at `path`.
    """
    path = Path(path)
    if path.exists() and _affinities_in(path) is None:
        raise UserError(f"{path}: this name is taken by something that is not affinities; choose another name.")
    with write_beside(path, lambda _: len(NEAREST) * math.prod(shape)) as part:
        yield create_affinities(part, shape, voxel_size, provenance, start)


def create_affinities(
    path: Path,
    shape: Sequence[int],
    voxel_size: VoxelSize | None,
    provenance: Mapping[str, Any],
    start: Voxel | None = None,
) -> StoredAffinities:
    """Create an array (3, z, y, x) of uint8 for a volume of this shape (z, y, x), all 0; see `new_affinities`."""
    attributes: dict[str, Any] = {
        "axes": ["c", "z", "y", "x"],
        "offsets": [list(offset) for offset in NEAREST],
        "voxel_size_nm": list(voxel_size) if voxel_size else None,
        "provenance": dict(provenance),
    }
    if voxel_size and start:
        attributes |= place_attributes(
            voxel_size, start_in_nm(start, voxel_size, provenance.get("origin")), channels=True
        )
    whole = (len(NEAREST), *triple(shape))
    return as_affinities(create_zarr_array(path, whole, "uint8", affinity_layout(), attributes))


def open_affinities(path: Path | str) -> Affinities:
    """Open affinities to read: `values` is the Zarr array (3, z, y, x) of uint8, its `attrs` hold the voxel size.

    Raises
    ------
    UserError
        If there are none.
    """
    path = Path(path)
    found = _affinities_in(path)
    if found is None:
        raise UserError(f"{path}: affinities (3, z, y, x) are needed, and there are none; predict them again.")
    return found


def _affinities_in(path: Path) -> Affinities | None:
    """Open the affinities in a Zarr folder; None if it holds something else."""
    if not is_zarr(path):
        return None
    found = open_zarr_node(path)
    if not isinstance(found, zarr.Array) or found.ndim != 4:
        return None
    offsets = _offsets_of(found)
    return Affinities(as_affinities(found), offsets) if len(offsets) == found.shape[0] else None


def _offsets_of(array: zarr.Array[Any]) -> tuple[Offset, ...]:
    """Return the offsets in the attributes of an array; none if they hold none."""
    try:
        offsets: Any = array.attrs.get("offsets", ())
        return tuple(triple(offset) for offset in offsets)
    except HEADER_ERRORS:
        return ()
