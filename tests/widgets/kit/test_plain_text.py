import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QTextDocument
from qtpy.QtWidgets import QPushButton

from napari_emcad.widgets.kit.forms import enable
from napari_emcad.widgets.kit.plain_text import plain


@pytest.mark.parametrize(
    "name", ["a.tif", "a < b & c", "merge 1 <- 4", "<b>bold</b>", '<img src="x.png">\nstack <i>7</i> & more']
)
def test_a_name_is_shown_letter_by_letter(name):
    words = plain(name)
    if words != name:
        document = QTextDocument()
        document.setHtml(words)
        assert document.toPlainText() == name
    else:
        assert not Qt.mightBeRichText(name)


def test_a_tooltip_holds_no_tags_of_others(qapp, qtbot):
    button = QPushButton()
    qtbot.addWidget(button)
    enable(button, '"<b>mine</b>" holds no voxels')
    assert "&lt;b&gt;mine" in button.toolTip() and not button.isEnabled()
    enable(button, "", "A tip.")
    assert button.toolTip() == "A tip." and button.isEnabled()
