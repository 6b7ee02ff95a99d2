"""Fragments where a section shows nothing: interpolated between those of the sections before and after.

Shape-based: a pixel far inside a fragment of one section and near the border of one in the other belongs to the former,
weighed by how near the sections are (Raya and Udupa, IEEE Trans. Med. Imaging 9:32, 1990). Done once the region graph
is built, which thus knows only what was seen; so each neuron goes on through a gap in one piece, in shape, too.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

import bioimage_cpp
import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.affinities import shifted
from napari_emcad.core.fragments import extent
from napari_emcad.core.ids import Ids
from napari_emcad.core.in_threads import map_in_threads
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.sections.pairing import PlannedBox, inside_section, moved_plane
from napari_emcad.core.sections.plan import MOST_BRIDGED, Plane, SectionPlan

FARTHEST = 32
"""Pixels up to which distances to a border are told apart: as far as a part of a section has to see beyond itself."""

Read = Callable[[int, Plane], Ids]
"""Reads the fragments (y, x) of a part of a section; what bridged pixels hold does not matter."""


def bridge_fragments(fragments: Ids, sizes: NDArray[np.int64], planned: PlannedBox) -> Job[NDArray[np.int64]]:
    """Write the fragments of neighbouring sections where a section shows nothing.

    Parameters
    ----------
    fragments : (z, y, x) Ids
        0 = none, as where nothing is shown; written.
    sizes : (n + 1,) int64
        Voxels of each fragment.
    planned : PlannedBox
        Of the shape of the fragments.

    Returns
    -------
    (n + 1,) int64
        Voxels of each fragment with those that were written.
    """
    sections, sizes = bridged_sections(planned), sizes.copy()
    watch, whole = Stopwatch("bridges", len(sections)), planned.box.within(planned.box).slices[1:]

    def bridged(z: int) -> Ids:
        return bridged_section(lambda other, plane: fragments[other][plane], planned, z, whole)

    threads = map_in_threads(bridged, sections, os.cpu_count() or 1)
    try:
        for done, (z, ids) in enumerate(zip(sections, threads, strict=True), 1):
            np.copyto(fragments[z], ids, where=ids > 0)
            added = np.bincount(ids.ravel(), minlength=len(sizes))
            sizes[1:] += added[1:]
            sizes[0] -= added[1:].sum()
            yield watch.at(done)
    finally:
        threads.close()
    return sizes


def bridged_sections(planned: PlannedBox) -> list[int]:
    """Return the sections of a box that have pixels to be bridged."""
    if not planned.plan.interpolates:
        return []
    sections = planned.box.slices[0]
    has_holes = planned.plan.left_out[sections] | planned.plan.missing[sections].any(axis=(1, 2))
    return np.flatnonzero(has_holes).tolist()


def bridged_section(read: Read, planned: PlannedBox, z: int, plane: Plane) -> Ids:
    """Return the fragments of the bridged pixels of a part of a section.

    A pixel takes the fragment at its place of the tissue in the nearest section before that shows it, or of the nearest
    after: the one in which it lies deeper, where the nearer section counts for more. Where there is one on one side
    only, since the stack, the box or a part of the stack ends at the other, it takes that. Gaps of more than
    `MOST_BRIDGED` sections, with the sections up to an end, are not bridged.

    Parameters
    ----------
    read : callable
        Reads (z, plane), counted from the start of the box and inside it: up to `MOST_BRIDGED` sections off, and
        `bridging_halo` pixels around the part.
    planned : PlannedBox
    z : int
    plane : slices on y and x
        The part, inside the box.

    Returns
    -------
    (y, x) Ids
        Of the part; 0 where nothing is bridged, or a neighbour has no tissue.
    """
    ids = np.zeros([part.stop - part.start for part in plane], read(z, (slice(0, 0), slice(0, 0))).dtype)
    wanted = _wanted(planned, z, plane)
    if wanted.any():
        part = extent(wanted)
        ids[part] = _interpolated(read, planned, z, moved_plane(part, (plane[0].start, plane[1].start)), wanted[part])
    return ids


def bridging_halo(plan: SectionPlan) -> tuple[int, int]:
    """Return the pixels (y, x) that are read around a part of a section in the sections before and after."""
    steps = range(1, min(MOST_BRIDGED + 1, plan.shape[0]))
    moved = np.concatenate([np.zeros((1, 2), np.int32), *(plan.offset[k:] - plan.offset[:-k] for k in steps)])
    y, x = (np.abs(moved).max(axis=0) + FARTHEST + 1).tolist()
    return y, x


class _Side(NamedTuple):
    """A look at what the sections before, or after, show at the places of the pixels of a part of a section.

    Attributes
    ----------
    section : (y, x) int32
        The nearest section that shows each pixel, or where the stack or its part ends; counted in the box.
    shows : (y, x) bool
        True where `section` shows the pixel, and inside the box.
    ids : (y, x) Ids
        The fragment there.
    depth : (y, x) float32
        Pixels to the border of that fragment, up to `FARTHEST`.
    """

    section: NDArray[np.int32]
    shows: NDArray[np.bool_]
    ids: Ids
    depth: NDArray[np.float32]


def _wanted(planned: PlannedBox, z: int, plane: Plane) -> NDArray[np.bool_]:
    """Return the pixels (y, x) of a part of a section that are to be bridged."""
    if not planned.plan.interpolates:
        return np.zeros([part.stop - part.start for part in plane], bool)
    place, there = planned.box.start[0] + z, moved_plane(plane, planned.box.start[1:])
    return planned.plan.interpolated(place, there) & ~planned.plan.bare(place, there)


def _interpolated(read: Read, planned: PlannedBox, z: int, plane: Plane, wanted: NDArray[np.bool_]) -> Ids:
    before, after = (_look(read, planned, z, plane, wanted, step) for step in (-1, 1))
    to_before, to_after = z - before.section, after.section - z
    takes_before = before.shows & (~after.shows | (to_after * before.depth >= to_before * after.depth))
    is_bridged = (before.shows | after.shows) & (to_before + to_after <= MOST_BRIDGED + 1)
    return np.where(is_bridged, np.where(takes_before, before.ids, after.ids), 0).astype(before.ids.dtype)


def _look(read: Read, planned: PlannedBox, z: int, plane: Plane, wanted: NDArray[np.bool_], step: int) -> _Side:
    """Find what lies at the wanted pixels of a part before (step -1) or after (1) a section.

    Strategy: from section to section, pixels wait until one shows them. Those that lie beside the tissue's picture
    there, since it was shifted, and are shown by no section further on, have the end of the stack there.
    """
    plan, first, too_far = planned.plan, planned.box.start[0], z + step * (MOST_BRIDGED + 1)
    side = _Side(
        section=np.full(wanted.shape, too_far, np.int32),
        shows=np.zeros(wanted.shape, bool),
        ids=np.zeros(wanted.shape, read(z, (slice(0, 0), slice(0, 0))).dtype),
        depth=np.zeros(wanted.shape, np.float32),
    )
    waiting = wanted.copy()
    for other in range(z + step, too_far, step):
        if _is_end(plan, first + max(other, other - step)):
            side.section[waiting & (side.section == too_far)] = other
            break
        if plan.left_out[first + other]:
            continue
        y, x = (plan.offset[first + other] - plan.offset[first + z]).tolist()
        there = moved_plane(plane, (y, x))
        in_stack = moved_plane(there, planned.box.start[1:])
        inside = inside_section(plan, in_stack)
        shown = waiting & inside & ~plan.holes(first + other, in_stack)
        side.section[shown | (waiting & ~inside & (side.section == too_far))] = other
        if shown.any() and 0 <= other < planned.box.shape[0]:
            _take(side, read, planned, other, there, shown)
        waiting &= ~shown
    return side


def _is_end(plan: SectionPlan, z: int) -> bool:
    """Return True if nothing goes on from section z - 1 to section z."""
    return not 0 < z < plan.shape[0] or bool(plan.breaks[z])


def _take(side: _Side, read: Read, planned: PlannedBox, z: int, plane: Plane, shown: NDArray[np.bool_]) -> None:
    """Write the fragments and depths of section z into the shown pixels, as far as the part lies inside the box."""
    sides = planned.box.shape[1:]
    y, x = (slice(max(0, p.start), max(0, p.start, min(p.stop, n))) for p, n in zip(plane, sides, strict=True))
    at = moved_plane((y, x), (-plane[0].start, -plane[1].start))
    taken = shown[at]
    if taken.any():
        ids, depth = _ids_and_depth(read, planned, z, (y, x))
        side.shows[at][taken] = True
        side.ids[at][taken] = ids[taken]
        side.depth[at][taken] = depth[taken]


def _ids_and_depth(read: Read, planned: PlannedBox, z: int, plane: Plane) -> tuple[Ids, NDArray[np.float32]]:
    """Return the fragments of a part of a section, and how many pixels deep each pixel lies in its fragment."""
    around = tuple(
        slice(max(0, part.start - FARTHEST - 1), min(side, part.stop + FARTHEST + 1))
        for part, side in zip(plane, planned.box.shape[1:], strict=True)
    )
    window = around[0], around[1]
    ids = read(z, window)
    holes = planned.plan.holes(z + planned.box.start[0], moved_plane(window, planned.box.start[1:]))
    inner = moved_plane(plane, (-window[0].start, -window[1].start))
    return ids[inner], _depth(ids, holes)[inner]


def _depth(ids: Ids, holes: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the distance of each pixel to the border of its fragment; holes have none."""
    border = np.zeros(ids.shape, bool)
    for offset in ((-1, 0), (0, -1)):
        here, there = shifted(offset)
        differs = (ids[here] != ids[there]) & ~holes[here] & ~holes[there]
        border[here] |= differs
        border[there] |= differs
    if not border.any():
        return np.full(ids.shape, FARTHEST, np.float32)
    return np.minimum(bioimage_cpp.distance.distance_transform(~border) + np.float32(0.5), FARTHEST)
