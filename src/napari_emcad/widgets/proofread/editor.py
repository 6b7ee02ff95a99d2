"""Editing a session without a window: the tool that is on, and what clicks, wheel and keys do with it."""

from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import SegmentId
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.review.questions import Answer
from napari_emcad.widgets.desk.canvases import Canvases
from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.jobs import Loop
from napari_emcad.widgets.kit.picking import Click
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.proofread.attempts import Attempts
from napari_emcad.widgets.proofread.camera import Camera
from napari_emcad.widgets.proofread.direct_edits import DirectEdits
from napari_emcad.widgets.proofread.ends import Ends
from napari_emcad.widgets.proofread.keys import KEYS
from napari_emcad.widgets.proofread.marks import Marks
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.review_tool import ReviewTool
from napari_emcad.widgets.proofread.safe_fixes import SafeFixes
from napari_emcad.widgets.proofread.select_tool import SelectTool
from napari_emcad.widgets.proofread.split_tool import SplitTool
from napari_emcad.widgets.proofread.tools import GrowTool, MergeTool, Tool

LOOK = "This session is open to be looked at only."
"""Words before those of the tool where nothing can be edited; the message says why."""


class Editor:
    """Edits one session, click by click.

    Attributes
    ----------
    at : Proofreading
        The session on screen.
    mode : Mode
    tools : dict of Mode to Tool
    split, review : SplitTool, ReviewTool
        Two of the tools.
    attempts : Attempts
        The words for what was edited, refused or doubted last.
    edits : DirectEdits
        Edits that need no tool, undo and redo among them.
    fixes : SafeFixes
    camera : Camera
    marks : Marks
    ends : Ends

    Signals
    -------
    mode_changed
    changed
        Anything that is shown of the session or of the tools.
    """

    mode_changed = Signal()
    changed = Signal()

    def __init__(self, canvases: Canvases, at: Proofreading, message: Message, loop: Loop):
        self.at, self._message, viewer = at, message, canvases.main
        self.attempts = Attempts(at, message)
        self.camera = Camera(canvases, at)
        self.marks = Marks(viewer, at, self.camera, self.attempts)
        self.ends = Ends(viewer, at, self.camera, self.attempts, loop)
        self.edits = DirectEdits(at, self.camera, self.attempts)
        self.fixes = SafeFixes(at, self.camera, self.attempts, loop)
        self.split = SplitTool(viewer, at, loop, self.attempts.attempt)
        self.review = ReviewTool(at, loop, self.camera, self._emit_changed)
        self.tools: dict[Mode, Tool] = {
            Mode.SELECT: SelectTool(at),
            Mode.MERGE: MergeTool(at),
            Mode.SPLIT: self.split,
            Mode.GROW: GrowTool(at),
            Mode.REVIEW: self.review,
        }
        self.mode = Mode.SELECT
        self.attempts.edited.connect(self._follow)
        for signal in (self.attempts.changed, self.ends.changed, at.changed, at.selection.changed):
            signal.connect(self._emit_changed)
        at.selection.changed.connect(message.succeed)

    @property
    def tool(self) -> Tool:
        """The tool of the mode that is on."""
        return self.tools[self.mode]

    @property
    def words(self) -> str:
        """The effect of the next click, or the question that is asked."""
        return f"{LOOK} {self.tool.words}" if self.attempts.why_no_edits else self.tool.words

    def close(self) -> None:
        """Put all tools away."""
        self._leave_tool()
        for tool in self.tools.values():
            tool.end()
        self.fixes.leave()
        self.marks.close()
        self.ends.close()
        self.at.changed.disconnect(self._emit_changed)
        self.at.selection.changed.disconnect(self._emit_changed)
        self.at.selection.changed.disconnect(self._message.succeed)

    # ---- tools -------------------------------------------------------------------------------------------------

    def enter(self, mode: Mode) -> None:
        """Take up a tool; one that edits is refused where the session can only be looked at."""
        if mode is not Mode.SELECT and self.attempts.refuse():
            self.changed.emit()
            return
        self._leave_tool()
        self.mode = mode
        self.mode_changed.emit()
        self.attempts.attempt(self.tool.open)

    def leave(self) -> None:
        """Go back to selecting."""
        self.enter(Mode.SELECT)

    def click(self, click: Click) -> None:
        """Let the tool take a click on a labelled voxel."""
        self.attempts.attempt(lambda: self.tool.click(click))

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
            self.attempts.attempt(lambda: self.tool.wheel(voxel, upwards))
        return True

    def apply(self) -> None:
        """Make the split that is shown."""
        self.attempts.attempt(self.split.apply)

    def next(self) -> None:
        """Show the next way to split."""
        self.attempts.attempt(self.split.next)

    def back(self) -> None:
        """Remove the last point of the split."""
        self.attempts.attempt(self.split.back)

    def answer(self, answer: Answer) -> None:
        """Answer the question of the review."""
        self.attempts.attempt(lambda: self.review.answer(answer))

    def confirm(self) -> None:
        """Make the edit that is doubted."""
        self.attempts.attempt(self.tool.confirm)

    def refuse_paint(self) -> None:
        """Say why napari's brushes do nothing here."""
        split, merge = KEYS["split"].label, KEYS["merge"].label
        other = f'use "Split" ({split}) or "Merge" ({merge}); to paint, export into a new labels layer'
        self._message.error(Refused(f"paint: neurons are made of fragments, not of paint. {other}."))

    def toggle_hides_done(self) -> None:
        """Hide neurons that are done, or show them again."""
        self.at.hides_done = not self.at.hides_done

    # ---- places ------------------------------------------------------------------------------------------------

    def centre(self) -> None:
        """Go to the selected neuron, or to the question of the review."""
        if self.mode is Mode.REVIEW:
            self.review.look()
        else:
            self.go_to_neuron(self.at.selection.last)

    def go_to_neuron(self, neuron: SegmentId) -> None:
        """Go to the middle of a neuron."""
        self.attempts.attempt(lambda: self.camera.go_to_neuron(neuron))

    # ---- inside ------------------------------------------------------------------------------------------------

    def _emit_changed(self) -> None:
        self.changed.emit()

    def _follow(self) -> None:
        """Let the tool know that the session was edited without it."""
        self.attempts.attempt(self.tool.follow)

    def _leave_tool(self) -> None:
        self.attempts.doubt = ""
        if not self.at.is_gone:
            self.tool.close()
        self.mode = Mode.SELECT
