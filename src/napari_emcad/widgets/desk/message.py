"""The one sentence that the dock shows: a hint, a result or an error."""

import traceback
from typing import Literal

from psygnal import Signal

from napari_emcad.core.errors import UserError

Kind = Literal["hint", "result", "error"]


class Message:
    """The last sentence for a person.

    Attributes
    ----------
    text : str
    kind : "hint", "result" or "error"
    details : str
        The text to copy: the sentence, or for an unforeseen error its traceback.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self) -> None:
        self.text, self.details = "", ""
        self.kind: Kind = "hint"

    def say(self, sentence: str, kind: Kind = "hint") -> None:
        """Say a sentence: a "hint" on what to do next, a "result" or an "error"."""
        self.text = self.details = sentence
        self.kind = kind
        self.changed.emit()

    def result(self, sentence: str) -> None:
        """Say the result of an action."""
        self.say(sentence, "result")

    def error(self, error: Exception) -> None:
        """Say an error; the traceback of an unforeseen one can be copied."""
        self.text, self.kind = sentence_of(error), "error"
        self.details = self.text if isinstance(error, UserError) else "".join(traceback.format_exception(error))
        self.changed.emit()


def sentence_of(error: Exception) -> str:
    """Return one sentence for an error."""
    if isinstance(error, UserError):
        return str(error)
    lines = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
    return f"Something went wrong that should not have ({what}); press Copy and report the details."
