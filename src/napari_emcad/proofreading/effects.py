"""Effects: all that an edit changes, as data; so applying it, undoing it and replaying a log compute nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from napari_emcad.core.geometry import Box
from napari_emcad.core.ids import Ids, as_ids
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.proofreading.part import FAR, NEAR, Patch


@dataclass(frozen=True)
class Move:
    """Fragments that go from one segment to another together, or stay and are no longer moved by the threshold.

    Attributes
    ----------
    fragments : (k,) Ids
        Sorted.
    before, after : int
        Their segment.
    was_free : bool
        Whether the threshold moved them until now.
    """

    fragments: Ids
    before: int
    after: int
    was_free: bool


@dataclass(frozen=True)
class Parting:
    """A fragment that became two.

    Attributes
    ----------
    fragment : int
        It is no more.
    parts : (int, int)
        Ids of the near and of the far part.
    was_free : bool
        Whether the threshold moved it until now.
    patch : Patch
        Which voxels are of which part.
    removed, added : RegionGraph
        Edges of the fragment, and of its parts.
    """

    fragment: int
    parts: tuple[int, int]
    was_free: bool
    patch: Patch
    removed: RegionGraph
    added: RegionGraph

    def boxes(self) -> Iterator[tuple[int, Box]]:
        """Where the fragment lay, and where its parts lie."""
        sides, corner = self.patch.sides, self.patch.start
        near, far = self.parts
        for fragment, inside in ((self.fragment, sides > 0), (near, sides == NEAR), (far, sides == FAR)):
            (place,) = find_objects(inside.view(np.uint8))
            ends = ((s.start + first, s.stop + first) for s, first in zip(place, corner, strict=True))
            yield fragment, Box(*zip(*ends, strict=True))


@dataclass(frozen=True)
class Effect:
    """All that one edit changes: enough to apply it and to take it back without computing anything.

    Attributes
    ----------
    partings : tuple of Parting
        Made before the moves.
    moves : tuple of Move
    bridges : tuple of (int, int)
        Fragments joined across a gap.
    threshold : (float, float) or None
        Before and after.
    locked, unlocked : tuple of int
        Segments.
    """

    partings: tuple[Parting, ...] = ()
    moves: tuple[Move, ...] = ()
    bridges: tuple[tuple[int, int], ...] = ()
    threshold: tuple[float, float] | None = None
    locked: tuple[int, ...] = ()
    unlocked: tuple[int, ...] = ()

    def touches(self, other: "Effect") -> bool:
        """Whether two effects change the same fragments, part fragments that touch, or both change the threshold."""
        if self.threshold and other.threshold:
            return True
        return (
            _any_in_both(self._fragments(), other._fragments())
            or _any_in_both(self._parted(), other._ends())  # each has edges of the other
            or _any_in_both(self._ends(), other._parted())
        )

    def _fragments(self) -> Ids:
        return np.concatenate([self._parted(), *(m.fragments for m in self.moves)])

    def _parted(self) -> Ids:
        return as_ids([f for p in self.partings for f in (p.fragment, *p.parts)])

    def _ends(self) -> Ids:
        """Of all edges that partings take out or put in."""
        graphs = [graph for p in self.partings for graph in (p.removed, p.added)]
        return np.concatenate([as_ids([]), *(ends for g in graphs for ends in (g.u, g.v))])


def parted_boxes(effects: Iterable[Effect]) -> dict[int, Box]:
    """Where the fragments lay that these edits parted, and where their parts lie."""
    return {f: box for effect in effects for parting in effect.partings for f, box in parting.boxes()}


def _any_in_both(one: NDArray, other: NDArray) -> bool:
    return bool(np.intersect1d(one, other).size)
