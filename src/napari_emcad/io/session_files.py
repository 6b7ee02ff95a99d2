"""The large files of a session: fragments as Zarr, the tables of fragments, edges and boxes a file for each column.

Fragments lie in chunks of one section, compressed fast rather than well: they are all read when a session is opened.
Where they are too many for that they lie in a plain file as well. Of plain files the system reads what is looked at.
"""

import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numcodecs
import numpy as np
import zarr
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.io.affinities import new_affinities, open_affinities
from napari_emcad.io.beside import written_beside
from napari_emcad.io.lazy import READ_ERRORS
from napari_emcad.io.zarr import zarr_node

FRAGMENTS, GRAPH, AFFINITIES = "fragments.zarr", "graph", "affinities.zarr"
MAPPED, BOXES = "fragments.npy", "boxes"
EARLIER = ".npz"
"""How the name of a table ends that an earlier version wrote: all columns in one file, which is read whole."""

IN_MEMORY_BYTES = 1 << 31
"""More fragments than that are mapped from a file instead of being read."""

_EDGE = 2048
"""Pixels: larger sections are several chunks."""
_GRAPH_FIELDS = ("u", "v", "mean", "quantiles", "area", "contact")
_TREE_FIELDS = ("leaves", "gaps")
_BOX_FIELDS = ("start", "stop")


def write_segmentation(folder: Path, segmentation: Segmentation, voxel_size: VoxelSize | None) -> None:
    """Write fragments, region graph, merge tree and sizes into a folder."""
    fragments = segmentation.fragments
    array = new_labels_array(folder / FRAGMENTS, fragments.shape, np.dtype(np.uint32), voxel_size)
    for z, section in enumerate(fragments):
        array[z] = section
    write_graph(folder, segmentation)


def write_graph(folder: Path, segmentation: Segmentation) -> None:
    """Write region graph, merge tree and sizes into a folder."""
    graph = {name: getattr(segmentation.graph, name) for name in _GRAPH_FIELDS}
    tree = {name: getattr(segmentation.tree, name) for name in _TREE_FIELDS}
    _write_columns(folder / GRAPH, {**graph, **tree, "sizes": segmentation.sizes})


def read_segmentation(folder: Path) -> Segmentation:
    """Read what `write_segmentation` wrote; what is large is mapped, and read as it is looked at.

    Raises
    ------
    UserError
        Where a file is missing or damaged.
    """
    return Segmentation(_fragments(folder), *_graph(folder))


def map_fragments(folder: Path) -> None:
    """Lay the fragments of a folder out in a plain file, where they are too many to be read.

    Raises
    ------
    UserError
        Where the disk is full, or the folder may not be written to.
    """
    array = zarr_node(folder / FRAGMENTS)
    if array.nbytes <= IN_MEMORY_BYTES or (folder / MAPPED).exists():
        return
    with written_beside(folder / MAPPED, lambda _: array.nbytes) as part:
        _write_sections(part, array)


def _write_sections(path: Path, array: zarr.Array) -> None:
    """As npy, one section in memory after the other; written through a map, all of them would count as memory."""
    header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for z in range(array.shape[0]):
            file.write(np.ascontiguousarray(array[z]))


def write_boxes(folder: Path, boxes: FragmentBoxes) -> None:
    """Keep where the fragments lie."""
    _write_columns(folder / BOXES, {name: getattr(boxes, name) for name in _BOX_FIELDS})


def keep_boxes(folder: Path, boxes: FragmentBoxes) -> None:
    """Add to a session where its fragments lie, so that it is not sought again; where that cannot be, it is left."""
    with suppress(UserError), written_beside(folder / BOXES, lambda _: 2 * boxes.start.nbytes) as part:
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


def new_labels_array(
    path: Path,
    shape: tuple[int, int, int],
    dtype: np.dtype,
    voxel_size: VoxelSize | None,
    edge: int = _EDGE,
    **attributes,
) -> zarr.Array:
    """An empty Zarr array (z, y, x) for labels, in chunks of sections, at most `edge` pixels a side."""
    return zarr.create_array(
        path,
        shape=shape,
        chunks=tuple(min(n, c) for n, c in zip(shape, (1, edge, edge), strict=True)),
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


def _fragments(folder: Path) -> NDArray[np.uint32]:
    found = zarr_node(folder / FRAGMENTS)
    if found.nbytes > IN_MEMORY_BYTES:
        map_fragments(folder)
        return np.load(folder / MAPPED, mmap_mode="c")  # what splits write into it stays in memory
    try:
        if found.ndim == 3 and found.dtype == np.uint32:
            return found[:]
    except (*READ_ERRORS, AttributeError) as error:
        raise _damaged(folder / FRAGMENTS) from error
    raise _damaged(folder / FRAGMENTS)


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
