"""The rows that start from labels, without a viewer."""

import numpy as np
import pytest

from napari_emcad.widgets.proofread.views.labels_row import WITHOUT, LabelsRow

PLACE = {"scale": (40, 5, 6), "translate": (400, 50, 60), "units": ("nm",) * 3}


@pytest.fixture
def row(desk, proofreader, qtbot) -> LabelsRow:
    row = LabelsRow(desk, proofreader.from_labels)
    qtbot.addWidget(row)
    return row


def test_the_model_looks_at_a_stack_of_the_same_grid_only(desk, row, open_stack, stack):
    labels = np.ones(stack.shape, np.uint16)
    desk.viewer.add_labels(labels, name="mine", **PLACE)
    assert row.button.isEnabled() and not row.model_box.isEnabled() and "Open the stack" in row.model_box.toolTip()
    open_stack(stack, scale=(40, 8, 8))
    assert not row.model_box.isEnabled() and 'voxels of "stack"' in row.model_box.toolTip()
    desk.stack.layer = open_stack(stack, name="same", **PLACE)
    assert row.model_box.isEnabled() and row.model_box.toolTip().startswith(WITHOUT)
