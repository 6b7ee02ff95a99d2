"""Small widgets that all panels are made of."""

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_emcad.widgets.kit.layer_pick import LayerPick


class Section(QWidget):
    """A heading that folds what lies under it."""

    def __init__(self, title: str, content: QWidget, is_open: bool = True, parent: QWidget | None = None):
        super().__init__(parent)
        self.content = content
        self._heading = QToolButton()
        self._heading.setText(title)
        self._heading.setCheckable(True)
        self._heading.setAutoRaise(True)
        self._heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._heading.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._heading.setStyleSheet("QToolButton { font-weight: bold; text-align: left; padding: 4px; border: 0; }")
        self._heading.toggled.connect(self._fold)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._heading)
        column.addWidget(content)
        self._heading.setChecked(is_open)
        self._fold(is_open)

    @property
    def is_open(self) -> bool:
        return self._heading.isChecked()

    def open(self) -> None:
        """Unfold."""
        self._heading.setChecked(True)

    def _fold(self, is_open: bool) -> None:
        self.content.setVisible(is_open)
        self._heading.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)


class NarrowCombo(QComboBox):
    """A choice that shrinks with the dock instead of pushing its neighbours out of it."""

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def wheelEvent(self, event) -> None:
        """Scrolling over a choice scrolls the dock and does not change it."""
        event.ignore()


class LayerCombo(NarrowCombo):
    """Shows a choice among the viewer's layers of a kind."""

    def __init__(self, pick: LayerPick, parent: QWidget | None = None):
        super().__init__(parent)
        self._pick = pick
        self.currentIndexChanged.connect(self._on_index)
        pick.offers_changed.connect(self._fill)
        pick.changed.connect(self._show_choice)
        self._fill()

    def _on_index(self, index: int) -> None:
        self._pick.layer = self._pick.offers[index] if index >= 0 else None

    def _fill(self) -> None:
        with QSignalBlocker(self):
            self.clear()
            self.addItems([layer.name for layer in self._pick.offers])
        self._show_choice()

    def _show_choice(self) -> None:
        places = (i for i, layer in enumerate(self._pick.offers) if layer is self._pick.layer)
        with QSignalBlocker(self):
            self.setCurrentIndex(next(places, -1))


class Form(QFormLayout):
    """A form with its labels at the left, one under the other in all panels, and fields as wide as the dock."""

    def add(self, label: str, field: QWidget | QLayout) -> None:
        """Add a row."""
        name = QLabel(label)
        name.setMinimumWidth(name.fontMetrics().horizontalAdvance("Threshold "))
        self.addRow(name, field)


def form(parent: QWidget, margin: int = 6) -> Form:
    """The layout of a form, set on its parent."""
    layout = Form(parent)
    layout.setContentsMargins(margin, 2, margin, 4 if margin else 2)
    layout.setHorizontalSpacing(6)
    layout.setVerticalSpacing(4)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    return layout


class WrappedText(QLabel):
    """Words that wrap; Qt's layouts forget to ask anew how high they are when the words change."""

    def setText(self, words: str) -> None:
        super().setText(words)
        self._fit()

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event) -> None:
        super().showEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self.isVisible():
            self.setMinimumHeight(max(0, self.heightForWidth(self.width())))


def text(content: str = "") -> QLabel:
    """Words that wrap and never widen the dock."""
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
    widget.setToolTip(why_not or tooltip)
