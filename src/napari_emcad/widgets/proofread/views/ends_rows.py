"""The rows of ends of neurons: how many places there are to look at, and how whole the neurons are."""

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.kit.forms import enable, text
from napari_emcad.widgets.proofread.ends import Ends
from napari_emcad.widgets.proofread.keys import KEYS


class EndsRows(QWidget):
    """Shows the ends of the session that is on, as `follow` was told them last."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._ends: Ends | None = None
        self.words, self.quality = text(), text()
        self.next_button, self.last_button = _button("Next end", "next_end"), _button("Before", "last_end")
        self.seen_button = _button("Seen", "seen")
        row = QHBoxLayout()
        row.setSpacing(4)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.words)
        column.addLayout(row)
        column.addWidget(self.quality)
        for one in (self.next_button, self.last_button, self.seen_button):
            row.addWidget(one)
        acts = {self.next_button: Ends.go_to_next, self.last_button: Ends.go_to_last, self.seen_button: Ends.mark_seen}
        for one, act in acts.items():
            one.clicked.connect(lambda _checked, act=act: self._do(act))
        self.quality.setVisible(False)

    def follow(self, ends: Ends | None) -> None:
        """Show ends as they are now; None while no session is on."""
        self._ends = ends
        if ends is not None:
            self.words.setText(ends.words)
            self.quality.setText(ends.quality)
            self.quality.setVisible(bool(ends.quality))
            enable(self.seen_button, ends.why_not_seen, KEYS["seen"].words)

    def _do(self, act: Callable[[Ends], None]) -> None:
        if self._ends is not None:
            act(self._ends)


def _button(words: str, key: str) -> QPushButton:
    made = QPushButton(f"{words}  {KEYS[key].label}")
    made.setToolTip(KEYS[key].words)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return made
