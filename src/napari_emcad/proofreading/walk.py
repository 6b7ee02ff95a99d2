"""One step up or down the merge tree for one segment."""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.proofreading.edits import State
from napari_emcad.proofreading.errors import Refused


def joining_next(state: State, segment: int) -> list[int]:
    """The segments, of those that nobody edited, that the merge tree joins to this one first.

    A segment is where its naming fragment is: crumbs that joined it by the way do not count.

    Raises
    ------
    Refused
        Where none ever joins.
    """
    heights = _heights(state, segment)
    known = np.arange(len(heights))
    names = known[state.free[known] & (state.table[known] == known) & (known != segment)]
    lowest = np.min(heights[names], initial=np.inf)
    if not np.isfinite(lowest):
        raise Refused(f"threshold: nothing more joins segment {segment} in the merge tree; merge by hand.")
    return names[heights[names] == lowest].tolist()


def leaving_next(state: State, segment: int, held: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The fragments that joined this segment last in the merge tree, at least a crumb's worth of them.

    Parameters
    ----------
    state : State
    segment : int
    held : (k,) uint32
        Fragments that people joined by hand: they stay.

    Raises
    ------
    Refused
        Where none ever leaves.
    """
    heights = _heights(state, segment)
    members = np.setdiff1d(state.members(segment), held)
    members = members[members < len(heights)]
    members = members[np.isfinite(heights[members]) & (heights[members] > 0)]
    levels, level = np.unique(heights[members], return_inverse=True)
    voxels = np.bincount(level, state.sizes[members], len(levels))
    enough = np.flatnonzero(voxels >= max(1, state.min_size))
    if not len(enough):
        raise Refused(f"threshold: nothing more leaves segment {segment} in the merge tree; split it by hand.")
    return members[level == enough[-1]]


def join_heights(tree: MergeTree, fragment: int) -> NDArray[np.float32]:
    """Score of the merge that brings each fragment into one cluster with this one, (n + 1,).

    It is the highest gap between the two in leaf order; 0 for the fragment itself, infinite for none.
    """
    place = int(np.flatnonzero(tree.leaves == fragment)[0])
    along = np.zeros(len(tree.leaves), np.float32)
    along[place + 1 :] = np.maximum.accumulate(tree.gaps[place + 1 :])
    along[:place] = np.maximum.accumulate(tree.gaps[place:0:-1])[::-1]
    heights = np.full(len(tree.leaves) + 1, np.inf, np.float32)
    heights[tree.leaves] = along
    return heights


def _heights(state: State, segment: int) -> NDArray[np.float32]:
    """Seen from the largest fragment of a segment that is in the tree."""
    members = state.members(segment)
    members = members[members < len(state.base.sizes)]
    if not len(members):
        raise Refused(f"threshold: segment {segment} was made by hand and is in no merge tree; merge by hand.")
    return join_heights(state.base.tree, int(members[np.argmax(state.sizes[members])]))
