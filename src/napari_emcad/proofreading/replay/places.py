"""Places of one session in another one, on other fragments of the same stack.

Borders move by a few pixels from one model to the next, so the voxel alone does not tell: the fragments around it have
a say.
"""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Voxel, triple
from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.replay.claims import Claim
from napari_emcad.proofreading.replay.overlaps import Overlaps
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session

SAME_FRAGMENT = 0.5
"""Share of one of two fragments that lies in the other from which on one stands for the other."""


class Lost(Refused):
    """There is nothing where an edit was made."""


class EditPlaces:
    """Finds places of an old session in a new one.

    Parameters
    ----------
    old, new : Session
        Not modified.
    overlaps : Overlaps
        Voxels that their fragments share.
    """

    def __init__(self, old: Session, new: Session, overlaps: Overlaps):
        self._old, self._new, self._overlaps = old.state, new.state, overlaps

    def find(self, voxel: Voxel | None) -> Voxel:
        """Return where a place is: the voxel itself, if the new fragment there is about the same as the old one.

        A voxel that is in a neighbour now stands for what has most of the old fragment.

        Raises
        ------
        Lost
            If there is nothing.
        """
        if voxel is None:
            raise Lost("lost: there is no neuron any more.")
        was, here = self._old.fragment_at(voxel), self._new.fragment_at(voxel)
        found = self._overlaps.shared_with(was)
        smaller = np.minimum(self._old.sizes[was], np.maximum(self._new.sizes[found.new], 1))
        same = found.voxels / smaller
        if self._new.table[here] and (not was or same[found.new == here].max(initial=0) >= SAME_FRAGMENT):
            return voxel
        voxels = np.where(self._new.table[found.new] > 0, found.voxels, 0)
        if not voxels.any():
            raise Lost(f"lost: there is no neuron at {voxel} any more.")
        return triple(found.middle[np.argmax(voxels)])

    def find_sides(self, claim: Claim) -> tuple[list[Voxel], list[Voxel]]:
        """Return where the points of both sides of a claim are.

        Points that no person placed stand for all that lies mostly in their fragments; those are left out that are in
        one fragment with points of the other side.

        Raises
        ------
        Lost
            If there is nothing at a point.
        Refused
            If no point is left on a side.
        """
        if claim.placed or claim.together:
            return self._find_all(claim.near), self._find_all(claim.far)
        near, far = self._by_fragment(claim.near), self._by_fragment(claim.far)
        clear_near = [place for fragment, place in near.items() if fragment not in far]
        clear_far = [place for fragment, place in far.items() if fragment not in near]
        if not clear_near or not clear_far:
            raise Refused("split: both sides are in one fragment here; split it by hand.")
        return clear_near, clear_far

    def fragment_at(self, voxel: Voxel) -> FragmentId:
        """Return the new fragment at a voxel of the new session."""
        return self._new.fragment_at(voxel)

    def segment_at(self, voxel: Voxel) -> SegmentId:
        """Return the new segment at a voxel of the new session."""
        return self._new.segment_of(self.fragment_at(voxel))

    def best_segment(self, fragments: Ids) -> tuple[SegmentId, float]:
        """Return the new segment that shares most voxels with old fragments, and intersection over union of those seen.

        Raises
        ------
        Lost
            If none shares any.
        """
        shared = np.bincount(self._new.table, self.voxels_in_new(fragments))
        shared[0] = 0
        if not shared.any():
            raise Lost("lost: there is no neuron any more.")
        segment, n = SegmentId(int(np.argmax(shared))), len(self._new.table)
        seen = self._overlaps.seen_in_new(fragments, n)
        members = self._new.table == segment
        theirs = (self._new.sizes - self._overlaps.made_up_in_new(n))[members].sum()
        common = seen[members].sum()
        return segment, float(common / max(1, seen.sum() + theirs - common))

    def voxels_in_new(self, fragments: Ids) -> NDArray[np.int64]:
        """Return the voxels of old fragments in each new one, (n + 1,)."""
        return self._overlaps.voxels_in_new(fragments, len(self._new.table))

    def follow(self, row: LogRow) -> None:
        """Count anew where an edit of the new session, or undoing it, drew fragments."""
        for parting in row.effect.partings:
            self._overlaps.forget(parting.all_ids)

    def _find_all(self, voxels: list[Voxel]) -> list[Voxel]:
        """Return where places are, at least one."""
        if not voxels:
            raise Lost("lost: there is no neuron any more.")
        return [self.find(voxel) for voxel in voxels]

    def _by_fragment(self, voxels: list[Voxel]) -> dict[FragmentId, Voxel]:
        """Return a place in each new fragment that the old fragments at these voxels stand for."""
        return {self.fragment_at(place): place for voxel in voxels for place in self._places_of_fragment(voxel)}

    def _places_of_fragment(self, voxel: Voxel) -> list[Voxel]:
        """Return a voxel of each new fragment that lies mostly in an old one; if none does, of what has most of it."""
        found = self._overlaps.shared_with(self._old.fragment_at(voxel))
        inside = (found.voxels > SAME_FRAGMENT * self._new.sizes[found.new]) & (self._new.table[found.new] > 0)
        return [triple(middle) for middle in found.middle[inside]] or [self.find(voxel)]
