"""Student, teacher and mode: which network learns, and from whom."""

from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_emcad.training.params import MODES, NEEDS_STUDENT, NEEDS_TEACHER, Mode
from napari_emcad.widgets.choices.model import ModelChoice
from napari_emcad.widgets.desk.model import ModelPick
from napari_emcad.widgets.kit.forms import NarrowCombo, form, text
from napari_emcad.widgets.kit.jobs import Loop
from napari_emcad.widgets.kit.remembered import Remembered

STUDENT, TEACHER = "student", "teacher"

WITH_TEACHER: Mode = "frozen-teacher"
"""What choosing a teacher means at first."""

BRINGS = (
    "A teacher sees several sections at once and also teaches where nothing is verified; a step with it takes longer, "
    "so it pays where little is verified."
)
NEEDS_ONE = "Choose a teacher first."


class FineTuneModels(QWidget):
    """Student, teacher and mode.

    Signals
    -------
    changed
    failed : Exception
        A file is no model.
    """

    changed = Signal()
    failed = Signal(object)

    def __init__(self, loop: Loop, remembered: Remembered, parent: QWidget | None = None):
        super().__init__(parent)
        self.student = ModelPick(loop, remembered, (STUDENT,))
        self.teacher = ModelPick(loop, remembered, (TEACHER,), "none")
        self.mode_combo = NarrowCombo()
        for mode, words in MODES.items():
            self.mode_combo.addItem(words.partition(":")[0], mode)
        self._words = text()
        self._had_teacher = False
        self._lay_out()
        for choice in self._choices.values():
            choice.changed.connect(self._update)
            choice.failed.connect(self.failed.emit)
        self.mode_combo.currentIndexChanged.connect(self._update)
        self._update()

    @property
    def mode(self) -> Mode:
        return self.mode_combo.currentData()

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self.mode_combo.setCurrentIndex(self.mode_combo.findData(mode))

    @property
    def networks(self) -> dict[str, Path | None]:
        """The files by role; None for a network that the mode does not need."""
        return {role: choice.path if role in self._needed else None for role, choice in self._choices.items()}

    @property
    def learner(self) -> ModelPick:
        """Whose network is kept in the end."""
        return self.student if STUDENT in self._needed else self.teacher

    @property
    def why_not(self) -> str:
        """Why nothing can be trained with these; empty where it can."""
        student, teacher = self.student.card, self.teacher.card
        if student is not None and teacher is not None and (student.role, teacher.role) == (TEACHER, STUDENT):
            names = self.teacher.path.name, self.student.path.name
            return f"Student and teacher are swapped: choose {names[0]} as the student and {names[1]} as the teacher."
        if TEACHER in self._needed and self.teacher.path is None:
            return NEEDS_ONE
        return next((w for role in self._needed if (w := self._choices[role].why_not)), "")

    def refresh(self) -> None:
        """Offer the models that there are now."""
        for choice in self._choices.values():
            choice.refresh()

    def remember(self) -> None:
        """They have been used."""
        for role in self._needed:
            self._choices[role].remember()

    def read_cards(self) -> None:
        """Read what is known of the models chosen."""
        for choice in self._choices.values():
            choice.read_card()

    def close_readers(self) -> None:
        """Stop reading."""
        for choice in self._choices.values():
            choice.close()

    @property
    def _choices(self) -> dict[str, ModelPick]:
        return {STUDENT: self.student, TEACHER: self.teacher}

    @property
    def _needed(self) -> list[str]:
        """Roles without which the mode is nothing."""
        return [role for role, modes in ((STUDENT, NEEDS_STUDENT), (TEACHER, NEEDS_TEACHER)) if self.mode in modes]

    def _lay_out(self) -> None:
        fields = QWidget()
        rows = form(fields, margin=0)
        rows.add("Student", ModelChoice(self.student))
        rows.add("Teacher", ModelChoice(self.teacher))
        rows.add("", self._words)
        rows.add("Mode", self.mode_combo)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(fields)

    def _update(self, _value: object = None) -> None:
        has_teacher = self.teacher.path is not None
        if has_teacher != self._had_teacher:
            self._had_teacher = has_teacher
            with QSignalBlocker(self.mode_combo):
                self.mode = WITH_TEACHER if has_teacher else "student"
        for i in range(self.mode_combo.count()):
            mode = self.mode_combo.itemData(i)
            is_there = has_teacher or mode not in NEEDS_TEACHER
            self.mode_combo.model().item(i).setEnabled(is_there)
            self.mode_combo.setItemData(i, MODES[mode] if is_there else NEEDS_ONE, Qt.ItemDataRole.ToolTipRole)
        self.mode_combo.setToolTip(MODES[self.mode])
        self._words.setText(BRINGS if has_teacher else "Without a teacher the student learns from what is verified.")
        self.changed.emit()
