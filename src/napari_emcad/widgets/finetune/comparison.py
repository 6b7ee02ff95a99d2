"""The held-out crops of a run, read when they are asked for and shown before and after."""

from contextlib import suppress

from napari_emcad.core.errors import UserError
from napari_emcad.finetuning.record import Record
from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.finetune.before_after import BeforeAfter, HeldOut
from napari_emcad.widgets.finetune.runs import RunFolder, layer_place
from napari_emcad.widgets.kit.jobs import Ended, Jobs, one_step
from napari_emcad.widgets.kit.layers import is_image


class Comparison:
    """What a network found before and after its run.

    Attributes
    ----------
    view : BeforeAfter
    """

    def __init__(self, viewer, worker: Jobs, message: Message):
        self._viewer, self._worker, self._message = viewer, worker, message
        self._run: RunFolder | None = None
        self._titles: dict[str, str] = {}
        self._read: dict[int, HeldOut] = {}
        self._wanted: int | None = None
        self.view = BeforeAfter(viewer)

    def of(self, run: RunFolder, record: Record) -> None:
        """The run whose crops are compared."""
        self.clear()
        scores = {"before": record.before, "after": record.best}
        self._titles = {name: f"{name}, VOI {score.voi:.2f} bits" for name, score in scores.items() if score}
        self._run = run

    def compare(self, number: int | None) -> None:
        """Show a crop, which is read in a thread; None = none any more."""
        self._wanted = number
        if number is None:
            self.view.hide()
        elif number in self._read:
            self._show(number)
        else:
            job = one_step(HeldOut.read, self._run, number, stage="reading the held-out crop")
            self._worker.start(job, lambda ended: self._on_read(number, ended))

    def read_all(self) -> None:
        """Read what can be read before the run is removed."""
        for number in range(self._run.crops_scored):
            with suppress(UserError):
                self._read[number] = self._read.get(number) or HeldOut.read(self._run, number)

    def clear(self) -> None:
        """Hide what is shown and forget it."""
        self.view.hide()
        self._run, self._wanted, self._read = None, None, {}

    def _on_read(self, number: int, ended: Ended) -> None:
        if ended.error is not None:
            self._message.error(ended.error)
        elif ended.result is not None:
            self._read[number] = ended.result
            if number == self._wanted:
                self._show(number)

    def _show(self, number: int) -> None:
        stacks = [layer for layer in self._viewer.layers if is_image(layer)]
        self.view.show(self._read[number], self._titles, layer_place(self._read[number].facts, stacks))
