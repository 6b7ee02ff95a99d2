"""The rows of a proofreading session, from the tools at the top to the history at the bottom."""

from collections.abc import Callable

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QButtonGroup, QCheckBox, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_emcad.core.wording import count
from napari_emcad.widgets.desk.session_stack import FIND, LOAD
from napari_emcad.widgets.kit.forms import enable, text
from napari_emcad.widgets.kit.question import Question
from napari_emcad.widgets.proofread.editor import Editor
from napari_emcad.widgets.proofread.history_text import edit_text
from napari_emcad.widgets.proofread.keys import ANSWER_WORDS, KEYS
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.replay_review import ReplayReview
from napari_emcad.widgets.proofread.views.ends_rows import EndsRows
from napari_emcad.widgets.proofread.views.fixes_list import FixesList
from napari_emcad.widgets.proofread.views.history_list import HistoryList
from napari_emcad.widgets.proofread.views.neuron_list import HEIGHT, LOW, NeuronList
from napari_emcad.widgets.proofread.views.picture_row import PictureRow
from napari_emcad.widgets.proofread.views.replay_report import ReplayReportView

ALONE = (
    "This disk has no file locks: should another program edit the session at the same time, edits of one of you would "
    "be lost. Edit it alone, until napari is closed?"
)
"""The question where a session is for reading only because of its disk."""


MERGE_ANYWAY = (f"Merge anyway  {KEYS['apply'].label}", f"Leave  {KEYS['leave'].label}")
"""Answers to the question about a doubtful merge, with their keys."""


SPACING = 6
"""Pixels between rows where there is room."""


