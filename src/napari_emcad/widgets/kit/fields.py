"""Fields of a form. Numbers take effect when they are entered whole, not with each key."""

from typing import NamedTuple

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox, QLineEdit, QPushButton, QSlider, QSpinBox


class Limits(NamedTuple):
    """Smallest and largest number of a field, and the step of its arrows."""

    smallest: float
    largest: float
    step: float = 1


class Affixes(NamedTuple):
    """Words that a field shows beside its number: its unit behind it, or words instead of the smallest number."""

    unit: str = ""
    before: str = ""
    instead_of_smallest: str = ""


def integer_field(limits: Limits, affixes: Affixes | str = "") -> QSpinBox:
    """Make a field for a whole number; words alone are its unit."""
    field = QSpinBox()
    field.setRange(int(limits.smallest), int(limits.largest))
    field.setSingleStep(int(limits.step))
    _dress(field, affixes)
    return field


def number_field(limits: Limits, decimals: int, affixes: Affixes | str = "") -> QDoubleSpinBox:
    """Make a field for a number with so many decimals; words alone are its unit."""
    field = QDoubleSpinBox()
    field.setDecimals(decimals)
    field.setRange(limits.smallest, limits.largest)
    field.setSingleStep(limits.step)
    _dress(field, affixes)
    return field


def text_field(placeholder: str, can_be_cleared: bool = False) -> QLineEdit:
    """Make a field for one line of text, with words that are shown while it is empty."""
    field = QLineEdit()
    field.setPlaceholderText(placeholder)
    field.setClearButtonEnabled(can_be_cleared)
    return field


def slider(steps: int) -> QSlider:
    """Make a horizontal slider from 0 to `steps`."""
    made = QSlider(Qt.Orientation.Horizontal)
    made.setRange(0, steps)
    return made


def toggle_button(words: str) -> QPushButton:
    """Make a button that stays down until it is pressed again."""
    button = QPushButton(words)
    button.setCheckable(True)
    return button


def _dress(field: QSpinBox | QDoubleSpinBox, affixes: Affixes | str) -> None:
    unit, before, instead = Affixes(affixes) if isinstance(affixes, str) else affixes
    field.setKeyboardTracking(False)
    field.setSuffix(f" {unit}" if unit else "")
    field.setPrefix(f"{before} " if before else "")
    field.setSpecialValueText(instead)
