"""Cutting one fragment in two: what agglomeration cannot mend, because the error lies inside an atom.

A seeded watershed inside the fragment (Beucher and Meyer, 1993), on the boundary map where that shows something, else
on the shape alone: then the cut falls into the neck.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import route_through_array
from skimage.segmentation import watershed

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import RegionGraph, region_graph
from napari_emcad.proofreading.errors import Refused

MARGIN = 16
"""Voxels on y and x that are looked at around the points, doubled until the fragment is whole."""

CONTRAST = 0.15
"""Where boundary values inside a fragment differ less, they show no boundary."""

SHAPE = 0.3
"""What the depth inside the fragment counts beside the boundary values."""

UNKNOWN = 128
"""Affinity where none was predicted."""

NEAR, FAR = 1, 2

Voxel = tuple[int, int, int]


@dataclass(frozen=True)
class Patch:
    """Voxels of a fragment, parted.

    Attributes
    ----------
    start : (z, y, x)
        First voxel of the box.
    sides : (z, y, x) uint8
        1 = near, 2 = far, 0 = not of this fragment.
    """

    start: Voxel
    sides: NDArray[np.uint8]

    @property
    def box(self) -> Box:
        """Where it lies."""
        return Box(self.start, tuple(a + n for a, n in zip(self.start, self.sides.shape, strict=True)))


def part(fragments: NDArray, affinities, near: list[Voxel], far: list[Voxel]) -> Patch:
    """Part the fragment under the points.

    Parameters
    ----------
    fragments : (z, y, x) uint32
        Not modified.
    affinities : (3, z, y, x) uint8 or None
        Read inside the fragment's box only.
    near, far : list of (z, y, x)
        Points of each side, all in one fragment.

    Raises
    ------
    Refused
        Where the points leave nothing to part.
    """
    if {*near} & {*far}:
        raise Refused("split: one point is on both sides; place them apart.")
    fragment = fragments[near[0]]
    box = _box_of(fragments, fragment, [*near, *far])
    inside = fragments[box.slices] == fragment
    landscape = _landscape(inside, _boundary(affinities, box))
    markers = np.zeros(inside.shape, np.int32)
    for side, points in ((NEAR, near), (FAR, far)):
        for voxel in _joined([_within(p, box) for p in points], inside):
            markers[voxel] = side
    sides = watershed(landscape, markers, mask=inside).astype(np.uint8)
    sides[inside & (sides == 0)] = NEAR  # pieces that hang together with no point stay
    return Patch(box.start, sides)


def edges_of_parts(fragments: NDArray, affinities, box: Box, parts: tuple[int, int]) -> RegionGraph:
    """Edges of two new fragments inside a box, with each other and with their neighbours.

    Parameters
    ----------
    fragments : (z, y, x) uint32
        In which the parts are drawn already.
    affinities : (3, z, y, x) uint8 or None
    box : Box
        That holds both parts.
    parts : (int, int)
    """
    around = Box(tuple(a - 1 for a in box.start), tuple(b + 1 for b in box.stop)).clipped(fragments.shape)
    values = _read(affinities, around)
    graph = drive(region_graph(values, np.ascontiguousarray(fragments[around.slices])))
    ours = np.isin(graph.u, parts) | np.isin(graph.v, parts)
    return RegionGraph(
        graph.u[ours],
        graph.v[ours],
        graph.mean[ours],
        graph.quantiles[ours],
        graph.area[ours],
        graph.contact[ours] + np.array(around.start, np.int32),
    )


def _box_of(fragments: NDArray, fragment: int, points: list[Voxel]) -> Box:
    """A box round the points that grows until the fragment does not reach its faces."""
    low, high, margin = np.min(points, axis=0), np.max(points, axis=0) + 1, np.array([0, MARGIN, MARGIN])
    while True:
        box = Box(tuple(map(int, low - margin)), tuple(map(int, high + margin))).clipped(fragments.shape)
        wider = Box(tuple(a - 1 for a in box.start), tuple(b + 1 for b in box.stop)).clipped(fragments.shape)
        if np.count_nonzero(fragments[wider.slices] == fragment) == np.count_nonzero(fragments[box.slices] == fragment):
            return box
        margin = 2 * margin + np.array([1, 0, 0])


def _boundary(affinities, box: Box) -> NDArray[np.float32]:
    values = _read(affinities, box)
    return 1 - values[1:].sum(0, dtype=np.uint16).astype(np.float32) / 510


def _read(affinities, box: Box) -> NDArray[np.uint8]:
    if affinities is None:
        return np.full((3, *box.shape), UNKNOWN, np.uint8)
    return np.ascontiguousarray(affinities[(slice(None), *box.slices)])


def _landscape(inside: NDArray[np.bool_], boundary: NDArray[np.float32]) -> NDArray[np.float32]:
    """Low in the middle of each half, high where they should part."""
    depth = ndimage.distance_transform_edt(inside)
    shape = SHAPE * depth / depth.max()
    values = boundary[inside]
    return (boundary if np.ptp(values) > CONTRAST else np.zeros_like(boundary)) - shape


def _within(voxel: Voxel, box: Box) -> Voxel:
    return tuple(int(v - a) for v, a in zip(voxel, box.start, strict=True))


def _joined(points: list[Voxel], inside: NDArray[np.bool_]) -> list[Voxel]:
    """The points of one side with ways between them inside the fragment, so that the side is one piece."""
    found, cost = [points[0]], np.where(inside, 1.0, -1.0)  # negative: not to be walked on
    for point in points[1:]:
        found.append(point)
        try:
            found.extend(route_through_array(cost, points[0], point, fully_connected=False)[0])
        except ValueError:  # the fragment is in pieces
            continue
    return found
