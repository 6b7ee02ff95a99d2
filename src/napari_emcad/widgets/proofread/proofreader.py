"""Proofreading on a desk: the ways into a session, and an editor with keys and mouse as long as one is on."""

from napari_emcad.core.geometry import triple
from napari_emcad.io.sessions.replay_report import BroughtEdit
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.picking import Click
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.proofread.bindings import Bindings
from napari_emcad.widgets.proofread.bring_edits import BringEdits
from napari_emcad.widgets.proofread.click_to_segment import ClickToSegment
from napari_emcad.widgets.proofread.editor import Editor
from napari_emcad.widgets.proofread.from_labels import FromLabels
from napari_emcad.widgets.proofread.merge_session import MergeSession, drop_both, take_waiting

NO_NEURONS = 'There are no neurons yet: press "Run" first.'
BUSY = "A job is running."


class Proofreader:
    """Edits the session that is on.

    Attributes
    ----------
    editor : Editor or None
        None while no session is on.
    clicking : ClickToSegment
    from_labels : FromLabels
    bring : BringEdits
    merging : MergeSession

    Signals
    -------
    began : Editor
        A session is on.
    ending
        The session is about to end.
    changed
        Other things can be done, or cannot any more.
    """

    began = Signal(Editor)
    ending = Signal()
    changed = Signal()

    def __init__(self, desk: Desk):
        self._desk = desk
        self.editor: Editor | None = None
        self._bindings: Bindings | None = None
        self.clicking, self.from_labels, self.bring = ClickToSegment(desk), FromLabels(desk), BringEdits(desk)
        desk.sessions.began.connect(self._begin)
        desk.sessions.ending.connect(self._end)
        self.merging = MergeSession(desk)
        for signal in (desk.sessions.changed, desk.jobs.running_changed, self.bring.changed, self.merging.changed):
            signal.connect(self._emit_changed)

    @property
    def why_no_start(self) -> str:
        """The reason why no session can begin on the neurons; empty if one can."""
        return self.why_no_session if self._desk.results.current else NO_NEURONS

    @property
    def why_no_session(self) -> str:
        """The reason why no session can be opened; empty if one can."""
        return BUSY if self._desk.jobs.running else ""

    @property
    def why_no_edits(self) -> str:
        """The reason why no edits can be brought to the session that is on; empty if they can."""
        return self.why_no_session or (self.editor.at.opened.why_read_only if self.editor else "")

    def go_to_edit(self, row: LogRow) -> None:
        """Go where an edit was made."""
        voxels = row.input.get("voxels")
        if self.editor is None:
            return
        if voxels:
            self.editor.camera.go_to(triple(voxels[-1]))
        elif "segment" in row.input:
            self.editor.go_to_neuron(row.input["segment"])

    def go_to_brought(self, edit: BroughtEdit) -> None:
        """Go to an edit of another session, and select the neurons that are there now."""
        if self.editor is None:
            return
        at = self.editor.at
        if edit.voxel is not None:
            self.editor.camera.go_near(edit.voxel)
        if there := [neuron for neuron in dict.fromkeys(map(at.neuron_at, edit.places)) if neuron]:
            at.selection.select(*there)

    def decide(self, edit: BroughtEdit, choice: str) -> bool:
        """Do with an edit that waits what a person chose: "take", "keep" or "neither". Return True if that is done."""
        if self.editor is None:
            return False
        acts = {"take": take_waiting, "neither": drop_both}
        return choice not in acts or acts[choice](self.editor.at, self.editor.attempts, edit)

    def pick(self, click: Click) -> None:
        """Take a click on a surface as one on the neuron, and go there."""
        if self.editor is not None:
            self.editor.camera.go_to(click.voxel)
            self.editor.click(click)

    def close(self) -> None:
        """Let go of everything that is bound to the viewer."""
        self._end()
        self.clicking.close()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _emit_changed(self) -> None:
        self.changed.emit()

    def _begin(self) -> None:
        """Edit the session that has just begun."""
        desk, at = self._desk, self._desk.sessions.current
        if at is None:
            return
        self.clicking.leave()
        self.editor = editor = Editor(desk.canvases, at, desk.message, desk.loop)
        self._bindings = Bindings(desk.canvases, editor, desk.message)
        at.changed.connect(self._follow_threshold)
        desk.viewer.layers.selection.active = at.layer
        editor.leave()
        editor.camera.go_inside()
        self.began.emit(editor)
        self._follow_threshold()

    def _end(self) -> None:
        """Give keys and mouse back, and put the tools away."""
        if self.editor is None or self._bindings is None:
            return
        self._bindings.close()
        self.editor.at.changed.disconnect(self._follow_threshold)
        self.ending.emit()
        self.editor.close()
        self.editor = self._bindings = None

    def _follow_threshold(self) -> None:
        """Show the threshold of the session, unless a person is moving it."""
        if self.editor is not None and self._desk.results.is_settled:
            self._desk.threshold.put(self.editor.at.session.state.threshold)
