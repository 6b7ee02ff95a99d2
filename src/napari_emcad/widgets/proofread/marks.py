"""Places to come back to: marked, gone to, and ticked off."""

from napari.components import ViewerModel

from napari_emcad.core.geometry import triple
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.proofread.attempts import Attempts
from napari_emcad.widgets.proofread.camera import Camera
from napari_emcad.widgets.proofread.keys import KEYS
from napari_emcad.widgets.proofread.to_do import ToDoPoints


class Marks:
    """The places of a session that are to do, one of which was gone to last.

    No neuron changes with them: what is shown of a tool stays.
    """

    def __init__(self, viewer: ViewerModel, at: Proofreading, camera: Camera, attempts: Attempts):
        self._at, self._camera, self._attempts = at, camera, attempts
        self._points = ToDoPoints(viewer)
        self._seq = 0

    @property
    def rows(self) -> list[LogRow]:
        """The notes of the places that are open, in the order they were marked."""
        return self._at.session.to_do

    @property
    def can_tick_off(self) -> bool:
        """True if the place gone to last is still open."""
        return self._at.session.is_to_do(self._seq)

    def mark(self) -> None:
        """Mark the place under the cursor as to do."""
        if not self._attempts.refuse():
            self._attempts.attempt(self._mark)

    def go_to_next(self) -> None:
        """Go to the place after the one gone to last."""
        self._attempts.attempt(self._go_to_next)

    def tick_off(self) -> None:
        """Note that the place gone to last has been looked after."""
        if not self._attempts.refuse():
            self._attempts.attempt(self._tick_off)

    def show(self) -> None:
        """Show the open places over the neurons."""
        self._points.show(self.rows, self._at.layer)

    def close(self) -> None:
        """Take their layer away."""
        self._points.close()

    def _mark(self) -> LogRow:
        row = self._at.session.note(self._camera.voxel_under_cursor("mark"))
        self._at.changed.emit()
        return row

    def _tick_off(self) -> LogRow:
        row = self._at.session.tick(self._seq)
        self._at.changed.emit()
        return row

    def _go_to_next(self) -> None:
        rows = self.rows
        if not rows:
            raise Refused(f"to do: no place is marked; press {KEYS['mark'].label} over one.")
        row = next((row for row in rows if row.seq > self._seq), rows[0])
        self._seq = row.seq
        self._camera.go_near(triple(row.input["voxels"][0]))
