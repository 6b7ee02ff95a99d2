"""Crops to train with, read from files or from a proofreading session."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.crop import SMALLEST, Crop, exchange_greys, unlabelled_crop
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, triple
from napari_emcad.core.label_contents import is_unlabelled, unlabelled_note
from napari_emcad.core.painted import looks_painted, painted_known
from napari_emcad.core.progress import drive
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.sections.unbroken import unbroken
from napari_emcad.core.volume import Volume, check_volume
from napari_emcad.inference.normalisation import EM_GREYS, Normalisation, choose_normalisation
from napari_emcad.io.sessions.open_session import OpenSession, find_boxes, open_session
from napari_emcad.io.stacks.find_stack import find_stack
from napari_emcad.io.stacks.label_stacks import open_labels
from napari_emcad.io.stacks.locations import Location
from napari_emcad.io.stacks.stack import Stack, open_stack
from napari_emcad.io.stacks.stack_facts import stack_line, stack_notes
from napari_emcad.io.stacks.stack_selection import errors_of
from napari_emcad.networks.card import GreyRange
from napari_emcad.proofreading.corrections import NamedBox, boxes_of_corrections, boxes_of_locked, verified_labels

TrainAndHeldOut = tuple[list[Crop], list[Crop]]
"""Crops to train on, and crops to score on."""


@dataclass(frozen=True)
class CropPlaces:
    """Parts of a stack: boxes as "z0:z1,y0:y1,x0:x1" in its voxels.

    Attributes
    ----------
    train : sequence of str
        None = the whole stack; of a session, what was proofread.
    held_out : sequence of str
    unlabelled : sequence of str
        Boxes of which nothing is known: only a teacher teaches there.
    """

    train: Sequence[str] = ()
    held_out: Sequence[str] = ()
    unlabelled: Sequence[str] = ()


@dataclass(frozen=True)
class CropFiles:
    """A stack with its labels and mask, each of the same shape (z, y, x); datasets as `open_stack` takes them.

    Labels that were `painted` know whole profiles and nothing else, see `core.painted`; in others 0 is boundary.
    """

    raw: Location
    dataset: str | None = None
    labels: Location | None = None
    mask: Location | None = None
    labels_dataset: str | None = None
    mask_dataset: str | None = None
    painted: bool = False


MOSTLY_0 = (
    "labels: in some sections most of them are 0, which is learnt as boundary; "
    "if 0 stands for what nobody painted, say so with --painted."
)


def _say_nothing(line: str) -> None:
    """Keep a line to oneself."""


ChoosePlan = Callable[[Volume, Box], SectionPlan | None]
"""Returns the plan for a stack of which a box is read; None if all sections are used as they are."""


def read_crops(
    files: CropFiles,
    places: CropPlaces,
    trained: GreyRange = EM_GREYS,
    choose: ChoosePlan | None = None,
    say: Callable[[str], None] = _say_nothing,
) -> TrainAndHeldOut:
    """Read crops to train on and to hold out; without labels all is 0.

    Boxes are parted where the plan leaves sections out, or they do not go on; what is missing in one is not known, and
    neither is what the labels mark as unlabelled, see `core.label_contents`.

    Parameters
    ----------
    files : CropFiles
    places : CropPlaces
    trained : GreyRange
        Range of the grey levels that the network was trained on, see `Normalisation.of`.
    choose : callable, optional
        Chooses the plan; None = all sections are used as they are.
    say : callable
        Is told what was read and what was guessed, one line at a time.

    Raises
    ------
    UserError
        If a file cannot be read, shapes differ, a box lies outside or no sections of it go on from each other.
    """
    with ExitStack() as opened:
        raw = opened.enter_context(open_stack(files.raw, files.dataset))
        check_volume(raw.array)
        with errors_of("labels"):
            labels = opened.enter_context(open_labels(files.labels, files.labels_dataset)) if files.labels else None
        with errors_of("mask"):
            mask = opened.enter_context(open_stack(files.mask, files.mask_dataset)) if files.mask else None
        for name, other in (("labels", labels), ("mask", mask)):
            _check_shape(name, other, raw)
        for stack in filter(None, (raw, labels, mask)):
            for line in (stack_line(stack), *stack_notes(stack)):
                say(line)
        shape = raw.array.shape
        train = [Box.parse(text, shape) for text in places.train] or [Box.whole(shape)]
        held_out = [Box.parse(text, shape) for text in places.held_out]
        others = [Box.parse(text, shape) for text in places.unlabelled]
        plan = choose(raw.array, _around([*train, *held_out, *others])) if choose else None
        source = _FileStack(raw, Normalisation.of(raw.array, trained, plan), plan, labels, mask, files.painted)
        crops = source.crops(train) + source.unlabelled_crops(places.unlabelled)
        scored = source.crops(held_out)
    dense = [crop for crop in (*crops, *scored) if crop.known is None]
    if labels is not None and not files.painted and any(looks_painted(crop.labels) for crop in dense):
        say(MOSTLY_0)
    if source.marks:
        say(unlabelled_note(source.marks))
    return crops, scored


def read_session_crops(
    folder: Path, raw: CropFiles | None, places: CropPlaces, say: Callable[[str], None] = _say_nothing
) -> TrainAndHeldOut:
    """Read crops of what was proofread: around the done neurons; if there are none, around the corrections.

    A box that is named counts as verified in all its voxels.

    Parameters
    ----------
    folder : Path
        NAME.emcad; it is only read.
    raw : CropFiles, optional
        Files of its stack as it lies now; None = it is found, see `find_stack`.
    places : CropPlaces
    say : callable
        Is told how the stack was found, if it is not where it was.

    Raises
    ------
    UserError
        If session or stack cannot be read or do not belong together, or nothing was proofread.
    """
    with open_session(folder, to_read=True) as opened, _open_stack_of(opened, raw, say) as stack:
        source = _proofread_stack(opened, stack)
        rest = source.unlabelled_crops(places.unlabelled)
        if places.train or places.held_out:
            train, held_out = (
                [source.crop(box, all_checked=True) for text in texts for box in source.named_boxes(text)]
                for texts in (places.train, places.held_out)
            )
            return train + rest, held_out
        session = opened.session
        found = boxes_of_locked(session, drive(find_boxes(opened)))
        found = found or boxes_of_corrections(session, last=len(session.log.rows))
        if not found:
            raise UserError(f"{folder}: nothing in it is done or corrected; proofread some neurons, or name a --box.")
        return [source.crop(box) for box in found] + rest, []


@dataclass(frozen=True)
class _CropStack:
    """A stack that is open, its grey levels, and the plan for its sections; None = all are used as they are."""

    raw: Stack
    levels: Normalisation
    plan: SectionPlan | None

    def pixels(self, box: Box) -> NDArray[np.uint8] | NDArray[np.float32]:
        """Read the grey values of a box as training takes them."""
        pixels = self.levels.for_crops(np.asarray(self.raw.array[box.slices]))
        return pixels if self.plan is None else exchange_greys(pixels, self.plan.inverted[box.slices[0]])

    def name_of(self, box: Box) -> str:
        """Return the name of a crop: that of the stack, with the box if it is not all."""
        return self.raw.path.stem if box == Box.whole(self.raw.array.shape) else f"{self.raw.path.stem}[{box.text}]"

    def unlabelled_crops(self, texts: Sequence[str]) -> list[Crop]:
        """Read crops of which nothing is known."""
        boxes = [part for text in texts for part in self.unbroken(Box.parse(text, self.raw.array.shape))]
        return [unlabelled_crop(self.pixels(box), f"{self.name_of(box)}, unlabelled") for box in boxes]

    def unbroken(self, box: Box) -> list[Box]:
        """Return the parts of a box that crops can be made of.

        Raises
        ------
        UserError
            If there are none.
        """
        parts = [part for part in unbroken(box, self.plan) if part.shape[0] >= SMALLEST[0]]
        if not parts:
            raise UserError(
                f"box: at least {SMALLEST[0]} sections in a row that are not left out are needed, {box.text} has "
                "none; choose another box."
            )
        return parts


@dataclass(frozen=True)
class _FileStack(_CropStack):
    """The files that `CropFiles` names, open."""

    labels: Stack | None
    mask: Stack | None
    painted: bool = False
    marks: set[int] = field(default_factory=set)
    """Values of the labels that stood for "unlabelled" in what has been read."""

    def crops(self, boxes: Sequence[Box]) -> list[Crop]:
        """Read the crops of boxes, in parts where the plan does not use their sections."""
        return [self._crop(part) for box in boxes for part in ([box] if self.plan is None else self.unbroken(box))]

    def _crop(self, box: Box) -> Crop:
        truth: NDArray[Any] = np.zeros(box.shape, np.uint8)
        if self.labels is not None:
            truth = np.asarray(self.labels.array[box.slices])
        known = None if self.mask is None else np.asarray(self.mask.array[box.slices]) != 0
        unlabelled = is_unlabelled(truth)
        if self.painted:
            painted = painted_known(np.where(unlabelled, 0, truth))
            known = painted if known is None else known & painted
        self.marks.update(int(value) for value in np.unique(truth[unlabelled]))
        for missing in (unlabelled, PlannedBox(self.plan, box).bridged() if self.plan else None):
            if missing is not None and missing.any():
                known = ~missing if known is None else known & ~missing
        return Crop(self.pixels(box), np.where(unlabelled, truth.dtype.type(0), truth), known, self.name_of(box))


@dataclass(frozen=True)
class _ProofreadStack(_CropStack):
    """A session, the stack that it belongs to, and its region in that."""

    opened: OpenSession
    place: Box

    def crop(self, found: NamedBox, all_checked: bool = False) -> Crop:
        """Read a crop; the box counts voxels of the session."""
        labels, known = verified_labels(self.opened.session, found.box, all_checked)
        return Crop(self.pixels(found.box.moved(self.place.start)), labels, known, found.name)

    def named_boxes(self, text: str) -> list[NamedBox]:
        """Return a box of the stack as one of the session's fragments, in parts where sections are left out."""
        box = Box.parse(text, self.raw.array.shape)
        inner = box.within(self.place)
        if inner.clipped(self.place.shape) != inner:
            raise UserError(f"box: {text} does not lie in the session's region {self.place.text}; choose it inside.")
        parts = self.unbroken(box)
        return [NamedBox(f"{self.raw.path.stem}[{part.text}]", part.within(self.place), 1.0) for part in parts]


