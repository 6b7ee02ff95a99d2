"""The stack that is worked on: an image layer of the viewer, its level, and whether it can be segmented."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.wording import shape_text, voxel_size_text
from napari_emcad.io.stacks.stack import GIVEN
from napari_emcad.widgets.kit.layer_pick import LayerPick
from napari_emcad.widgets.kit.layer_units import scale_of
from napari_emcad.widgets.kit.layers import (
    SIZE_SOURCE,
    check_layer,
    is_image,
    notes_of,
    rescale,
    size_source_of,
    volume_of,
    voxel_size_of,
)
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.kit.stack_levels import NUMBER, layer_of_level, levels_of, on_grids_of, pyramid_of

NO_STACK = "Open a stack first, or the sample."


class StackPick:
    """The choice of a stack.

    Attributes
    ----------
    pick : LayerPick
        The image layers that somebody opened, and the one chosen.

    Signals
    -------
    changed
        Another stack is chosen, or none, or it has another voxel size.
    facts_changed
        Layers came, went or were renamed: the facts of the stack may be different.
    """

    changed = Signal()
    facts_changed = Signal()

    def __init__(self, viewer: ViewerModel):
        self._viewer = viewer
        self._why_unusable = ""
        self.pick = LayerPick(viewer, is_image)
        self.pick.changed.connect(self._on_layer)
        self._look()

    @property
    def layer(self) -> Image | None:
        """The layer of the stack; None if none is open."""
        return self.pick.layer

    @layer.setter
    def layer(self, layer: Image | None) -> None:
        self.pick.layer = layer

    @property
    def why_unusable(self) -> str:
        """The reason why the layer chosen is no stack of grey sections; empty if it is one, or there is none."""
        return self._why_unusable

    @property
    def why_not(self) -> str:
        """The reason why nothing can be done with a stack; empty if something can."""
        return NO_STACK if self.layer is None else self._why_unusable

    @property
    def facts(self) -> str:
        """Facts on what was read, such as "9 x 64 x 80 voxels, uint8, 30 x 6 x 6 nm (given)"; empty without a stack."""
        if self.layer is None:
            return ""
        volume, source = volume_of(self.layer), size_source_of(self.layer)
        size = voxel_size_text(voxel_size_of(self.layer)) + (f" ({source})" if source else "")
        return f"{shape_text(volume.shape)} voxels, {volume.dtype}, {size}"

    @property
    def notes(self) -> str:
        """Guesses made as the stack was read, and what was left out, a sentence a line; empty if there are none."""
        notes = () if self.layer is None else notes_of(self.layer)
        return "\n".join(note[:1].upper() + note[1:] for note in notes)

    @property
    def levels(self) -> list[str]:
        """The levels of a multiscale stack in words, the finest first; empty for any other."""
        pyramid = pyramid_of(self._viewer.layers, self.layer)
        finest = None if pyramid is None else voxel_size_of(pyramid)
        return [level.text(finest) for level in levels_of(pyramid)]

    @property
    def level(self) -> int:
        """The number of the level that is worked on; 0 is the finest."""
        return 0 if self.layer is None else self.layer.metadata.get(NUMBER, 0)

    @level.setter
    def level(self, number: int) -> None:
        layer = layer_of_level(self._viewer, pyramid_of(self._viewer.layers, self.layer), number)
        self.pick.follow_layers()
        self.pick.layer = layer

    @property
    def voxel_size(self) -> VoxelSize | None:
        """The voxel size in nm; None if it is not known."""
        return None if self.layer is None else voxel_size_of(self.layer)

    @voxel_size.setter
    def voxel_size(self, size: VoxelSize) -> None:
        """Give the stack another voxel size in nm; its other levels, and all layers on its grid, follow."""
        if self.layer is None:
            return
        rescale(on_grids_of(self._viewer.layers, self.layer), np.array(size) / scale_of(self.layer))
        self.layer.metadata[SIZE_SOURCE] = GIVEN
        self._viewer.reset_view()
        self.changed.emit()

    def follow_layers(self) -> None:
        """Follow the viewer's layers."""
        self.pick.follow_layers()
        self.facts_changed.emit()

    def _on_layer(self) -> None:
        self._look()
        self.changed.emit()

    def _look(self) -> None:
        self._why_unusable = ""
        if self.layer is None:
            return
        try:
            check_layer(self.layer)
        except UserError as error:
            self._why_unusable = str(error)
