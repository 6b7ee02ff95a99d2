from typing import get_args

import pytest
from pydantic import ValidationError

from napari_emcad.core.errors import UserError
from napari_emcad.training.objective import OBJECTIVES
from napari_emcad.training.params import (
    CROPS,
    FEW_DEFECTS,
    HEARS_TEACHER,
    MODES,
    NEEDS_LABELS,
    NEEDS_STUDENT,
    NEEDS_TEACHER,
    NO_DEFECTS,
    RESTORES,
    DefectChances,
    Mode,
    TrainingParameters,
)


def test_every_mode_has_its_line_and_its_losses():
    assert set(get_args(Mode)) == set(MODES) == set(OBJECTIVES) == set(CROPS)


@pytest.mark.parametrize("mode", get_args(Mode))
def test_a_mode_needs_what_its_losses_need(mode):
    networks = OBJECTIVES[mode].networks(0)
    if mode not in RESTORES:
        assert ("student" in networks, "teacher" in networks) == (mode in NEEDS_STUDENT, mode in NEEDS_TEACHER)
    assert (mode in NEEDS_LABELS) == (set(OBJECTIVES[mode].weights(0)) not in ({"cross"}, {"restore"}))


@pytest.mark.parametrize("mode", get_args(Mode))
def test_blocks_are_those_of_the_mode_unless_told(mode):
    default = CROPS[mode]
    assert TrainingParameters(mode=mode, steps=1).crop == default
    told = TrainingParameters(mode=mode, steps=1, sections=5, size=48).crop
    assert told == (default.batch, 5, 48)
    assert told.shape == (5, 48, 48)
    assert TrainingParameters(mode=mode, steps=1, batch=3).crop == (3, *default[1:])


@pytest.mark.parametrize("mode", get_args(Mode))
def test_blocks_unless_told_are_of_a_size_that_could_be_told(mode):
    crop = CROPS[mode]
    assert TrainingParameters(mode=mode, steps=1, **crop._asdict()).crop == crop


@pytest.mark.parametrize(
    "wrong",
    [
        *({"steps": 0}, {"minutes": 0}, {"batch": 0}, {"sections": 1}, {"size": 33}, {"size": 16}, {"ema": 1}),
        *({"learning_rate": 0}, {"learning_rate": float("nan")}, {"clip": 0}, {"clip": float("inf")}, {"seed": -1}),
        *({"warm_up": -1}, {"weight_decay": -0.1}, {"momentum": 0.9}, {"mode": "both"}, {"minutes": float("inf")}),
        {"loss": "dice"},
        *({"defects": {"missing": -0.1}}, {"defects": {"torn": 0.1}}, {"defects": {"missing": 0.6, "pale": 0.6}}),
    ],
    ids=str,
)
def test_parameters_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        TrainingParameters(**{"steps": 1} | wrong)
    with pytest.raises(UserError, match=rf"^{next(iter(wrong))}[.a-z]*: .*[^.]\.$"):
        TrainingParameters.of(**{"steps": 1} | wrong)


def test_a_run_without_end_is_refused():
    with pytest.raises(UserError) as error:
        TrainingParameters.of(mode="joint")
    assert str(error.value) == "budget: steps or minutes are needed, or the run would never end."


def test_what_is_given_is_taken_and_the_rest_is_default():
    told = TrainingParameters.of(minutes=2, seed=5)
    assert told == TrainingParameters(minutes=2, seed=5)
    assert (told.mode, told.steps, told.seed) == ("student", None, 5)


def test_memory_grows_with_what_a_step_sees():
    """Measured with the published student: 0.68 GB for two pairs of 160 x 160, 1.12 GB for two of 256 x 256."""
    small, large = (TrainingParameters(steps=1, size=size).memory for size in (160, 256))
    assert (small, large) == (pytest.approx(0.68e9, rel=0.1), pytest.approx(1.12e9, rel=0.2))
    assert TrainingParameters(steps=1, mode="joint").memory > TrainingParameters(steps=1, mode="frozen-teacher").memory


@pytest.mark.parametrize(
    ("budget", "shares"),
    [
        ({"steps": 8}, [0, 0.25, 1, 1.25]),
        ({"minutes": 0.5}, [0, 0.5, 1, 3]),
        ({"steps": 8, "minutes": 0.5}, [0, 0.5, 1, 3]),
        ({"steps": 8, "minutes": 50}, [0, 0.25, 1, 1.25]),
    ],
    ids=str,
)
def test_the_budget_that_is_spent_first_counts(budget, shares):
    told = TrainingParameters(**budget)
    assert [told.share_done(*at) for at in ((0, 0), (2, 15), (8, 30), (10, 90))] == shares


def test_parameters_go_through_a_file():
    for told in (TrainingParameters(steps=3), TrainingParameters(minutes=1.5, mode="distil", half=True, size=48)):
        assert TrainingParameters.model_validate_json(told.model_dump_json()) == told


def test_defects_are_few_with_full_augmentation_and_else_none():
    assert TrainingParameters(steps=300).defects_shown == NO_DEFECTS
    assert TrainingParameters(minutes=60).defects_shown == FEW_DEFECTS
    assert TrainingParameters(minutes=60, augmentation="light").defects_shown == NO_DEFECTS
    some = DefectChances(missing=0.02, wrong=0.5)
    assert TrainingParameters(steps=300, defects=some).defects_shown == some
    assert some.total == pytest.approx(0.52)
    told = TrainingParameters(steps=3, defects=some)
    assert TrainingParameters.model_validate_json(told.model_dump_json()) == told
    assert TrainingParameters.of(**told.model_dump()) == told


@pytest.mark.parametrize("mode", sorted(RESTORES))
def test_sections_to_restore_have_no_defects(mode):
    assert TrainingParameters(mode=mode, minutes=60).defects_shown == NO_DEFECTS
    assert TrainingParameters(mode=mode, steps=1, defects=NO_DEFECTS).defects_shown == NO_DEFECTS
    with pytest.raises(UserError, match=r"^budget: defects: sections are restored as they are"):
        TrainingParameters.of(mode=mode, steps=1, defects=FEW_DEFECTS)


@pytest.mark.parametrize("mode", sorted(HEARS_TEACHER | {"distil"}))
def test_what_a_teacher_teaches_needs_no_consistency(mode):
    with pytest.raises(UserError, match=r"^budget: consistency: a student or a teacher that learns alone is needed"):
        TrainingParameters.of(mode=mode, steps=1, consistency="ema")


def test_views_of_uncorrected_sections_take_memory():
    off, ema, plain = (TrainingParameters(steps=1, consistency=c).memory for c in ("off", "ema", "plain"))
    assert plain - ema == ema - off > 0
