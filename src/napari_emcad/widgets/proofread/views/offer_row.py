"""The line under the stack that offers labels; hidden while there is nothing to offer."""

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_emcad.widgets.kit.forms import WARNING_STYLE, enable, text
from napari_emcad.widgets.proofread.label_offer import SHOW, LabelOffer

_TIPS = {SHOW: "Make a Labels layer of it, which can be proofread; its file stays as it is."}
_TIP = "Make neurons of them, each with its pieces; every edit is saved at once, and the layer stays as it is."


class OfferRow(QWidget):
    """A sentence and a button."""

    def __init__(self, offer: LabelOffer, parent: QWidget | None = None):
        super().__init__(parent)
        self._offer = offer
        self._words, self.button = text(), QPushButton()
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 2, 6, 2)
        row.addWidget(self._words, 1)
        row.addWidget(self.button)
        self.button.clicked.connect(self._on_button)
        offer.changed.connect(self._update)
        self._update()

    def _on_button(self) -> None:
        self._offer.press()

    def _update(self) -> None:
        words = self._offer.words
        self.setVisible(bool(words))
        if words:
            self._words.setText(words)
            self._words.setToolTip(self._offer.doubt)
            self._words.setStyleSheet(WARNING_STYLE if self._offer.doubt else "")
            self.button.setText(self._offer.press_words)
            enable(self.button, self._offer.why_not, _TIPS.get(self._offer.press_words, _TIP))
