"""Going to places: the canvas moves so that a voxel can be judged."""

from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import SegmentId
from napari_emcad.proofreading.errors import Refused
from napari_emcad.widgets.desk.canvases import Canvases
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.layers import centre

CLOSE = 2.0
"""Pixels of the screen that a voxel takes at least where a place is to be judged."""


class Camera:
    """Moves the canvas over the neurons of a session."""

    def __init__(self, canvases: Canvases, at: Proofreading):
        self._canvases, self._viewer, self._at = canvases, canvases.main, at

    def go_to(self, voxel: Voxel) -> None:
        """Put a voxel into the middle of the canvas."""
        centre(self._viewer, self._at.layer, voxel)

    def go_near(self, voxel: Voxel) -> None:
        """Put a voxel into the middle, close enough to judge it; a closer look stays as it is."""
        self.go_to(voxel)
        if self._viewer.dims.ndisplay == 2:
            zoom = CLOSE / float(self._at.layer.scale[-1])
            self._viewer.scene.camera.zoom = max(self._viewer.scene.camera.zoom, zoom)

    def go_to_neuron(self, neuron: SegmentId) -> None:
        """Go to the middle of a neuron's largest fragment.

        Raises
        ------
        Refused
            There is no such neuron.
        """
        place = self._at.voxel_of(neuron)
        if place is None:
            raise Refused("centre: no neuron is selected; click one in the mode Select, or in the list.")
        self.go_to(place)

    def voxel_under_cursor(self, what: str) -> Voxel:
        """Return the voxel of the neurons layer under the cursor.

        Parameters
        ----------
        what : str
            The edit that it is for, to begin an error with.

        Raises
        ------
        Refused
            The canvas shows 3D, or the cursor is beside the neurons.
        """
        canvas = self._canvases.under_mouse
        if canvas.dims.ndisplay == 3:
            raise Refused(f"{what}: the cursor shows no depth in 3D; go back to 2D.")
        z, y, x = (round(float(c)) for c in self._at.layer.world_to_data(canvas.cursor.position)[-3:])
        if not all(0 <= v < n for v, n in zip((z, y, x), self._at.clickable.shape, strict=True)):
            raise Refused("outside: the cursor is not over the neurons; put it on one.")
        return z, y, x
