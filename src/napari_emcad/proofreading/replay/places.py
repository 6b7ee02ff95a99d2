"""Where the places of one session are in another one, on other fragments of the same stack.

Borders move by a few pixels from one model to the next, so the voxel alone does not tell: the fragments around it have
a say.
"""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import Ids
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
    shared : Overlaps
        Of their fragments as they are now.
    """

    def __init__(self, old: Session, new: Session, shared: Overlaps):
        self._old, self._new, self._shared = old.state, new.state, shared

    def of(self, voxel: Voxel | None) -> Voxel:
        """Where a place is: the voxel itself, if the new fragment there is about the same as the old one.

        A voxel that is in a neighbour now stands for what has most of the old fragment.

        Raises
        ------
        Lost
            Where there is nothing.
        """
        if voxel is None:
            raise Lost("lost: there is no neuron any more.")
        was, here = int(self._old.base.fragments[voxel]), int(self._new.base.fragments[voxel])
        found = self._shared.with_old(was)
        smaller = np.minimum(self._old.sizes[was], np.maximum(self._new.sizes[found.new], 1))
        same = found.voxels / smaller
        if self._new.table[here] and (not was or same[found.new == here].max(initial=0) >= SAME_FRAGMENT):
            return voxel
        voxels = np.where(self._new.table[found.new] > 0, found.voxels, 0)
        if not voxels.any():
            raise Lost(f"lost: there is no neuron at {voxel} any more.")
        return tuple(found.middle[np.argmax(voxels)].tolist())

    def sides(self, claim: Claim) -> tuple[list[Voxel], list[Voxel]]:
        """Where the points of a claim are.

        Of points that no person placed, each stands for all that lies mostly in its fragment, and those are left out
        that are in one fragment with points of the other side.

        Raises
        ------
        Lost
        Refused
            Where nothing is left.
        """
        if claim.placed or claim.together:
            return tuple([self.of(voxel) for voxel in side or [None]] for side in (claim.near, claim.far))
        near, far = (
            {self.fragment(place): place for voxel in side for place in self._all_of(voxel)}
            for side in (claim.near, claim.far)
        )
        clear = tuple([side[f] for f in side if not (f in near and f in far)] for side in (near, far))
        if not all(clear):
            raise Refused("split: both sides are in one fragment here; divide it by hand.")
        return clear

    def fragment(self, voxel: Voxel) -> int:
        """The new fragment at a voxel of the new session."""
        return int(self._new.base.fragments[voxel])

    def segment(self, voxel: Voxel) -> int:
        """The new segment at a voxel of the new session."""
        return int(self._new.table[self.fragment(voxel)])

    def best_segment(self, fragments: Ids) -> tuple[int, float]:
        """The new segment that shares most voxels with old fragments, and intersection over union.

        Raises
        ------
        Lost
            Where none shares any.
        """
        shared = np.bincount(self._new.table, self.shared(fragments))
        shared[0] = 0
        if not shared.any():
            raise Lost("lost: there is no neuron any more.")
        segment = int(np.argmax(shared))
        both = self._old.sizes[fragments].sum() + self._new.sizes[self._new.table == segment].sum()
        return segment, float(shared[segment] / (both - shared[segment]))

    def shared(self, fragments: Ids) -> NDArray[np.int64]:
        """Voxels of old fragments in each new one, (n + 1,)."""
        return self._shared.shared(fragments, len(self._new.table))

    def catch_up(self, row: LogRow) -> None:
        """Count anew where an edit of the new session, or undoing it, drew fragments."""
        for parting in row.effect.partings:
            self._shared.redrawn((parting.fragment, *parting.parts))

    def _all_of(self, voxel: Voxel) -> list[Voxel]:
        """A voxel of each new fragment that lies mostly in the old one at this voxel, or of what has most of it."""
        found = self._shared.with_old(int(self._old.base.fragments[voxel]))
        inside = (found.voxels > SAME_FRAGMENT * self._new.sizes[found.new]) & (self._new.table[found.new] > 0)
        return list(map(tuple, found.middle[inside].tolist())) or [self.of(voxel)]
