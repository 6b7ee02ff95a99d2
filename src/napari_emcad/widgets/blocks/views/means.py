"""The rows that show and choose who does the blocks of a run."""

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_emcad.widgets.blocks.means_pick import LEAST, MeansPick
from napari_emcad.widgets.kit.fields import Affixes, Limits, integer_field, number_field, text_field
from napari_emcad.widgets.kit.forms import enable


class MeansChoice:
    """Fields for memory and processes, and for a cluster's address.

    Attributes
    ----------
    here : QWidget
        Memory and processes of this computer, side by side.
    scheduler : QLineEdit
        Address of a cluster; empty = this computer.
    """

    def __init__(self, pick: MeansPick):
        self._pick = pick
        self.memory = number_field(Limits(LEAST, pick.most_memory), 1, "GB")
        self.memory.setToolTip("Main memory for all processes of this computer together; half of what is free.")
        self.workers = integer_field(
            Limits(1, pick.most_workers), Affixes("processes", instead_of_smallest="1 process")
        )
        self.scheduler = text_field("none, or its address: tcp://host:8786")
        self.scheduler.setToolTip(
            "Address of the scheduler of a Dask cluster that runs. Its workers need this program, and the stack, the "
            "model and the session under the same paths."
        )
        self.here = QWidget()
        row = QHBoxLayout(self.here)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.memory, 1)
        row.addWidget(self.workers, 1)
        self._update()
        self.memory.valueChanged.connect(self._on_memory)
        self.workers.valueChanged.connect(self._on_workers)
        self.scheduler.textChanged.connect(self._on_scheduler)
        pick.changed.connect(self._update)

    def _on_memory(self, gigabytes: float) -> None:
        self._pick.memory = gigabytes

    def _on_workers(self, workers: int) -> None:
        self._pick.workers = workers

    def _on_scheduler(self, address: str) -> None:
        self._pick.scheduler = address

    def _update(self) -> None:
        pick = self._pick
        with QSignalBlocker(self.memory), QSignalBlocker(self.workers), QSignalBlocker(self.scheduler):
            self.memory.setValue(pick.memory)
            self.workers.setValue(pick.workers)
            if self.scheduler.text().strip() != pick.scheduler:
                self.scheduler.setText(pick.scheduler)
        one = "One process uses all cores; several take more memory, and finish sooner where there are many cores."
        enable(self.workers, pick.why_no_workers, one)
