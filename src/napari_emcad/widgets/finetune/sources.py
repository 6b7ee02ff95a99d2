"""Places to learn from: a drawn box, the whole stack, done neurons, the last edits, or a Labels layer."""

from collections.abc import Sequence
from dataclasses import replace

from napari.layers import Image, Labels

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, triple
from napari_emcad.core.label_pieces import check_labels
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.proofreading.corrections import NamedBox, boxes_of_corrections, boxes_of_locked
from napari_emcad.widgets.desk.desk import Desk
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.desk.region import BOX, Region
from napari_emcad.widgets.desk.stack import NO_STACK
from napari_emcad.widgets.finetune.crop_places import Place, shared, unbroken_places
from napari_emcad.widgets.finetune.truth import CropTruth, LayerTruth, NoTruth, SessionTruth
from napari_emcad.widgets.kit.labels_place import box_in_stack
from napari_emcad.widgets.kit.layers import LAYER_KIND, is_labels, volume_of
from napari_emcad.widgets.kit.signals import Signal

UNCORRECTED_VOXELS = 1 << 27
"""Voxels of the sections that teach without a correction, at most: some hundred of 1024 x 1024 pixels."""

UNCORRECTED_SIDE = 4096
"""Pixels of a side of these sections, at most."""

LAST = 10
"""Edits that are looked at unless a person chooses another number."""

NO_SESSION = 'Press "Start proofreading" first: what is right is said there.'
NO_LABELS = "There is no other Labels layer: open the truth of a part of the stack."


