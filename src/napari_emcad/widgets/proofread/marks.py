"""Places to come back to: marked, gone to, and ticked off."""

from napari.components import ViewerModel

from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.proofread.camera import Camera
from napari_emcad.widgets.proofread.keys import KEYS
from napari_emcad.widgets.proofread.to_do import ToDoPoints


class Marks:
    """The places of a session that are to do, one of which was gone to last."""

    def __init__(self, viewer: ViewerModel, at: Proofreading, camera: Camera):
        self._at, self._camera, self._points = at, camera, ToDoPoints(viewer)
        self._seq = 0

    @property
    def rows(self) -> list[LogRow]:
        """The notes of the places that are open, in the order they were marked."""
        return self._at.session.to_do

    @property
    def can_tick_off(self) -> bool:
        """True if the place gone to last is still open."""
        return self._seq in [row.seq for row in self.rows]

    def mark(self) -> LogRow:
        """Mark the place under the cursor."""
        voxel = self._camera.voxel_under_cursor("mark")
        return self._at.edit(lambda: self._at.session.note(voxel))

    def go_to_next(self) -> None:
        """Go to the place after the one gone to last."""
        rows = self.rows
        if not rows:
            raise Refused(f"to do: no place is marked; press {KEYS['mark'].label} over one.")
        row = next((row for row in rows if row.seq > self._seq), rows[0])
        self._seq = row.seq
        z, y, x = row.input["voxels"][0]
        self._camera.go_near((z, y, x))

    def tick_off(self) -> LogRow:
        """Note that the place gone to last has been looked after."""
        return self._at.session.tick(self._seq)

    def show(self) -> None:
        """Show the open places over the neurons."""
        self._points.show(self.rows, self._at.layer)

    def close(self) -> None:
        """Take their layer away."""
        self._points.close()
