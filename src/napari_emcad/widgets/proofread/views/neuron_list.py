"""The list of neurons: an array behind a table, so that ten thousand rows cost nothing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from napari_emcad.core.ids import SegmentId
from napari_emcad.widgets.kit.fields import text_field
from napari_emcad.widgets.proofread.neuron_rows import (
    COLUMNS,
    NO_ROWS,
    VOXELS,
    ArrangedNeurons,
    NeuronOrder,
    arrange_neurons,
    cell_text,
    clicked_last,
)

HEIGHT, LOW = 170, 120
"""Pixels of the table, and of one in a low window."""

FALLING = Qt.SortOrder.DescendingOrder


class NeuronModel(QAbstractTableModel):
    """Rows of neurons as Qt's tables ask for them."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._arranged = NO_ROWS
        self._order = NeuronOrder()

    @property
    def ids(self) -> NDArray[np.int64]:
        """Ids of the rows shown, in their order."""
        return self._arranged.shown[:, 0]

    def arranged(self, rows: NDArray[np.int64]) -> ArrangedNeurons:
        """Return other neurons as they would be shown; may run in a thread."""
        return arrange_neurons(rows, self._order)

    def put(self, arranged: ArrangedNeurons) -> None:
        """Show other neurons."""
        self.beginResetModel()
        self._arranged = arranged if arranged.order == self._order else self.arranged(arranged.rows)
        self.endResetModel()

    def seek(self, digits: str) -> None:
        """Show only neurons whose id begins with these digits; all if there are none."""
        self._arrange(self._order._replace(digits=digits.strip()))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return len(self._arranged.shown)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return cell_text(int(self._arranged.shown[index.row(), index.column()]), index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        is_name = orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return COLUMNS[section] if is_name else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._arrange(self._order._replace(column=column, is_falling=order == FALLING))

    def _arrange(self, order: NeuronOrder) -> None:
        self._order = order
        self.put(self.arranged(self._arranged.rows))


class NeuronList(QWidget):
    """The table, and its search field for another row.

    Signals
    -------
    chosen : list of int
        A person has selected these neurons, the last one last.
    entered : int
        A person has clicked this neuron twice.
    """

    chosen = Signal(object)
    entered = Signal(int)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.model = NeuronModel(self)
        self._chosen: list[SegmentId] = []
        self.search = text_field("find id", can_be_cleared=True)
        self._view = QTableView()
        self._lay_out()
        self.search.textChanged.connect(self.model.seek)
        self._view.clicked.connect(self._on_clicked)
        self._view.doubleClicked.connect(self._on_double_clicked)

    @property
    def selection(self) -> list[SegmentId]:
        """The neurons selected, whether they are shown or not; the last one last."""
        return list(self._chosen)

    def select(self, *neurons: SegmentId) -> None:
        """Select these neurons, and mark the rows of those that are shown."""
        self._chosen = list(neurons)
        wanted = QItemSelection()
        for place in np.flatnonzero(np.isin(self.model.ids, neurons)).tolist():
            index = self.model.index(place, 0)
            wanted.select(index, index)
            self._view.scrollTo(index)
        rows = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self._selection_model.select(wanted, rows)

    def set_height(self, pixels: int) -> None:
        """Make the table so many pixels high."""
        self._view.setFixedHeight(pixels)

    def _lay_out(self) -> None:
        self._view.setModel(self.model)
        self._view.setSortingEnabled(True)
        self._view.sortByColumn(VOXELS, FALLING)
        self._view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
        self._lay_out_headers()
        self.set_height(HEIGHT)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._view)

    def _lay_out_headers(self) -> None:
        """Make ids and voxels as wide as the rows in sight need; the other columns share the rest."""
        rows, columns = self._view.verticalHeader(), self._view.horizontalHeader()
        assert rows is not None and columns is not None, "a table has headers"
        rows.setVisible(False)
        rows.setDefaultSectionSize(self._view.fontMetrics().height() + 6)
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column in (0, VOXELS):
            columns.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        columns.setResizeContentsPrecision(0)

    @property
    def _selection_model(self) -> QItemSelectionModel:
        model = self._view.selectionModel()
        assert model is not None, "the table has its model from the start"
        return model

    def _id_of(self, row: int) -> SegmentId:
        return SegmentId(int(self.model.ids[row]))

    def _on_clicked(self, index: QModelIndex) -> None:
        """Select the rows that Qt has selected; the one clicked comes last."""
        selected = [self._id_of(row.row()) for row in self._selection_model.selectedRows()]
        self._chosen = clicked_last(selected, self._id_of(index.row()))
        self.chosen.emit(self.selection)

    def _on_double_clicked(self, index: QModelIndex) -> None:
        self.entered.emit(self._id_of(index.row()))