class CropSources:
    """Finds places to learn from in the stack that is chosen, and knows why there are none.

    Attributes
    ----------
    region : Region
        The drawn box.
    last : int
        Number of the last edits that `edits_places` looks at.

    Signals
    -------
    changed
        Something else can be used, or cannot for another reason.
    """

    changed = Signal()

    def __init__(self, desk: Desk):
        self._desk = desk
        self.region, self.last = Region(desk.viewer, kinds=(BOX,)), LAST
        desk.stack.changed.connect(self._on_stack)
        desk.layers_changed.connect(self._on_layers)
        desk.sessions.changed.connect(self._on_session)
        self.region.follow(self.stack)

    @property
    def stack(self) -> Image | None:
        """The stack chosen."""
        return self._desk.stack.layer

    @property
    def labels(self) -> list[Labels]:
        """Labels layers that somebody opened or drew."""
        return [layer for layer in self._desk.viewer.layers if is_labels(layer) and LAYER_KIND not in layer.metadata]

    @property
    def session(self) -> Proofreading | None:
        """The session on screen if it is one of the stack chosen; else None."""
        return None if self.why_no_session else self._desk.sessions.current

    @property
    def why_no_stack(self) -> str:
        """The reason why nothing can be taken from the stack; empty if it can."""
        return self._desk.stack.why_not

    @property
    def why_no_session(self) -> str:
        """The reason why nothing can be taken from a session; empty if it can."""
        if self.why_no_stack:
            return self.why_no_stack
        at = self._desk.sessions.current
        if at is None:
            return NO_SESSION
        source = at.result.source
        return "" if source is self.stack else f'Choose "{source.name}" as the stack: it is what is being proofread.'

    @property
    def why_no_labels(self) -> str:
        """The reason why nothing can be taken from a Labels layer; empty if it can."""
        return self.why_no_stack or ("" if self.labels else NO_LABELS)

    def truth_in(self, stack: Image, box: Box) -> tuple[Box, CropTruth]:
        """Return the truth in a box, and the part of the box in which it is known."""
        at = self._desk.sessions.current
        if at is None or at.result.source is not stack:
            return box, NoTruth()
        inside = shared(box, at.result.box)
        return (box, NoTruth()) if inside is None else (inside, _truth_of(at))

    def box_places(self) -> list[Place]:
        """Return the drawn box, as far as something is known of it."""
        self._open_stack()
        return self._places("box", self.region.box())

    def stack_places(self) -> list[Place]:
        """Return all of the stack, as far as something is known of it."""
        return self._places("whole stack", Box.whole(volume_of(self._open_stack()).shape))

    def uncorrected_place(self) -> Place:
        """Return all of the stack, or the middle of a large one, as if nobody had corrected anything in it.

        Where sections are left out it is the longest part between two of them.
        """
        layer = self._open_stack()
        shape = triple(volume_of(layer).shape)
        height, width = (min(n, UNCORRECTED_SIDE) for n in shape[1:])
        seen = min(shape[0], max(2, UNCORRECTED_VOXELS // (height * width))), height, width
        start = triple((n - m) // 2 for n, m in zip(shape, seen, strict=True))
        place = Place("uncorrected sections", layer, Box.whole(seen).moved(start), plan=self._plan)
        return replace(max(unbroken_places(place), key=lambda part: part.box.shape[0]), name=place.name)

    def done_places(self) -> list[Place]:
        """Return boxes around the neurons that are done."""
        at = self._session_of_stack()
        found = boxes_of_locked(at.session, at.boxes)
        if not found:
            raise UserError('crops: no neuron is done; select one in Proofread and press "Done".')
        return _places_in(at, found)

    def edits_places(self) -> list[Place]:
        """Return boxes around the last edits."""
        at = self._session_of_stack()
        found = boxes_of_corrections(at.session, self.last)
        if not found:
            raise UserError("crops: nothing has been merged, split or detached yet; correct something first.")
        return _places_in(at, found)

    def labels_places(self, layer: Labels, within_box: bool = False) -> list[Place]:
        """Return a Labels layer that lies over the stack, or the part of it that is inside the drawn box.

        All of it counts as checked, unless it looks as if only some profiles were painted.
        """
        stack = self._open_stack()
        check_labels(volume_of(layer))
        around = box_in_stack(layer, stack)
        box = shared(around, self.region.box()) if within_box else around
        if box is None:
            raise UserError(f'crops: "{layer.name}" has no voxel in the box; draw it over the labels.')
        truth = LayerTruth(layer, around)
        is_dense = not truth.looks_painted(box)
        return unbroken_places(Place(layer.name, stack, box, truth, all_checked=is_dense, plan=self._plan))

    def close(self) -> None:
        """Let go of the layers."""
        self._desk.stack.changed.disconnect(self._on_stack)
        self._desk.layers_changed.disconnect(self._on_layers)
        self._desk.sessions.changed.disconnect(self._on_session)
        self.region.close()

    def _on_stack(self) -> None:
        self.region.follow(self.stack)
        self.changed.emit()

    def _on_layers(self) -> None:
        self.region.follow_layers()
        self.changed.emit()

    def _on_session(self) -> None:
        self.changed.emit()

    def _open_stack(self) -> Image:
        if self.stack is None:
            raise UserError(NO_STACK)
        return self.stack

    def _session_of_stack(self) -> Proofreading:
        at = self.session
        if at is None:
            raise UserError(self.why_no_session)
        return at

    @property
    def _plan(self) -> SectionPlan | None:
        """The plan by which the sections of the stack were used for what is on screen, or else would be used."""
        result = self._desk.results.current
        return result.plan if result is not None and result.source is self.stack else self._desk.inspection.plan

    def _places(self, name: str, box: Box) -> list[Place]:
        stack = self._open_stack()
        return unbroken_places(Place(name, stack, *self.truth_in(stack, box), plan=self._plan))


def _truth_of(at: Proofreading) -> SessionTruth:
    return SessionTruth(at.session, at.opened.folder, at.result.box)


def _places_in(at: Proofreading, found: Sequence[NamedBox]) -> list[Place]:
    """Return boxes of a session, which count from its first voxel, as places in its stack."""
    truth, start = _truth_of(at), at.result.box.start
    return [Place(one.name, at.result.source, one.box.moved(start), truth, plan=at.result.plan) for one in found]
