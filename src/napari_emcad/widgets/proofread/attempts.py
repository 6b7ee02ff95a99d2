"""Attempts at edits: made, refused with a sentence, or doubted and asked about."""

from collections.abc import Callable

from napari_emcad.core.errors import UserError
from napari_emcad.core.ids import SegmentId
from napari_emcad.core.wording import count
from napari_emcad.proofreading.errors import Doubtful
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.proofread.history_text import edit_text


class Attempts:
    """Tries what may be refused or doubted, and keeps the words to show for it.

    Attributes
    ----------
    toast : str
        The last edit, in words.
    doubt : str
        The question whether to make an edit all the same; empty where none is asked.

    Signals
    -------
    edited
        An edit was made that is not the tool's own.
    changed
        Something was tried: there may be other words to show.
    """

    edited = Signal()
    changed = Signal()

    def __init__(self, at: Proofreading, message: Message):
        self._at, self._message = at, message
        self.toast = self.doubt = ""

    @property
    def why_no_edits(self) -> str:
        """The reason why the session can only be looked at; empty if it can be edited."""
        return self._at.opened.why_read_only

    def refuse(self) -> bool:
        """Say why nothing can be edited, and return True; False if something can."""
        if self.why_no_edits:
            self._message.error(UserError(self.why_no_edits))
        return bool(self.why_no_edits)

    def attempt(self, act: Callable[[], object]) -> None:
        """Do something; say a refusal as an error, and ask where there is a doubt."""
        self.doubt = ""
        try:
            result = act()
        except Doubtful as doubt:
            self.doubt = str(doubt)
        except UserError as error:
            self._message.error(error)
        else:
            self._message.succeed()
            if isinstance(result, LogRow):
                self._note(result)
        self.changed.emit()

    def edit(self, make: Callable[[], LogRow]) -> bool:
        """Make an edit that is not the tool's own. Return True if it was made."""
        if self.refuse():
            return False
        rows = len(self._at.session.log.rows)
        self.attempt(lambda: self._at.edit(make))
        if len(self._at.session.log.rows) == rows:
            return False
        self.edited.emit()
        return True

    def show_toast(self, words: str) -> None:
        """Show other words for the last edit."""
        self.toast = words
        self.changed.emit()

    def drop_doubt(self) -> None:
        """Leave the edit that is doubted."""
        self.doubt = ""
        self.changed.emit()

    def _note(self, row: LogRow) -> None:
        """Say that an edit has been made; what came off a selected neuron is selected with it."""
        selection = self._at.selection
        self.toast = self._toast(row)
        self._message.say("")
        if new := came_off(row, selection.neurons):
            selection.select(*dict.fromkeys([*new, *selection.neurons]))

    def _toast(self, row: LogRow) -> str:
        if row.kind not in ("merge", "group"):
            return edit_text(row)
        members = self._at.session.state.members(row.effect.moves[0].after)
        return f"{edit_text(row)}, {count(len(members), 'fragment')}"


def came_off(row: LogRow, neurons: list[SegmentId]) -> list[SegmentId]:
    """Return the neurons that a split or a detach has taken off these ones."""
    if row.kind not in ("split", "detach"):
        return []
    return [move.after for move in row.effect.moves if move.before in neurons and move.after != move.before]
