"""Effects: all that an edit changes, as data; so applying it, undoing it and replaying a log compute nothing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from napari_emcad.core.geometry import Box, triple
from napari_emcad.core.ids import FragmentId, Ids, SegmentId, as_ids
from napari_emcad.core.region_graph import RegionGraph
from napari_emcad.proofreading.part import FAR, NEAR, Patch

Bridge = tuple[FragmentId, FragmentId]
"""Two fragments that hang together across a gap, because a person joined them."""


@dataclass(frozen=True)
class Move:
    """Fragments that go from one segment to another together, or that stay and are no longer moved by the threshold.

    Attributes
    ----------
    fragments : (k,) Ids
        Sorted.
    before, after : SegmentId
        Their segment.
    was_free : bool
        True if the threshold moved them until now.
    """

    fragments: Ids
    before: SegmentId
    after: SegmentId
    was_free: bool


@dataclass(frozen=True)
class Parting:
    """A fragment that became two.

    Attributes
    ----------
    fragment : FragmentId
        The fragment that is no more.
    parts : (FragmentId, FragmentId)
        Ids of the near and of the far part.
    was_free : bool
        True if the threshold moved the fragment until now.
    patch : Patch
        The voxels of each part.
    removed, added : RegionGraph
        Edges of the fragment, and of its parts.
    """

    fragment: FragmentId
    parts: tuple[FragmentId, FragmentId]
    was_free: bool
    patch: Patch
    removed: RegionGraph
    added: RegionGraph

    @property
    def all_ids(self) -> tuple[FragmentId, FragmentId, FragmentId]:
        """Ids of the fragment and of its near and far part."""
        return self.fragment, *self.parts

    def boxes(self) -> Iterator[tuple[FragmentId, Box]]:
        """Yield the box of the fragment, of its near part and of its far part, each with the id."""
        sides = self.patch.sides
        insides = (sides > 0, sides == NEAR, sides == FAR)
        for fragment, inside in zip(self.all_ids, insides, strict=True):
            (place,) = find_objects(inside.view(np.uint8))
            box = Box(triple(s.start for s in place), triple(s.stop for s in place))
            yield fragment, box.moved(self.patch.start)


@dataclass(frozen=True)
class Effect:
    """All that one edit changes: enough to apply it and to take it back without computing anything.

    Attributes
    ----------
    partings : tuple of Parting
        Applied before the moves.
    moves : tuple of Move
    bridges : tuple of Bridge
        Bridges that are added.
    threshold : (float, float) or None
        Before and after.
    locked, unlocked : tuple of SegmentId
    """

    partings: tuple[Parting, ...] = ()
    moves: tuple[Move, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    threshold: tuple[float, float] | None = None
    locked: tuple[SegmentId, ...] = ()
    unlocked: tuple[SegmentId, ...] = ()

    def touches(self, other: "Effect") -> bool:
        """True if both change the same fragments or the threshold, or part fragments that touch each other."""
        if self.threshold and other.threshold:
            return True
        return (
            _have_common(self._changed_fragments(), other._changed_fragments())
            or _have_common(self._parted_fragments(), other._edge_ends())  # each has edges of the other
            or _have_common(self._edge_ends(), other._parted_fragments())
        )

    def parted_and_around(self) -> Ids:
        """Return the fragments that are parted, their parts, and all at the ends of edges that come or go."""
        if not self.partings:
            return as_ids([])
        return np.unique(np.concatenate([self._parted_fragments(), self._edge_ends()]))

    def _changed_fragments(self) -> Ids:
        """Fragments that are parted or moved."""
        return np.concatenate([self._parted_fragments(), *(m.fragments for m in self.moves)])

    def _parted_fragments(self) -> Ids:
        """Fragments that are parted, and their parts."""
        return as_ids([fragment for parting in self.partings for fragment in parting.all_ids])

    def _edge_ends(self) -> Ids:
        """Fragments at the ends of all edges that partings remove or add."""
        graphs = [graph for p in self.partings for graph in (p.removed, p.added)]
        return np.concatenate([as_ids([]), *(ends for g in graphs for ends in (g.u, g.v))])


def parted_boxes(effects: Iterable[Effect]) -> dict[FragmentId, Box]:
    """Return the boxes of all fragments that these edits part, and of their parts."""
    return {f: box for effect in effects for parting in effect.partings for f, box in parting.boxes()}


def _have_common(one: NDArray[np.integer], other: NDArray[np.integer]) -> bool:
    return bool(np.intersect1d(one, other).size)
