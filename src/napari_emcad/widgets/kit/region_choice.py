"""Which part of the stack: all, the section on screen, or a box drawn on a Shapes layer."""

from collections.abc import Sequence

from napari.layers import Image, Shapes
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QRadioButton, QSpinBox, QVBoxLayout, QWidget

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.wording import shape_text
from napari_emcad.widgets.kit.forms import LayerCombo, enable, text
from napari_emcad.widgets.kit.layers import box_of_shapes, is_shapes, place_of, section_at, volume_of

WHOLE, SECTION, BOX = "whole stack", "this section", "box"


class RegionChoice(QWidget):
    """Radio buttons, and for a box its layer and sections.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    kinds : sequence of str
        What is offered; of one there is no button.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, viewer, parent: QWidget | None = None, kinds: Sequence[str] = (WHOLE, SECTION, BOX)):
        super().__init__(parent)
        self._viewer = viewer
        self._image: Image | None = None
        self._shapes: Shapes | None = None
        self._buttons = {name: QRadioButton(name) for name in kinds}
        self._group = QButtonGroup(self)
        self.combo = LayerCombo(viewer, is_shapes)
        self.combo.setToolTip("The Shapes layer with the box: its selected shape, or the last one drawn.")
        self.draw_button = QPushButton("Draw")
        self.draw_button.setToolTip("Add a Shapes layer and draw a rectangle with the mouse.")
        self._first, self._last = (QSpinBox(keyboardTracking=False) for _ in range(2))
        self._facts = text()
        self._lay_out()
        self._buttons[kinds[0]].setChecked(True)
        self._group.buttonToggled.connect(self._on_toggle)
        self.draw_button.clicked.connect(self.draw)
        self.combo.layer_changed.connect(self._on_shapes)
        for field in (self._first, self._last):
            field.valueChanged.connect(self._on_change)
        self._on_shapes()
        self._show()

    @property
    def kind(self) -> str:
        """WHOLE, SECTION or BOX."""
        return self._group.checkedButton().text()

    @kind.setter
    def kind(self, kind: str) -> None:
        self._buttons[kind].setChecked(True)

    @property
    def sections(self) -> tuple[int, int]:
        """First and last section of a box drawn on one section, both included."""
        return self._first.value(), max(self._first.value(), self._last.value())

    @sections.setter
    def sections(self, sections: tuple[int, int]) -> None:
        self._first.setValue(sections[0])
        self._last.setValue(sections[1])

    def follow(self, image: Image | None) -> None:
        """Another stack is chosen."""
        if image is not self._image and image is not None and volume_of(image).ndim >= 3:
            most = volume_of(image).shape[0] - 1
            with QSignalBlocker(self._first), QSignalBlocker(self._last):
                for field, value in ((self._first, 0), (self._last, most)):
                    field.setMaximum(most)
                    field.setValue(value)
        self._image = image
        self._show()

    def box(self) -> Box:
        """The region in voxels of the stack.

        Raises
        ------
        UserError
            Where a box is asked for and none is drawn.
        """
        shape = volume_of(self._image).shape
        if self.kind == WHOLE:
            return Box.whole(shape)
        if self.kind == SECTION:
            return self.section_box()
        if self.combo.layer is None:
            raise UserError('box: there is no Shapes layer yet; press "Draw" and draw a rectangle on the stack.')
        return box_of_shapes(self.combo.layer, self._image, self.sections)

    def section_box(self) -> Box:
        """The section on screen; of a drawn box, where that is the region, only its rectangle."""
        shape = volume_of(self._image).shape
        z = section_at(self._image, self._viewer.dims.point)
        around = self.box() if self.kind == BOX else Box.whole(shape)
        return Box((z, *around.start[1:]), (z + 1, *around.stop[1:]))

    def draw(self) -> None:
        """Add a Shapes layer on the stack's grid, ready to draw a rectangle."""
        place = place_of(self._image)
        box = Shapes(ndim=3, name="box", face_color="transparent", edge_color="yellow", edge_width=2, **place)
        self._viewer.add_layer(box)
        box.mode = "add_rectangle"
        self.combo.layer = box

    def reset_choices(self) -> None:
        """Follow the viewer's layers."""
        self.combo.reset_choices()
        self._show()

    def release(self) -> None:
        """Let go of the layers."""
        self.combo.forget()
        self._listen_to(None)

    def _lay_out(self) -> None:
        radios, drawing, sections = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        for button in self._buttons.values():
            self._group.addButton(button)
            radios.addWidget(button)
            button.setVisible(len(self._buttons) > 1)
        radios.addStretch(1)
        drawing.addWidget(self.combo, 1)
        drawing.addWidget(self.draw_button)
        for part in (QLabel("Sections"), self._first, QLabel("to"), self._last):
            sections.addWidget(part, int(isinstance(part, QSpinBox)))
            part.setToolTip("First and last section of a rectangle drawn on one section, both included.")
        self._box_rows = QWidget()
        rows = QVBoxLayout(self._box_rows)
        rows.addLayout(drawing)
        rows.addLayout(sections)
        rows.addWidget(self._facts)
        column = QVBoxLayout(self)
        column.addLayout(radios)
        column.addWidget(self._box_rows)
        for layout in (rows, column):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(3)

    def _on_toggle(self, _button: QRadioButton, on: bool) -> None:
        if on:
            self._on_change()

    def _on_shapes(self) -> None:
        self._listen_to(self.combo.layer)
        self._on_change()

    def _listen_to(self, shapes: Shapes | None) -> None:
        if self._shapes is not None:
            self._shapes.events.set_data.disconnect(self._on_change)
        self._shapes = shapes
        if shapes is not None:
            shapes.events.set_data.connect(self._on_change)

    def _on_change(self, _event: object = None) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self._box_rows.setVisible(self.kind == BOX)
        enable(self.combo, "" if self.combo.count() else 'No Shapes layer yet: press "Draw".')
        if self.kind == BOX and self._image is not None:
            self._facts.setText(self._box_facts())

    def _box_facts(self) -> str:
        try:
            return f"{shape_text(self.box().shape)} voxels"
        except UserError as error:
            return str(error)
