"""The part of the stack to work on: all of it, the section on screen, or a box drawn on a Shapes layer."""

from collections.abc import Sequence
from typing import Literal

from napari.components import ViewerModel
from napari.layers import Image, Shapes

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.wording import shape_text
from napari_emcad.widgets.desk.stack import NO_STACK
from napari_emcad.widgets.kit.layer_boxes import box_of_shapes, drawn_box, section_at
from napari_emcad.widgets.kit.layer_pick import LayerPick
from napari_emcad.widgets.kit.layers import is_shapes, place_of, volume_of
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.kit.signals import Signal

RegionKind = Literal["whole stack", "this section", "box"]

WHOLE: RegionKind = "whole stack"
SECTION: RegionKind = "this section"
BOX: RegionKind = "box"


class Region:
    """A region of the stack followed.

    Parameters
    ----------
    viewer : ViewerModel
    kinds : sequence of RegionKind
        Kinds that are offered; the first one is chosen.

    Attributes
    ----------
    shapes : LayerPick
        The Shapes layers that somebody drew, and the one whose box counts.
    last_section : int
        The stack's last section.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, kinds: Sequence[RegionKind] = (WHOLE, SECTION, BOX)):
        self._viewer = viewer
        self._image: Image | None = None
        self._heard: Shapes | None = None
        self._kind, self._sections = kinds[0], (0, 0)
        self.kinds, self.last_section = tuple(kinds), 0
        self.shapes = LayerPick(viewer, is_shapes)
        self.shapes.changed.connect(self._on_shapes)
        self._on_shapes()

    @property
    def kind(self) -> RegionKind:
        """WHOLE, SECTION or BOX."""
        return self._kind

    @kind.setter
    def kind(self, kind: RegionKind) -> None:
        if kind not in self.kinds:
            raise ValueError(f'region: one of {", ".join(self.kinds)} is needed, got "{kind}".')
        if kind != self._kind:
            self._kind = kind
            self.changed.emit()

    @property
    def sections(self) -> tuple[int, int]:
        """First and last section of a box drawn on one section, both included."""
        first, last = self._sections
        return first, max(first, last)

    @sections.setter
    def sections(self, sections: tuple[int, int]) -> None:
        first, last = (min(max(0, z), self.last_section) for z in sections)
        if (first, last) != self._sections:
            self._sections = first, last
            self.changed.emit()

    @property
    def facts(self) -> str:
        """Shape of the drawn box in voxels, or why there is none; empty for other kinds and without a stack."""
        if self._kind != BOX or self._image is None:
            return ""
        try:
            box = self.box()
        except UserError as error:
            return str(error)
        is_cut = self.shapes.layer and box != drawn_box(self.shapes.layer, self._stack, self.sections)
        return f"{shape_text(box.shape)} voxels" + (", cut at the edge of the stack" if is_cut else "")

    @property
    def why_not_draw(self) -> str:
        """The reason why no box can be drawn; empty if one can."""
        return NO_STACK if self._image is None else ""

    def follow(self, image: Image | None) -> None:
        """Be a region of another stack, whose sections all count."""
        if image is not self._image and image is not None and len(volume_of(image).shape) >= 3:
            self.last_section = volume_of(image).shape[0] - 1
            self._sections = 0, self.last_section
        self._image = image
        self.changed.emit()

    def follow_layers(self) -> None:
        """Follow the viewer's layers."""
        self.shapes.follow_layers()

    def box(self) -> Box:
        """Return the region in voxels of the stack.

        Raises
        ------
        UserError
            There is no stack, or a box is asked for and none is drawn.
        """
        if self._kind == WHOLE:
            return Box.whole(volume_of(self._stack).shape)
        if self._kind == SECTION:
            return self.section_box()
        if self.shapes.layer is None:
            raise UserError('box: there is no Shapes layer yet; press "Draw" and draw a rectangle on the stack.')
        return box_of_shapes(self.shapes.layer, self._stack, self.sections)

    def section_box(self) -> Box:
        """Return the section on screen: all of it, or if the region is a drawn box, its rectangle."""
        z = section_at(self._stack, self._viewer.dims.point)
        around = self.box() if self._kind == BOX else Box.whole(volume_of(self._stack).shape)
        return Box((z, *around.start[1:]), (z + 1, *around.stop[1:]))

    def draw(self) -> None:
        """Add a Shapes layer on the stack's grid, ready to draw a rectangle.

        Raises
        ------
        UserError
            There is no stack.
        """
        place = place_of(self._stack)
        box = Shapes(ndim=3, name="box", face_color="transparent", edge_color="yellow", edge_width=2, **place)
        self._viewer.add_layer(box)
        box.mode = "add_rectangle"
        self.shapes.follow_layers()
        self.shapes.layer = box

    def close(self) -> None:
        """Let go of the layers."""
        self.shapes.forget()
        self._listen_to(None)

    @property
    def _stack(self) -> Image:
        if self._image is None:
            raise UserError(NO_STACK)
        return self._image

    def _on_shapes(self) -> None:
        self._listen_to(self.shapes.layer)
        self.changed.emit()

    def _listen_to(self, shapes: Shapes | None) -> None:
        if self._heard is not None:
            self._heard.events.set_data.disconnect(self._on_drawn)
        self._heard = shapes
        if shapes is not None:
            shapes.events.set_data.connect(self._on_drawn)

    @netted
    def _on_drawn(self, _event: object = None) -> None:
        self.changed.emit()
