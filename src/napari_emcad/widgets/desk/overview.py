"""Large volumes in 3D: an overview first, the whole volume a moment later."""

from collections.abc import Callable

from napari.components import ViewerModel
from napari.layers import Labels

from napari_emcad.widgets.kit.jobs import Loop
from napari_emcad.widgets.kit.nets import netted

LOOKED_AT = 700
"""Milliseconds that an overview in 3D is seen before the whole volume follows."""

WHOLE = 1 << 27
"""Voxels of the largest volume that is drawn whole in 3D: 256 MB on the graphics card, or twice that."""


class Overview:
    """Chooses the level of pyramids of labels in 3D; in 2D napari does.

    Parameters
    ----------
    viewer : ViewerModel
    loop : Loop
    layers : callable
        Returns the layers that it looks after; those in the viewer that are no pyramids are left alone.
    """

    def __init__(self, viewer: ViewerModel, loop: Loop, layers: Callable[[], list[Labels]]):
        self._viewer, self._layers = viewer, layers
        self._pause = loop.pause(LOOKED_AT, self._show_whole)
        viewer.dims.events.ndisplay.connect(self._on_ndisplay)

    @property
    def is_brief(self) -> bool:
        """True while an overview is seen that the whole volume is about to follow."""
        return self._pause.is_active

    def close(self) -> None:
        """Let go of the viewer; levels stay as they are."""
        self._viewer.dims.events.ndisplay.disconnect(self._on_ndisplay)
        self._pause.stop()

    @netted
    def _on_ndisplay(self, _event: object = None) -> None:
        for layer in self._pyramids():
            layer.locked_data_level = None
        self._pause.stop()
        if self._viewer.dims.ndisplay == 3:
            self._pause.start()

    def _show_whole(self) -> None:
        for layer in self._pyramids():
            if layer.visible and layer.data[0].size <= WHOLE and not layer.data[0].lies_in_files:
                layer.locked_data_level = 0

    def _pyramids(self) -> list[Labels]:
        return [layer for layer in self._layers() if layer in self._viewer.layers and layer.multiscale]
