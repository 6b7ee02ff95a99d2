"""The budget of a run, without a window."""

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.training.params import TrainingParameters
from napari_emcad.widgets.finetune.budget import Budget


def test_two_minutes_and_the_defaults():
    assert Budget().parameters("student") == TrainingParameters(minutes=2)


def test_what_is_changed_is_in_the_parameters():
    budget, heard = Budget(), []
    budget.changed.connect(lambda: heard.append(budget.values.size))
    budget.change(minutes=0.5, steps=7, batch=3, size=96, loss="malis", learning_rate=0.01, seed=5)
    assert heard == [96]
    budget.change(size=96)
    assert heard == [96]
    expected = {"minutes": 0.5, "steps": 7, "batch": 3, "size": 96, "loss": "malis", "learning_rate": 0.01, "seed": 5}
    found = budget.parameters("distil")
    assert found == TrainingParameters(mode="distil", **expected)
    assert budget.parameters("student", "ema").consistency == "ema"


def test_a_number_out_of_range_is_refused():
    budget = Budget()
    with pytest.raises(UserError, match=r"^size: "):
        budget.change(size=20)
    assert budget.values.size is None


def test_a_run_goes_on_for_the_budget_once_more():
    budget = Budget()
    order = TrainingParameters(mode="teacher", minutes=3, steps=11, seed=4)
    more = budget.extend(order, step=50, seconds=90)
    assert more == order.model_copy(update={"minutes": 1.5 + 2, "steps": None})
    budget.change(steps=25, minutes=0.5)
    more = budget.extend(order, step=50, seconds=90)
    assert (more.steps, more.minutes, more.mode, more.seed) == (75, 2.0, "teacher", 4)
