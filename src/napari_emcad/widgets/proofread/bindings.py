"""Keys and mouse of a session on its canvases, given back as they were when it ends."""

from collections.abc import Callable
from functools import partial

from napari.utils.events import Event

from napari_emcad.core.geometry import Voxel
from napari_emcad.proofreading.errors import Refused
from napari_emcad.widgets.desk.canvases import Canvases, MouseOfAll
from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.kit.picking import Click, voxel_under
from napari_emcad.widgets.proofread.editor import Editor
from napari_emcad.widgets.proofread.key_binder import Borrowed, KeyBinder
from napari_emcad.widgets.proofread.keys import ANSWER_WORDS, PAINT
from napari_emcad.widgets.proofread.modes import DOUBT, Banner, Mode


class Bindings:
    """Lets keys and mouse drive an editor.

    Parameters
    ----------
    canvases : Canvases
    editor : Editor
    message : Message
    """

    def __init__(self, canvases: Canvases, editor: Editor, message: Message):
        self._canvases, self._editor, self._message = canvases, editor, message
        self._keys, self._banner = KeyBinder(canvases.main), Banner(canvases.main)
        self._in_mode: tuple[str, ...] = ()
        self._is_asking = False
        self._mouse = MouseOfAll(canvases, self._on_click, self._on_hover, self._on_wheel)
        for name, action in _actions(editor).items():
            self._keys.bind(name, action)
        self._paint = [Borrowed.of(editor.at.layer, press, editor.refuse_paint) for press in PAINT]
        editor.mode_changed.connect(self._on_mode)
        canvases.changed.connect(self._show_cursor)
        editor.changed.connect(self._on_change)
        self._on_mode()

    def close(self) -> None:
        """Give everything back."""
        self._editor.mode_changed.disconnect(self._on_mode)
        self._editor.changed.disconnect(self._on_change)
        self._canvases.changed.disconnect(self._show_cursor)
        self._mouse.close()
        for borrowed in self._paint:
            borrowed.give_back()
        self._keys.close()
        self._banner.hide()
        for canvas in self._canvases.all:
            canvas.cursor.style = "standard"

    def _on_mode(self) -> None:
        """Show the mode on the canvas, and bind the keys that it has for itself."""
        mode = self._editor.mode
        self._keys.release(*self._in_mode)
        actions = _actions_in(self._editor, mode)
        self._in_mode = tuple(actions)
        for name, action in actions.items():
            self._keys.bind(name, action)
        self._is_asking = bool(self._editor.attempts.doubt)
        banner = DOUBT if self._is_asking else mode.look.banner
        self._banner.show(banner) if banner else self._banner.hide()
        self._show_cursor()

    def _show_cursor(self) -> None:
        for canvas in self._canvases.all:
            canvas.cursor.style = self._editor.mode.look.cursor

    def _on_change(self) -> None:
        """Let Enter and Esc answer as long as there is a question, with the keyboard left to the canvas."""
        if bool(self._editor.attempts.doubt) is not self._is_asking:
            self._on_mode()

    def _voxel_under(self, event: Event) -> Voxel | None:
        at = self._editor.at
        return voxel_under(at.layer, at.clickable, event)

    def _on_click(self, event: Event) -> None:
        voxel = self._voxel_under(event)
        if voxel is None:
            self._message.error(Refused("background: there is no neuron within 100 nm; click on one."))
        else:
            self._editor.click(Click(voxel, "Shift" in event.modifiers))

    def _on_hover(self, event: Event) -> None:
        self._editor.hover(self._voxel_under(event))

    def _on_wheel(self, event: Event, upwards: bool) -> bool:
        """Return True if the turn was for the tool; the others are napari's."""
        return self._editor.mode is Mode.GROW and self._editor.wheel(self._voxel_under(event), upwards)


def _actions(editor: Editor) -> dict[str, Callable[[], None]]:
    """Return the actions of keys in every mode, by the names of the keys in the table."""
    tools = {mode.value: partial(editor.enter, mode) for mode in Mode}
    edits, marks, ends = editor.edits, editor.marks, editor.ends
    return {
        **tools,
        "done": edits.toggle_done,
        "detach": edits.detach,
        "undo": edits.undo,
        "redo": edits.redo,
        "hide_done": editor.toggle_hides_done,
        "centre": editor.centre,
        "mark": marks.mark,
        "next_mark": marks.go_to_next,
        "next_end": ends.go_to_next,
        "last_end": ends.go_to_last,
        "seen": ends.mark_seen,
    }


def _actions_in(editor: Editor, mode: Mode) -> dict[str, Callable[[], None]]:
    """Return the actions of keys that one mode has for itself."""
    leave: dict[str, Callable[[], None]] = {} if mode is Mode.SELECT else {"leave": editor.leave}
    if editor.attempts.doubt:
        leave = {"apply": editor.confirm, "leave": editor.attempts.drop_doubt}
    if mode is Mode.SPLIT:
        return {"apply": editor.apply, "back": editor.back, **leave}
    if mode is Mode.REVIEW:
        return {**leave, **{name: partial(editor.answer, name) for name in ANSWER_WORDS}}
    return leave
