"""Fragments in fewer and fewer pixels, kept beside them: what is seen from afar is read from there."""

from collections.abc import Iterator
from math import prod
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, VoxelSize, triple
from napari_emcad.core.progress import drive
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.chunk_checksums import CHUNK_CHECKSUMS, seal_of, write_chunk_checksums
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.labels.levels import LabelLevel, write_levels
from napari_emcad.io.labels.zarr_array import create_labels_array
from napari_emcad.io.sessions.file_names import LEVELS
from napari_emcad.io.stacks.zarr import open_zarr_array
from napari_emcad.io.zarr_arrays import as_volume

OVERVIEW = 1 << 24
"""Voxels of the last level at most: as many as napari draws in 3D without a wait that is felt."""

MADE_OF = "made_of"
"""Attribute of a level: the seal of the fragments that it shows, see `seal_of`."""

EDGE = 512
"""Pixels a side of a chunk at most."""


def open_fragment_levels(fragments: Path, is_full: bool, seal: int | None) -> ChunkedLabels:
    """Open fragments with their levels, of which nothing is read yet.

    Parameters
    ----------
    fragments : Path
        Made by `create_labels_array`; the levels lie beside it, 2.zarr (every second pixel on y and x), 4.zarr ...
    is_full : bool
        True if every voxel is of a fragment.
    seal : int or None
        Of the fragments, see `seal_of`; None = not known.

    Raises
    ------
    UserError
        If a level cannot be read, or shows other fragments.
    """
    level = None
    for step, _ in reversed(list(_level_shapes(triple(open_zarr_array(fragments).shape)))):
        path = fragments.parent / LEVELS / f"{step}.zarr"
        if seal is not None and open_zarr_array(path).attrs.get(MADE_OF, seal) != seal:
            raise UserError(f"{path}: it shows other fragments; remove the folder {LEVELS}, which is made again.")
        level = ChunkedLabels(path, is_full, level)
    return ChunkedLabels(fragments, is_full, level, seal)


def write_fragment_levels(fragments: Path, voxel_size: VoxelSize | None) -> None:
    """Write the levels of fragments, unless they are there.

    Parameters
    ----------
    fragments : Path
        The array that `open_fragment_levels` opens.
    voxel_size : VoxelSize or None
        In nm.

    Raises
    ------
    UserError
        If the disk is full, or the folder may not be written to.
    """
    array, target = open_zarr_array(fragments), fragments.parent / LEVELS
    coarser = list(_level_shapes(triple(array.shape)))
    if not coarser or target.exists():
        return
    with write_beside(target, lambda _: array.nbytes // 20) as part:
        part.mkdir()
        finer = ChunkedLabels(fragments, is_full=False)
        made_of = {MADE_OF: seal_of(fragments)} if (fragments / CHUNK_CHECKSUMS).exists() else {}
        for step, shape in coarser:
            size = voxel_size and VoxelSize(voxel_size.z, step * voxel_size.y, step * voxel_size.x)
            level = create_labels_array(part / f"{step}.zarr", shape, array.dtype, size, _chunks(shape), **made_of)
            drive(write_levels(finer, [LabelLevel(as_volume(level), triple(level.chunks), step=2)]))
            write_chunk_checksums(part / f"{step}.zarr")
            finer = ChunkedLabels(part / f"{step}.zarr", is_full=False)


def _level_shapes(shape: Shape) -> Iterator[tuple[int, Shape]]:
    """Yield step and shape (z, y, x) of each level."""
    step = 1
    while prod(shape) > OVERVIEW and min(shape[1:]) > 1:
        step, shape = 2 * step, (shape[0], -(-shape[1] // 2), -(-shape[2] // 2))
        yield step, shape


def _chunks(shape: Shape) -> Shape:
    """Return the shape of chunks: of small sections they hold several, so that they have as many voxels as others."""
    y, x = (min(n, EDGE) for n in shape[1:])
    return min(shape[0], EDGE**2 // (y * x)), y, x
