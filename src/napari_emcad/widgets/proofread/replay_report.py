"""The report on edits that were brought from another session: what a person has to look at comes first."""

import re
from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QBrush, QColor, QIcon, QPixmap
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Voxel
from napari_emcad.core.wording import count
from napari_emcad.io.sessions.open_session import OpenSession
from napari_emcad.io.sessions.replay_report import BroughtEdit, ReplayReport, read_report, write_report
from napari_emcad.proofreading.replay.outcomes import OUTCOMES
from napari_emcad.widgets.kit.forms import enable, text
from napari_emcad.widgets.kit.question import Question

COLOURS = {"conflict": "#e69f00", "lost": "#d55e00", "applied": "#56b4e9", "right": "#009e73"}
"""Of Okabe and Ito, in the order in which outcomes are listed."""

KIND_WORDS = {
    "group": "merge",
    "segment_threshold": "grow",
    "lock": "done",
    "unlock": "not done",
    "decide": "review",
    "note": "to do",
}
"""As the history calls them; the others are called as they are."""

MOST = 190
"""Pixels that the list is high at most."""

_PLACE = Qt.ItemDataRole.UserRole


def told(edit: BroughtEdit, start: Voxel = (0, 0, 0), is_here: bool = True) -> str:
    """An edit in two lines: what, where in the stack, and what became of it; and why.

    Parameters
    ----------
    edit : BroughtEdit
    start : (z, y, x)
        Where the session's box begins in the stack.
    is_here : bool
        False where it comes from an earlier report, whose session is named then.
    """
    where = f" at {_place(edit.voxel, start)}" if edit.voxel else ""
    origin = "" if is_here else f" ({Path(edit.session).name})"
    why = re.sub(r"^[a-z]+: ", "", edit.why)  # the kind stands there already
    why = re.sub(r"\((\d+), (\d+), (\d+)\)", lambda found: _place(tuple(map(int, found.groups())), start), why)
    first = f"{KIND_WORDS.get(edit.kind, edit.kind)}{where}: {OUTCOMES[edit.outcome]}{origin}"
    return f"{first}\n{why[:1].upper()}{why[1:]}".strip()


def _place(voxel: Voxel, start: Voxel) -> str:
    """A voxel of the session in the stack."""
    return ", ".join(str(v + a) for v, a in zip(voxel, start, strict=True))


