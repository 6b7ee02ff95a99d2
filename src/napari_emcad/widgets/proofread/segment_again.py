"""The same region with another model, in a session beside the old one that takes its edits over."""

from pathlib import Path

from napari.layers import Image, Layer

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import AffinityVolume
from napari_emcad.io.sessions.facts import SessionFacts, read_facts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.opening import Opened, facts_of
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.desk.session_stack import STAND_IN
from napari_emcad.widgets.kit.layers import is_image, volume_of
from napari_emcad.widgets.kit.session_place import next_session_folder
from napari_emcad.widgets.proofread.bring_edits import BringEdits, BringOrder, bring_job


def write_and_bring_job(
    new: Path, segmentation: Segmentation, affinities: AffinityVolume | None, facts: SessionFacts, old: Path
) -> Job[Opened]:
    """Write a new session, and make the edits of an old one again in it; the old one is only read."""
    yield Progress("writing the session", 0, 1)
    create_session(new, segmentation, affinities, facts).close()
    return (yield from bring_job(old, new))


class SegmentAgain:
    """Segments the region on screen once more, and makes the edits of its session again."""

    def __init__(self, desk: Desk, bring: BringEdits):
        self._desk, self._bring = desk, bring

    def start(self, model: Path) -> None:
        """Segment the region of the current result with a model; without a result, the region that is chosen."""
        desk, before = self._desk, self._desk.results.current
        try:
            ground = self._ground(before)
        except UserError as error:
            desk.message.error(error)
            return
        desk.model.open_file(model)
        if ground is None or before is None:
            desk.runs.run()
            return
        desk.stack.layer, box = ground
        is_trial = before.is_trial and before.session_folder is None
        desk.runs.segment_again(box, is_trial, lambda result: self._on_result(before, result))

    # ---- inside ------------------------------------------------------------------------------------------------

    def _ground(self, before: Result | None) -> tuple[Image, Box] | None:
        """Return the stack of a result, and its box there; the stack chosen where only something stands for it.

        Without a result, and where one that nobody edited has lost its stack, there is none.

        Raises
        ------
        UserError
            The stack that is chosen has no such box.
        """
        if before is not None and self._is_stack(before.source):
            return before.source, before.box
        if before is None or before.session_folder is None:
            return None
        box, chosen = read_facts(before.session_folder).box_of(before.box.shape), self._desk.stack.layer
        if not self._is_stack(chosen) or not _holds(chosen, box):
            raise UserError("segment again: the stack of these neurons is not open; open it and choose it under Stack.")
        return chosen, box

    def _is_stack(self, layer: Layer | None) -> bool:
        if layer is None or layer not in self._desk.viewer.layers:
            return False
        return is_image(layer) and STAND_IN not in layer.metadata

    def _on_result(self, before: Result, result: Result | None) -> None:
        """Bring the edits; without a result of the run, show the neurons from before again."""
        if result is None:
            if before is self._desk.results.current:
                before.neuron_layer.visible = True
        elif before.session_folder is not None:
            new = next_session_folder(before.session_folder, result.source)
            order = BringOrder(result, before.session_folder, new)
            job = write_and_bring_job(new, result.segmentation, result.affinities, facts_of(result), order.old)
            self._bring.start(order, job)


def _holds(stack: Image, box: Box) -> bool:
    shape = volume_of(stack).shape
    return len(shape) == 3 and box.clipped(shape) == box
