"""The list of safe fixes in the dock: a click goes to a fix, a tick says whether it is made."""

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QListWidget, QListWidgetItem, QPushButton, QSpinBox, QVBoxLayout

from napari_emcad.proofreading.review.safe_fixes import SafeFix
from napari_emcad.widgets.kit.forms import enable, text
from napari_emcad.widgets.proofread.safe_fixes import SafeFixes

ROWS = 6
"""Rows of the list that are seen at once."""


class FixesList(QFrame):
    """Shows safe fixes; hidden until they are looked for."""

    def __init__(self) -> None:
        super().__init__()
        self._fixes: SafeFixes | None = None
        self._listed: list[SafeFix] | None = None
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.words, self.list = text(), QListWidget()
        self.precision = QSpinBox()
        self.precision.setRange(50, 100)
        self.precision.setSuffix(" %")
        self.precision.setToolTip("The share of such fixes that were right where the truth is known.")
        self.make_button, self.leave_button = QPushButton("Make"), QPushButton("Leave")
        self.list.setFixedHeight(ROWS * self.list.fontMetrics().lineSpacing() + 12)
        row = QHBoxLayout()
        for widget in (QLabel("right at least"), self.precision, self.make_button, self.leave_button):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.addWidget(self.words)
        column.addWidget(self.list)
        column.addLayout(row)
        self.setVisible(False)
        self.list.itemChanged.connect(self._on_item)
        self.list.itemClicked.connect(self._on_click)
        self.precision.editingFinished.connect(self._on_precision)

    def begin(self, fixes: SafeFixes) -> None:
        """Show the safe fixes of a session."""
        self._fixes = fixes
        self.make_button.clicked.connect(fixes.make)
        self.leave_button.clicked.connect(fixes.leave)
        fixes.changed.connect(self.follow)
        self.follow()

    def end(self) -> None:
        """Show none any more."""
        if self._fixes is not None:
            self._fixes.changed.disconnect(self.follow)
            self.make_button.clicked.disconnect(self._fixes.make)
            self.leave_button.clicked.disconnect(self._fixes.leave)
        self._fixes = None
        self.setVisible(False)

    def follow(self) -> None:
        """Show them as they are now."""
        fixes = self._fixes
        if fixes is None:
            return
        self.setVisible(fixes.is_open)
        self.words.setText(fixes.words)
        self.make_button.setText(fixes.make_words)
        enable(self.make_button, "" if fixes.chosen else "Nothing is ticked.", "All that are ticked, as one edit.")
        with QSignalBlocker(self.precision):
            self.precision.setValue(round(100 * fixes.precision))
        if self._listed is not fixes.fixes:
            self._listed = fixes.fixes
            self._fill(fixes)

    def _fill(self, fixes: SafeFixes) -> None:
        with QSignalBlocker(self.list):
            self.list.clear()
            for fix in fixes.fixes:
                item = QListWidgetItem(fix.words)
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(Qt.CheckState.Checked)
                self.list.addItem(item)
        self.list.setVisible(bool(fixes.fixes))

    def _on_click(self, item: QListWidgetItem) -> None:
        if self._fixes is not None:
            self._fixes.go_to(self.list.row(item))

    def _on_item(self, item: QListWidgetItem) -> None:
        if self._fixes is not None:
            self._fixes.tick(self.list.row(item), item.checkState() == Qt.CheckState.Checked)

    def _on_precision(self) -> None:
        if self._fixes is not None and self.precision.value() != round(100 * self._fixes.precision):
            self._fixes.look(self.precision.value() / 100)
