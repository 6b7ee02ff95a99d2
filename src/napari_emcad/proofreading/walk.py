"""One step up or down the merge tree for one segment."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.state import State

REACH = 1 << 12
"""Leaves on each side that are looked at first: most neurons grow by what stands beside them."""


def joining_next(state: State, segment: int) -> list[int]:
    """The segments, of those that nobody edited, that the merge tree joins to this one first.

    A segment is where its naming fragment is: crumbs that joined it by the way do not count.

    Raises
    ------
    Refused
        Where none ever joins.
    """
    for leaves, heights, beyond in outwards(state.base.tree, _largest(state, segment)):
        is_other = state.free[leaves] & (state.table[leaves] == leaves) & (leaves != segment)
        lowest = np.min(heights[is_other], initial=np.inf)
        if beyond > lowest or np.isinf(beyond):
            break
    if not np.isfinite(lowest):
        raise Refused(f"threshold: nothing more joins segment {segment} in the merge tree; merge by hand.")
    return np.sort(leaves[is_other & (heights == lowest)]).tolist()


def leaving_next(state: State, segment: int, held: Ids) -> Ids:
    """The fragments that joined this segment last in the merge tree, at least a crumb's worth of them.

    Parameters
    ----------
    state : State
    segment : int
    held : (k,) Ids
        Fragments that people joined by hand: they stay.

    Raises
    ------
    Refused
        Where none ever leaves.
    """
    is_member = np.zeros(len(state.table), bool)
    is_member[np.setdiff1d(state.members(segment), held)] = True
    is_member[len(state.base.sizes) :] = False  # in no tree
    wanted = np.count_nonzero(is_member)
    around = outwards(state.base.tree, _largest(state, segment))
    leaves, heights, _ = next(found for found in around if np.count_nonzero(is_member[found[0]]) == wanted)
    here = is_member[leaves] & np.isfinite(heights) & (heights > 0)
    members, heights = leaves[here], heights[here]
    levels, level = np.unique(heights, return_inverse=True)
    voxels = np.bincount(level, state.sizes[members], len(levels))
    enough = np.flatnonzero(voxels >= max(1, state.min_size))
    if not len(enough):
        raise Refused(f"threshold: nothing more leaves segment {segment} in the merge tree; split it by hand.")
    return np.sort(members[level == enough[-1]])


def outwards(tree: MergeTree, fragment: int) -> Iterator[tuple[Ids, NDArray[np.float32], float]]:
    """More and more leaves of a tree round a fragment, in their order, at last all of them.

    Yields
    ------
    leaves : (k,) Ids
    heights : (k,) float32
        Score of the merge that brings each into one cluster with the fragment, which is the highest gap between the two
        in leaf order; 0 for the fragment itself, infinite for none.
    beyond : float
        All others come no lower; infinite where there are none.
    """
    n, place, reach = len(tree.leaves), int(np.flatnonzero(tree.leaves == fragment)[0]), REACH
    while True:
        low, high = max(0, place - reach), min(n, place + reach + 1)
        heights = np.zeros(high - low, np.float32)
        heights[place - low + 1 :] = np.maximum.accumulate(tree.gaps[place + 1 : high])
        heights[: place - low] = np.maximum.accumulate(tree.gaps[place:low:-1])[::-1]
        ends = [heights[0]] * (low > 0) + [heights[-1]] * (high < n)
        yield tree.leaves[low:high], heights, min(ends, default=np.inf)
        if high - low == n:
            return
        reach *= 8


def _largest(state: State, segment: int) -> int:
    """The largest fragment of a segment that is in the tree."""
    members = state.members(segment)
    members = members[members < len(state.base.sizes)]
    if not len(members):
        raise Refused(f"threshold: segment {segment} was made by hand and is in no merge tree; merge by hand.")
    return int(members[np.argmax(state.sizes[members])])
