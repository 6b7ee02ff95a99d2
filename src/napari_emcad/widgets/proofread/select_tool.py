"""The mode Select."""

from collections.abc import Callable

from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.picking import Click
from napari_emcad.widgets.proofread.tools import Tool


class SelectTool(Tool):
    """A click selects a neuron; Shift+click adds one, or takes it away.

    Parameters
    ----------
    proofreading : Proofreading
    choose : callable
        Gets the neuron, and whether Shift was down.
    """

    words = "Click a neuron to select it; Shift+click selects several."

    def __init__(self, proofreading: Proofreading, choose: Callable[[int, bool], None]):
        super().__init__(proofreading)
        self._choose = choose

    def click(self, click: Click) -> None:
        self._choose(self._at.neuron_at(click.voxel), click.is_shifted)
