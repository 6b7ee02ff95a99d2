"""One step up or down the merge tree for one segment."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.core.merge_tree import MergeTree
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.state import State

REACH = 1 << 12
"""Leaves on each side that are looked at first: most neurons grow by what stands beside them."""


def next_to_join(state: State, segment: SegmentId) -> list[SegmentId]:
    """Return the segments, of those that nobody edited, that the merge tree joins to this one first.

    A segment is where its naming fragment is: crumbs that joined it by the way do not count.

    Raises
    ------
    Refused
        If none ever joins.
    """
    for leaves, heights, beyond in search_outwards(state.base.tree, _largest_in_tree(state, segment)):
        is_other = state.free[leaves] & (state.table[leaves] == leaves) & (leaves != segment)
        lowest = np.min(heights[is_other], initial=np.inf)
        if beyond > lowest or np.isinf(beyond):
            break
    if not np.isfinite(lowest):
        raise Refused(f"grow: nothing more joins neuron {segment} in the merge tree; merge by hand.")
    return [SegmentId(leaf) for leaf in np.sort(leaves[is_other & (heights == lowest)]).tolist()]


def next_to_leave(state: State, segment: SegmentId, held: Ids) -> Ids:
    """Return the fragments that joined this segment last in the merge tree, at least a crumb's worth of them.

    Strategy: the members are sorted by the height at which they join the largest one; from the highest height on, the
    first whose fragments together have the voxels of a crumb joined last.

    Parameters
    ----------
    state : State
    segment : SegmentId
    held : (k,) Ids
        Fragments that people joined by hand: they stay.

    Raises
    ------
    Refused
        If none ever leaves.
    """
    is_member = np.zeros(len(state.table), bool)
    is_member[np.setdiff1d(state.members(segment), held)] = True
    is_member[len(state.base.sizes) :] = False  # in no tree
    wanted = np.count_nonzero(is_member)
    around = search_outwards(state.base.tree, _largest_in_tree(state, segment))
    leaves, heights, _ = next(found for found in around if np.count_nonzero(is_member[found[0]]) == wanted)
    here = is_member[leaves] & np.isfinite(heights) & (heights > 0)
    members, heights = leaves[here], heights[here]
    levels, level = np.unique(heights, return_inverse=True)
    voxels = np.bincount(level, state.sizes[members], len(levels))
    enough = np.flatnonzero(voxels >= max(1, state.min_size))
    if not len(enough):
        raise Refused(f"grow: nothing more leaves neuron {segment} in the merge tree; split it by hand.")
    return np.sort(members[level == enough[-1]])


def search_outwards(tree: MergeTree, fragment: FragmentId) -> Iterator[tuple[Ids, NDArray[np.float32], float]]:
    """Yield more and more leaves of a tree around a fragment, in their order, at last all of them.

    Yields
    ------
    leaves : (k,) Ids
    heights : (k,) float32
        Score of the merge that brings each into one cluster with the fragment, which is the highest gap between the two
        in leaf order; 0 for the fragment itself, infinite for leaves that are never joined.
    beyond : float
        No other leaf comes lower; infinite if there is no other.
    """
    n, place, reach = len(tree.leaves), int(np.flatnonzero(tree.leaves == fragment)[0]), REACH
    while True:
        low, high = max(0, place - reach), min(n, place + reach + 1)
        heights = np.zeros(high - low, np.float32)
        heights[place - low + 1 :] = np.maximum.accumulate(tree.gaps[place + 1 : high])
        heights[: place - low] = np.maximum.accumulate(tree.gaps[place:low:-1])[::-1]
        ends = [float(heights[0])] * (low > 0) + [float(heights[-1])] * (high < n)
        yield tree.leaves[low:high], heights, min(ends, default=np.inf)
        if high - low == n:
            return
        reach *= 8


def _largest_in_tree(state: State, segment: SegmentId) -> FragmentId:
    """Return the largest fragment of a segment that is in the tree.

    Raises
    ------
    Refused
        If there is none: all of it was parted by hand.
    """
    members = state.members(segment)
    members = members[members < len(state.base.sizes)]
    if not len(members):
        raise Refused(f"grow: neuron {segment} was made by hand and is in no merge tree; merge by hand.")
    return FragmentId(int(members[np.argmax(state.sizes[members])]))
