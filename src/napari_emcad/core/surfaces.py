"""Surfaces of neurons by marching cubes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from skimage.measure import marching_cubes

from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Box, Shape, Slices, VoxelSize, triple
from napari_emcad.core.ids import Ids
from napari_emcad.core.volume import FragmentVolume, Volume

BUDGET = 1_000_000
"""Cells that a neuron may be looked at in; a larger one gets coarser cells. Few neurons then have 100,000 faces."""

SPARSE = 16
"""The cells of a neuron's whole box, in budgets, at most: of a sparse neuron most of them are empty."""

BLOCK = (8, 128, 128)
"""Voxels z, y, x that are read at once; blocks without a fragment of the neuron are left out."""

INSIDE = 0.5
"""The level of marching cubes: a cell that holds any voxel of the neuron has at least this."""

ROUNDS = 10
"""Rounds of smoothing, each a step inwards and one outwards."""

STEPS = (0.5, -0.53)
"""The two steps of a round, in distances to the middle of a vertex' neighbours."""

FAR = 0.3
"""Cells that smoothing may move a vertex on each axis, so that thin neurites do not vanish."""

Strides = tuple[int, int, int]
"""Voxels z, y, x that are taken together as one cell."""


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
        """Bytes of vertices and faces."""
        return self.vertices.nbytes + self.faces.nbytes

    def from_corner(self, voxel_size: VoxelSize) -> "Surface":
        """Return it with the corner of voxel (0, 0, 0) as the origin, where files have it: a voxel is 0 to 1 there."""
        return replace(self, vertices=self.vertices + np.array(voxel_size, np.float32) * np.float32(0.5))


def whole_surface(
    fragments: Volume,
    members: Ids,
    boxes: FragmentBoxes,
    voxel_size: VoxelSize,
    start: Sequence[float] | NDArray[np.float64] = (0, 0, 0),
) -> Surface:
    """Return the surface of the neuron made of these fragments, voxel by voxel.

    Strategy: marching cubes block by block, only where one of the fragments lies; a block has the first voxels of the
    next ones, too, so that the vertices between two blocks come out of both, the same, and are made one.

    Parameters
    ----------
    fragments : Volume (z, y, x)
        Read only where the neuron is.
    members : (k,) Ids
        The fragments, at least one; all of them must be in `boxes`.
    boxes : FragmentBoxes
    voxel_size : VoxelSize
        In nm.
    start : (z, y, x)
        Place of the first voxel of the fragments in the stack.
    """
    box, belongs = boxes.box_of(members), _belonging(members, boxes)
    grid = _Grid.over(Box(box.start, triple(n + 1 for n in box.stop)), (1, 1, 1))  # of cubes: each ends at its voxel
    vertices: list[NDArray[np.float64]] = []
    faces: list[NDArray[np.int64]] = []
    n = 0
    for first, end in grid.blocks(grid.blocks_with(boxes.start[members], boxes.stop[members] + 1)):
        inside = _with_rim(fragments, belongs, *grid.voxels(first - 1, end))
        if inside.any() and not inside.all():
            found, corners, *_ = marching_cubes(inside.astype(np.float32), INSIDE)
            vertices.append(found + grid.first + first - 1)
            faces.append(corners + n)
            n += len(found)
    single, kept = _once(np.concatenate(vertices))
    places = (single + np.array(start)) * np.array(voxel_size)
    return Surface(places.astype(np.float32), kept[np.concatenate(faces)].astype(np.int32))


