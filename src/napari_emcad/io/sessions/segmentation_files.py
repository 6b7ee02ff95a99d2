"""The segmentation of a session: fragments as Zarr, region graph, merge tree and sizes as tables.

Fragments lie in chunks of one section, compressed fast rather than well: they are all read when a session is opened.
If they are too many for that, they are read as they are looked at, and there are levels of fewer pixels.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.ids import file_dtype, memory_dtype
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.core.progress import Job
from napari_emcad.core.region_graph import QUANTILES, RegionGraph
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import FragmentVolume
from napari_emcad.io.chunk_checksums import ChunkNumber, write_chunk_checksums
from napari_emcad.io.labels.zarr_array import create_labels_array
from napari_emcad.io.read_errors import HEADER_ERRORS
from napari_emcad.io.sessions.columns import check_columns, damaged, is_checked_late, read_columns, write_columns
from napari_emcad.io.sessions.file_names import FRAGMENTS, GRAPH
from napari_emcad.io.sessions.fragment_levels import EDGE, open_fragment_levels, write_fragment_levels
from napari_emcad.io.stacks.zarr import open_zarr_array, open_zarr_node

IN_MEMORY_BYTES = 1 << 31
"""Size of fragments above which they are read as they are looked at."""

BELIEVED_BYTES = 1 << 27
"""Size of fragments above which they have to be as many as the sizes in the graph say, before they are read."""

CHECKED_ROWS = 1 << 24
"""Rows of a table up to which its ids are looked at."""

_CHUNK = (1, 2048, 2048)
"""Voxels (z, y, x) of a chunk of fragments that are read whole."""

_CHUNK_OF_MANY = (1, EDGE, EDGE)
"""Voxels (z, y, x) of a chunk of fragments that are read as they are looked at."""

_GRAPH_FIELDS = ("u", "v", "mean", "quantiles", "area", "contact")
_TREE_FIELDS = ("leaves", "gaps")
_COLUMNS = (*_GRAPH_FIELDS, *_TREE_FIELDS, "sizes")
_KINDS: dict[str, tuple[str, tuple[int, ...]]] = {
    **dict.fromkeys(("u", "v", "leaves", "area", "sizes"), ("iu", ())),
    **dict.fromkeys(("mean", "gaps"), ("f", ())),
    "quantiles": ("f", (len(QUANTILES),)),
    "contact": ("iu", (3,)),
}
"""Kinds of numbers and axes but the first of each column."""


def write_segmentation(folder: Path, segmentation: Segmentation, voxel_size: VoxelSize | None) -> None:
    """Write fragments, region graph, merge tree and sizes into a folder."""
    fragments = segmentation.fragments
    chunks = _CHUNK_OF_MANY if fragments.nbytes > IN_MEMORY_BYTES else _CHUNK
    array = create_labels_array(folder / FRAGMENTS, fragments.shape, file_dtype(fragments.dtype), voxel_size, chunks)
    for z in range(fragments.shape[0]):
        array[z] = fragments[z]
    write_levels_of_large(folder, voxel_size)
    write_graph(folder, segmentation)


def write_graph(folder: Path, segmentation: Segmentation) -> None:
    """Write region graph, merge tree and sizes into a folder."""
    graph = {name: getattr(segmentation.graph, name) for name in _GRAPH_FIELDS}
    tree = {name: getattr(segmentation.tree, name) for name in _TREE_FIELDS}
    write_columns(folder / GRAPH, {**graph, **tree, "sizes": segmentation.sizes})


def write_levels_of_large(
    folder: Path, voxel_size: VoxelSize | None, known: Mapping[ChunkNumber, int] | None = None
) -> None:
    """Write checksums of the fragments of a folder, and them in fewer pixels beside, if they are too many to be read.

    Those that are read are compared with the hash of all of them.

    Parameters
    ----------
    folder : Path
    voxel_size : VoxelSize or None
    known : mapping, optional
        Checksums of chunks that are known.

    Raises
    ------
    UserError
        If the disk is full, or the folder may not be written to.
    """
    if open_zarr_array(folder / FRAGMENTS).nbytes > IN_MEMORY_BYTES:
        write_chunk_checksums(folder / FRAGMENTS, known)
        write_fragment_levels(folder / FRAGMENTS, voxel_size)


def read_segmentation(folder: Path, seals: Mapping[str, int]) -> Segmentation:
    """Read what `write_segmentation` wrote; large parts are read as they are looked at.

    Parameters
    ----------
    folder : Path
    seals : mapping
        Seals of each part by its name, see `seals`; those of earlier versions are not known.

    Raises
    ------
    UserError
        If a file is missing or damaged.
    """
    graph, tree, sizes = _read_graph(folder, seals)
    return Segmentation(_read_fragments(folder, seals, sizes), graph, tree, sizes)


def check_graph(folder: Path) -> Job[None]:
    """Compare a graph that is too large to be checked when it is opened with its checksums; others were.

    Raises
    ------
    UserError
        If it is damaged.
    """
    yield from check_columns(folder / GRAPH, _COLUMNS)


def is_graph_checked_late(folder: Path) -> bool:
    """Return True if a graph is too large to be checked when it is opened."""
    return is_checked_late(folder / GRAPH, _COLUMNS)


def _read_fragments(folder: Path, seals: Mapping[str, int], sizes: NDArray[np.int64]) -> FragmentVolume:
    path = folder / FRAGMENTS
    found = open_zarr_node(path)
    try:
        if isinstance(found, zarr.Group) or found.ndim != 3 or found.dtype not in (np.uint32, np.uint64):
            raise damaged(path)
        if found.nbytes > BELIEVED_BYTES and found.size != sizes.sum():
            raise damaged(path)
        if found.nbytes <= IN_MEMORY_BYTES:
            ids = np.asarray(found[:]).view(memory_dtype(found.dtype))
            if ids.max(initial=0) >= len(sizes):
                raise damaged(path)
            return ids
    except HEADER_ERRORS as error:
        raise damaged(path) from error
    write_fragment_levels(path, None)  # the session was made where there was memory to read it whole
    return open_fragment_levels(path, not sizes[0], seals.get(FRAGMENTS))


def _read_graph(folder: Path, seals: Mapping[str, int]) -> tuple[RegionGraph, MergeTree, NDArray[np.int64]]:
    columns = read_columns(folder / GRAPH, _COLUMNS, seals.get(GRAPH))
    edges, leaves = ({len(columns[name]) for name in names} for names in (_GRAPH_FIELDS, _TREE_FIELDS))
    if len(edges) != 1 or leaves != {len(columns["sizes"]) - 1} or not _are_graph(columns):
        raise damaged(folder / GRAPH)
    graph, tree = ({name: columns[name] for name in names} for names in (_GRAPH_FIELDS, _TREE_FIELDS))
    return RegionGraph(**graph), MergeTree(**tree), columns["sizes"]


def _are_graph(columns: Mapping[str, NDArray[Any]]) -> bool:
    """Return True for columns of the types, axes and ids that graph and tree have."""
    for name, column in columns.items():
        kinds, width = _KINDS[name]
        if column.dtype.kind not in kinds or column.shape[1:] != width:
            return False
    last = len(columns["sizes"]) - 1
    tables = [columns[name] for name in ("u", "v", "leaves") if 0 < len(columns[name]) <= CHECKED_ROWS]
    return all(ids.min() >= 1 and ids.max() <= last for ids in tables) and bool((columns["sizes"] >= 0).all())