class ReplayReportView(QWidget):
    """The report of a session, where it has one; a click on an edit goes there, a tick says that it is looked after.

    Signals
    -------
    chosen : BroughtEdit
        A person wants to see it.
    failed : UserError
        The report cannot be read or written.
    """

    chosen = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.report: ReplayReport | None = None
        self._folder, self._start, self._why_not = Path(), (0, 0, 0), ""
        self._was_ticked = False
        self._line, self._facts = text(), text()
        self.all = QCheckBox("show all edits")
        self.all.setToolTip("Those that are right and those that were made again, too.")
        self.dismiss_button = QPushButton("Dismiss")
        self.question = Question("Dismiss", "Keep")
        self.list = QListWidget()
        self._lay_out()
        self._connect()
        self.setVisible(False)

    def open(self, opened: OpenSession) -> None:
        """Show the report of a session; nothing where it has none, or where it was dismissed."""
        self._folder, self._why_not = opened.folder, opened.why_read_only
        self._start = opened.facts.box_of(opened.session.state.base.fragments.shape).start
        self.report = None
        self.question.drop()
        try:
            self.report = read_report(opened.folder)
        except UserError as error:
            self.failed.emit(error)
        self._show()

    def dismiss(self) -> None:
        """Show this report no more; where edits are left to look at, it is asked first."""
        if left := len(self.report.open):
            words = f"{count(left, 'edit')} {'is' if left == 1 else 'are'} not ticked off; dismiss the report?"
            self.question.put(words)
        else:
            self._dismiss()

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event) -> None:
        super().showEvent(event)
        self._fit()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.list.setWordWrap(True)
        self.list.setSpacing(3)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        for one in (self.list, self.all, self.dismiss_button):
            one.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
        ends = QHBoxLayout()
        ends.addWidget(self.all, 1)
        ends.addWidget(self.dismiss_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self._line, self._facts, self.list, self.question):
            column.addWidget(widget)
        column.addLayout(ends)

    def _connect(self) -> None:
        self.all.toggled.connect(self._show)
        self.dismiss_button.clicked.connect(self.dismiss)
        self.question.accepted.connect(self._dismiss)
        self.list.itemChanged.connect(self._on_changed)
        self.list.itemClicked.connect(self._on_clicked)

    def _show(self, _all: bool = False) -> None:
        report = self.report
        is_there = report is not None and not report.is_dismissed and bool(report.edits or report.damage)
        self.setVisible(is_there)
        if not is_there:
            return
        self._line.setText(f"From {Path(report.session).name}: {report.line()}")
        order = sorted(enumerate(report.edits), key=lambda one: list(COLOURS).index(one[1].outcome))
        with QSignalBlocker(self.list):
            self.list.clear()
            for place, edit in order:
                if edit.needs_a_look or self.all.isChecked():
                    self.list.addItem(self._item(place, edit))
        self._show_facts()
        self._fit()

    def _show_facts(self) -> None:
        left, damage = len(self.report.open), self.report.damage
        ticked = sum(edit.is_ticked for edit in self.report.edits)
        look = f"{count(left, 'edit')} to look at, {ticked} ticked off: click one to go there." if left else ""
        done = "All that needed a look is ticked off." if ticked and not left else ""
        self._facts.setText("\n".join(filter(None, (look or done, damage))))
        self._facts.setVisible(bool(self._facts.text()))
        enable(self.dismiss_button, self._why_not, "Show this report no more; the edits stay.")

    def _item(self, place: int, edit: BroughtEdit) -> QListWidgetItem:
        item = QListWidgetItem(told(edit, self._start, edit.session == self.report.session))
        item.setIcon(_square(COLOURS[edit.outcome]))
        item.setData(_PLACE, place)
        if edit.needs_a_look:
            item.setCheckState(Qt.CheckState.Checked if edit.is_ticked else Qt.CheckState.Unchecked)
        if self._why_not:
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsUserCheckable)
        item.setToolTip(self._why_not or "Click to go there; tick what you have looked after.")
        _grey(item, edit.is_ticked)
        return item

    def _on_changed(self, item: QListWidgetItem) -> None:
        """A person has ticked an edit off, or taken the tick off."""
        self._was_ticked, is_ticked = True, item.checkState() == Qt.CheckState.Checked
        if self._keep(self.report.ticked(item.data(_PLACE), is_ticked)):
            with QSignalBlocker(self.list):
                _grey(item, is_ticked)
            self._show_facts()
        else:
            self._show()

    def _on_clicked(self, item: QListWidgetItem) -> None:
        """Qt tells of a click on the tick, too; that goes nowhere."""
        was_ticked, self._was_ticked = self._was_ticked, False
        if not was_ticked:
            self.chosen.emit(self.report.edits[item.data(_PLACE)])

    def _dismiss(self) -> None:
        if self._keep(self.report.dismissed()):
            self._show()

    def _keep(self, report: ReplayReport) -> bool:
        """Whether the report could be written; nothing changes where it could not."""
        try:
            write_report(self._folder, report)
        except UserError as error:
            self.failed.emit(error)
            return False
        self.report = report
        return True

    def _fit(self) -> None:
        """As high as the rows, which wrap, up to a limit."""
        self.list.setVisible(self.list.count() > 0)
        if self.list.count():
            self.list.doItemsLayout()
            first, last = (self.list.visualItemRect(self.list.item(i)) for i in (0, self.list.count() - 1))
            around = 2 * (self.list.frameWidth() + self.list.spacing()) + 2
            self.list.setFixedHeight(min(last.bottom() - first.top() + around, MOST))


def _square(colour: str) -> QIcon:
    picture = QPixmap(12, 12)
    picture.fill(QColor(colour))
    return QIcon(picture)


def _grey(item: QListWidgetItem, is_grey: bool) -> None:
    item.setData(Qt.ItemDataRole.ForegroundRole, QBrush(Qt.GlobalColor.gray) if is_grey else None)
