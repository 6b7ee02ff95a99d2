"""Moves of fragments that are in one segment together."""

from napari_emcad.core.ids import Ids, SegmentId
from napari_emcad.proofreading.effects import Move
from napari_emcad.proofreading.state import State


def hold(state: State, segment: SegmentId, fragments: Ids) -> Move:
    """Keep fragments in their segment and take them out of the threshold's reach."""
    return move_fragments(state, fragments, segment, segment)


def take_in(state: State, segment: SegmentId, added: SegmentId) -> Move:
    """Move all fragments of the segment `added` into another one."""
    return move_fragments(state, state.members(added), added, segment)


def move_fragments(state: State, fragments: Ids, before: SegmentId, after: SegmentId) -> Move:
    """Move fragments, at least one, from their segment to another one."""
    return Move(fragments, before, after, bool(state.free[fragments[0]]))
