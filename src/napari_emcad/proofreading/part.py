"""Cutting one fragment in two: what agglomeration cannot mend, because the error lies inside an atom.

Every voxel goes to the side that reaches it first, walking inside the fragment: fast in the middle of what is wide,
slowly through necks and over membranes, so that the two sides meet there (a seeded watershed by topographic distance;
Meyer, Signal Processing 38:113, 1994).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP

from napari_emcad.core.affinities import UNKNOWN
from napari_emcad.core.fragments import boundary_map
from napari_emcad.core.geometry import Box, Voxel, triple
from napari_emcad.core.ids import FragmentId
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import RegionGraph, build_region_graph
from napari_emcad.core.volume import AffinityVolume, FragmentVolume, Volume
from napari_emcad.proofreading.errors import Refused

MARGIN = (1, 16, 16)
"""Voxels (z, y, x) around the points in which a fragment is looked for first."""

STEEP = 6.0
"""A step over a full membrane takes exp(STEEP) times as long as one inside the cytoplasm."""

NARROW = 2
"""A step where the fragment is half as wide takes 2 ** NARROW times as long."""

NEAR, FAR = 1, 2


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
        """The box of the sides in the volume."""
        return Box.whole(self.sides.shape).moved(self.start)

    def draw(self, fragments: FragmentVolume, of_side: Mapping[int, FragmentId]) -> None:
        """Write the fragment of each side into fragments (z, y, x), which are modified."""
        voxels = np.array(fragments[self.box.slices])
        for side, fragment in of_side.items():
            voxels[self.sides == side] = fragment
        fragments[self.box.slices] = voxels


def part_fragment(
    fragments: Volume, affinities: AffinityVolume | None, near: Sequence[Voxel], far: Sequence[Voxel]
) -> Patch:
    """Part the fragment under the points.

    Parameters
    ----------
    fragments : (z, y, x) Ids
        Not modified.
    affinities : (3, z, y, x) uint8 or None
        Read inside the fragment's box only.
    near, far : sequence of (z, y, x)
        Points of each side, all in one fragment.

    Raises
    ------
    Refused
        If the points leave nothing to part.
    """
    if {*near} & {*far}:
        raise Refused("split: one point is on both sides; place them apart.")
    fragment = FragmentId(int(fragments[near[0]]))
    box = _find_box(fragments, fragment, [*near, *far])
    inside = fragments[box.slices] == fragment
    slowness = _slowness(inside, boundary_map(_read_affinities(affinities, box)[1:]))
    ours, theirs = ([_within(p, box) for p in points] for points in (near, far))
    is_near = _arrival_times(slowness, ours) <= _arrival_times(slowness, theirs)
    sides = np.where(inside, np.where(is_near, NEAR, FAR), 0).astype(np.uint8)
    if {int(sides[p]) for p in ours} != {NEAR} or {int(sides[p]) for p in theirs} != {FAR}:
        raise Refused("split: the ways between the points of the two sides cross; place them on two sides of one line.")
    return Patch(box.start, sides)


def edges_of_parts(
    fragments: Volume, affinities: AffinityVolume | None, patch: Patch, parts: tuple[FragmentId, FragmentId]
) -> RegionGraph:
    """Return the edges of two new fragments, with each other and with their neighbours.

    Strategy: the box of the fragment and a voxel around it are numbered anew from 1, so that the region graph there
    takes little memory; its edges get their ids and places back.

    Parameters
    ----------
    fragments : (z, y, x) Ids
        The parts are not drawn in them; not modified.
    affinities : (3, z, y, x) uint8 or None
    patch : Patch
    parts : (FragmentId, FragmentId)
        Near and far.
    """
    around = patch.box.grown((1, 1, 1)).clipped(fragments.shape)
    near = np.array(fragments[around.slices])
    Patch(patch.box.within(around).start, patch.sides).draw(near, dict(zip((NEAR, FAR), parts, strict=True)))
    ids, numbered = np.unique(np.append(0, near), return_inverse=True)
    small = numbered[1:].reshape(near.shape).astype(np.uint32)
    graph = drive(build_region_graph(_read_affinities(affinities, around), small))
    ids = ids.astype(near.dtype)
    graph = replace(graph, u=ids[graph.u], v=ids[graph.v], contact=graph.contact + np.array(around.start, np.int32))
    return graph.chosen(np.isin(graph.u, parts) | np.isin(graph.v, parts))


def _find_box(fragments: Volume, fragment: FragmentId, points: Sequence[Voxel]) -> Box:
    """Find the box of the fragment under the points: a box around them grows where the fragment reaches its faces."""
    start, stop = np.min(points, axis=0) - MARGIN, np.max(points, axis=0) + 1 + MARGIN
    while True:
        seen = Box(triple(start), triple(stop)).clipped(fragments.shape)
        (place,) = ndimage.find_objects((fragments[seen.slices] == fragment).view(np.uint8))
        found = Box(triple(s.start for s in place), triple(s.stop for s in place)).moved(seen.start)
        low = (np.array(found.start) == seen.start) & (np.array(seen.start) > 0)
        high = (np.array(found.stop) == seen.stop) & (np.array(seen.stop) < fragments.shape)
        if not (low | high).any():
            return found
        start, stop = start - low * (stop - start), stop + high * (stop - start)


def _read_affinities(affinities: AffinityVolume | None, box: Box) -> NDArray[np.uint8]:
    """Return the affinities in a box, (3, z, y, x); unknown ones if there are none."""
    if affinities is None:
        return np.full((3, *box.shape), UNKNOWN, np.uint8)
    return np.ascontiguousarray(affinities[(slice(None), *box.slices)])


def _slowness(inside: NDArray[np.bool_], boundary: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how long a step to each voxel takes, (z, y, x); negative where there is no way."""
    rim = [(0, 0), (1, 1), (1, 1)]
    depth = ndimage.distance_transform_edt(np.pad(inside, rim))[:, 1:-1, 1:-1]
    slowness = np.full(inside.shape, -1.0)
    slowness[inside] = np.exp(STEEP * boundary[inside]) * (depth.max() / depth[inside]) ** NARROW
    return slowness


def _within(voxel: Voxel, box: Box) -> Voxel:
    """Return a voxel counted from the start of a box."""
    return triple(v - a for v, a in zip(voxel, box.start, strict=True))


def _arrival_times(slowness: NDArray[np.float64], points: Sequence[Voxel]) -> NDArray[np.float64]:
    """Return when each voxel is reached from the points of one side and the ways between them; infinite = never."""
    reached, trace = MCP(slowness, fully_connected=False), [points[0]]
    reached.find_costs([points[0]])
    for point in points[1:]:
        try:
            trace.extend(reached.traceback(point))
        except ValueError:  # the fragment is in pieces
            trace.append(point)
    return MCP(slowness, fully_connected=False).find_costs(trace)[0]
