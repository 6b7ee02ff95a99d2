import numpy as np

from napari_emcad.widgets.proofread.views.neuron_list import VOXELS, NeuronList


def test_the_voxels_of_a_large_neuron_are_not_cut_off(qtbot):
    """In a dock of the usual width."""
    listed = NeuronList()
    qtbot.addWidget(listed)
    listed.resize(274, 220)
    listed.show()
    listed.model.put(listed.model.arranged(np.array([[489_928, 1_534_242_237, 954, 1], [7, 12, 1, 0]])))
    view = listed._view
    needed = view.sizeHintForIndex(listed.model.index(0, VOXELS)).width()
    assert view.columnWidth(VOXELS) >= needed
    assert view.columnWidth(0) >= view.sizeHintForIndex(listed.model.index(0, 0)).width()
    assert sum(view.columnWidth(column) for column in range(4)) <= view.viewport().width()
    header = view.horizontalHeader()
    assert header.sectionSize(2) >= header.fontMetrics().horizontalAdvance("sections")
