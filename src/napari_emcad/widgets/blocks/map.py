"""A map of a volume's blocks: slab by slab, each block in the colour of the last step that is done of it."""

from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPoint, QRect, QSize, Signal
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

COLOURS = ("#5a5f69", "#3b528b", "#21918c", "#5ec962", "#fde725")
"""Nothing done yet, then each step: those of viridis, whose lightness grows."""

HEIGHT, GAP = 120, 3
"""Pixels: of the map at most, and between two slabs."""

EDGES = (14, 12, 10, 8, 6, 5, 4, 3, 2, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 16)
"""Pixels a side of a block: the largest that fits is taken."""


class Layout(NamedTuple):
    """Where blocks lie: pixels a side of one, slabs in a row of them, and blocks on z that are shown as one."""

    edge: float
    columns: int
    together: int

    def size(self, counts: tuple[int, int, int]) -> tuple[int, int]:
        """Of a slab, (height, width) in pixels."""
        return max(1, ceil(counts[1] * self.edge)), max(1, ceil(counts[2] * self.edge))


def layout_of(counts: tuple[int, int, int], width: int) -> Layout:
    """The largest that shows this many blocks (z, y, x) in a width and in `HEIGHT`."""
    together = 1
    while True:
        for edge in EDGES:
            one = Layout(edge, 1, together)
            high, wide = one.size(counts)
            columns, slabs = (width + GAP) // (wide + GAP), ceil(counts[0] / together)
            if columns and ceil(slabs / columns) * (high + GAP) - GAP <= HEIGHT:
                return one._replace(columns=columns)
        together *= 2


class BlockMap(QWidget):
    """Slabs of blocks side by side in rows, the first at the upper left.

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
        self._layout = layout_of((1, 1, 1), HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Blocks on z, y, x."""
        return self._reached.shape

    def show_blocks(self, reached: NDArray[np.uint8]) -> None:
        """Show how many steps are done of each block, (z, y, x)."""
        self._reached = reached
        self._lay_out()
        self.update()

    def place_of(self, block: tuple[int, int, int]) -> QRect:
        """Pixels of a block."""
        slab, edge = self._slab(block[0] // self._layout.together), self._layout.edge
        corner = QPoint(round(block[2] * edge), round(block[1] * edge))
        return QRect(slab.topLeft() + corner, QSize(max(1, round(edge)), max(1, round(edge))))

    def block_at(self, place: QPoint) -> tuple[int, int, int] | None:
        """The block under a pixel, the first of those that are shown as one."""
        for number in range(self._slabs):
            slab = self._slab(number)
            if slab.contains(place):
                inside = place - slab.topLeft()
                y, x = (int(n // self._layout.edge) for n in (inside.y(), inside.x()))
                return number * self._layout.together, min(y, self.counts[1] - 1), min(x, self.counts[2] - 1)
        return None

    def resizeEvent(self, event) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def mousePressEvent(self, event) -> None:
        block = self.block_at(event.pos())
        if block is not None:
            self.chosen.emit(block)

    def event(self, event: QEvent) -> bool:
        if event.type() != QEvent.Type.ToolTip:
            return super().event(event)
        block = self.block_at(event.pos())
        words = "" if block is None else f"Block {', '.join(map(str, block))} (z, y, x): {self._done(block)}"
        QToolTip.showText(event.globalPos(), words, self)
        return True

    def paintEvent(self, _event) -> None:
        painter = QPainter(self)
        for number in range(self._slabs):
            first = number * self._layout.together
            image = _coloured(self._reached[first : first + self._layout.together].min(axis=0))
            painter.drawImage(self._slab(number), image)
            self._draw_edges(painter, self._slab(number))
        painter.end()

    def _draw_edges(self, painter: QPainter, slab: QRect) -> None:
        """Thin lines between blocks, where there is room for them."""
        edge = round(self._layout.edge)
        if edge < EDGES[5]:
            return
        painter.setPen(self.palette().window().color())
        for x in range(slab.left(), slab.right() + 2, edge):
            painter.drawLine(x, slab.top(), x, slab.bottom())
        for y in range(slab.top(), slab.bottom() + 2, edge):
            painter.drawLine(slab.left(), y, slab.right(), y)

    @property
    def _slabs(self) -> int:
        return ceil(self.counts[0] / self._layout.together)

    def _slab(self, number: int) -> QRect:
        """Pixels of a slab."""
        high, wide = self._layout.size(self.counts)
        row, column = divmod(number, self._layout.columns)
        return QRect(column * (wide + GAP), row * (high + GAP), wide, high)

    def _done(self, block: tuple[int, int, int]) -> str:
        return self._words[self._reached[block]]

    def _lay_out(self) -> None:
        self._layout = layout_of(self.counts, max(1, self.width()))
        self.setFixedHeight(self._slab(self._slabs - 1).bottom() + 1)


def _coloured(reached: NDArray[np.uint8]) -> QImage:
    """(y, x) -> one pixel a block."""
    palette = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in COLOURS], np.uint8)
    pixels = np.ascontiguousarray(palette[reached])
    height, width = reached.shape
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