def _proofread_stack(opened: OpenSession, stack: Stack) -> _ProofreadStack:
    """Put a session and its stack together."""
    place = opened.facts.box_of(opened.session.state.base.fragments.shape)
    if place.clipped(stack.array.shape) != place:
        raise UserError(
            f"{stack.path}: the stack of {opened.folder} is needed, and its region {place.start} to {place.stop} does "
            f"not lie in this one of shape {tuple(stack.array.shape)}; name the right one with --raw."
        )
    black, white = (opened.facts.parameters.get(name) for name in ("black", "white"))
    levels = choose_normalisation(stack.array, black, white, EM_GREYS, opened.facts.plan)
    return _ProofreadStack(stack, levels, opened.facts.plan, opened, place)


def _open_stack_of(opened: OpenSession, raw: CropFiles | None, say: Callable[[str], None]) -> Stack:
    known = opened.facts.stack_in(opened.folder, triple(opened.session.state.base.fragments.shape))
    if raw and raw.dataset:
        known = replace(known, dataset=raw.dataset)
    found = find_stack(known, raw.raw if raw else None, "name it with --raw")
    if found.note:
        say(found.note)
    return open_stack(found.path, found.dataset)


def _around(boxes: Sequence[Box]) -> Box:
    """Return the smallest box that holds all of these."""
    start, stop = (np.array([getattr(box, end) for box in boxes]) for end in ("start", "stop"))
    return Box(triple(start.min(axis=0)), triple(stop.max(axis=0)))


def _check_shape(name: str, other: Stack | None, raw: Stack) -> None:
    if other is not None and other.array.shape != raw.array.shape:
        raise UserError(
            f"{name}: the shape of the stack {tuple(raw.array.shape)} is needed, {other.path} has "
            f"{tuple(other.array.shape)}; choose the file that belongs to the stack."
        )
