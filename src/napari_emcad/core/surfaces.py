"""Surfaces of neurons by marching cubes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from skimage.measure import marching_cubes

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.ids import Ids

BUDGET = 1_000_000
"""Cells that a neuron may be looked at in; a larger one gets coarser cells. Few neurons have 100,000 faces then."""

SPARSE = 16
"""Times BUDGET are the cells of its whole box at most, where most of these are empty."""

BLOCK = (8, 128, 128)
"""Voxels z, y, x that are read at once; those in which no fragment of the neuron lies are left out."""

INSIDE = 0.5
"""The level of marching cubes: a cell that holds any voxel of the neuron has at least this."""

ROUNDS = 10
"""Of smoothing, each a step inwards and one outwards."""

STEPS = (0.5, -0.53)

FAR = 0.3
"""Cells that smoothing may move a vertex on each axis, so that what is one voxel thin does not vanish."""

Strides = tuple[int, int, int]


@dataclass(frozen=True)
class Surface:
    """Triangles around a neuron, closed.

    Attributes
    ----------
    vertices : (n, 3) float32
        z, y, x in nm; the centre of voxel (0, 0, 0) is the origin.
    faces : (m, 3) int32
        Indices of vertices, counter-clockwise seen from outside once these are mirrored to x, y, z.
    strides : (z, y, x)
        Voxels that were taken together as one cell.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    strides: Strides = (1, 1, 1)

    @property
    def nbytes(self) -> int:
        return self.vertices.nbytes + self.faces.nbytes


def whole_surface(
    fragments: Ids,
    members: Ids,
    boxes: FragmentBoxes,
    voxel_size: VoxelSize,
    start: tuple[int, int, int] = (0, 0, 0),
) -> Surface:
    """The surface of the neuron made of these fragments, voxel by voxel.

    Strategy: marching cubes block by block, only where one of the fragments lies; a block has the first voxels of the
    next ones, too, so that the vertices between two blocks come out of both, the same, and are made one.

    Parameters
    ----------
    fragments : (z, y, x) Ids
        Read only where the neuron is.
    members : (k,) Ids
        The fragments, at least one; all of them must be in `boxes`.
    boxes : FragmentBoxes
    voxel_size : VoxelSize
        In nm.
    start : (z, y, x)
        Where the fragments begin in the stack, in voxels.
    """
    box, belongs = boxes.box_of(members), _belonging(members, boxes)
    grid = _Grid.over(Box(box.start, tuple(n + 1 for n in box.stop)), (1, 1, 1))  # of cubes: each ends at its voxel
    vertices, faces, n = [], [], 0
    for first, end in grid.blocks(grid.blocks_with(boxes.start[members], boxes.stop[members] + 1)):
        inside = _with_rim(fragments, belongs, *grid.voxels(first - 1, end))
        if inside.any() and not inside.all():
            found, corners, *_ = marching_cubes(inside.astype(np.float32), INSIDE)
            vertices.append(found + grid.first + first - 1)
            faces.append(corners + n)
            n += len(found)
    vertices, corners = _once(np.concatenate(vertices))
    places = (vertices + start) * np.array(voxel_size)
    return Surface(places.astype(np.float32), corners[np.concatenate(faces)].astype(np.int32))


def neuron_surface(
    fragments: Ids,
    members: Ids,
    boxes: FragmentBoxes,
    voxel_size: VoxelSize,
    budget: int = BUDGET,
) -> Surface:
    """The surface of the neuron made of these fragments, to be looked at: large ones are coarser.

    Strategy: only blocks in which one of the fragments lies are read. Voxels are taken together to cells until these
    blocks have no more than `budget` of them. The level of a cell rises with the part of it that is filled, and one
    that holds a single voxel is inside: a thin neurite gets thin, but it is not lost as it is where every n-th voxel
    counts. At last the steps between sections are smoothed.

    Parameters
    ----------
    fragments : (z, y, x) Ids
        Read only where the neuron is.
    members : (k,) Ids
        The fragments, at least one; all of them must be in `boxes`.
    boxes : FragmentBoxes
    voxel_size : VoxelSize
        In nm.
    budget : int
        Cells.
    """
    box, places = boxes.box_of(members), (boxes.start[members], boxes.stop[members])
    part = _Grid.over(box, (1, 1, 1)).blocks_with(*places).mean()
    grid = _Grid.over(box, strides_of(box.shape, voxel_size, budget / max(part, 1 / SPARSE)))
    belongs = _belonging(members, boxes)
    level = np.zeros(np.array(grid.shape) + 2, np.float32)  # with a rim of one empty cell, so that it is closed
    near = np.zeros(level.shape, bool)
    for start, stop in grid.blocks(grid.blocks_with(*places)):
        inside = belongs[fragments[tuple(map(slice, *grid.voxels(start, stop)))]]
        filled = _filled_parts(inside, (stop - start) * grid.strides, grid.strides)
        level[tuple(map(slice, start + 1, stop + 1))] = (filled > 0) * (INSIDE + (1 - INSIDE) * np.sqrt(filled))
        near[tuple(map(slice, start, stop + 2))] = True
    return _smoothed(_marched(level, near, grid.first, grid.strides, voxel_size), voxel_size)


