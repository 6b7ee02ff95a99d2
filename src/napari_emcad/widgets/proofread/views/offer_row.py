"""The lines under the stack that offer labels; hidden while there is nothing to offer."""

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.kit.forms import WARNING_STYLE, enable, text
from napari_emcad.widgets.proofread.from_labels import PRESS
from napari_emcad.widgets.proofread.label_offer import SHOW, LabelOffer

_SHOW_TIP = "Make a Labels layer of it, such as a truth to compare with; its file stays as it is."
_TIP = "Make neurons of them, each with its pieces; every edit is saved at once, and the file stays as it is."


class OfferRow(QWidget):
    """A sentence, a button that proofreads, and for an image one that only shows it as labels."""

    def __init__(self, offer: LabelOffer, parent: QWidget | None = None):
        super().__init__(parent)
        self._offer = offer
        self._words, self.button, self.show_button = text(), QPushButton(PRESS), QPushButton(SHOW)
        self.show_button.setToolTip(_SHOW_TIP)
        buttons = QHBoxLayout()
        buttons.addWidget(self.button, 1)
        buttons.addWidget(self.show_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 2)
        column.addWidget(self._words)
        column.addLayout(buttons)
        self.button.clicked.connect(self._on_button)
        self.show_button.clicked.connect(self._on_show)
        offer.changed.connect(self._update)
        self._update()

    def _on_button(self) -> None:
        self._offer.press()

    def _on_show(self) -> None:
        self._offer.show_as_labels()

    def _update(self) -> None:
        words = self._offer.words
        self.setVisible(bool(words))
        if words:
            self._words.setText(words)
            self._words.setToolTip(self._offer.doubt)
            self._words.setStyleSheet(WARNING_STYLE if self._offer.doubt else "")
            self.show_button.setVisible(self._offer.is_image)
            enable(self.button, self._offer.why_not, _TIP)
