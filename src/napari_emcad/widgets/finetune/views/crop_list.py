"""The list of crops: their places, the share of them that is verified, and their roles."""

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QCheckBox, QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_emcad.widgets.finetune.crops import Crops
from napari_emcad.widgets.finetune.outline import CropOutline
from napari_emcad.widgets.finetune.views.crop_row import CropRow
from napari_emcad.widgets.kit.forms import text

HEIGHT = 216
"""Pixels of the list, at most."""


class CropList(QWidget):
    """A row for each crop, and whether those to hold out are chosen automatically."""

    def __init__(self, crops: Crops, outline: CropOutline, parent: QWidget | None = None):
        super().__init__(parent)
        self._crops, self._outline = crops, outline
        self.rows: list[CropRow] = []
        self.automatic = QCheckBox("hold out automatically")
        self.automatic.setToolTip("About a fifth of what is verified; a role chosen by hand takes the tick off.")
        self.facts = text()
        self._scroll, self._inside = QScrollArea(), QWidget()
        self._column = QVBoxLayout(self._inside)
        self._lay_out()
        self.automatic.toggled.connect(self._on_automatic)
        crops.changed.connect(self._update)
        self._update()

    def _lay_out(self) -> None:
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._column.addStretch(1)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for widget in (self._scroll, self.automatic, self.facts):
            column.addWidget(widget)

    def _on_automatic(self, automatic: bool) -> None:
        self._crops.automatic = automatic

    def _update(self) -> None:
        places = self._crops.places
        self._fit_rows(len(places))
        for row, place, role in zip(self.rows, places, self._crops.roles, strict=True):
            row.put(place, role)
        with QSignalBlocker(self.automatic):
            self.automatic.setChecked(self._crops.automatic)
        self.facts.setText(self._crops.facts)
        self._scroll.setVisible(bool(places))
        self.automatic.setVisible(bool(places))
        needed = sum(row.sizeHint().height() + 2 for row in self.rows)
        self._scroll.setFixedHeight(min(HEIGHT, needed))

    def _fit_rows(self, number: int) -> None:
        """Have as many rows as there are crops."""
        for row in self.rows[number:]:
            row.setParent(None)
            row.deleteLater()
        self.rows = self.rows[:number]
        for i in range(len(self.rows), number):
            self.rows.append(self._row(i))
            self._column.insertWidget(i, self.rows[i])

    def _row(self, i: int) -> CropRow:
        row = CropRow()
        row.role_chosen.connect(lambda role: self._crops.choose_role(i, role))
        row.checked.connect(lambda checked: self._crops.set_checked(i, checked))
        row.shown.connect(lambda: self._outline.show(self._crops.places[i]))
        row.removed.connect(lambda: self._crops.remove(i))
        return row
