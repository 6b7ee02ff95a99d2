"""The rows that show and choose a region: all of the stack, the section on screen, or a drawn box."""

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QRadioButton, QSpinBox, QVBoxLayout, QWidget

from napari_emcad.widgets.choices.layer import LayerChoice
from napari_emcad.widgets.desk.region import BOX, Region
from napari_emcad.widgets.kit.fields import Limits, integer_field
from napari_emcad.widgets.kit.forms import enable, text


class RegionChoice(QWidget):
    """Radio buttons for the kinds, none if there is one only; for a box its layer and sections."""

    def __init__(self, region: Region, parent: QWidget | None = None):
        super().__init__(parent)
        self._region = region
        self.buttons = {kind: QRadioButton(kind) for kind in region.kinds}
        self._group = QButtonGroup(self)
        self.combo = LayerChoice(region.shapes)
        self.draw_button = QPushButton("Draw")
        self.first, self.last = integer_field(Limits(0, 0)), integer_field(Limits(0, 0))
        self._facts = text()
        self._lay_out()
        self._group.buttonToggled.connect(self._on_toggle)
        self.draw_button.clicked.connect(self._on_draw)
        for field in (self.first, self.last):
            field.valueChanged.connect(self._on_sections)
        region.changed.connect(self._update)
        region.shapes.offers_changed.connect(self._update)
        self._update()

    def _lay_out(self) -> None:
        radios, drawing, sections = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        for button in self.buttons.values():
            self._group.addButton(button)
            radios.addWidget(button)
            button.setVisible(len(self.buttons) > 1)
        radios.addStretch(1)
        drawing.addWidget(self.combo, 1)
        drawing.addWidget(self.draw_button)
        for part in (QLabel("Sections"), self.first, QLabel("to"), self.last):
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

    def _on_toggle(self, button: QRadioButton, on: bool) -> None:
        if on:
            self._region.kind = next(kind for kind, one in self.buttons.items() if one is button)

    def _on_draw(self) -> None:
        self._region.draw()

    def _on_sections(self, _value: int) -> None:
        self._region.sections = self.first.value(), self.last.value()

    def _update(self) -> None:
        region = self._region
        with QSignalBlocker(self._group):
            self.buttons[region.kind].setChecked(True)
        with QSignalBlocker(self.first), QSignalBlocker(self.last):
            for field, value in zip((self.first, self.last), region.sections, strict=True):
                field.setMaximum(region.last_section)
                field.setValue(value)
        self._box_rows.setVisible(region.kind == BOX)
        tip = "The Shapes layer with the box: its selected shape, or the last one drawn."
        enable(self.draw_button, region.why_not_draw, "Add a Shapes layer and draw a rectangle with the mouse.")
        enable(self.combo, "" if region.shapes.offers else 'No Shapes layer yet: press "Draw".', tip)
        self._facts.setText(region.facts)
