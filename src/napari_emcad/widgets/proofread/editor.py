"""Editing without a window: the tool that is on, edits that are refused, asked about or made, and undo."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from napari.components import ViewerModel
from psygnal import Signal

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import SegmentId
from napari_emcad.core.wording import count
from napari_emcad.proofreading.errors import Doubtful, Refused
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.jobs import Loop
from napari_emcad.widgets.kit.picking import Click
from napari_emcad.widgets.proofread.camera import Camera
from napari_emcad.widgets.proofread.history_text import edit_text
from napari_emcad.widgets.proofread.keys import KEYS
from napari_emcad.widgets.proofread.marks import Marks
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.review_tool import ReviewTool
from napari_emcad.widgets.proofread.select_tool import SelectTool
from napari_emcad.widgets.proofread.split_tool import SplitTool
from napari_emcad.widgets.proofread.tools import GrowTool, MergeTool, Tool

Way = Literal["undo", "redo"]


class Editor:
    """Edits one session, click by click.

    Attributes
    ----------
    at : Proofreading
        The session on screen.
    mode : Mode
    split, review : SplitTool, ReviewTool
    camera : Camera
    marks : Marks
    toast : str
        The last edit, in words.
    doubt : str
        A question whether to make an edit all the same; empty where none is asked.

    Signals
    -------
    mode_changed
    changed
        Anything that is shown of the session or of the tools.
    """

    mode_changed = Signal()
    changed = Signal()

    def __init__(self, viewer: ViewerModel, at: Proofreading, message: Message, loop: Loop):
        self.at, self._message = at, message
        self.camera = Camera(viewer, at)
        self.marks = Marks(viewer, at, self.camera)
        self.split = SplitTool(viewer, at)
        self.review = ReviewTool(at, loop, self.camera.go_near, self._emit_changed)
        self.tools: dict[Mode, Tool] = {
            Mode.SELECT: SelectTool(at),
            Mode.MERGE: MergeTool(at),
            Mode.SPLIT: self.split,
            Mode.GROW: GrowTool(at),
            Mode.REVIEW: self.review,
        }
        self.mode = Mode.SELECT
        self.toast = self.doubt = ""
        at.changed.connect(self._emit_changed)
        at.selection.changed.connect(self._emit_changed)

    @property
    def tool(self) -> Tool:
        """The tool of the mode that is on."""
        return self.tools[self.mode]

    @property
    def words(self) -> str:
        """What the next click does, or what is asked."""
        return self.tool.words

    def close(self) -> None:
        """Put all tools away."""
        self._leave_tool()
        for tool in self.tools.values():
            tool.end()
        self.marks.close()
        self.at.changed.disconnect(self._emit_changed)
        self.at.selection.changed.disconnect(self._emit_changed)

    # ---- tools -------------------------------------------------------------------------------------------------

    def enter(self, mode: Mode) -> None:
        """Take up a tool."""
        self._leave_tool()
        self.mode = mode
        self.mode_changed.emit()
        self.attempt(self.tool.open)

    def leave(self) -> None:
        """Go back to selecting."""
        self.enter(Mode.SELECT)

    def click(self, click: Click) -> None:
        """Let the tool take a click on a labelled voxel."""
        self.attempt(lambda: self.tool.click(click))

    def hover(self, voxel: Voxel | None) -> None:
        """Tell the tool which labelled voxel the cursor is over."""
        before = self.words
        self.tool.hover(voxel)
        if self.words != before:
            self.changed.emit()

    def wheel(self, voxel: Voxel | None, upwards: bool) -> bool:
        """Take one notch of the wheel with Ctrl down; True if it was for the tool."""
        if self.mode is not Mode.GROW:
            return False
        if voxel is not None:
            self.attempt(lambda: self.tool.wheel(voxel, upwards))
        return True

    def apply(self) -> None:
        """Make the split that is shown."""
        self.attempt(self.split.apply)

    def next(self) -> None:
        """Show the next way to split."""
        self.attempt(self.split.next)

    def back(self) -> None:
        """Remove the last point of the split."""
        self.attempt(self.split.back)

    def answer(self, name: str) -> None:
        """Answer the question of the review by the name of a key."""
        self.attempt(lambda: self.review.answer(name))

    # ---- edits -------------------------------------------------------------------------------------------------

    def attempt(self, act: Callable[[], Any]) -> None:
        """Do something that may be refused, which is then said, or doubted, which is then asked about."""
        self.doubt = ""
        try:
            result = act()
        except Doubtful as doubt:
            self.doubt = str(doubt)
        except UserError as error:
            self._message.error(error)
        else:
            if isinstance(result, LogRow):
                self._note(result)
        self.changed.emit()

    def confirm(self) -> None:
        """Make the edit that is doubted."""
        self.attempt(self.tool.confirm)

    def drop_doubt(self) -> None:
        """Leave the edit that is doubted."""
        self.doubt = ""
        self.changed.emit()

    def undo(self) -> None:
        """Take back the last edit."""
        self._undo_or_redo("undo", self.at.session.undoable)

    def undo_one(self, row: LogRow) -> None:
        """Take back an edit, if no later one builds on it."""
        self._undo_or_redo("undo", row, row.seq)

    def redo(self) -> None:
        """Make the edit again that was undone last."""
        self._undo_or_redo("redo", self.at.session.redoable)

    def toggle_done(self) -> None:
        """Lock the selected neuron, or unlock it."""
        self._edit(self._toggle_done)

    def detach(self) -> None:
        """Take the fragment under the cursor out of its neuron."""
        self.attempt(self._detach)

    def merge_selected(self) -> None:
        """Join all neurons selected to the one selected last, in one edit."""
        self._edit(self._merge_selected)

    def mark(self) -> None:
        """Mark the place under the cursor as to do."""
        self.attempt(self.marks.mark)

    def next_mark(self) -> None:
        """Go to the next place to do."""
        self.attempt(self.marks.go_to_next)

    def tick_off(self) -> None:
        """Note that the place gone to last has been looked after."""
        self._edit(self.marks.tick_off)

    def centre(self) -> None:
        """Go to the selected neuron, or to the question of the review."""
        if self.mode is Mode.REVIEW:
            self.review.look()
        else:
            self.go_to_neuron(self.at.selection.last)

    def go_to_neuron(self, neuron: SegmentId) -> None:
        """Go to the middle of a neuron."""
        self.attempt(lambda: self.camera.go_to_neuron(neuron))

    def refuse_paint(self) -> None:
        """Say why napari's brushes do nothing here."""
        split, merge = KEYS["split"].label, KEYS["merge"].label
        other = f'"Split" ({split}) divides, "Merge" ({merge}) joins; to paint, export into a new labels layer'
        self._message.error(Refused(f"paint: neurons are made of fragments, not of paint. {other}."))

    # ---- inside ------------------------------------------------------------------------------------------------

    def _emit_changed(self) -> None:
        self.changed.emit()

    def _leave_tool(self) -> None:
        self.doubt = ""
        if not self.at.is_gone:
            self.tool.close()
        self.mode = Mode.SELECT

    def _note(self, row: LogRow) -> None:
        """Say that an edit has been made; what came off a selected neuron is selected with it."""
        selection = self.at.selection
        self.toast = self._toast(row)
        self._message.say("")
        new = [
            move.after for move in row.effect.moves if move.before in selection.neurons and move.after != move.before
        ]
        if row.kind in ("split", "detach") and new:
            selection.select(*dict.fromkeys([*new, *selection.neurons]))

    def _toast(self, row: LogRow) -> str:
        if row.kind not in ("merge", "group"):
            return edit_text(row)
        members = self.at.session.state.members(row.effect.moves[0].after)
        return f"{edit_text(row)}, {count(len(members), 'fragment')}"

    def _edit(self, make: Callable[[], LogRow]) -> None:
        """Make an edit that is not the tool's own."""
        self.attempt(lambda: self.at.edit(make))
        self.attempt(self.tool.follow)

    def _toggle_done(self) -> LogRow:
        neuron, session = self.at.selection.last, self.at.session
        place = self.at.voxel_of(neuron)
        if place is None:
            raise Refused("done: no neuron is selected; click one in the mode Select, or in the list.")
        change = session.unlock if neuron in session.state.locked else session.lock
        return change(neuron, voxels=[list(place)])

    def _detach(self) -> LogRow:
        voxel = self.camera.voxel_under_cursor("detach")
        fragment = self.at.fragment_at(voxel)
        return self.at.edit(lambda: self.at.session.detach(fragment, voxels=[list(voxel)]))

    def _merge_selected(self) -> LogRow:
        selection = self.at.selection
        places = [self.at.voxel_of(neuron) for neuron in [selection.last, *selection.others]]
        voxels = [voxel for voxel in places if voxel is not None]
        if len(voxels) < 2:
            raise Refused("merge: several neurons are needed; Shift+click them in the mode Select, or in the list.")
        anchor, *others = (self.at.fragment_at(voxel) for voxel in voxels)
        return self.at.session.merge_all(anchor, others, voxels=[list(voxel) for voxel in voxels])

    def _undo_or_redo(self, way: Way, what: LogRow | None, *seq: int) -> None:
        if what is None or what.effect.threshold is None:
            self._take(way, what, *seq)
        else:
            before, after = what.effect.threshold
            there = before if way == "undo" else after
            self.at.once_foreseen(there, lambda: self._take(way, what, *seq))

    def _take(self, way: Way, what: LogRow | None, *seq: int) -> None:
        """Undo or redo, unless another edit has taken the place of this one meanwhile."""
        session = self.at.session
        if not seq and what is not (session.undoable if way == "undo" else session.redoable):
            return
        rows = len(session.log.rows)
        self.attempt(lambda: self.at.edit(partial(getattr(session, way), *seq)))
        if len(session.log.rows) > rows:
            self.attempt(self.tool.follow)
            self.toast = f"{'undone' if way == 'undo' else 'done again'}: {edit_text(what)}"
            self.changed.emit()
