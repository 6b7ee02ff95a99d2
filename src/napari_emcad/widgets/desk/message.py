"""The one sentence that the dock shows: a hint, a result or an error."""

from typing import Literal

from psygnal import EmitLoopError

from napari_emcad.core.defects import defect_text, traceback_text, why_no_defect
from napari_emcad.core.errors import UserError
from napari_emcad.widgets.kit.defect_log import DefectLog
from napari_emcad.widgets.kit.signals import Signal

Kind = Literal["hint", "result", "error"]


class Message:
    """The last sentence for a person.

    Attributes
    ----------
    text : str
    kind : "hint", "result" or "error"
    details : str
        The text to copy: the sentence, or for an unforeseen error its traceback.
    defects : DefectLog
        Keeps the tracebacks of unforeseen errors.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self) -> None:
        self.text, self.details = "", ""
        self.kind: Kind = "hint"
        self.defects = DefectLog(None)

    def say(self, sentence: str, kind: Kind = "hint") -> None:
        """Say a sentence: a "hint" on what to do next, a "result" or an "error"."""
        self.text = self.details = sentence
        self.kind = kind
        self.changed.emit()

    def result(self, sentence: str) -> None:
        """Say the result of an action."""
        self.say(sentence, "result")

    def succeed(self) -> None:
        """Take an error away: something that a person did after it has succeeded, and has no words of its own."""
        if self.kind == "error":
            self.say("")

    def error(self, error: Exception) -> None:
        """Say an error; the traceback of an unforeseen one is kept in a file, and can be copied."""
        raised = cause_of(error)
        self.text, self.kind = sentence_of(raised), "error"
        self.details = self.text if isinstance(raised, UserError) else f"{self.text}\n\n{traceback_text(error)}"
        if not why_no_defect(raised) and (file := self.defects.keep(error)):
            self.text += f" Its details are kept in {file}"
        self.changed.emit()


def cause_of(error: Exception) -> Exception:
    """Return what a listener raised, of an error that says that a signal met it."""
    while isinstance(error, EmitLoopError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def sentence_of(error: Exception) -> str:
    """Return one sentence for an error."""
    error = cause_of(error)
    return why_no_defect(error) or defect_text(error, "press Copy")
