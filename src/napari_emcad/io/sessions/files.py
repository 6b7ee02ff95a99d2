"""The large files of a session: fragments as Zarr, the tables of fragments, edges and boxes a file for each column.

Fragments lie in chunks of one section, compressed fast rather than well: they are all read when a session is opened.
Where they are too many for that, they are read as they are looked at, and there are levels of fewer pixels. Tables
lie in plain files, of which the system reads what is looked at.
"""

import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.ids import Ids, file_dtype, memory_dtype
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.io.affinities import new_affinities, open_affinities
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.labels.array import new_labels_array
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.read_errors import READ_ERRORS
from napari_emcad.io.sessions.fragment_levels import EDGE, make_levels, open_levels
from napari_emcad.io.stacks.zarr import open_zarr_node

FRAGMENTS, GRAPH, AFFINITIES = "fragments.zarr", "graph", "affinities.zarr"
BOXES = "boxes"
EARLIER = ".npz"
"""How the name of a table ends that an earlier version wrote: all columns in one file, which is read whole."""

IN_MEMORY_BYTES = 1 << 31
"""Fragments that take more than that are read as they are looked at."""

_CHUNK, _CHUNK_OF_MANY = (1, 2048, 2048), (1, EDGE, EDGE)
"""Voxels (z, y, x): of what is read whole, and of what is not."""
_GRAPH_FIELDS = ("u", "v", "mean", "quantiles", "area", "contact")
_TREE_FIELDS = ("leaves", "gaps")
_BOX_FIELDS = ("start", "stop")


def write_segmentation(folder: Path, segmentation: Segmentation, voxel_size: VoxelSize | None) -> None:
    """Write fragments, region graph, merge tree and sizes into a folder."""
    fragments = segmentation.fragments
    chunks = _CHUNK_OF_MANY if fragments.nbytes > IN_MEMORY_BYTES else _CHUNK
    array = new_labels_array(folder / FRAGMENTS, fragments.shape, file_dtype(fragments.dtype), voxel_size, chunks)
    for z, section in enumerate(fragments):
        array[z] = section
    write_levels(folder, voxel_size)
    write_graph(folder, segmentation)


def write_graph(folder: Path, segmentation: Segmentation) -> None:
    """Write region graph, merge tree and sizes into a folder."""
    graph = {name: getattr(segmentation.graph, name) for name in _GRAPH_FIELDS}
    tree = {name: getattr(segmentation.tree, name) for name in _TREE_FIELDS}
    _write_columns(folder / GRAPH, {**graph, **tree, "sizes": segmentation.sizes})


def write_levels(folder: Path, voxel_size: VoxelSize | None) -> None:
    """Write the fragments of a folder in fewer pixels beside them, where they are too many to be read.

    Raises
    ------
    UserError
        Where the disk is full, or the folder may not be written to.
    """
    if open_zarr_node(folder / FRAGMENTS).nbytes > IN_MEMORY_BYTES:
        make_levels(folder / FRAGMENTS, voxel_size)


def read_segmentation(folder: Path) -> Segmentation:
    """Read what `write_segmentation` wrote; what is large is read as it is looked at.

    Raises
    ------
    UserError
        Where a file is missing or damaged.
    """
    graph, tree, sizes = _graph(folder)
    return Segmentation(_fragments(folder, is_full=not sizes[0]), graph, tree, sizes)


def write_boxes(folder: Path, boxes: FragmentBoxes) -> None:
    """Keep where the fragments lie."""
    _write_columns(folder / BOXES, {name: getattr(boxes, name) for name in _BOX_FIELDS})


def keep_boxes(folder: Path, boxes: FragmentBoxes) -> None:
    """Add to a session where its fragments lie, so that it is not sought again; where that cannot be, it is left."""
    with suppress(UserError), write_beside(folder / BOXES, lambda _: 2 * boxes.start.nbytes) as part:
        _write_columns(part, {name: getattr(boxes, name) for name in _BOX_FIELDS})


def read_boxes(folder: Path) -> FragmentBoxes | None:
    """Where the fragments lie, as `write_boxes` kept it; None where it did not, or is damaged."""
    try:
        boxes = FragmentBoxes(**_read_columns(folder / BOXES, _BOX_FIELDS))
    except UserError:
        return None
    return boxes if len(boxes.start) == len(boxes.stop) else None


def write_affinities(folder: Path, affinities, voxel_size: VoxelSize | None) -> None:
    """Copy affinities, (3, z, y, x) uint8 and read by sections, into a folder."""
    with new_affinities(folder / AFFINITIES, affinities.shape[1:], voxel_size, {}) as array:
        for z in range(affinities.shape[1]):
            array[:, z] = affinities[:, z]


def read_affinities(folder: Path, shape: tuple[int, int, int]) -> zarr.Array | None:
    """The affinities in a folder, not read yet; None where there are none.

    Raises
    ------
    UserError
        Where they are damaged or do not fit fragments of this shape (z, y, x).
    """
    if not (folder / AFFINITIES).exists():
        return None
    values = open_affinities(folder / AFFINITIES).values
    if values.shape[1:] != shape:
        raise UserError(
            f"{folder / AFFINITIES}: affinities of the fragments' shape {shape} are needed, got {values.shape[1:]}; "
            "copy the session again from where it is whole."
        )
    return values


def _fragments(folder: Path, is_full: bool) -> Ids | ChunkedLabels:
    found = open_zarr_node(folder / FRAGMENTS)
    try:
        if found.ndim != 3 or found.dtype not in (np.uint32, np.uint64):
            raise _damaged(folder / FRAGMENTS)
        if found.nbytes <= IN_MEMORY_BYTES:
            return found[:].view(memory_dtype(found.dtype))
    except (*READ_ERRORS, AttributeError) as error:
        raise _damaged(folder / FRAGMENTS) from error
    make_levels(folder / FRAGMENTS, None)  # of a session that could be read whole where it was made
    return open_levels(folder / FRAGMENTS, is_full)


def _graph(folder: Path) -> tuple[RegionGraph, MergeTree, NDArray[np.int64]]:
    columns = _read_columns(folder / GRAPH, (*_GRAPH_FIELDS, *_TREE_FIELDS, "sizes"))
    edges, leaves = ({len(columns[name]) for name in names} for names in (_GRAPH_FIELDS, _TREE_FIELDS))
    if len(edges) != 1 or leaves != {len(columns["sizes"]) - 1}:
        raise _damaged(folder / GRAPH)
    graph, tree = ({name: columns[name] for name in names} for names in (_GRAPH_FIELDS, _TREE_FIELDS))
    return RegionGraph(**graph), MergeTree(**tree), columns["sizes"]


def _write_columns(folder: Path, columns: Mapping[str, NDArray]) -> None:
    """A table as a folder of plain files."""
    folder.mkdir(exist_ok=True)
    for name, column in columns.items():
        np.save(folder / f"{name}.npy", column)


def _read_columns(folder: Path, names: tuple[str, ...]) -> dict[str, NDArray]:
    """Columns of a table, mapped; read where an earlier version wrote it."""
    earlier = folder.with_name(folder.name + EARLIER)
    try:
        if folder.is_dir():
            return {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in names}
        with np.load(earlier) as file:
            return {name: file[name] for name in names}
    except (*READ_ERRORS, zipfile.BadZipFile) as error:
        raise _damaged(earlier if earlier.exists() else folder) from error


def _damaged(path: Path) -> UserError:
    return UserError(f"{path}: missing or damaged; copy the session again from where it is whole.")
