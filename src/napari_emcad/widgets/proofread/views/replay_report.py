"""The rows that show the report on edits that were brought from another session."""

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QBrush, QColor, QIcon, QPixmap, QResizeEvent, QShowEvent
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from napari_emcad.proofreading.replay.outcomes import Outcome
from napari_emcad.widgets.kit.forms import enable, text
from napari_emcad.widgets.kit.question import Question
from napari_emcad.widgets.proofread.replay_review import ReplayReview, ReportLine

COLOURS: dict[Outcome, str] = {"conflict": "#e69f00", "lost": "#d55e00", "applied": "#56b4e9", "right": "#009e73"}
"""Colours of Okabe and Ito, by outcome."""

MOST = 190
"""Pixels of the list's greatest height."""

CHOICES = {
    "take": ("Take it", "Make this edit now; it overrules what is here, and can be undone."),
    "keep": ("Keep what is here", "Leave this edit out."),
    "neither": ("Neither", "Leave this edit out, and undo the one here that it contradicts."),
}
"""Words and tips of what can be done with an edit that waits."""

_LINE = Qt.ItemDataRole.UserRole


class ReplayReportView(QWidget):
    """The report of a session, if it has one; a click on an edit goes there, a tick says that it is looked after.

    Signals
    -------
    chosen : BroughtEdit
        A person wants to see it.
    decided : ReportLine, str
        A person chooses: "take", "keep" or "neither".
    """

    chosen = Signal(object)
    decided = Signal(object, str)

    def __init__(self, review: ReplayReview, parent: QWidget | None = None):
        super().__init__(parent)
        self.review = review
        self._was_ticked = False
        self.line, self.facts = text(), text()
        self.all = QCheckBox("show all edits")
        self.all.setToolTip("Those that are right and those that were made again, too.")
        self.dismiss_button = QPushButton("Dismiss")
        self.question = Question("Dismiss", "Keep")
        self.list = QListWidget()
        self.choices = {name: QPushButton(words) for name, (words, _) in CHOICES.items()}
        self._lay_out()
        self._connect()
        self._update()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self._fit()

    def show_next(self) -> None:
        """Bring the list up to date after a decision, and mark the next edit that waits."""
        self._update()
        rows = (row for row, line in enumerate(self.review.lines) if line.edit.is_open)
        self.list.setCurrentRow(next(rows, -1))

    # ---- inside ------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.list.setWordWrap(True)
        self.list.setSpacing(3)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        for one in (self.list, self.all, self.dismiss_button, *self.choices.values()):
            one.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys stay with the canvas
        self.choice_row = QWidget()
        choices = QHBoxLayout(self.choice_row)
        choices.setContentsMargins(0, 0, 0, 0)
        for one in self.choices.values():
            choices.addWidget(one)
        ends = QHBoxLayout()
        ends.addWidget(self.all, 1)
        ends.addWidget(self.dismiss_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.line, self.facts, self.list, self.choice_row, self.question):
            column.addWidget(widget)
        column.addLayout(ends)

    def _connect(self) -> None:
        review = self.review
        review.changed.connect(self._update)
        self.all.toggled.connect(review.show_all)
        self.dismiss_button.clicked.connect(lambda _checked: review.dismiss())
        self.question.accepted.connect(review.confirm)
        self.question.dropped.connect(review.drop)
        self.list.itemChanged.connect(self._on_changed)
        self.list.itemClicked.connect(self._on_clicked)
        self.list.currentRowChanged.connect(lambda _row: self._show_choices())
        for name, one in self.choices.items():
            one.clicked.connect(lambda _checked, name=name: self._decide(name))

    def _update(self) -> None:
        """Bring the rows up to date."""
        self.question.put(self.review.question)
        self.setVisible(self.review.shown is not None)
        self.line.setText(self.review.title)
        with QSignalBlocker(self.list):
            self.list.clear()
            for line in self.review.lines:
                self.list.addItem(self._item(line))
        self._show_facts()
        self._show_choices()
        self._fit()

    def _show_choices(self) -> None:
        """Offer the choices on the marked edit, if it waits in a session that was merged."""
        report, item = self.review.shown, self.list.currentItem()
        waiting = report is not None and bool(report.merged) and any(edit.is_open for edit in report.edits)
        self.choice_row.setVisible(waiting)
        edit = item.data(_LINE).edit if item is not None else None
        why_not = self.review.why_not or (
            "" if edit is not None and edit.is_open else "Click an edit that waits first."
        )
        self.choices["take"].setText(f"Take {edit.user}'s" if edit is not None and edit.user else CHOICES["take"][0])
        for name, one in self.choices.items():
            enable(one, why_not, CHOICES[name][1])

    def _decide(self, name: str) -> None:
        if (item := self.list.currentItem()) is not None:
            self.decided.emit(item.data(_LINE), name)

    def _show_facts(self) -> None:
        self.facts.setText(self.review.facts)
        self.facts.setVisible(bool(self.review.facts))
        enable(self.dismiss_button, self.review.why_not, "Show this report no more; the edits stay.")

    def _item(self, line: ReportLine) -> QListWidgetItem:
        edit, item = line.edit, QListWidgetItem(line.words)
        item.setIcon(_square(COLOURS[edit.outcome]))
        item.setData(_LINE, line)
        if edit.needs_a_look:
            item.setCheckState(Qt.CheckState.Checked if edit.is_ticked else Qt.CheckState.Unchecked)
        if self.review.why_not:
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsUserCheckable)
        item.setToolTip(self.review.why_not or "Click to go there; tick what you have looked after.")
        _grey(item, edit.is_ticked)
        return item

    def _on_changed(self, item: QListWidgetItem) -> None:
        """Keep the tick that a person has set or taken off."""
        self._was_ticked, is_ticked = True, item.checkState() == Qt.CheckState.Checked
        if self.review.tick(item.data(_LINE).place, is_ticked):
            with QSignalBlocker(self.list):
                _grey(item, is_ticked)
            self._show_facts()
        else:
            self._update()

    def _on_clicked(self, item: QListWidgetItem) -> None:
        """Go to the edit; a click on the tick, of which Qt tells as well, goes nowhere."""
        was_ticked, self._was_ticked = self._was_ticked, False
        if not was_ticked:
            self.chosen.emit(item.data(_LINE).edit)

    def _fit(self) -> None:
        """Make the list as high as its rows, which wrap, up to a limit."""
        self.list.setVisible(self.list.count() > 0)
        if self.list.count():
            self.list.doItemsLayout()  # type: ignore[attr-defined]  # the stubs of PyQt6 lack it
            first, last = (self.list.visualItemRect(self.list.item(i)) for i in (0, self.list.count() - 1))
            around = 2 * (self.list.frameWidth() + self.list.spacing()) + 2
            self.list.setFixedHeight(min(last.bottom() - first.top() + around, MOST))


def _square(colour: str) -> QIcon:
    picture = QPixmap(12, 12)
    picture.fill(QColor(colour))
    return QIcon(picture)


def _grey(item: QListWidgetItem, is_grey: bool) -> None:
    item.setData(Qt.ItemDataRole.ForegroundRole, QBrush(Qt.GlobalColor.gray) if is_grey else None)
