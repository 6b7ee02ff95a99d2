"""The plan for a box of a stack: which of its pixels show something, and which voxel lies before each one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_emcad.core.affinities import shifted
from napari_emcad.core.geometry import Box
from napari_emcad.core.ids import Ids
from napari_emcad.core.sections.plan import MOST_BRIDGED, Partner, Plane, SectionPlan


@dataclass(frozen=True)
class PlannedBox:
    """A box of a stack with the plan for its sections; sections and pixels are counted from the start of the box.

    Attributes
    ----------
    plan : SectionPlan
        Of the whole stack.
    box : Box
        Inside the stack.
    """

    plan: SectionPlan
    box: Box

    @classmethod
    def of(cls, plan: SectionPlan | None, box: Box) -> Self | None:
        """Return a box with its plan; None if every section is used as it is."""
        return None if plan is None or plan.is_as_is else cls(plan, box)

    @property
    def reach(self) -> int:
        """The most sections by which a voxel of the box lies behind the one that it is paired with."""
        return max((self._reach_of(z) for z in range(self.box.start[0], self.box.stop[0])), default=1)

    def usable(self, z: int) -> NDArray[np.bool_]:
        """Return the pixels (y, x) of a section that show tissue: neither holes nor bare."""
        place, plane = z + self.box.start[0], self._plane
        return ~self.plan.holes(place, plane) & ~self.plan.bare(place, plane)

    def within(self, box: Box) -> Self:
        """Return a part of the box, which counts from its start, with its plan."""
        return replace(self, box=box.moved(self.box.start))

    def as_if_seen(self) -> Self:
        """Return the box with a plan in which each section lies where it does, and none has holes."""
        plan = self.plan
        none, full = np.zeros_like(plan.left_out), np.zeros_like(plan.missing)
        return replace(self, plan=replace(plan, left_out=none, missing=full))

    def bridged(self) -> NDArray[np.bool_]:
        """Return the voxels (z, y, x) that were not seen: their labels are made up, or 0."""
        found = np.zeros(self.box.shape, bool)
        for mask, z in zip(found, range(self.box.start[0], self.box.stop[0]), strict=True):
            mask[:] = self.plan.interpolated(z, self._plane)
        return found

    def in_tissue(self, voxels: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the places of voxels, (k, 3), in the tissue: those of one neurite lie one above the other."""
        places = np.array(voxels, np.int64)
        places[:, 1:] -= self.plan.offset[places[:, 0] + self.box.start[0]]
        return places

    def voxels_before(self, voxels: ArrayLike) -> NDArray[np.int64]:
        """Return the voxel that each one, (k, 3), is paired with; -1 where there is none in the box.

        Strategy: all voxels try the section before theirs, those that find nothing there the one before that, and so on
        up to the longest gap, as `SectionPlan.partners` does.
        """
        here = np.asarray(voxels, np.int64).reshape(-1, 3) + self.box.start
        found, waiting = np.full_like(here, -1), np.arange(len(here))
        for step in range(1, MOST_BRIDGED + 2):
            z = here[waiting, 0]
            waiting = waiting[(z - step >= 0) & ~self.plan.breaks[np.maximum(z - step + 1, 0)]]
            z = here[waiting, 0]
            places = np.column_stack([z - step, here[waiting, 1:] + self.plan.offset[z - step] - self.plan.offset[z]])
            takes: NDArray[np.bool_] = np.all((places >= 0) & (places < self.plan.shape), axis=1)
            takes[takes] = ~self.plan.holes_at(places[takes])
            found[waiting[takes]] = places[takes]
            waiting = waiting[~takes]
        found -= self.box.start
        found[((found < 0) | (found >= self.box.shape)).any(axis=1)] = -1
        return found

    def before(self, z: int, ids: Ids) -> Ids:
        """Return what lies before each voxel of a section: the id of the voxel that it is paired with.

        Parameters
        ----------
        z : int
        ids : (z, y, x) Ids
            Of the box; not modified.

        Returns
        -------
        (y, x) Ids
            0 where there is no partner, or it lies outside the box.
        """
        found = np.zeros(ids.shape[1:], ids.dtype)
        for partner, chosen in self.paired(z):
            there = partner.z - self.box.start[0]
            if there < 0:
                continue
            here, moved = shifted(partner.shift)
            np.copyto(found[here], ids[there][moved], where=chosen[here])
        return found

    def paired(self, z: int) -> Iterator[tuple[Partner, NDArray[np.bool_]]]:
        """Yield the partners of a section with the pixels (y, x) that take each, which are some."""
        waiting = np.ones(self.box.shape[1:], bool)
        for partner in self.plan.partners(z + self.box.start[0]):
            plane = moved_plane(self._plane, partner.shift)
            chosen = waiting & inside_section(self.plan, plane) & ~self.plan.holes(partner.z, plane)
            if chosen.any():
                yield partner, chosen
                waiting &= ~chosen
            if not waiting.any():
                return

    def _reach_of(self, z: int) -> int:
        """Return the distance to the last partner of a section that any of its voxels can need."""
        furthest = 1
        for partner in self.plan.partners(z):
            furthest = z - partner.z
            if partner.shift == (0, 0) and not self.plan.missing[partner.z].any():
                break
        return furthest

    @property
    def _plane(self) -> Plane:
        """The box on y and x, counted in the stack."""
        _, ys, xs = self.box.slices
        return ys, xs


def voxels_before(voxels: NDArray[np.integer], planned: PlannedBox | None) -> NDArray[np.int64]:
    """Return the voxel that lies before each one, (k, 3), on z; the first coordinate is negative where there is none.

    Parameters
    ----------
    voxels : (k, 3) integer
        Places (z, y, x).
    planned : PlannedBox or None
        The plan for their sections; None = each is paired with the one at its place.
    """
    return planned.voxels_before(voxels) if planned else np.asarray(voxels, np.int64).reshape(-1, 3) - (1, 0, 0)


def moved_plane(plane: Plane, shift: tuple[int, int]) -> Plane:
    """Return a part of a section (y, x) that many pixels further on."""
    y, x = (slice(part.start + by, part.stop + by) for part, by in zip(plane, shift, strict=True))
    return y, x


def inside_section(plan: SectionPlan, plane: Plane) -> NDArray[np.bool_]:
    """Return the pixels (y, x) of a part that lie inside the sections of a plan."""
    places = [np.arange(part.start, part.stop) for part in plane]
    rows, columns = ((at >= 0) & (at < side) for at, side in zip(places, plan.shape[1:], strict=True))
    return np.outer(rows, columns)
