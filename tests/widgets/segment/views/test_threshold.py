"""The bar of the threshold, without a viewer."""

import pytest

from napari_emcad.widgets.desk.threshold import Threshold
from napari_emcad.widgets.segment.views.threshold import ThresholdBar


@pytest.fixture
def threshold() -> Threshold:
    return Threshold()


@pytest.fixture
def bar(threshold, qtbot) -> ThresholdBar:
    bar = ThresholdBar(threshold)
    qtbot.addWidget(bar)
    return bar


def test_slider_and_field_move_it(bar, threshold):
    bar.slider.setValue(31)
    assert threshold.value == threshold.touched == bar.field.value() == 0.31
    bar.field.setValue(0.62)
    assert threshold.value == 0.62 and bar.slider.value() == 62


def test_it_is_shown_without_being_moved(bar, threshold):
    moves = []
    threshold.moved.connect(moves.append)
    threshold.recommend(0.27)
    threshold.read_out = "12 neurons"
    assert (bar.slider.value(), bar.field.value(), bar.read_out.text()) == (27, 0.27, "12 neurons")
    assert "0.27" in bar.slider.toolTip() and moves == [] and threshold.touched is None
