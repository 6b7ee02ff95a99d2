"""The list of sections that something is wrong with; rows are made as they are looked at, so thousands cost little."""

from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractListModel, QItemSelection, QItemSelectionModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QIcon, QImage, QKeyEvent, QPainter, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListView, QWidget

from napari_emcad.widgets.desk.inspection import Inspection
from napari_emcad.widgets.desk.section_choices import SectionRow
from napari_emcad.widgets.desk.section_pictures import SIDE, grey_picture
from napari_emcad.widgets.desk.settings import Settings

MOST_ROWS = 3.5
"""Rows that are in sight at once; half a one shows that there are more."""

EMPTY = QColor(128, 128, 128, 60)
"""Colour of a picture that is still to come."""


class SectionModel(QAbstractListModel):
    """Sections as Qt's lists ask for them."""

    def __init__(self, inspection: Inspection, settings: Settings, parent: QWidget | None = None):
        super().__init__(parent)
        self._inspection, self._settings = inspection, settings
        self.sections: list[int] = []
        self._rows: dict[int, int] = {}
        inspection.pictures.came.connect(self._on_picture)
        settings.changed.connect(self._on_levels)

    def put(self, sections: list[int]) -> None:
        """Show these sections, or the same ones anew."""
        if sections == self.sections:
            self.dataChanged.emit(self.index(0), self.index(len(sections) - 1))
            return
        self.beginResetModel()
        self.sections, self._rows = sections, {z: row for row, z in enumerate(sections)}
        self.endResetModel()

    def index_of(self, z: int) -> QModelIndex | None:
        """Return the row of a section; None if it is not listed."""
        row = self._rows.get(z)
        return None if row is None else self.index(row)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return len(self.sections)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        choices = self._inspection.choices
        if choices is None or not index.isValid():
            return None
        row = choices.row(self.sections[index.row()])
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row_text(row)
            case Qt.ItemDataRole.ToolTipRole:
                return f"{row.title}\n{row.evidence}\nClick, or press Enter, to go there."
            case Qt.ItemDataRole.DecorationRole:
                return self._picture(row.z)
            case Qt.ItemDataRole.FontRole if row.is_changed:
                return _bold()
        return None

    def close(self) -> None:
        """Let go of the desk."""
        self._inspection.pictures.came.disconnect(self._on_picture)
        self._settings.changed.disconnect(self._on_levels)

    def _on_picture(self, z: int) -> None:
        index = self.index_of(z)
        if index is not None:
            self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])

    def _on_levels(self) -> None:
        """Paint pictures with other grey levels."""
        self.dataChanged.emit(self.index(0), self.index(len(self.sections) - 1), [Qt.ItemDataRole.DecorationRole])

    def _picture(self, z: int) -> QIcon:
        """Return a square picture of a section, selected or not the same; an empty one until it has been read."""
        square = QPixmap(SIDE, SIDE)
        square.fill(Qt.GlobalColor.transparent)
        found = self._inspection.pictures.find(z)
        painter = QPainter(square)
        if found is None:
            painter.fillRect(square.rect(), EMPTY)
        else:
            grey = np.ascontiguousarray(grey_picture(found, self._settings.black, self._settings.white))
            height, width = grey.shape
            image = QImage(grey.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
            image = image.scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio)
            painter.drawImage((SIDE - image.width()) // 2, (SIDE - image.height()) // 2, image)
        painter.end()
        icon = QIcon(square)
        icon.addPixmap(square, QIcon.Mode.Selected)
        return icon


class SectionList(QListView):
    """The list; a click or Enter goes to a section.

    Signals
    -------
    entered_section : int
        A person wants to see this section.
    chosen
        Other sections are selected.
    """

    entered_section = Signal(int)
    chosen = Signal()

    def __init__(self, inspection: Inspection, settings: Settings, parent: QWidget | None = None):
        super().__init__(parent)
        self.rows = SectionModel(inspection, settings, self)
        self.setModel(self.rows)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(SIDE, SIDE))
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.clicked.connect(self._on_clicked)
        self._selection_model.selectionChanged.connect(self._on_selection)
        self.rows.modelReset.connect(self._on_selection)

    @property
    def selection(self) -> list[int]:
        """The sections selected, in order."""
        return sorted(self.rows.sections[index.row()] for index in self.selectedIndexes())

    def put(self, sections: list[int]) -> None:
        """List these sections; those that were selected stay so if they can."""
        selected = self.selection
        self.rows.put(sections)
        if selected != self.selection:
            self.select(selected)
        height = max(SIDE, self.sizeHintForRow(0))
        self.setFixedHeight(round(min(len(sections), MOST_ROWS) * height) + 2 * self.frameWidth() + 2)
        self.setVisible(bool(sections))

    def select(self, sections: list[int]) -> None:
        """Select these sections of those that are listed, and bring the last one in sight."""
        wanted = QItemSelection()
        for index in filter(None, map(self.rows.index_of, sections)):
            wanted.select(index, index)
            self._selection_model.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
        self._selection_model.select(wanted, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.scrollTo(self.currentIndex())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Go to the current section by Enter."""
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._on_clicked(self.currentIndex())
        else:
            super().keyPressEvent(event)

    @property
    def _selection_model(self) -> QItemSelectionModel:
        model = self.selectionModel()
        assert model is not None, "the list has its model from the start"
        return model

    def _on_clicked(self, index: QModelIndex) -> None:
        self.entered_section.emit(self.rows.sections[index.row()])

    def _on_selection(self, *_changes: object) -> None:
        self.chosen.emit()


def row_text(row: SectionRow) -> str:
    """Return the three lines of a row: what is wrong, by what evidence, and what is done."""
    return f"{row.title}\n{row.evidence}\n{row.use.words}{' (chosen by you)' if row.is_changed else ''}"


def _bold() -> QFont:
    font = QFont()
    font.setBold(True)
    return font
