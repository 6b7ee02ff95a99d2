"""The question for the voxel size of a stack whose file does not tell it, before a run; the panel shows it."""

from typing import NamedTuple

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.workers.estimates import is_foreground


class UsualSize(NamedTuple):
    """A voxel size (nm) that many stacks have, and how such stacks are made."""

    size: VoxelSize
    source: str


USUAL = (
    UsualSize(VoxelSize(30, 6, 6), "Sections on tape in the SEM, such as SNEMI3D"),
    UsualSize(VoxelSize(40, 4, 4), "Serial sections in the TEM, such as CREMI, FAFB and MICrONS"),
    UsualSize(VoxelSize(30, 3, 3), "Sections on tape at the finest, such as Kasthuri et al. 2015"),
    UsualSize(VoxelSize(25, 10, 10), "Block face in the SEM (SBEM)"),
    UsualSize(VoxelSize(8, 8, 8), "Ion beam and SEM (FIB-SEM), such as FIB-25 and the hemibrain"),
)
"""Answers to choose from."""


class PixelSizeQuestion:
    """Asks for the voxel size of the stack, if it is not known and the model was trained on a known one.

    Signals
    -------
    changed
        It is asked, or not any more, or for another model.
    """

    changed = Signal()

    def __init__(self, desk: Desk):
        self._desk = desk
        for signal in (desk.stack.changed, desk.stack.facts_changed, desk.model.changed):
            signal.connect(self._on_change)

    @property
    def words(self) -> str:
        """The question, one line; empty if there is nothing to ask."""
        stack, card = self._desk.stack, self._desk.model.card
        if stack.why_not or stack.voxel_size is not None or card is None or is_foreground(card):
            return ""
        size = card.voxel_size
        return f"Voxel size in nm? The model learnt on {size.z:g} x {size.x:g}." if size else ""

    def answer(self, size: VoxelSize) -> None:
        """Give the stack a voxel size in nm."""
        self._desk.stack.voxel_size = size

    def _on_change(self) -> None:
        self.changed.emit()
