import pytest
from graphs import LINE, state

from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.plans.checks import check_unlocked, members_of, segment_of_click
from napari_emcad.proofreading.plans.locks import plan_lock, plan_unlock


def test_a_click_on_a_fragment_means_its_segment():
    at = state(LINE)
    assert segment_of_click(at, 1) == segment_of_click(at, 2) != segment_of_click(at, 3)


@pytest.mark.parametrize(("fragment", "why"), [(0, "^background"), (5, "^outside"), (-1, "^outside")])
def test_a_click_on_nothing_is_refused(fragment, why):
    with pytest.raises(Refused, match=why):
        segment_of_click(state(LINE), fragment)


def test_members_of_a_segment():
    at = state(LINE)
    assert members_of(at, at.segment_of(2)).tolist() == [1, 2]


def test_a_fragment_is_no_segment():
    """Fragments 1 and 2 are one segment, which has the id of one of them: the other is the id of no segment."""
    at = state(LINE)
    segment = int(at.table[1])
    (other,) = {1, 2} - {segment}
    with pytest.raises(Refused, match=f"no neuron {other} any more; fragment {other} is in neuron {segment}"):
        members_of(at, other)
    with pytest.raises(Refused, match="no neuron 99 any more; click on one"):
        members_of(at, 99)


def test_a_locked_segment_is_not_changed():
    at = state(LINE)
    segment, other = at.segment_of(1), at.segment_of(3)
    at.apply(plan_lock(at, segment))
    check_unlocked(at, other)
    with pytest.raises(Refused, match=f"^done: neuron {segment} is done"):
        check_unlocked(at, other, segment)
    with pytest.raises(Refused, match=f"^done: neuron {segment} is done already"):
        plan_lock(at, segment)
    at.apply(plan_unlock(at, segment))
    check_unlocked(at, segment)
    with pytest.raises(Refused, match=f"^not done: neuron {segment} is not done"):
        plan_unlock(at, segment)


def test_a_lock_takes_its_fragments_out_of_the_thresholds_reach():
    at = state(LINE)
    (held,) = plan_lock(at, at.segment_of(1)).moves
    assert held.fragments.tolist() == [1, 2] and held.before == held.after and held.was_free
