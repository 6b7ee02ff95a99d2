"""The sections of a question side by side; a click on one goes there."""

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QImage, QMouseEvent, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_emcad.widgets.proofread.pair_pictures import SectionPicture

SIDE = 140
"""Pixels of the screen that a picture is wide."""


class PictureRow(QWidget):
    """Shows pictures.

    Signals
    -------
    chosen : (z, y, x)
        The contact in the section that was clicked.
    """

    chosen = Signal(tuple)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self._shown: tuple[SectionPicture, ...] = ()
        self.pictures: list[_Picture] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self.setVisible(False)

    def put(self, pictures: Sequence[SectionPicture], stretch: float) -> None:
        """Show other pictures; `stretch` is the height of a voxel for one of width 1."""
        if tuple(pictures) is self._shown:
            return
        self._shown = tuple(pictures)
        while len(self.pictures) < len(pictures):
            self.pictures.append(_Picture())
            self.pictures[-1].clicked.connect(self.chosen)
            self._row.addWidget(self.pictures[-1])
        for i, one in enumerate(self.pictures):
            one.setVisible(i < len(pictures))
            if i < len(pictures):
                one.put(pictures[i], stretch)
        self.setVisible(bool(pictures))


class _Picture(QWidget):
    clicked = Signal(tuple)

    def __init__(self) -> None:
        super().__init__()
        self._picture: SectionPicture | None = None
        self.image, self.caption = QLabel(), QLabel()
        self.image.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addWidget(self.image)
        column.addWidget(self.caption)

    def put(self, picture: SectionPicture, stretch: float) -> None:
        self._picture = picture
        height, width, _ = picture.colours.shape
        image = QImage(picture.colours.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        size = SIDE, max(1, round(SIDE * height * stretch / width))
        scaled = QPixmap.fromImage(image).scaled(
            *size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        self.image.setPixmap(scaled)
        self.caption.setText(f"section {picture.section}")
        self.setToolTip(f"The contact in section {picture.section}; click to go there.")

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        if self._picture is not None:
            self.clicked.emit(self._picture.voxel)
