"""What is seen of a run by blocks: bar, map with its legend, speed, time left, and a link to the cluster's page."""

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_emcad.blocks.progress import BlockProgress
from napari_emcad.blocks.steps import STEPS
from napari_emcad.core.progress import Progress
from napari_emcad.core.wording import about_text
from napari_emcad.widgets.blocks.map import COLOURS, BlockMap
from napari_emcad.widgets.kit.forms import text


class BlockView(QWidget):
    """Shows `BlockProgress`.

    Signals
    -------
    chosen : tuple of int
        A block (z, y, x) of the map has been clicked.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None):
        super().__init__(parent)
        self.bar, self.map, self.words = QProgressBar(), BlockMap(tuple(STEPS)), text()
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

    def put(self, progress: Progress, dashboard: str = "") -> None:
        """Show how far a run is, and where its cluster can be watched."""
        self.bar.setVisible(True)
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)
        is_known = isinstance(progress, BlockProgress)
        for widget in (self.words, self.map, self._legend):
            widget.setVisible(is_known)
        self.link.setVisible(bool(dashboard))
        self.link.setText(f'<a href="{dashboard}">Dask\'s dashboard</a>')
        if is_known:
            self.bar.setFormat(f"{progress.stage} {progress.done}/{progress.total}")
            self.map.show_blocks(progress.reached)
            self.words.setText(speed_text(progress))
        else:
            self.bar.setFormat(f"{progress.stage} ...")

    def rest(self) -> None:
        """Show the map alone, until there is progress again: nobody is at it."""
        for widget in (self.bar, self.words, self.link):
            widget.setVisible(False)


def speed_text(progress: BlockProgress) -> str:
    """Such as "0.79 s per megavoxel, ~ 12 min left"."""
    if progress.done == progress.total:
        return "The session is put together."
    if progress.seconds_left is None:
        return "The time left is told after the first block."
    return f"{progress.seconds_per_megavoxel:.2f} s per megavoxel, {about_text(progress.seconds_left)} left in all"


def _legend() -> str:
    """Coloured squares with the names of the steps."""
    names = ("not begun", *STEPS)
    return " ".join(f'<nobr><span style="color:{c}">■</span> {n}</nobr>' for c, n in zip(COLOURS, names, strict=True))
