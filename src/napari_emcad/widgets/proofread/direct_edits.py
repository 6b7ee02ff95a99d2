"""Edits that need no tool: undo and redo, ticks of done, detach, and the merge of all that is selected."""

from collections.abc import Callable
from functools import partial
from typing import Literal

from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.proofread.attempts import Attempts
from napari_emcad.widgets.proofread.camera import Camera
from napari_emcad.widgets.proofread.history_text import edit_text

Way = Literal["undo", "redo"]


class DirectEdits:
    """Edits the neurons selected and the fragment under the cursor, and takes edits back, in every mode."""

    def __init__(self, at: Proofreading, camera: Camera, attempts: Attempts):
        self._at, self._camera, self._attempts = at, camera, attempts

    @property
    def is_done(self) -> bool:
        """True if the neuron selected last is ticked as done."""
        return self._at.selection.last in self._at.session.state.locked

    @property
    def why_no_merge(self) -> str:
        """The reason why the neurons selected cannot be merged; empty if they can."""
        return "" if self._at.selection.others else "Select several neurons first: Shift+click them."

    def why_no_undo_of(self, row: LogRow | None) -> str:
        """Return the reason why an edit of the history cannot be undone by itself; empty if one can try."""
        if row is None:
            return "Click an edit in the history first."
        return "" if self._at.session.is_in_force(row.seq) else "It is undone already."

    def undo(self) -> None:
        """Take back the last edit."""
        self._move("undo", self._at.session.undoable)

    def redo(self) -> None:
        """Make the edit again that was undone last."""
        self._move("redo", self._at.session.redoable)

    def undo_one(self, row: LogRow) -> None:
        """Take back an edit, if no later one builds on it."""
        self._once_foreseen("undo", row, lambda: self._make(partial(self._at.session.undo, row.seq), "undo", row))

    def toggle_done(self) -> None:
        """Lock the selected neuron, or unlock it."""
        self._attempts.edit(self._toggle_done)

    def detach(self) -> None:
        """Take the fragment under the cursor out of its neuron."""
        self._attempts.edit(self._detach)

    def merge_selected(self) -> None:
        """Join all neurons selected to the one selected last, in one edit."""
        self._attempts.edit(self._merge_selected)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _toggle_done(self) -> LogRow:
        neuron, session = self._at.selection.last, self._at.session
        place = self._at.voxel_of(neuron)
        if place is None:
            raise Refused("done: no neuron is selected; click one in the mode Select, or in the list.")
        change = session.unlock if neuron in session.state.locked else session.lock
        return change(neuron, voxels=[list(place)])

    def _detach(self) -> LogRow:
        voxel = self._camera.voxel_under_cursor("detach")
        return self._at.session.detach(self._at.fragment_at(voxel), voxels=[list(voxel)])

    def _merge_selected(self) -> LogRow:
        selection = self._at.selection
        places = [self._at.voxel_of(neuron) for neuron in [selection.last, *selection.others]]
        voxels = [voxel for voxel in places if voxel is not None]
        if len(voxels) < 2:
            raise Refused("merge: several neurons are needed; Shift+click them in the mode Select, or in the list.")
        anchor, *others = (self._at.fragment_at(voxel) for voxel in voxels)
        return self._at.session.merge_all(anchor, others, voxels=[list(voxel) for voxel in voxels])

    def _move(self, way: Way, row: LogRow | None) -> None:
        """Undo or redo; without an edit to undo or redo the session refuses."""
        session = self._at.session
        if row is None:
            self._attempts.edit(session.undo if way == "undo" else session.redo)
        else:
            self._once_foreseen(way, row, lambda: self._move_if_next(way, row))

    def _move_if_next(self, way: Way, row: LogRow) -> None:
        """Undo or redo, unless another edit has taken the place of this one meanwhile."""
        session = self._at.session
        if row is (session.undoable if way == "undo" else session.redoable):
            self._make(session.undo if way == "undo" else session.redo, way, row)

    def _once_foreseen(self, way: Way, row: LogRow, move: Callable[[], None]) -> None:
        """Undo or redo a threshold once it is known what comes of it, and any other edit at once."""
        if row.effect.threshold is None:
            move()
        else:
            before, after = row.effect.threshold
            self._at.once_foreseen(before if way == "undo" else after, move)

    def _make(self, move: Callable[[], LogRow], way: Way, row: LogRow) -> None:
        if self._attempts.edit(move):
            self._attempts.show_toast(f"{'undone' if way == 'undo' else 'done again'}: {edit_text(row)}")