def neuron_surface(
    fragments: FragmentVolume,
    members: Ids,
    boxes: FragmentBoxes,
    voxel_size: VoxelSize,
    budget: int = BUDGET,
) -> Surface:
    """Return the surface of the neuron made of these fragments, to be looked at: large ones are coarser.

    Strategy: only blocks in which one of the fragments lies are read. Voxels are taken together to cells until these
    blocks have no more than `budget` of them. The level of a cell rises with the part of it that is filled, and one
    that holds a single voxel is inside: a thin neurite gets thin, but it is not lost as it is where every n-th voxel
    counts. At last the steps between sections are smoothed.

    Parameters
    ----------
    fragments : FragmentVolume (z, y, x)
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
    # A rim of one empty cell closes the surface.
    level: NDArray[np.float32] = np.zeros(np.array(grid.shape) + 2, np.float32)
    near = np.zeros(level.shape, bool)
    for start, stop in grid.blocks(grid.blocks_with(*places)):
        inside = belongs[fragments[_between(*grid.voxels(start, stop))]]
        filled = _filled_parts(inside, (stop - start) * np.array(grid.strides), grid.strides)
        level[_between(start + 1, stop + 1)] = (filled > 0) * (INSIDE + (1 - INSIDE) * np.sqrt(filled))
        near[_between(start, stop + 2)] = True
    return _smoothed(_marched(level, near, grid.first, grid.strides, voxel_size), voxel_size)


def strides_of(shape: Shape, voxel_size: VoxelSize, budget: float = BUDGET) -> Strides:
    """Return how many voxels z, y, x become one cell, powers of two: the finest axes are coarsened first."""
    voxels, edge, strides = np.array(shape), np.array(voxel_size), np.ones(3, np.int64)
    while np.prod(-(-voxels // strides)) > budget:
        edges = np.where(strides < voxels, strides * edge, np.inf)
        strides[edges < 1.5 * edges.min()] *= 2
    return triple(strides)


_Cells = NDArray[np.int64]
"""(3,) z, y, x of a cell or voxel."""


def _between(start: NDArray[np.integer], stop: NDArray[np.integer]) -> Slices:
    """Return the slices from one place to another, (3,) each."""
    z, y, x = (slice(a, b) for a, b in zip(start.tolist(), stop.tolist(), strict=True))
    return z, y, x


@dataclass(frozen=True)
class _Grid:
    """Cells over a neuron; `first` is the one at which they begin, counted from the corner of the volume."""

    first: NDArray[np.int64]
    strides: Strides
    shape: Shape

    @classmethod
    def over(cls, box: Box, strides: Strides) -> "_Grid":
        """Return the grid of whole cells that covers a box of voxels."""
        stride = np.array(strides)
        first, end = np.array(box.start) // stride, -(-np.array(box.stop) // stride)
        return cls(first, strides, triple(end - first))

    @property
    def cells(self) -> NDArray[np.int64]:
        """Cells z, y, x of a block."""
        return np.maximum(1, np.array(BLOCK) // np.array(self.strides))

    def blocks_with(self, starts: NDArray[np.integer], stops: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return True for the blocks that meet one of these boxes of voxels, (k, 3) each."""
        voxels = self.cells * np.array(self.strides)
        corner = self.first * np.array(self.strides)
        meets: NDArray[np.bool_] = np.zeros(-(-np.array(self.shape) // self.cells), bool)
        for low, high in zip((starts - corner) // voxels, -(-(stops - corner) // voxels), strict=True):
            meets[_between(low, high)] = True
        return meets

    def blocks(self, which: NDArray[np.bool_]) -> Iterator[tuple[_Cells, _Cells]]:
        """Yield the first cell of each block in this grid, and the one after its last."""
        for start in np.argwhere(which) * self.cells:
            yield start, np.minimum(start + self.cells, np.array(self.shape))

    def voxels(self, start: _Cells, stop: _Cells) -> tuple[_Cells, _Cells]:
        """Return the voxels at which cells begin and end in the volume; they may end outside it."""
        strides = np.array(self.strides)
        return (self.first + start) * strides, (self.first + stop) * strides


def _belonging(members: Ids, boxes: FragmentBoxes) -> NDArray[np.bool_]:
    """Return True for each fragment that is one of these, (n + 1,)."""
    belongs = np.zeros(len(boxes), bool)
    belongs[members] = True
    return belongs


def _with_rim(fragments: Volume, belongs: NDArray[np.bool_], start: _Cells, stop: _Cells) -> NDArray[np.bool_]:
    """Return True for voxels between these that belong; those outside the volume do not."""
    low, high = np.maximum(start, 0), np.minimum(stop, np.array(fragments.shape))
    inside = belongs[fragments[_between(low, high)]]
    return np.pad(inside, np.stack([low - start, stop - high], axis=1))


def _once(vertices: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Drop repeated vertices (n, 3), and return for each the place of the one that is kept, (n,).

    Strategy: sorted by all three coordinates, equal vertices are neighbours; a running count of new ones numbers them.
    """
    order = np.lexsort(vertices.T)
    is_new = np.append(True, (np.diff(vertices[order], axis=0) != 0).any(axis=1))
    now = np.empty(len(order), np.int64)
    now[order] = np.cumsum(is_new) - 1
    return vertices[order[is_new]], now


def _filled_parts(mask: NDArray[np.bool_], whole: _Cells, strides: Strides) -> NDArray[np.float32]:
    """Return the filled part of each cell, 0 to 1, from a mask of whole cells less those voxels outside the volume."""
    missing = [(0, n - m) for n, m in zip(whole.tolist(), mask.shape, strict=True)]
    parts = np.pad(mask, missing).astype(np.float32)
    for axis, stride in enumerate(strides):
        parts = np.moveaxis(parts, axis, 0)
        for _ in range(stride.bit_length() - 1):  # halving is eight times as fast as a mean over reshaped axes
            parts = (parts[0::2] + parts[1::2]) / np.float32(2)
        parts = np.moveaxis(parts, 0, axis)
    return parts


def _marched(
    level: NDArray[np.float32], near: NDArray[np.bool_], first: _Cells, strides: Strides, voxel_size: VoxelSize
) -> Surface:
    """Return the surface of cells with an empty rim, sought only `near` the neuron; `first` is the first inside."""
    vertices, faces, *_ = marching_cubes(level, INSIDE, mask=near)
    cells = vertices + first - 1
    places = (cells * np.array(strides) + (np.array(strides) - 1) / 2) * np.array(voxel_size)
    return Surface(places.astype(np.float32), faces.astype(np.int32), strides)


def _smoothed(rough: Surface, voxel_size: VoxelSize) -> Surface:
    """Return the surface smoothed by Taubin's method (SIGGRAPH 1995), each vertex moved by FAR at most.

    Strategy: a sparse matrix of neighbours, from the edges of the faces, gives the middle of each vertex' neighbours;
    all vertices step towards it and back again, so that the surface does not shrink.
    """
    ends, n = np.roll(rough.faces, -1, axis=1).ravel(), len(rough.vertices)
    edges = (np.ones(len(ends), np.float32), (rough.faces.ravel(), ends))
    neighbours = coo_array(edges, (n, n)).tocsr()  # closed: each edge is in two faces, once in each direction
    share = np.float32(1) / neighbours.sum(axis=1)[:, None]
    vertices = rough.vertices
    for step in STEPS * ROUNDS:
        vertices = vertices + np.float32(step) * ((neighbours @ vertices) * share - vertices)
    far = FAR * np.array(rough.strides) * np.array(voxel_size)
    moves: NDArray[np.float32] = np.clip(vertices - rough.vertices, -far, far).astype(np.float32)
    return replace(rough, vertices=rough.vertices + moves)
