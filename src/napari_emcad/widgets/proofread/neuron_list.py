"""The list of neurons: an array behind a table, so that ten thousand rows cost nothing."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from napari_emcad.core.ids import SegmentId
from napari_emcad.widgets.kit.fields import text_field

COLUMNS = ("id", "voxels", "sections", "done")
VOXELS = COLUMNS.index("voxels")
HEIGHT = 170


class Arranged(NamedTuple):
    """Rows, and those of them that are shown, in their order; `how`: digits sought, column, and whether it falls."""

    rows: NDArray[np.int64]
    shown: NDArray[np.int64]
    how: tuple[str, int, bool]


class NeuronModel(QAbstractTableModel):
    """Rows sorted by a column and reduced to ids that begin with the digits sought."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._all = np.empty((0, len(COLUMNS)), np.int64)
        self._shown = self._all
        self._how = ("", VOXELS, True)

    @property
    def ids(self) -> NDArray[np.int64]:
        """Of the rows shown, in their order."""
        return self._shown[:, 0]

    def arranged(self, rows: NDArray[np.int64]) -> Arranged:
        """Other neurons as they would be shown; may run in a thread."""
        sought, column, is_falling = how = self._how
        found = rows[np.char.startswith(rows[:, 0].astype(str), sought)] if sought else rows
        values = found[:, column]
        return Arranged(rows, found[np.argsort(-values if is_falling else values, kind="stable")], how)

    def put(self, arranged: Arranged) -> None:
        """Show other neurons."""
        self.beginResetModel()
        self._all, self._shown, _ = arranged if arranged.how == self._how else self.arranged(arranged.rows)
        self.endResetModel()

    def seek(self, digits: str) -> None:
        """Show neurons only whose id begins with these digits; all where there are none."""
        self._arrange(digits.strip(), *self._how[1:])

    def rowCount(self, _parent: QModelIndex | None = None) -> int:
        return len(self._shown)

    def columnCount(self, _parent: QModelIndex | None = None) -> int:
        return len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole):
        if role == Qt.ItemDataRole.DisplayRole:
            value = int(self._shown[index.row(), index.column()])
            name = COLUMNS[index.column()]
            return ("yes" if value else "") if name == "done" else str(value) if name == "id" else f"{value:,}"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole):
        is_name = orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return COLUMNS[section] if is_name else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._arrange(self._how[0], column, order == Qt.SortOrder.DescendingOrder)

    def _arrange(self, *how: str | int | bool) -> None:
        self._how = how
        self.put(self.arranged(self._all))


class NeuronList(QWidget):
    """The table with its search field.

    Signals
    -------
    chosen : list of int
        A person has selected these neurons, the last one last.
    entered : int
        And clicked it twice.
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
        self._view.selectionModel().select(wanted, rows)

    def _lay_out(self) -> None:
        self._view.setModel(self.model)
        self._view.setSortingEnabled(True)
        self._view.sortByColumn(VOXELS, Qt.SortOrder.DescendingOrder)
        self._view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
        self._view.verticalHeader().setVisible(False)
        self._view.verticalHeader().setDefaultSectionSize(self._view.fontMetrics().height() + 6)
        self._lay_out_columns()
        self._view.setFixedHeight(HEIGHT)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.search)
        column.addWidget(self._view)

    def _lay_out_columns(self) -> None:
        """Ids and voxels as wide as what is to be seen of them; the others have what is left."""
        header = self._view.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column in (0, VOXELS):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setResizeContentsPrecision(0)

    def _on_clicked(self, index: QModelIndex) -> None:
        """The row clicked comes last."""
        ids = [SegmentId(int(self.model.ids[row.row()])) for row in self._view.selectionModel().selectedRows()]
        clicked = SegmentId(int(self.model.ids[index.row()]))
        self._chosen = [*(i for i in ids if i != clicked), *([clicked] if clicked in ids else [])]
        self.chosen.emit(self.selection)

    def _on_double_clicked(self, index: QModelIndex) -> None:
        self.entered.emit(int(self.model.ids[index.row()]))