def strides_of(shape: tuple[int, int, int], voxel_size: VoxelSize, budget: float = BUDGET) -> Strides:
    """How many voxels z, y, x become one cell, powers of two: the finest axes are coarsened first."""
    shape, strides = np.array(shape), np.ones(3, int)
    while np.prod(-(-shape // strides)) > budget:
        edges = np.where(strides < shape, strides * voxel_size, np.inf)
        strides[edges < 1.5 * edges.min()] *= 2
    return tuple(strides.tolist())


@dataclass(frozen=True)
class _Grid:
    """Cells over a neuron; `first` is the one at which they begin, counted from the corner of the volume."""

    first: NDArray[np.int64]
    strides: Strides
    shape: tuple[int, ...]

    @classmethod
    def over(cls, box: Box, strides: Strides) -> "_Grid":
        first, end = np.array(box.start) // strides, -(-np.array(box.stop) // strides)
        return cls(first, strides, tuple((end - first).tolist()))

    @property
    def cells(self) -> NDArray[np.int64]:
        """Cells z, y, x of a block."""
        return np.maximum(1, np.array(BLOCK) // self.strides)

    def blocks_with(self, starts: NDArray, stops: NDArray) -> NDArray[np.bool_]:
        """Which blocks meet one of these boxes of voxels, (k, 3) each."""
        voxels = self.cells * self.strides
        corner = self.first * self.strides
        found = np.zeros(-(-np.array(self.shape) // self.cells), bool)
        for low, high in zip((starts - corner) // voxels, -(-(stops - corner) // voxels), strict=True):
            found[tuple(map(slice, low, high))] = True
        return found

    def blocks(self, which: NDArray[np.bool_]) -> Iterator[tuple[NDArray, NDArray]]:
        """The first cell of each block in this grid, and that after its last one."""
        for start in np.argwhere(which) * self.cells:
            yield start, np.minimum(start + self.cells, self.shape)

    def voxels(self, start: NDArray, stop: NDArray) -> tuple[NDArray, NDArray]:
        """Where cells begin and end in the volume; they may end outside it."""
        return (self.first + start) * self.strides, (self.first + stop) * self.strides


def _belonging(members: Ids, boxes: FragmentBoxes) -> NDArray[np.bool_]:
    """Whether each fragment is one of these, (n + 1,)."""
    belongs = np.zeros(len(boxes), bool)
    belongs[members] = True
    return belongs


def _with_rim(fragments: Ids, belongs: NDArray[np.bool_], start: NDArray, stop: NDArray) -> NDArray[np.bool_]:
    """Which voxels between these belong; those outside the volume do not."""
    low, high = np.maximum(start, 0), np.minimum(stop, fragments.shape)
    inside = belongs[fragments[tuple(map(slice, low, high))]]
    return np.pad(inside, np.stack([low - start, stop - high], axis=1))


def _once(vertices: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices (n, 3) without those that are there twice, and where each of them is now, (n,)."""
    order = np.lexsort(vertices.T)
    is_new = np.append(True, (np.diff(vertices[order], axis=0) != 0).any(axis=1))
    now = np.empty(len(order), np.int64)
    now[order] = np.cumsum(is_new) - 1
    return vertices[order[is_new]], now


def _filled_parts(mask: NDArray[np.bool_], whole: NDArray, strides: Strides) -> NDArray[np.float32]:
    """The filled part of each cell, 0 to 1; the mask is that of whole cells, less what lies outside the volume."""
    parts = np.pad(mask, [(0, n - m) for n, m in zip(whole, mask.shape, strict=True)]).astype(np.float32)
    for axis, stride in enumerate(strides):
        parts = np.moveaxis(parts, axis, 0)
        for _ in range(stride.bit_length() - 1):  # halving is eight times as fast as a mean over reshaped axes
            parts = (parts[0::2] + parts[1::2]) / 2
        parts = np.moveaxis(parts, 0, axis)
    return parts


def _marched(
    level: NDArray[np.float32], near: NDArray[np.bool_], first: NDArray, strides: Strides, voxel_size: VoxelSize
) -> Surface:
    """The surface of cells with an empty rim, sought only `near` the neuron; `first` is the first cell inside it."""
    vertices, faces, *_ = marching_cubes(level, INSIDE, mask=near)
    cells = vertices + first - 1
    places = (cells * strides + (np.array(strides) - 1) / 2) * np.array(voxel_size)
    return Surface(places.astype(np.float32), faces.astype(np.int32), strides)


def _smoothed(rough: Surface, voxel_size: VoxelSize) -> Surface:
    """Vertices moved towards the middle of their neighbours and back (Taubin, SIGGRAPH 1995), each by FAR at most."""
    ends, n = np.roll(rough.faces, -1, axis=1).ravel(), len(rough.vertices)
    edges = (np.ones(len(ends), np.float32), (rough.faces.ravel(), ends))
    neighbours = coo_array(edges, (n, n)).tocsr()  # closed: each edge is in two faces, once in each direction
    share = np.float32(1) / neighbours.sum(axis=1)[:, None]
    vertices = rough.vertices
    for step in STEPS * ROUNDS:
        vertices = vertices + np.float32(step) * ((neighbours @ vertices) * share - vertices)
    far = FAR * np.array(rough.strides) * voxel_size
    moved = np.clip(vertices - rough.vertices, -far, far).astype(np.float32)
    return replace(rough, vertices=rough.vertices + moved)
