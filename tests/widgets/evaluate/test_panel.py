"""The fields of Evaluate, over a desk that the test drives by hand."""

import numpy as np

from napari_emcad.widgets.evaluate.panel import EvaluatePanel


def test_the_panel_follows_its_evaluation(desk, loop, qtbot):
    panel = EvaluatePanel(desk)
    qtbot.addWidget(panel)
    assert not panel.compare_button.isEnabled() and "two Labels layers" in panel.compare_button.toolTip()
    labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4) + 1
    one, two = (desk.viewer.add_labels(labels, name=name) for name in ("one", "two"))
    panel.evaluation.labels.layer, panel.evaluation.truth.layer = one, two
    panel.compare_button.click()
    loop.work()
    assert panel._read_out.text().startswith("VOI 0.000 bits")
