"""A run by blocks that can begin: why not, what it is to do, and what it takes."""

import shutil
from pathlib import Path

from napari_emcad.blocks.run import disk_needed
from napari_emcad.blocks.sections import LOOKED_AT_FIRST
from napari_emcad.core.errors import UserError
from napari_emcad.core.wording import about_text, size_text
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.kit.layers import origin_of, volume_of, voxel_size_of
from napari_emcad.widgets.kit.session_place import SUFFIX
from napari_emcad.workers.blocks import BlockOrder


class NewRun:
    """The run that the desk's choices make: its region, with its model and device."""

    def __init__(self, desk: Desk):
        self._desk = desk

    def why_not(self, folder: Path | None) -> str:
        """Return why no run can begin in a folder; empty if one can."""
        choices, layer = self._desk.choices, self._desk.stack.layer
        if why_not := choices.why_not or choices.why_no_affinities:
            return why_not
        if layer is not None and origin_of(layer)["source"] is None:
            return f'"{layer.name}" is in memory only: save it (File > Save Selected Layers) and open that file.'
        if folder is None or folder.suffix != SUFFIX:
            return f"Name a session, a folder that ends in {SUFFIX}."
        return "" if folder.parent.is_dir() else f"The folder {folder.parent} does not exist; choose another one."

    def order(self) -> BlockOrder:
        """Return what a run is to do; not before `why_not` is empty."""
        desk, layer = self._desk, self._desk.stack.layer
        assert layer is not None and desk.model.path is not None, "a run needs a stack and a model"
        origin, sections = origin_of(layer), desk.inspection.choices
        assert origin["source"] is not None, "a run needs a file"
        return BlockOrder(
            source=origin["source"],
            dataset=origin["dataset"],
            shape=volume_of(layer).shape,
            voxel_size=voxel_size_of(layer),
            model=desk.model.path,
            box=desk.region.box(),
            parameters=desk.choices.parameters(),
            sections=desk.inspection.plan or "auto",
            interpolates=sections is None or sections.interpolates,
        )

    @property
    def sections_text(self) -> str:
        """Words on what is done with the sections of the stack; empty without a stack."""
        if self._desk.inspection.choices is None:
            return ""
        return self._desk.inspection.line if self._desk.inspection.is_known else LOOKED_AT_FIRST

    def plan_text(self, folder: Path | None) -> str:
        """Return the time and the disk space that a run takes, or what is missing to tell them."""
        choices = self._desk.choices
        if self._desk.stack.layer is None or choices.why_not:
            return "Choose a stack and a model to see time and disk space."
        try:
            box = self._desk.region.box()
        except UserError:
            return "Draw a box to see time and disk space."
        found = choices.estimate(box)
        time = [] if found is None or found.seconds is None else [about_text(found.seconds)]
        return ", ".join([*time, _disk_text(disk_needed(box.shape), folder)])


def _disk_text(needed: int, folder: Path | None) -> str:
    """Return the bytes needed on the disk, and those that are free where the folder will lie."""
    disk = f"about {size_text(needed)} on the disk"
    if folder is None or not folder.parent.is_dir():
        return disk
    free = shutil.disk_usage(folder.parent).free
    return f"{disk}, {'but only ' if free < needed else ''}{size_text(free)} are free"
