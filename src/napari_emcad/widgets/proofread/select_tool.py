"""The mode Select."""

from napari_emcad.widgets.kit.picking import Click
from napari_emcad.widgets.proofread.tools import Tool


class SelectTool(Tool):
    """Selects the neuron that is clicked; Shift+click adds one, or takes it away."""

    words = "Click a neuron to select it; Shift+click selects several."

    def click(self, click: Click) -> None:
        """Select a neuron."""
        self._at.selection.choose(self._at.neuron_at(click.voxel), click.is_shifted)