class ProofreadBody(QWidget):
    """Shows an editor and lets it be used.

    Attributes
    ----------
    modes : dict of Mode to QPushButton
    words, toast, facts, to_do : QLabel
        The next click, the last edit, the progress of the review, and the number of places to do.
    answers : dict of str to QPushButton
    pictures : PictureRow
        Both sections of a question whose sides touch between sections.
    question, alone : Question
        Whether to make a doubtful edit, and whether to edit where the disk has no locks.

    Signals
    -------
    wanted : QWidget
        The part of it that is to be in view.
    """

    wanted = Signal(QWidget)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._editor: Editor | None = None
        self._review_height = 0
        self._make_tools()
        self._make_looks()
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACING)
        for part in (self.alone, *self._tool_rows(), self.replay, *self._look_rows()):
            column.addWidget(part)
        self._connect()

    @property
    def editor(self) -> Editor:
        """The editor that is shown; there is one while a session is on."""
        if self._editor is None:
            raise RuntimeError("proofread: no session is on.")
        return self._editor

    def begin(self, editor: Editor) -> None:
        """Show an editor."""
        self._editor = editor
        editor.changed.connect(self.follow)
        self.fixes.begin(editor.fixes)
        self.replay.review.open(editor.at.opened)
        self.alone.put(ALONE if editor.at.opened.has_no_locks else "")
        for tool in self._editing:
            tool.setVisible(not editor.attempts.why_no_edits)
        self.follow()

    def end(self) -> None:
        """Show no editor any more."""
        if self._editor is not None:
            self._editor.changed.disconnect(self.follow)
            self._editor = None
            self.fixes.end()
            self.ends.follow(None)
            self.question.drop()
            self.alone.drop()

    def follow(self) -> None:
        """Show the editor as it is now."""
        self._follow_looks()
        self._follow_tool()
        self._follow_edits()
        self._follow_places()
        self.follow_mark()

    def set_compact(self, is_compact: bool) -> None:
        """Leave less room between the rows, and show fewer neurons at once, for a low window."""
        self._column.setSpacing(2 if is_compact else SPACING)
        self.neurons.set_height(LOW if is_compact else HEIGHT)

    def follow_mark(self) -> None:
        """Say whether the edit marked in the history can be undone by itself."""
        row = self.history.marked
        why_not = self.editor.edits.why_no_undo_of(row)
        enable(self.undo_one_button, why_not, f"Undo {row and edit_text(row)}, and nothing else.")

    # ---- inside ------------------------------------------------------------------------------------------------

    def _make_tools(self) -> None:
        self.modes = {mode: _mode_button(mode) for mode in Mode}
        self._group = QButtonGroup(self)
        for one in self.modes.values():
            self._group.addButton(one)
        self.words, self.toast, self.facts = text(), text(), text()
        self.question, self.alone = Question(*MERGE_ANYWAY), Question("Edit it alone", "Only look")
        self.apply_button, self.next_button = button("Apply", "apply"), button("Next", "next")
        self.split_row = row_of(self.apply_button, self.next_button)
        self.pictures = PictureRow()
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
        self.fixes_button, self.fixes = button("Safe fixes..."), FixesList()
        self.view_button = button("See in 3D")
        self.view_button.setToolTip("The surfaces of the selected neurons, beside the sections.")
        self.to_do = text()
        self.mark_button, self.next_mark_button = button("Mark", "mark"), button("Next", "next_mark")
        self.tick_button = button("Tick off")
        self.ends = EndsRows()
        self.undo_one_button = button("Undo the marked edit")
        self.replay = ReplayReportView(ReplayReview())
        self.bring_button = button("Bring edits from another session...")
        self.merge_session_button = button("Merge with another session...")
        self.find_button = button(FIND)
        self.find_button.setToolTip("Choose the file or folder of the stack that this session was made of.")
        self.find_button.setVisible(False)
        self.load_button = button(LOAD)
        self.load_button.setToolTip("Fetch the stack of this session from its address.")
        self.load_button.setVisible(False)
        self.end_button = button("End session")
        self.end_button.setToolTip("Everything is saved already; the neurons stay as they are.")

    def _tool_rows(self) -> list[QWidget]:
        edits = row_of(self.undo_button, self.redo_button, self.done_button)
        tools = row_of(*self.modes.values())
        marks = self.mark_button, self.tick_button
        picked = self.merge_button, self.fixes_button, self.undo_one_button, self.bring_button
        self._editing: tuple[QWidget, ...] = (tools, edits, *marks, *picked)
        return [tools, self.words, self.split_row, self.review_box, self.question, self.toast, edits]

    def _look_rows(self) -> list[QWidget]:
        looks = row_of(self.hide_done, self.only_selected, self.neurons.search)
        picked = row_of(self.merge_button, self.view_button, self.fixes_button)
        marks = row_of(self.to_do, self.mark_button, self.next_mark_button, self.tick_button)
        history = text("History: click an edit to go there")
        last = row_of(self.undo_one_button, self.end_button)
        stack = row_of(self.load_button, self.find_button)
        return [
            stack,
            looks,
            self.neurons,
            picked,
            self.fixes,
            marks,
            self.ends,
            history,
            self.history,
            last,
            self.bring_button,
            self.merge_session_button,
        ]

    def _review_box(self) -> QWidget:
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        for i, answer in enumerate(self.answers.values()):
            grid.addWidget(answer, i // 2, i % 2)
        grid.addWidget(self.pictures, 2, 0, 1, 2)
        grid.addWidget(self.facts, 3, 0, 1, 2)
        return box

    def _connect(self) -> None:
        for mode, one in self.modes.items():
            one.clicked.connect(lambda _checked, mode=mode: self.editor.enter(mode))
        for name, one in self.answers.items():
            one.clicked.connect(lambda _checked, name=name: self.editor.answer(name))
        for one, act in self._acts().items():
            one.clicked.connect(lambda _checked, act=act: act(self.editor))
        self.pictures.chosen.connect(lambda voxel: self.editor.review.go_to(voxel))
        self.undo_one_button.clicked.connect(self._undo_marked)
        self.question.accepted.connect(lambda: self.editor.confirm())
        self.question.dropped.connect(lambda: self.editor.attempts.drop_doubt())
        self.hide_done.toggled.connect(lambda hides: setattr(self.editor.at, "hides_done", hides))
        self.only_selected.toggled.connect(lambda only: setattr(self.editor.at, "only_selected", only))
        self.neurons.chosen.connect(lambda neurons: self.editor.at.selection.select(*neurons))
        self.neurons.entered.connect(lambda neuron: self.editor.go_to_neuron(neuron))

    def _acts(self) -> dict[QPushButton, Callable[[Editor], None]]:
        return {
            self.undo_button: lambda editor: editor.edits.undo(),
            self.redo_button: lambda editor: editor.edits.redo(),
            self.done_button: lambda editor: editor.edits.toggle_done(),
            self.apply_button: Editor.apply,
            self.next_button: Editor.next,
            self.fixes_button: lambda editor: editor.fixes.look(),
            self.merge_button: lambda editor: editor.edits.merge_selected(),
            self.mark_button: lambda editor: editor.marks.mark(),
            self.next_mark_button: lambda editor: editor.marks.go_to_next(),
            self.tick_button: lambda editor: editor.marks.tick_off(),
        }

    def _undo_marked(self) -> None:
        row = self.history.marked
        if row is not None:
            self.editor.edits.undo_one(row)

    def _follow_looks(self) -> None:
        with QSignalBlocker(self.only_selected), QSignalBlocker(self.hide_done):
            self.only_selected.setChecked(self.editor.at.only_selected)
            self.hide_done.setChecked(self.editor.at.hides_done)

    def _follow_tool(self) -> None:
        editor = self.editor
        self.modes[editor.mode].setChecked(True)
        self.split_row.setVisible(editor.mode is Mode.SPLIT)
        self.review_box.setVisible(editor.mode is Mode.REVIEW)
        self.words.setText(editor.words)
        self.toast.setText(editor.attempts.toast)
        self.question.put(editor.attempts.doubt)
        points = "" if editor.split.can_apply else "Click one side and Shift+click the other first."
        enable(self.apply_button, points, KEYS["apply"].words)
        another = "" if editor.split.can_change else "There is no other proposal."
        enable(self.next_button, another, KEYS["next"].words)
        if editor.mode is Mode.REVIEW:
            self._follow_review()
        else:
            self._review_height = 0

    def _follow_review(self) -> None:
        review, scale = self.editor.review, self.editor.at.layer.scale
        self.facts.setText(review.facts)
        self.pictures.put(review.pictures, float(scale[-2] / scale[-1]))
        for name, one in self.answers.items():
            enable(one, "" if review.question else "Nothing is asked.", KEYS[name].words)
        self._want_review()

    def _want_review(self) -> None:
        """Ask for the review to be in view when it begins, and when it has grown."""
        height = self.review_box.sizeHint().height()
        if height > self._review_height:
            self._review_height = height
            self.wanted.emit(self.review_box)

    def _follow_edits(self) -> None:
        session, selection, edits = self.editor.at.session, self.editor.at.selection, self.editor.edits
        last, undone = session.undoable, session.redoable
        enable(self.undo_button, "" if last else "Nothing to undo.", f"Undo {last and edit_text(last)}")
        enable(self.redo_button, "" if undone else "Nothing to redo.", f"Redo {undone and edit_text(undone)}")
        self.done_button.setText(f"{'Not done' if edits.is_done else 'Done'}  {KEYS['done'].label}")
        into = f"{count(len(selection.neurons), 'neuron')} into {selection.last}"
        enable(self.merge_button, edits.why_no_merge, into)
        makes_all = "Merges and splits that are nearly always right, to look through and make in one edit."
        enable(self.fixes_button, self.editor.fixes.why_not, makes_all)

    def _follow_places(self) -> None:
        marks = self.editor.marks
        self.to_do.setText(f"{count(len(marks.rows), 'place')} to do")
        enable(self.next_mark_button, "" if marks.rows else "No place is marked.", KEYS["next_mark"].words)
        why_not = "" if marks.can_tick_off else "Go to a place first."
        enable(self.tick_button, why_not, "The place gone to last has been looked after.")
        marks.show()
        self.ends.follow(self.editor.ends)


def button(words: str, key: str = "") -> QPushButton:
    """Make a button with its key printed on it; it takes no focus, so that keys stay with the canvas."""
    made = QPushButton(f"{words}  {KEYS[key].label}" if key else words)
    made.setToolTip(KEYS[key].words if key else "")
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return made


def row_of(*widgets: QWidget) -> QWidget:
    """Put widgets side by side."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in widgets:
        layout.addWidget(widget)
    return row


def _mode_button(mode: Mode) -> QPushButton:
    made = button(mode.look.word, mode.value)
    made.setCheckable(True)
    return made
