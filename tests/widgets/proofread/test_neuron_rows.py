"""Rows of the list of neurons: id, voxels, sections and done, chosen and sorted."""

import numpy as np
import pytest

from napari_emcad.widgets.proofread.neuron_rows import NeuronOrder, arrange_neurons, cell_text, clicked_last

ROWS = np.array([[7, 120, 3, 0], [71, 4500, 2, 1], [17, 120, 9, 0], [8, 10, 1, 1]])


@pytest.mark.parametrize(
    ("order", "ids"),
    [
        (NeuronOrder(), [71, 7, 17, 8]),
        (NeuronOrder(is_falling=False), [8, 7, 17, 71]),
        (NeuronOrder(column=2), [17, 7, 71, 8]),
        (NeuronOrder(column=0, is_falling=False), [7, 8, 17, 71]),
        (NeuronOrder("7"), [71, 7]),
        (NeuronOrder("71"), [71]),
        (NeuronOrder("9"), []),
    ],
)
def test_rows_are_chosen_and_sorted(order, ids):
    before = ROWS.copy()
    arranged = arrange_neurons(ROWS, order)
    assert arranged.shown[:, 0].tolist() == ids and arranged.order is order
    np.testing.assert_array_equal(ROWS, before)
    for row in arranged.shown:
        assert row.tolist() in ROWS.tolist()


def test_without_rows_there_is_nothing_to_sort():
    assert arrange_neurons(np.empty((0, 4), np.int64), NeuronOrder("7")).shown.shape == (0, 4)


def test_words_of_cells():
    assert [cell_text(v, c) for c, v in enumerate((12345, 12345, 954, 1))] == ["12345", "12,345", "954", "yes"]
    assert cell_text(0, 3) == ""


def test_the_neuron_clicked_comes_last():
    assert clicked_last([3, 5, 9], 5) == [3, 9, 5]
    assert clicked_last([3, 9], 5) == [3, 9]  # the click has taken it away
