"""Cutting one fragment in two: what agglomeration cannot mend, because the error lies inside an atom.

Every voxel goes to the side that reaches it first, walking inside the fragment: fast in the middle of what is wide,
slowly through necks and over membranes, so that the two sides meet there (a seeded watershed by topographic distance;
Meyer, Signal Processing 38:113, 1994). Voxels that were not seen, as their section is bridged, follow the seen one that
is nearest in the tissue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree
from skimage.graph import MCP

from napari_emcad.core.affinities import UNKNOWN
from napari_emcad.core.fragments import boundary_map
from napari_emcad.core.geometry import Box, Voxel, triple
from napari_emcad.core.ids import FragmentId
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import RegionGraph, build_region_graph
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import MOST_BRIDGED
from napari_emcad.core.volume import AffinityVolume, FragmentVolume, Volume
from napari_emcad.proofreading.errors import Refused

MARGIN = (1, 16, 16)
"""Voxels (z, y, x) around the points in which a fragment is looked for first."""

STEEP = 6.0
"""A step over a full membrane takes exp(STEEP) times as long as one inside the cytoplasm."""

NARROW = 2
"""A step where the fragment is half as wide takes 2 ** NARROW times as long."""

SAMPLING = (1e6, 1.0, 1.0)
"""Distances of voxels (z, y, x) by which a fragment is narrow or wide: only what is beside it in a section counts."""

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
    fragments: Volume,
    affinities: AffinityVolume | None,
    near: Sequence[Voxel],
    far: Sequence[Voxel],
    planned: PlannedBox | None = None,
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
    planned : PlannedBox, optional
        The plan for the sections of the fragments.

    Raises
    ------
    Refused
        If the points leave nothing to part.
    """
    if {*near} & {*far}:
        raise Refused("split: one point is on both sides; place them apart.")
    fragment = FragmentId(int(fragments[near[0]]))
    box = _find_box(fragments, fragment, [*near, *far], _margin(planned, [*near, *far]))
    shape = _Shape(fragments[box.slices] == fragment, planned and planned.within(box))
    slowness = _slowness(shape.seen, boundary_map(_read_affinities(affinities, box)[1:]))
    ours, theirs = (shape.nearest_seen([_within(p, box) for p in points]) for points in (near, far))
    is_near = _arrival_times(slowness, ours) <= _arrival_times(slowness, theirs)
    sides = shape.filled(np.where(is_near, NEAR, FAR).astype(np.uint8))
    if {int(sides[p]) for p in ours} != {NEAR} or {int(sides[p]) for p in theirs} != {FAR}:
        raise Refused("split: the ways between the points of the two sides cross; place them on two sides of one line.")
    return Patch(box.start, sides)


def edges_of_parts(
    fragments: Volume,
    affinities: AffinityVolume | None,
    patch: Patch,
    parts: tuple[FragmentId, FragmentId],
    planned: PlannedBox | None = None,
) -> RegionGraph:
    """Return the edges of two new fragments, with each other and with their neighbours.

    Strategy: the box of the fragment and what its voxels may be paired with around it are numbered anew from 1, so that
    the region graph there takes little memory; its edges get their ids and places back. Voxels that were not seen have
    no contacts, unless none of the fragment was, as in labels by others: then what is known is that they touch.

    Parameters
    ----------
    fragments : (z, y, x) Ids
        The parts are not drawn in them; not modified.
    affinities : (3, z, y, x) uint8 or None
    patch : Patch
    parts : (FragmentId, FragmentId)
        Near and far.
    planned : PlannedBox, optional
        The plan for the sections of the fragments.
    """
    around = patch.box.grown(_margin_of_pairs(planned, patch.box)).clipped(fragments.shape)
    near = np.array(fragments[around.slices])
    Patch(patch.box.within(around).start, patch.sides).draw(near, dict(zip((NEAR, FAR), parts, strict=True)))
    part = planned and planned.within(around)
    values = _read_affinities(affinities, around)
    if part:
        bridged = part.bridged()
        if bridged[np.isin(near, parts)].all():
            part, values = part.as_if_seen(), _read_affinities(None, around)
        else:
            near[bridged] = 0
    ids, numbered = np.unique(np.append(0, near), return_inverse=True)
    small = numbered[1:].reshape(near.shape).astype(np.uint32)
    graph = drive(build_region_graph(values, small, planned=part))
    ids = ids.astype(near.dtype)
    graph = replace(graph, u=ids[graph.u], v=ids[graph.v], contact=graph.contact + np.array(around.start, np.int32))
    return graph.chosen(np.isin(graph.u, parts) | np.isin(graph.v, parts))


