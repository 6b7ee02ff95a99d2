"""Curves as they are drawn, and the figures behind them."""

import numpy as np
import pytest
from qtpy.QtGui import QColor

from napari_emcad.finetuning.record import LOSSES, Record
from napari_emcad.training.objective import TERMS
from napari_emcad.widgets.finetune.curves import ChartAxis, loss_series, score_series, smooth, ticks, values_at
from napari_emcad.widgets.finetune.views.chart import COLOURS
from napari_emcad.widgets.finetune.views.learning_curves import LearningCurves


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (1.0, [0, 0.5, 1]),
        (4.89, [0, 2, 4, 6]),
        (0.3, [0, 0.1, 0.2, 0.3]),
        (0.00071, [0, 0.0002, 0.0004, 0.0006, 0.0008]),
        (1234.0, [0, 500, 1000, 1500]),
    ],
)
def test_ticks_are_round_and_reach_above(most, expected):
    np.testing.assert_allclose(ticks(0.0, most), expected)


def test_the_running_mean_against_brute_force():
    values = np.random.default_rng(0).random(37)
    expected = [np.mean(values[max(0, i - 3) : i + 1]) for i in range(37)]
    np.testing.assert_allclose(smooth(values, 4 / 37), expected)
    np.testing.assert_allclose(smooth(values[:1]), values[:1])


@pytest.fixture
def record():
    made = Record()
    for n in range(1, 41):
        parts = {"student": 0.5 / n, "cross": 0.2}
        made.take({"event": "step", "step": n, "done": n / 40, "seconds": n, "loss": 1.0, "parts": parts})
        if n % 10 == 0:
            made.take({"event": "score", "step": n, "voi": 5 - n / 10, "arand": 0.1, "best": True})
    return made


@pytest.mark.window
def test_every_loss_and_score_is_drawn_and_named(qtbot, record):
    curves = LearningCurves()
    qtbot.addWidget(curves)
    curves.resize(340, 160)
    curves.show()
    curves.put(record)
    assert [s.name for s in curves.losses.series] == ["student", "cross"]
    assert LOSSES["cross"] in curves.names.text()
    for chart, names in ((curves.losses, ["student", "cross"]), (curves.scores, ["VOI"])):
        colours = colours_of(chart)
        for name in names:
            assert near(colours, COLOURS[name]), name
    curves.put(Record())
    assert not curves.losses.series
    assert not near(colours_of(curves.losses), COLOURS["student"])


def test_the_points_nearest_to_a_step(record):
    assert values_at(loss_series(record), 19.6) == {"student": (20, 0.025), "cross": (20, 0.2)}
    assert values_at(score_series(record), 0) == {"VOI": (10, 4.0)}


def test_axes_span_all_lines(record):
    series = loss_series(record)
    across, upwards = ChartAxis.across(series), ChartAxis.upwards(series)
    assert (across.low, across.high, across.ticks) == (0, 40, [0, 40])
    assert upwards.low == 0 and upwards.high == upwards.ticks[-1] >= 0.5
    np.testing.assert_allclose(across.at(np.array([0, 10, 40])), [0, 0.25, 1])


def test_axes_without_lines():
    assert loss_series(Record()) == score_series(Record()) == []
    assert ChartAxis.across([]).high == ChartAxis.upwards([]).high == 1


@pytest.mark.window
def test_the_values_under_the_mouse(qtbot, record):
    curves = LearningCurves()
    qtbot.addWidget(curves)
    curves.put(record)
    curves.resize(340, 160)
    curves.show()
    qtbot.mouseMove(curves.scores, curves.scores.rect().center())
    qtbot.waitUntil(lambda: "at step" in curves.scores.toolTip())


def colours_of(widget) -> np.ndarray:
    image = widget.grab().toImage()
    return np.array(
        [QColor(image.pixel(x, y)).getRgb()[:3] for x in range(image.width()) for y in range(image.height())]
    )


def near(colours: np.ndarray, colour: str) -> bool:
    return bool((np.abs(colours - np.array(QColor(colour).getRgb()[:3])).max(axis=1) < 12).any())


def test_every_loss_has_a_name_and_a_colour():
    assert set(LOSSES) == set(TERMS) == set(COLOURS) - {"VOI"}
