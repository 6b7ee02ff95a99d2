"""The row that shows and changes what is done with the sections selected."""

from dataclasses import replace

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_emcad.core.sections.report import ranges_text
from napari_emcad.core.wording import count
from napari_emcad.widgets.desk.section_choices import SectionChoices
from napari_emcad.widgets.kit.fields import Affixes, Limits, integer_field
from napari_emcad.widgets.kit.forms import NarrowCombo, text

MOST_NAMED = 3
"""Sections up to which each is named."""

FARTHEST = 4096
"""Pixels by which a section can be said to be shifted."""

SHIFT_TIP = "Pixels by which the tissue lies further {way} than in the section before. It is made up for."


class SectionUseChoice(QWidget):
    """A choice of what is done with some sections, and the pixels of a shift."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._choices: SectionChoices | None = None
        self._sections: list[int] = []
        self._name = text()
        self.combo = NarrowCombo()
        self.combo.setToolTip("What is done with the sections selected in the list.")
        self.down, self.right = (
            integer_field(Limits(-FARTHEST, FARTHEST), Affixes("px", before=axis)) for axis in ("y", "x")
        )
        self.down.setToolTip(SHIFT_TIP.format(way="down"))
        self.right.setToolTip(SHIFT_TIP.format(way="right"))
        self._shift = QWidget()
        self._lay_out()
        self.combo.activated.connect(self._on_use)
        for field in (self.down, self.right):
            field.valueChanged.connect(self._on_shift)
        self.put(None, [])

    def put(self, choices: SectionChoices | None, sections: list[int]) -> None:
        """Show what is done with these sections."""
        self._choices, self._sections = choices, sections
        uses = choices.offers(sections) if choices is not None else []
        self.setEnabled(bool(uses))
        self._name.setText(_name(sections))
        with QSignalBlocker(self.combo):
            self.combo.clear()
            for use in uses:
                self.combo.addItem(use.choice, use)
        if choices is None or not uses:
            self._shift.setVisible(False)
            return
        rows = [choices.row(z) for z in sections]
        of_all = {row.use for row in rows}
        for place, use in enumerate(uses):
            if use == rows[0].proposed:
                self.combo.setItemText(place, f"{use.choice} (proposed)")
        now = rows[0].use if len(of_all) == 1 else None
        with QSignalBlocker(self.combo), QSignalBlocker(self.down), QSignalBlocker(self.right):
            self.combo.setCurrentIndex(uses.index(now) if now in uses else -1)
            self._shift.setVisible(now is not None and now.has_shift)
            if now is not None:
                self.down.setValue(now.shift[0])
                self.right.setValue(now.shift[1])

    def _lay_out(self) -> None:
        shift = QHBoxLayout(self._shift)
        shift.setContentsMargins(0, 0, 0, 0)
        shift.addWidget(QLabel("by"))
        shift.addWidget(self.down, 1)
        shift.addWidget(self.right, 1)
        use = QHBoxLayout()
        use.addWidget(self._name, 1)
        use.addWidget(self.combo, 3)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(use)
        column.addWidget(self._shift)

    def _on_use(self, place: int) -> None:
        if self._choices is not None:
            self._choices.choose(self._sections, self.combo.itemData(place))

    def _on_shift(self, _value: int) -> None:
        use = self.combo.currentData()
        if self._choices is not None and use is not None:
            self._choices.choose(self._sections, replace(use, shift=(self.down.value(), self.right.value())))


def _name(sections: list[int]) -> str:
    if not sections:
        return "Select a section"
    if len(sections) > MOST_NAMED:
        return count(len(sections), "section")
    return f"Section{'s' if len(sections) > 1 else ''} {ranges_text(sections)}"
