"""Going to places: the canvas moves so that a voxel can be judged."""

import numpy as np

from napari_emcad.core.geometry import Voxel, triple
from napari_emcad.core.ids import SegmentId
from napari_emcad.proofreading.errors import Refused
from napari_emcad.widgets.desk.canvases import Canvases
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.layers import centre
from napari_emcad.widgets.kit.signals import Signal

CLOSE = 2.0
"""Pixels of the screen that a voxel takes at least where a place is to be judged."""

CLOSEST, FARTHEST = 4.0, 1.0
"""Pixels of the screen that a voxel takes, at most and at least, where two sides are to be seen together."""

AROUND = 1.3
"""A view of two sides is so many times as large as the smaller side needs."""


class Camera:
    """Moves the canvas over the neurons of a session.

    Signals
    -------
    went : (z, y, x)
        The canvas shows a voxel that somebody asked for.
    """

    went = Signal(object)

    def __init__(self, canvases: Canvases, at: Proofreading):
        self._canvases, self._viewer, self._at = canvases, canvases.main, at

    def go_to(self, voxel: Voxel) -> None:
        """Put a voxel into the middle of the canvas."""
        centre(self._viewer, self._at.layer, voxel)
        self.went.emit(voxel)

    def go_inside(self) -> None:
        """Go to the middle of the neurons if the canvas shows nothing of them."""
        shape, layer = self._at.clickable.shape, self._at.layer
        middle = triple(n // 2 for n in shape)
        here = np.rint(layer.world_to_data(self._viewer.dims.point)[-3:])
        cut = [axis - self._viewer.dims.ndim for axis in self._viewer.dims.not_displayed]
        cut = [axis for axis in cut if axis >= -3]
        if any(not 0 <= here[axis] < shape[axis] for axis in cut):
            centre(self._viewer, layer, middle)

    def go_near(self, voxel: Voxel) -> None:
        """Put a voxel into the middle, close enough to judge it; a closer look stays as it is."""
        self.go_to(voxel)
        if self._viewer.dims.ndisplay == 2:
            zoom = CLOSE / float(self._at.layer.scale[-1])
            self._viewer.scene.camera.zoom = max(self._viewer.scene.camera.zoom, zoom)

    def go_to_pair(self, voxel: Voxel, reach: tuple[int, int]) -> None:
        """Show a contact and what reaches so many voxels from it, y and x; in the middle unless beside that is nothing.

        At the rim of the neurons layer the view is moved inwards, as far as there is something to see.
        """
        self.go_to(voxel)
        if self._viewer.dims.ndisplay != 2:
            return
        layer, canvas = self._at.layer, np.array(self._viewer.canvas.size, float)
        voxel_size = np.asarray(layer.scale[-2:], float)
        needed = 2 * AROUND * np.maximum(reach, 1) * voxel_size
        zoom = float(np.clip((canvas / needed).min(), FARTHEST / voxel_size[1], CLOSEST / voxel_size[1]))
        camera, half = self._viewer.scene.camera, canvas / zoom / 2
        first, last = (np.array(layer.data_to_world(end))[-2:] for end in ((0, 0, 0), np.array(layer.data.shape) - 1))
        middle = np.clip(camera.center[-2:], first + half, last - half)
        middle = np.where(last - first < 2 * half, (first + last) / 2, middle)
        camera.zoom, camera.center = zoom, (camera.center[0], *middle.tolist())

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
