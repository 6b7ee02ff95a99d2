"""Rows of a form: the form, a narrow choice, words that wrap, and controls that say why they are disabled."""

from qtpy.QtCore import Qt
from qtpy.QtGui import QResizeEvent, QShowEvent, QWheelEvent
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QLayout, QSizePolicy, QWidget

from napari_emcad.widgets.kit.plain_text import plain


class NarrowCombo(QComboBox):
    """A choice that shrinks with the dock instead of pushing its neighbours out of it."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Let the wheel scroll the dock; it does not change the choice."""
        if event is not None:
            event.ignore()


class Form(QFormLayout):
    """A form with its labels at the left, aligned in all panels, and fields as wide as the dock."""

    def add(self, label: str, field: QWidget | QLayout) -> None:
        """Add a row."""
        name = QLabel(label)
        name.setMinimumWidth(label_width(name))
        self.addRow(name, field)


def label_width(widget: QWidget) -> int:
    """Return the least width of labels, in pixels, so that the fields of all forms are aligned."""
    return widget.fontMetrics().horizontalAdvance("Threshold ")


def form(parent: QWidget, margin: int = 6) -> Form:
    """Return the layout of a new form, set on its parent."""
    layout = Form(parent)
    layout.setContentsMargins(margin, 2, margin, 4 if margin else 2)
    layout.setHorizontalSpacing(6)
    layout.setVerticalSpacing(4)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    return layout


class WrappedText(QLabel):
    """Words that wrap; Qt's layouts do not ask for their new height when the words change."""

    def setText(self, words: str | None) -> None:
        super().setText(words)
        self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self.isVisible():
            self.setMinimumHeight(0)  # the height for a width is never less than this one
            self.setMinimumHeight(max(0, self.heightForWidth(self.width())))


WARNING_STYLE = "color: #d07a10"
"""Style of words that warn: dark enough on white, bright enough on black."""


def text(content: str = "") -> QLabel:
    """Return a new label for words that wrap and never widen the dock."""
    label = WrappedText(content)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)  # without it the last line is cut off
    label.setSizePolicy(policy)
    return label


def enable(widget: QWidget, why_not: str, tooltip: str = "") -> None:
    """Enable a control, or disable it with a tooltip that says why."""
    widget.setEnabled(not why_not)
    widget.setToolTip(plain(why_not or tooltip))


LIT_STYLE = """
QPushButton[next="true"]:enabled:!checked { background-color: #2e7d46; color: white; font-weight: bold; }
QPushButton[next="true"]:enabled:!checked:hover { background-color: #37935a; }
QPushButton[next="true"]:enabled:!checked:pressed { background-color: #225c34; }
"""
"""Style of buttons that are lit, for the widget that they lie in."""


def light(widget: QWidget, is_lit: bool) -> None:
    """Light a button or a heading as the next one to press, or no more."""
    if bool(widget.property("next")) is not is_lit:
        widget.setProperty("next", is_lit)
        restyle(widget)


def restyle(widget: QWidget) -> None:
    """Let a style sheet act on properties of a widget that have changed."""
    style = widget.style()
    if style is not None:
        style.unpolish(widget)
        style.polish(widget)
