"""The means chosen for a run by blocks: memory and processes of this computer, or a cluster."""

import os

import psutil

from napari_emcad.blocks.run import Means, free_budget
from napari_emcad.widgets.kit.signals import Signal

LEAST = 0.5
"""GB that can be asked for."""


class MeansPick:
    """Memory, processes, and the address of a cluster.

    Attributes
    ----------
    most_memory : float
        Main memory of this computer, in GB.
    most_workers : int
        Its cores.

    Signals
    -------
    changed
    """

    changed = Signal()

    def __init__(self) -> None:
        self.most_memory, self.most_workers = psutil.virtual_memory().total / 1e9, os.cpu_count() or 1
        self._memory, self._workers, self._scheduler = self._within(free_budget() / 1e9), 1, ""

    @property
    def memory(self) -> float:
        """Main memory for all processes of this computer together, in GB."""
        return self._memory

    @memory.setter
    def memory(self, memory: float) -> None:
        self._memory = self._within(memory)
        self.changed.emit()

    @property
    def workers(self) -> int:
        """Processes of this computer."""
        return self._workers

    @workers.setter
    def workers(self, workers: int) -> None:
        self._workers = min(max(1, workers), self.most_workers)
        self.changed.emit()

    @property
    def scheduler(self) -> str:
        """Address of a Dask cluster's scheduler; empty = this computer does the blocks."""
        return self._scheduler

    @scheduler.setter
    def scheduler(self, address: str) -> None:
        self._scheduler = address.strip()
        self.changed.emit()

    @property
    def why_no_workers(self) -> str:
        """The reason that the number of processes does not count; empty if it does."""
        return "The cluster has workers of its own." if self._scheduler else ""

    @property
    def means(self) -> Means:
        """The means as a run takes them."""
        memory = round(self._memory * 1e9)
        if self._scheduler:
            return Means(memory, scheduler=self._scheduler)
        return Means(memory, self._workers if self._workers > 1 else None)

    def _within(self, memory: float) -> float:
        return round(min(max(LEAST, memory), self.most_memory), 1)
