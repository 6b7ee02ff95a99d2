"""A map of a volume's blocks: slab by slab, each block in the colour of the last step that is done of it."""

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QRect, Signal
from qtpy.QtGui import QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_emcad.core.geometry import Shape, Voxel, triple
from napari_emcad.widgets.blocks.map_layout import EDGES, HEIGHT, PixelBox, layout_of

COLOURS = ("#5a5f69", "#3b528b", "#21918c", "#5ec962", "#fde725")
"""Nothing done yet, then each step: those of viridis, whose lightness grows."""


class BlockMap(QWidget):
    """Slabs of blocks side by side in rows, the first at the upper left.

    Parameters
    ----------
    steps : tuple of str
        Names of the steps, in their order.

    Signals
    -------
    chosen : tuple of int
        A block (z, y, x) has been clicked.
    """

    chosen = Signal(object)

    def __init__(self, steps: tuple[str, ...], parent: QWidget | None = None):
        super().__init__(parent)
        self._words = ("nothing done yet", *steps)
        self._reached = np.zeros((1, 1, 1), np.uint8)
        self.places = layout_of((1, 1, 1), HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    @property
    def counts(self) -> Shape:
        """Blocks on z, y, x."""
        return triple(self._reached.shape)

    def show_blocks(self, reached: NDArray[np.uint8]) -> None:
        """Show how many steps are done of each block, (z, y, x)."""
        self._reached = reached
        self._lay_out()
        self.update()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Use the new width."""
        super().resizeEvent(event)
        self._lay_out()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Tell the block under the mouse."""
        block = None if event is None else self.places.block_at(event.pos().x(), event.pos().y())
        if block is not None:
            self.chosen.emit(block)

    def event(self, event: QEvent | None) -> bool:
        """Show what is done of the block under the mouse as a tooltip."""
        if not isinstance(event, QHelpEvent) or event.type() != QEvent.Type.ToolTip:
            return super().event(event)
        block = self.places.block_at(event.pos().x(), event.pos().y())
        QToolTip.showText(event.globalPos(), "" if block is None else self._tip(block), self)
        return True

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint the slabs."""
        painter, places = QPainter(self), self.places
        for number in range(places.slabs):
            first, slab = number * places.together, places.slab(number)
            image = _coloured(self._reached[first : first + places.together].min(axis=0))
            painter.drawImage(QRect(*slab), image)
            self._draw_edges(painter, slab)
        painter.end()

    def _draw_edges(self, painter: QPainter, slab: PixelBox) -> None:
        """Draw thin lines between blocks, where there is room for them."""
        edge = round(self.places.edge)
        if edge < EDGES[5]:
            return
        left, top, wide, high = slab
        painter.setPen(self.palette().window().color())
        for x in range(left, left + wide + 1, edge):
            painter.drawLine(x, top, x, top + high - 1)
        for y in range(top, top + high + 1, edge):
            painter.drawLine(left, y, left + wide - 1, y)

    def _tip(self, block: Voxel) -> str:
        return f"Block {', '.join(map(str, block))} (z, y, x): {self._words[self._reached[block]]}"

    def _lay_out(self) -> None:
        self.places = layout_of(self.counts, max(1, self.width()))
        self.setFixedHeight(self.places.height)


def _coloured(reached: NDArray[np.uint8]) -> QImage:
    """Return an image with one pixel a block, from the steps that are done of each, (y, x)."""
    palette = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in COLOURS], np.uint8)
    height, width = reached.shape
    return QImage(palette[reached].tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
