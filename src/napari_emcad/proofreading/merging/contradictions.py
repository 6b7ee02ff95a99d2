"""Contradictions between an edit and what others have said."""

import numpy as np

from napari_emcad.core.geometry import triple
from napari_emcad.core.ids import FragmentId
from napari_emcad.proofreading.merging.as_meant import Meaning
from napari_emcad.proofreading.merging.elsewhere import is_so
from napari_emcad.proofreading.merging.merged_state import MergedState
from napari_emcad.proofreading.merging.outcomes import Contradiction
from napari_emcad.proofreading.merging.said import SHARED
from napari_emcad.proofreading.merging.wishes import Wish
from napari_emcad.proofreading.rows import VoxelLists


def check_sayings(ground: MergedState, wish: Wish, meaning: Meaning) -> None:
    """Refuse to join what others parted, and to part what others joined."""
    for sides, sayings, why in (
        (meaning.joins(), ground.parted, "it joins what others keep apart"),
        (meaning.cuts(), ground.joined, "it parts what others joined"),
    ):
        for one, other in sides:
            said = [s.seq for _, s in sayings.across(one, other) if s.side not in (wish.side, SHARED)]
            if said:
                raise Contradiction(why, max(said))


def check_joined(ground: MergedState, wish: Wish, meaning: Meaning, ends: list[FragmentId]) -> None:
    """Refuse to join what others parted, or what this session parted and others would bring together again."""
    own = set(meaning.fragments.tolist())
    members = [ground.state.members(owner) for owner in ground.segments(np.array(ends))]
    for i, one in enumerate(members):
        for other in members[:i]:
            for sayings in (ground.parted, ground.parted_before):
                for fragment, said in sayings.across(one, other):
                    is_others = said.side not in (wish.side, SHARED)
                    if is_others or not {fragment, said.other} <= own:
                        raise Contradiction("it joins neurons of which parts were kept apart", said.seq)


def check_same_place(ground: MergedState, wish: Wish, meaning: Meaning, against: int) -> None:
    """Refuse to part at a place where others have parted the same otherwise."""
    near, far = sides_of(wish)
    if not near or not far:
        return
    state = ground.state
    sides = [{int(state.table[state.fragment_at(triple(voxel))]) for voxel in voxels} for voxels in (near, far)]
    if sides[0].isdisjoint(sides[1]) and not is_so(ground, meaning):
        raise Contradiction("others have parted the same two neurons elsewhere", against)


def sides_of(wish: Wish) -> tuple[VoxelLists, VoxelLists]:
    """Return the points of a split on each side."""
    return wish.input.get("near", ()), wish.input.get("far", ())