@dataclass(frozen=True)
class _Shape:
    """The voxels of a fragment in its box, of which some may not have been seen.

    Attributes
    ----------
    inside : (z, y, x) bool
    planned : PlannedBox or None
        The plan for the sections of the box.
    """

    inside: NDArray[np.bool_]
    planned: PlannedBox | None

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """(z, y, x): True for voxels of the fragment that were seen; for all of them if none was."""
        if self.planned is None:
            return self.inside
        seen = self.inside & ~self.planned.bridged()
        return seen if seen.any() else self.inside

    def nearest_seen(self, points: Sequence[Voxel]) -> list[Voxel]:
        """Return the points, and for each that was not seen the nearest voxel of the fragment that was, each once."""
        if self.planned is None:
            return list(points)
        return list(dict.fromkeys(map(triple, self._nearest(np.array(points)))))

    def filled(self, sides: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the side of each voxel of the fragment, from those that were seen; 0 outside it."""
        sides = np.where(self.seen, sides, 0).astype(np.uint8)
        unseen = np.argwhere(self.inside & ~self.seen)
        if len(unseen):
            sides[tuple(unseen.T)] = sides[tuple(self._nearest(unseen).T)]
        return sides

    def _nearest(self, voxels: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the seen voxel of the fragment that is nearest to each voxel, (k, 3), in the tissue."""
        assert self.planned is not None, "all voxels are seen"
        seen = np.argwhere(self.seen)
        return seen[KDTree(self.planned.in_tissue(seen)).query(self.planned.in_tissue(voxels))[1]]


def _margin(planned: PlannedBox | None, points: Sequence[Voxel]) -> Voxel:
    """Return the voxels (z, y, x) around the points in which their fragment is looked for first.

    A fragment that spans bridged sections need not hang together: it may be shifted from one to the next.
    """
    if planned is None:
        return MARGIN
    first, last = min(z for z, _, _ in points), max(z for z, _, _ in points)
    return triple(np.add(MARGIN, _reach(planned, range(first, last + 1), 2 * MOST_BRIDGED)))


def _reach(planned: PlannedBox, sections: range, more: int) -> Voxel:
    """Return how far (z, y, x) the tissue of some sections may lie from its place in so many more on both sides."""
    first, last = (end + planned.box.start[0] for end in (sections.start - more, sections.stop + more))
    y, x = np.ptp(planned.plan.offset[max(0, first) : last], axis=0)
    return more, int(y), int(x)


def _margin_of_pairs(planned: PlannedBox | None, box: Box) -> Voxel:
    """Return the voxels (z, y, x) around a box in which those lie that its own ones touch."""
    if planned is None:
        return 1, 1, 1
    return triple(np.add((0, 1, 1), _reach(planned, range(box.start[0], box.stop[0]), MOST_BRIDGED + 1)))


def _find_box(fragments: Volume, fragment: FragmentId, points: Sequence[Voxel], margin: Voxel) -> Box:
    """Find the box of the fragment under the points: a box around them grows where the fragment reaches its faces."""
    start, stop = np.min(points, axis=0) - margin, np.max(points, axis=0) + 1 + margin
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
    depth = ndimage.distance_transform_edt(np.pad(inside, rim), SAMPLING)[:, 1:-1, 1:-1]
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
