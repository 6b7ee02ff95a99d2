"""The networks of a run: student, teacher, and the mode that says which of them learns, and from whom."""

from pathlib import Path

from napari_emcad.training.params import MODES, NEEDS_STUDENT, NEEDS_TEACHER, Mode
from napari_emcad.widgets.desk.model import ModelPick
from napari_emcad.widgets.kit.jobs import Loop
from napari_emcad.widgets.kit.remembered import Remembered
from napari_emcad.widgets.kit.signals import Signal

WITH_TEACHER: Mode = "frozen-teacher"
"""The mode that choosing a teacher brings."""

ALONE: Mode = "student"
"""The mode that choosing no teacher brings."""

BRINGS = (
    "A teacher sees several sections at once and also teaches where nothing is verified; a step with it takes longer, "
    "so it pays where little is verified."
)
NO_TEACHER = "Without a teacher the student learns from what is verified."
NEEDS_ONE = "Choose a teacher first."


class TrainingNetworks:
    """Student, teacher and mode.

    Attributes
    ----------
    student, teacher : ModelPick

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, loop: Loop, remembered: Remembered):
        self.student = ModelPick(loop, remembered, ("student",))
        self.teacher = ModelPick(loop, remembered, ("teacher",), "none")
        self._mode = ALONE
        self._has_teacher = False
        for pick in (self.student, self.teacher):
            pick.changed.connect(self._on_pick)

    @property
    def mode(self) -> Mode:
        """One of `MODES`."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        if mode != self._mode:
            self._mode = mode
            self.changed.emit()

    @property
    def why_no_mode(self) -> dict[Mode, str]:
        """Mode -> the reason why it cannot be chosen now; empty if it can."""
        return {mode: NEEDS_ONE if mode in NEEDS_TEACHER and not self._has_teacher else "" for mode in MODES}

    @property
    def words(self) -> str:
        """One sentence on what a teacher brings, or on how it is without one."""
        return BRINGS if self._has_teacher else NO_TEACHER

    @property
    def student_file(self) -> Path | None:
        """The weights of the student; None if the mode needs none."""
        return self.student.path if self._mode in NEEDS_STUDENT else None

    @property
    def teacher_file(self) -> Path | None:
        """The weights of the teacher; None if the mode needs none."""
        return self.teacher.path if self._mode in NEEDS_TEACHER else None

    @property
    def learner(self) -> ModelPick:
        """The network that is kept in the end."""
        return self.student if self._mode in NEEDS_STUDENT else self.teacher

    @property
    def why_not(self) -> str:
        """The reason why nothing can be trained with these; empty if something can."""
        if self._are_swapped and self.student.path is not None and self.teacher.path is not None:
            student, teacher = self.teacher.path.name, self.student.path.name
            return f"Student and teacher are swapped: choose {student} as the student and {teacher} as the teacher."
        if self._mode in NEEDS_TEACHER and self.teacher.path is None:
            return NEEDS_ONE
        return next((pick.why_not for pick in self._needed if pick.why_not), "")

    def refresh(self) -> None:
        """Offer the models that there are now."""
        self.student.refresh()
        self.teacher.refresh()

    def remember(self) -> None:
        """Note that the networks needed have been used."""
        for pick in self._needed:
            pick.remember()

    def read_cards(self) -> None:
        """Read what is known of the models chosen."""
        self.student.read_card()
        self.teacher.read_card()

    def close(self) -> None:
        """Stop reading."""
        self.student.close()
        self.teacher.close()

    @property
    def _needed(self) -> list[ModelPick]:
        """The networks without which the mode is nothing."""
        picks = (self.student, NEEDS_STUDENT), (self.teacher, NEEDS_TEACHER)
        return [pick for pick, modes in picks if self._mode in modes]

    @property
    def _are_swapped(self) -> bool:
        student, teacher = self.student.card, self.teacher.card
        if student is None or teacher is None:
            return False
        return student.role == "teacher" and teacher.role == "student"

    def _on_pick(self) -> None:
        has_teacher = self.teacher.path is not None
        if has_teacher != self._has_teacher:
            self._has_teacher = has_teacher
            self._mode = WITH_TEACHER if has_teacher else ALONE
        self.changed.emit()
