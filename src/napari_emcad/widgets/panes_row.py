"""The button that shows four panes, and its key."""

import napari
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.panes.views.four_panes_view import FourPanesView
from napari_emcad.widgets.proofread.key_binder import Borrowed
from napari_emcad.widgets.proofread.keys import KEYS
from napari_emcad.widgets.proofread.panel import ProofreadPanel

TIP = "xy, xz, yz and 3D side by side, with one cursor: a right click moves it. Edit in any of them."


class PanesRow(QWidget):
    """Opens and closes the four panes; the surfaces of the session are shown in the fourth.

    Attributes
    ----------
    view : FourPanesView
    button : QPushButton
    """

    def __init__(self, viewer: napari.Viewer, desk: Desk, proofread: ProofreadPanel, parent: QWidget | None = None):
        super().__init__(parent)
        self._proofread = proofread
        self.view = FourPanesView(viewer, desk.canvases, desk.loop, self)
        self.button = QPushButton(f"Four panes  {KEYS['panes'].label}")
        self.button.setCheckable(True)
        self.button.setToolTip(TIP)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 6, 0)
        row.addStretch(1)
        row.addWidget(self.button)
        self._key = Borrowed.of(viewer, KEYS["panes"].press, self.view.toggle)
        self.button.clicked.connect(lambda _checked: self.view.toggle())
        self.view.switched.connect(self._on_switched)

    def close_panes(self) -> None:
        """Close the panes for good, and give the key back."""
        self.view.close()
        self._key.give_back()

    def _on_switched(self) -> None:
        self.button.setChecked(self.view.is_open)
        self._proofread.show_surfaces_in(self.view.corner if self.view.is_open else None)
        self._proofread.outline_also(self.view.canvases)
