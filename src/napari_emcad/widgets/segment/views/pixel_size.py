"""One line that asks for the voxel size of the stack, with the usual ones to click."""

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.wording import voxel_size_text
from napari_emcad.widgets.choices.stack import VoxelSizeDialog
from napari_emcad.widgets.kit.forms import text
from napari_emcad.widgets.segment.pixel_size import USUAL, PixelSizeQuestion

_SMALL = "QPushButton { padding: 2px 3px; min-width: 0; }"


class PixelSizeRow(QWidget):
    """The question and a button for each usual answer; hidden while there is nothing to ask."""

    def __init__(self, question: PixelSizeQuestion, parent: QWidget | None = None):
        super().__init__(parent)
        self._question = question
        self.words = text()
        self.usual = [self._button(f"{one.size.z:g} x {one.size.x:g}") for one in USUAL]
        self.other = self._button("Other")
        self.other.setToolTip("Type the three lengths in nm.")
        for button, one in zip(self.usual, USUAL, strict=True):
            button.setToolTip(f"{voxel_size_text(one.size)}. {one.source}.")
            button.clicked.connect(lambda _checked=False, size=one.size: self._question.answer(size))
        self.other.clicked.connect(self._ask)
        self._lay_out()
        question.changed.connect(self._update)
        self._update()

    def _lay_out(self) -> None:
        answers = QHBoxLayout()
        answers.setSpacing(4)
        for button in (*self.usual, self.other):
            answers.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.words)
        column.addLayout(answers)

    def _button(self, words: str) -> QPushButton:
        button = QPushButton(words)
        button.setStyleSheet(_SMALL)
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        return button

    def _ask(self) -> None:
        dialog = VoxelSizeDialog(USUAL[0].size, self)
        if dialog.exec() == VoxelSizeDialog.DialogCode.Accepted:
            self._question.answer(VoxelSize(*dialog.size_chosen))

    def _update(self) -> None:
        words = self._question.words
        self.words.setText(words)
        self.setVisible(bool(words))
