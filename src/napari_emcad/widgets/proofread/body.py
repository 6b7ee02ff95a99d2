"""The widgets of a proofreading session, from the tools at the top to the history at the bottom. No behaviour."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QButtonGroup, QCheckBox, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_emcad.widgets.kit.forms import text
from napari_emcad.widgets.kit.question import Question
from napari_emcad.widgets.proofread.history_list import HistoryList
from napari_emcad.widgets.proofread.keys import ANSWER_WORDS, KEYS
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.neuron_list import NeuronList
from napari_emcad.widgets.proofread.replay_report import ReplayReportView


class ProofreadBody(QWidget):
    """What the Proofread panel shows while a session is on.

    Attributes
    ----------
    modes : dict of Mode to QPushButton
    words, toast, facts, to_do : QLabel
        What the next click does, the last edit, how far the review is, and how many places are to do.
    answers : dict of str to QPushButton
    """

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._make_tools()
        self._make_looks()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (*self._tool_rows(), self.replay, *self._look_rows()):
            column.addWidget(part)

    def show_mode(self, mode: Mode) -> None:
        """Show the controls that a mode needs."""
        self.modes[mode].setChecked(True)
        self.split_row.setVisible(mode is Mode.SPLIT)
        self.review_box.setVisible(mode is Mode.REVIEW)

    def _make_tools(self) -> None:
        self.modes = {mode: _mode_button(mode) for mode in Mode}
        self._group = QButtonGroup(self)
        for one in self.modes.values():
            self._group.addButton(one)
        self.words, self.toast, self.facts = text(), text(), text()
        self.question = Question("Join anyway", "Leave")
        self.apply_button, self.next_button = button("Apply", "apply"), button("Next", "next")
        self.split_row = row(self.apply_button, self.next_button)
        self.answers = {name: button(words.capitalize(), name) for name, words in ANSWER_WORDS.items()}
        self.review_box = self._review_box()
        self.undo_button, self.redo_button = button("Undo", "undo"), button("Redo", "redo")
        self.done_button = button("Done", "done")

    def _make_looks(self) -> None:
        self.hide_done, self.only_selected = QCheckBox("hide done"), QCheckBox("only selected")
        self.hide_done.setToolTip(f"{KEYS['hide_done'].label}: {KEYS['hide_done'].words}")
        self.only_selected.setToolTip("Show the selected neurons and no others.")
        self.neurons, self.history = NeuronList(), HistoryList()
        self.merge_button = button("Merge selected")
        self.view_button = button("See in 3D")
        self.view_button.setToolTip("The surfaces of the selected neurons, beside the sections.")
        self.to_do = text()
        self.mark_button, self.next_mark_button = button("Mark", "mark"), button("Next", "next_mark")
        self.tick_button = button("Tick off")
        self.tick_button.setToolTip("The place that was gone to last has been looked after.")
        self.undo_one_button = button("Undo the marked edit")
        self.replay = ReplayReportView()
        self.bring_button = button("Bring edits from another session...")
        self.end_button = button("End session")
        self.end_button.setToolTip("Everything is saved already; the neurons stay as they are.")

    def _tool_rows(self) -> list[QWidget]:
        edits = row(self.undo_button, self.redo_button, self.done_button)
        return [
            row(*self.modes.values()),
            self.words,
            self.split_row,
            self.review_box,
            self.question,
            self.toast,
            edits,
        ]

    def _look_rows(self) -> list[QWidget]:
        looks = row(self.hide_done, self.only_selected)
        picked = row(self.merge_button, self.view_button)
        marks = row(self.to_do, self.mark_button, self.next_mark_button, self.tick_button)
        history = text("History: click an edit to go there")
        last = row(self.undo_one_button, self.end_button)
        return [looks, self.neurons, picked, marks, history, self.history, last, self.bring_button]

    def _review_box(self) -> QWidget:
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        for i, answer in enumerate(self.answers.values()):
            grid.addWidget(answer, i // 2, i % 2)
        grid.addWidget(self.facts, 2, 0, 1, 2)
        return box


def button(words: str, key: str = "") -> QPushButton:
    """With its key printed on it; it takes no focus, so that keys stay with the canvas."""
    made = QPushButton(f"{words}  {KEYS[key].label}" if key else words)
    made.setToolTip(KEYS[key].words if key else "")
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return made


def row(*widgets: QWidget) -> QWidget:
    """Widgets side by side."""
    made = QWidget()
    layout = QHBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in widgets:
        layout.addWidget(widget)
    return made


def _mode_button(mode: Mode) -> QPushButton:
    made = button(mode.look.word, mode.value)
    made.setCheckable(True)
    return made
