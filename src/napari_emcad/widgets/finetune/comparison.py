"""The held-out crops of a run, read when they are asked for and shown before and after."""

from collections.abc import Mapping
from contextlib import suppress

from napari.components import ViewerModel

from napari_emcad.core.errors import UserError
from napari_emcad.finetuning.record import Record
from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.finetune.before_after import BeforeAfter
from napari_emcad.widgets.finetune.held_out_crop import HeldOutCrop
from napari_emcad.widgets.finetune.held_out_place import layer_place
from napari_emcad.widgets.finetune.runs import RunFolder
from napari_emcad.widgets.kit.jobs import Ended, Jobs, one_step
from napari_emcad.widgets.kit.layers import is_image
from napari_emcad.widgets.kit.signals import Signal


class Comparison:
    """The crops of one run, as its networks see them before and after.

    Attributes
    ----------
    view : BeforeAfter
    wanted : int or None
        Number of the crop that a person wants to look at.

    Signals
    -------
    changed
        Another crop is wanted, or none.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, worker: Jobs, message: Message):
        self._viewer, self._worker, self._message = viewer, worker, message
        self._run: RunFolder | None = None
        self._titles: dict[str, str] = {}
        self._crops: dict[int, HeldOutCrop] = {}
        self.view = BeforeAfter(viewer)
        self.wanted: int | None = None

    def open(self, run: RunFolder, record: Record) -> None:
        """Take the crops of a run."""
        self.clear()
        scores = {"before": record.before, "after": record.best}
        self._titles = {name: f"{name}, VOI {score.voi:.2f} bits" for name, score in scores.items() if score}
        self._run = run

    def compare(self, number: int | None) -> None:
        """Show a crop, which is read in a thread; None = show none any more."""
        self.wanted = number
        if number is None:
            self.view.hide()
        elif number in self._crops:
            self._show(number)
        elif self._run is not None:
            job = one_step(HeldOutCrop.read, self._run, number, stage="reading the held-out crop")
            self._worker.start(job, lambda ended: self._on_read(number, ended))
        self.changed.emit()

    def keep(self, crops: Mapping[int, HeldOutCrop]) -> None:
        """Keep crops that were read before the run was removed."""
        self._crops.update(crops)

    def clear(self) -> None:
        """Hide what is shown and forget it."""
        self._run, self._crops = None, {}
        self.compare(None)

    def _on_read(self, number: int, ended: Ended) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is not None:
            self._crops[number] = ended.result
            if number == self.wanted:
                self._show(number)

    def _show(self, number: int) -> None:
        stacks = [layer for layer in self._viewer.layers if is_image(layer)]
        self.view.show(self._crops[number], self._titles, layer_place(self._crops[number].facts, stacks))


def read_crops(run: RunFolder) -> dict[int, HeldOutCrop]:
    """Read the held-out crops of a run, by number; those that cannot be read are left out."""
    crops = {}
    for number in range(run.crops_scored):
        with suppress(UserError):
            crops[number] = HeldOutCrop.read(run, number)
    return crops
