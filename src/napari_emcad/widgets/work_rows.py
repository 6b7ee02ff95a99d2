"""The foot of the dock: a bar and a button "Stop" for each job under way."""

from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.at_work import AtWork, Work
from napari_emcad.widgets.kit.forms import enable


class WorkRows(QWidget):
    """Shows what is under way, and stops it.

    Attributes
    ----------
    rows : dict of str to WorkRow
        By the kinds of work, see `AtWork.stops`.
    """

    def __init__(self, at_work: AtWork, parent: QWidget | None = None):
        super().__init__(parent)
        self._at_work = at_work
        self.rows = {kind: WorkRow() for kind in at_work.stops}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for kind, row in self.rows.items():
            column.addWidget(row)
            row.stop_button.clicked.connect(lambda _checked, kind=kind: at_work.stops[kind]())
        at_work.changed.connect(self._update)
        self._update()

    def _update(self) -> None:
        for kind, row in self.rows.items():
            row.put(self._at_work.work(kind))
        self.setVisible(any(not row.isHidden() for row in self.rows.values()))


class WorkRow(QWidget):
    """One job; hidden while there is none."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.bar, self.stop_button = QProgressBar(), QPushButton()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.bar, 1)
        row.addWidget(self.stop_button)

    def put(self, work: Work | None) -> None:
        """Show a job; None = none."""
        self.setVisible(work is not None)
        if work is not None:
            self.bar.setRange(0, work.total)
            self.bar.setValue(work.done)
            self.bar.setFormat(work.words)
            self.stop_button.setText(work.stop_words)
            enable(self.stop_button, work.why_no_stop, work.stop_tip)
