"""The button under the stack that goes on with a session of it; hidden while there is none."""

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.kit.forms import enable
from napari_emcad.widgets.proofread.session_offer import SessionOffer


class SessionRow(QWidget):
    """One button, as wide as the dock."""

    def __init__(self, offer: SessionOffer, parent: QWidget | None = None):
        super().__init__(parent)
        self._offer, self.button = offer, QPushButton()
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 2, 6, 2)
        column.addWidget(self.button)
        self.button.clicked.connect(self._on_button)
        offer.changed.connect(self._update)
        self._update()

    def _on_button(self) -> None:
        self._offer.press()

    def _update(self) -> None:
        words = self._offer.press_words
        self.setVisible(bool(words))
        self.button.setText(words)
        enable(self.button, self._offer.why_not, self._offer.tip)
