"""Who does the blocks of a run: this computer, with so much memory and so many processes, or a cluster."""

import os

import psutil
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_emcad.blocks.run import Means, free_budget
from napari_emcad.widgets.kit.fields import Affixes, Limits, integer_field, number_field, text_field
from napari_emcad.widgets.kit.forms import enable

LEAST = 0.5
"""GB that can be asked for."""


class MeansChoice(QObject):
    """Memory and processes, and a cluster's address.

    Attributes
    ----------
    here : QWidget
        Memory and processes of this computer.
    scheduler : QLineEdit
        Address of a cluster; empty: this computer.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None):
        super().__init__(parent)
        most = psutil.virtual_memory().total / 1e9
        self.memory = number_field(Limits(LEAST, most), 1, "GB")
        self.memory.setValue(free_budget() / 1e9)
        self.memory.setToolTip("Main memory for all processes of this computer together; half of what is free.")
        self.workers = integer_field(
            Limits(1, os.cpu_count() or 1), Affixes("processes", instead_of_smallest="1 process")
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
        self.memory.valueChanged.connect(self._on_change)
        self.workers.valueChanged.connect(self._on_change)
        self.scheduler.textChanged.connect(self._on_change)
        self._on_change()

    @property
    def means(self) -> Means:
        """As they stand."""
        memory, address = round(self.memory.value() * 1e9), self.scheduler.text().strip()
        if address:
            return Means(memory, scheduler=address)
        several = self.workers.value()
        return Means(memory, several if several > 1 else None)

    def _on_change(self, _value: object = None) -> None:
        others = "The cluster has workers of its own." if self.scheduler.text().strip() else ""
        one = "One process uses all cores; several take more memory, and finish sooner where there are many cores."
        enable(self.workers, others, one)
        self.changed.emit()
