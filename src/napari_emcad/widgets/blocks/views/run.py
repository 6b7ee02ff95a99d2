"""The sight of a run by blocks: bar, map with its legend, speed, time left, and a link to the cluster's page."""

from html import escape

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_emcad.blocks.progress import BlockProgress
from napari_emcad.blocks.steps import STEPS_OF_BLOCKS
from napari_emcad.core.wording import about_text
from napari_emcad.widgets.blocks.block_session import RunSeen
from napari_emcad.widgets.blocks.views.map import COLOURS, BlockMap
from napari_emcad.widgets.kit.forms import text


class BlockView(QWidget):
    """Shows a run; of one that nobody is at the map alone.

    Signals
    -------
    chosen : tuple of int
        A block (z, y, x) of the map has been clicked.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.bar, self.map, self.words = QProgressBar(), BlockMap(STEPS_OF_BLOCKS), text()
        self._legend, self.link = QLabel(_legend()), QLabel()
        self._legend.setWordWrap(True)
        self.link.setTextFormat(Qt.TextFormat.RichText)
        self.link.setOpenExternalLinks(True)
        self.map.chosen.connect(self.chosen)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self.bar, self.words, self.map, self._legend, self.link):
            column.addWidget(widget)

    def show_run(self, seen: RunSeen | None) -> None:
        """Show how far a run is; hide everything if there is none."""
        self.setVisible(seen is not None)
        if seen is None:
            return
        progress = seen.progress
        self.bar.setVisible(seen.is_at_work)
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        self.bar.setFormat(seen.words)
        self.link.setVisible(bool(seen.dashboard))
        self.link.setText(f'<a href="{escape(seen.dashboard or "")}">Dask\'s dashboard</a>')
        is_counted = isinstance(progress, BlockProgress)
        self.words.setVisible(is_counted and seen.is_at_work)
        for widget in (self.map, self._legend):
            widget.setVisible(is_counted)
        if isinstance(progress, BlockProgress):
            self.map.show_blocks(progress.reached)
            self.words.setText(speed_text(progress))


def speed_text(progress: BlockProgress) -> str:
    """Return speed and time left, such as "0.79 s per megavoxel, ~ 12 min left in all"."""
    if progress.done == progress.total:
        return "The session is being put together."
    if progress.seconds_left is None or progress.seconds_per_megavoxel is None:
        return "The time left is known after the first block."
    return f"{progress.seconds_per_megavoxel:.2f} s per megavoxel, {about_text(progress.seconds_left)} left in all"


def _legend() -> str:
    """Return coloured squares with the names of the steps."""
    names = ("not begun", *STEPS_OF_BLOCKS)
    return " ".join(f'<nobr><span style="color:{c}">■</span> {n}</nobr>' for c, n in zip(COLOURS, names, strict=True))
