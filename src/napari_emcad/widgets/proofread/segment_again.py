"""The same region with another model, in a session beside the old one that takes its edits over."""

from pathlib import Path

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.io.sessions.facts import SessionFacts, read_facts
from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.io.sessions.open_session import OpenSession
from napari_emcad.widgets.desk.results import Result
from napari_emcad.widgets.kit.layers import is_image, volume_of
from napari_emcad.widgets.kit.messages import MessageLine
from napari_emcad.widgets.kit.session_place import next_session_folder
from napari_emcad.widgets.kit.stack_choice import StackChoice
from napari_emcad.widgets.proofread.bring_edits import BringEdits, Bringing, bringing
from napari_emcad.widgets.proofread.panel import facts_of
from napari_emcad.widgets.proofread.session_view import STAND_IN
from napari_emcad.widgets.segment.panel import SegmentPanel


def written_and_brought(
    new: Path, made: Segmentation, affinities: NDArray[np.uint8], facts: SessionFacts, old: Path
) -> Job[tuple[OpenSession, FragmentBoxes]]:
    """Write a new session, and make the edits of an old one again in it; the old one is only read."""
    yield Progress("writing the session", 0, 1)
    create_session(new, made, affinities, facts).close()
    return (yield from bringing(old, new))


class SegmentAgain:
    """Segments what is on screen once more; where it was edited, its edits are made again."""

    def __init__(self, viewer, stack: StackChoice, segment: SegmentPanel, bring: BringEdits, message: MessageLine):
        self._viewer, self._stack, self._segment = viewer, stack, segment
        self._bring, self._message = bring, message

    def start(self, model: Path) -> None:
        """Segment with a model: the region of the current result, or where there is none that which is chosen."""
        before = self._segment.results.current
        try:
            ground = self._ground(before)
        except UserError as error:
            self._message.error(error)
            return
        self._segment.model.open_file(model)
        if ground is None:
            self._segment.run()
            return
        self._stack.combo.layer, box = ground
        is_trial = before.is_trial and before.session_folder is None
        self._segment.segment_again(box, is_trial, lambda made: self._on_made(before, made))

    # ---- inside ------------------------------------------------------------------------------------------------

    def _ground(self, before: Result | None) -> tuple[Image, Box] | None:
        """The stack of a result, and its box there; the stack that is chosen where only something stands for it.

        Without a result, and where one that nobody edited has lost its stack, there is none.

        Raises
        ------
        UserError
            Where the stack that is chosen has no such box.
        """
        if before is not None and self._is_stack(before.source):
            return before.source, before.box
        if before is None or before.session_folder is None:
            return None
        box, chosen = read_facts(before.session_folder).box_of(before.box.shape), self._stack.layer
        if not self._is_stack(chosen) or not _holds(chosen, box):
            raise UserError("segment again: the stack of these neurons is not open; open it and choose it under Stack.")
        return chosen, box

    def _is_stack(self, layer) -> bool:
        return layer in self._viewer.layers and is_image(layer) and STAND_IN not in layer.metadata

    def _on_made(self, before: Result, made: Result | None) -> None:
        """The run has ended; where it gave nothing, the neurons from before are looked at again."""
        if made is None:
            if before is self._segment.results.current:
                before.neuron_layer.visible = True
        elif before.session_folder is not None:
            order = Bringing(made, before.session_folder, next_session_folder(before.session_folder, made.source))
            job = written_and_brought(order.new, made.segmentation, made.affinities, facts_of(made), order.old)
            self._bring.start(order, job)


def _holds(stack, box: Box) -> bool:
    shape = volume_of(stack).shape
    return len(shape) == 3 and box.clipped(shape) == box
