"""The first steps of every plan: find the segment, see that it is there and that it may be changed."""

from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.state import State


def segment_of_click(state: State, fragment: FragmentId) -> SegmentId:
    """Return the segment of a fragment that was clicked.

    Raises
    ------
    Refused
        If there is no such fragment, or it is in no segment.
    """
    if not 0 <= fragment < len(state.table):
        raise Refused("outside: there is no fragment here; click inside the segmentation.")
    segment = state.segment_of(fragment)
    if not segment:
        raise Refused("background: there is no neuron here; click on one.")
    return segment


def members_of(state: State, segment: SegmentId) -> Ids:
    """Return the fragments of a segment, sorted.

    Raises
    ------
    Refused
        If there is no such segment; a fragment of that id is named with its segment.
    """
    members = state.members(segment)
    if not len(members):
        owner = state.table[segment] if 0 < segment < len(state.table) else 0
        what_to_do = f"fragment {segment} is in neuron {owner}" if owner else "click on one"
        raise Refused(f"neuron: there is no neuron {segment} any more; {what_to_do}.")
    return members


def check_unlocked(state: State, *segments: SegmentId) -> None:
    """Refuse to change a segment that is locked.

    Raises
    ------
    Refused
    """
    for segment in segments:
        if segment in state.locked:
            raise Refused(f"done: neuron {segment} is done; take the tick off first.")
