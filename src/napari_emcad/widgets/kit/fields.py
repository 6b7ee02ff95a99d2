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
    """Words that a field shows with its number: behind it, before it, or instead of the smallest number."""

    unit: str = ""
    before: str = ""
    instead_of_smallest: str = ""


def integer_field(limits: Limits, affixes: Affixes | str = "") -> QSpinBox:
    """Return a new field for a whole number; a plain string is its unit."""
    field = QSpinBox()
    field.setRange(int(limits.smallest), int(limits.largest))
    field.setSingleStep(int(limits.step))
    _set_affixes(field, affixes)
    return field


def number_field(limits: Limits, decimals: int, affixes: Affixes | str = "") -> QDoubleSpinBox:
    """Return a new field for a number with so many decimals; a plain string is its unit."""
    field = QDoubleSpinBox()
    field.setDecimals(decimals)
    field.setRange(limits.smallest, limits.largest)
    field.setSingleStep(limits.step)
    _set_affixes(field, affixes)
    return field


def text_field(placeholder: str, can_be_cleared: bool = False) -> QLineEdit:
    """Return a new field for one line of text, with words that are shown while it is empty."""
    field = QLineEdit()
    field.setPlaceholderText(placeholder)
    field.setClearButtonEnabled(can_be_cleared)
    return field


def slider(steps: int) -> QSlider:
    """Return a new horizontal slider from 0 to `steps`."""
    bar = QSlider(Qt.Orientation.Horizontal)
    bar.setRange(0, steps)
    return bar


def toggle_button(words: str) -> QPushButton:
    """Return a new button that stays down until it is pressed again."""
    button = QPushButton(words)
    button.setCheckable(True)
    return button


def _set_affixes(field: QSpinBox | QDoubleSpinBox, affixes: Affixes | str) -> None:
    unit, before, instead = Affixes(affixes) if isinstance(affixes, str) else affixes
    field.setKeyboardTracking(False)
    field.setSuffix(f" {unit}" if unit else "")
    field.setPrefix(f"{before} " if before else "")
    field.setSpecialValueText(instead)
