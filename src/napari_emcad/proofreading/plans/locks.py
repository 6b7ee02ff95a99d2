"""Plans of marking a segment as done, and of taking that back."""

from napari_emcad.core.ids import SegmentId
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.plans.checks import members_of
from napari_emcad.proofreading.plans.moves import hold
from napari_emcad.proofreading.state import State


def plan_lock(state: State, segment: SegmentId) -> Effect:
    """Lock a segment, so that nothing changes it: it is done.

    Raises
    ------
    Refused
        If it is locked already, or not there.
    """
    if segment in state.locked:
        raise Refused(f"done: neuron {segment} is done already.")
    return Effect(moves=(hold(state, segment, members_of(state, segment)),), locked=(segment,))


def plan_unlock(state: State, segment: SegmentId) -> Effect:
    """Unlock a segment, so that it can be edited again.

    The effect holds its fragments, too: undoing an unlocking would otherwise lock what was edited since.

    Raises
    ------
    Refused
        If it is not locked.
    """
    if segment not in state.locked:
        raise Refused(f"not done: neuron {segment} is not done.")
    return Effect(moves=(hold(state, segment, state.members(segment)),), unlocked=(segment,))
