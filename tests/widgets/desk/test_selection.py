"""The neurons selected, without a window."""

import numpy as np
import pytest
from hearing import heard
from napari.layers import Labels

from napari_emcad.widgets.desk.selection import Selection


@pytest.fixture
def layer() -> Labels:
    return Labels(np.ones((2, 3, 4), int))


@pytest.fixture
def selection(layer):
    return Selection(lambda: layer)


def test_napari_s_own_selected_label_counts(layer, selection):
    layer.selected_label = 7
    assert selection.last == 7 and selection.neurons == [7] and selection.others == []


def test_the_last_one_selected_is_the_layer_s(layer, selection):
    changes = heard(selection.changed)
    selection.select(4, 9, 2)
    assert layer.selected_label == selection.last == 2 and len(changes) == 1
    assert selection.neurons == [4, 9, 2] and selection.others == [4, 9]


def test_nothing_selected_leaves_the_layer_s_label(layer, selection):
    selection.select(4, 9)
    selection.select()
    assert layer.selected_label == 9 and selection.neurons == [9]


def test_clicks_add_and_take_away(selection):
    selection.choose(4, also=False)
    selection.choose(9, also=True)
    assert selection.neurons == [4, 9]
    selection.choose(2, also=True)
    selection.choose(9, also=True)
    assert selection.neurons == [4, 2]
    selection.choose(5, also=False)
    assert selection.neurons == [5]
