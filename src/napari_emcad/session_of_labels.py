"""Labels from elsewhere -> a session: neurons that somebody has already are proofread like those of a run.

labels --pieces--> fragments --contacts + affinities--> region graph --> session
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.affinities import NEAREST
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape, VoxelSize
from napari_emcad.core.label_contents import KnownLabels
from napari_emcad.core.label_pieces import (
    LabelFragments,
    build_segmentation,
    check_labels,
    check_pieces,
    find_label_fragments,
)
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.sections.look import inspect_sections
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan, check_tissue
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import AffinityVolume, Volume, check_volume
from napari_emcad.io.affinities import open_affinities
from napari_emcad.io.labels.place import box_in_stack, size_note
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.section_plans import plan_facts, plan_of_json, read_plan
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import check_new, create_session
from napari_emcad.io.stacks.holds import contents_of
from napari_emcad.io.stacks.label_stacks import open_labels
from napari_emcad.io.stacks.locations import Location
from napari_emcad.io.stacks.stack import Stack, open_stack
from napari_emcad.io.stacks.stack_facts import stack_line, stack_notes
from napari_emcad.io.stacks.stack_selection import errors_of
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.pipeline import predict, provenance, recommended_threshold, resolve_parameters

if TYPE_CHECKING:  # these bring torch, which takes seconds
    from napari_emcad.networks.student import Student
    from napari_emcad.networks.teacher import Teacher

_Asked = Literal["auto", "as-is"] | SectionPlan


@dataclass(frozen=True)
class LabelFiles:
    """Files that a session is made of.

    Attributes
    ----------
    labels : Path or Url
    dataset : str or None
        Path inside the file of the labels.
    stack : Path, Url or None
        The stack that was labelled; it is shown under the neurons. Labels of a part of it have to state their place,
        as our own exports do.
    stack_dataset : str or None
    model : str or None
        Name or file of the student or teacher that predicts affinities from the stack; None = it predicts none.
    affinities : Path or None
        A Zarr folder of them; no model is asked then.
    voxel_size : VoxelSize or None
        In nm; None = as the labels say, else the stack.
    sections : "auto", "as-is" or Path
        What is done with defective sections where affinities are predicted, and what was done where they are there:
        "auto" looks at the sections of the stack, or takes the plan that the affinities carry; a path names a plan.
    """

    labels: Location
    dataset: str | None = None
    stack: Location | None = None
    stack_dataset: str | None = None
    model: str | None = None
    affinities: Path | None = None
    voxel_size: VoxelSize | None = None
    sections: Literal["auto", "as-is"] | Path = "auto"


class LabelSession(NamedTuple):
    """The parts of a session that was made of labels.

    Attributes
    ----------
    pieces : LabelFragments
    segmentation : Segmentation
    plan : SectionPlan or None
        That the affinities follow; None if all sections are used as they are, or there are no affinities.
    read : list of str
        The files that were read, a line each.
    notes : list of str
        What was guessed or left out, as sentences.
    """

    pieces: LabelFragments
    segmentation: Segmentation
    plan: SectionPlan | None
    read: list[str]
    notes: list[str]


@dataclass(frozen=True)
class AffinitySource:
    """Affinities that give edges their strength; by default there are none.

    Attributes
    ----------
    values : array-like (3, z, y, x) uint8, or None
    name : str
        Origin in words, such as "of mouse cortex".
    parameters : SegmentParameters
        Parameters that they are predicted with.
    sha256 : str
        Hash of the model that predicts them.
    plan : SectionPlan or None
        What they follow; None = all sections are used as they are.
    predict : callable, optional
        Returns the job that still has to write `values`.
    """

    values: AffinityVolume | None = None
    name: str = ""
    parameters: SegmentParameters = field(default_factory=SegmentParameters)
    sha256: str = ""
    plan: SectionPlan | None = None
    predict: Callable[[], Job[None]] | None = None


@dataclass(frozen=True)
class _Ground:
    """Labels, the stack that they lie in, or None, and the box that they take in it."""

    labels: Stack
    stack: Stack | None
    box: Box

    @classmethod
    def of(cls, labels: Stack, stack: Stack | None) -> Self:
        return cls(labels, stack, box_in_stack(labels, stack) if stack else Box.whole(labels.array.shape))

    @property
    def shape(self) -> Shape:
        """Shape of what is shown."""
        return (self.stack or self.labels).array.shape

    @property
    def measured(self) -> Stack:
        """The one whose voxel size counts."""
        return self.labels if self.labels.voxel_size or self.stack is None else self.stack

    @property
    def lines(self) -> list[str]:
        return [stack_line(one) for one in (self.labels, self.stack) if one]

    @property
    def notes(self) -> list[str]:
        notes = [note for one in (self.labels, self.stack) if one for note in stack_notes(one)]
        if self.stack is None:
            return notes
        notes += filter(None, [size_note(self.labels, self.stack)])
        if self.box != Box.whole(self.shape):
            notes.append(f"{self.labels.path.name}: lies in the stack from voxel {self.box.start} on (z, y, x).")
        return notes


def make_session_of_labels(files: LabelFiles, folder: Path) -> Job[LabelSession]:
    """Write a session; the folder is there once all of it is written. The files stay as they are.

    Labels are people's: those in sections that the plan leaves out stay, too.

    Raises
    ------
    UserError
        One sentence, if a file cannot be read, they do not fit each other, or the session cannot be written.
    """
    check_new(folder)
    with ExitStack() as opened:
        labels = opened.enter_context(_open_labels(files))
        stack = opened.enter_context(_open_labelled_stack(files)) if files.stack else None
        ground = _Ground.of(labels, stack)
        asked_for = read_plan(files.sections, ground.shape) if isinstance(files.sections, Path) else files.sections
        known = KnownLabels(labels.array)
        pieces = yield from find_label_fragments(known)  # first, as wrong labels show here
        check_pieces(pieces, str(files.labels))
        source = yield from _affinity_source(files, ground, asked_for)
        if source.predict is not None:
            yield from source.predict()
        planned = PlannedBox.of(source.plan, ground.box)
        segmentation = yield from build_segmentation(pieces, source.values, planned)
        yield Progress("writing the session", 0, 1)
        create_session(folder, segmentation, source.values, _facts(ground, source)).close()
        notes = [*ground.notes, *([f"{labels.path.name}: {known.note}"] if known.note else [])]
    return LabelSession(pieces, segmentation, source.plan, ground.lines, notes)


def card_of_labels(name: str, affinities: str = "", sha256: str = "") -> ModelCard:
    """Return the card that stands for the model if neurons are labels from elsewhere.

    Parameters
    ----------
    name : str
        Name of the labels.
    affinities : str
        Origin of the affinities, such as "of mouse cortex"; empty if there are none.
    sha256 : str
        Hash of the model that predicted them.
    """
    return ModelCard(title=f"labels {name}{affinities and f', affinities {affinities}'}", sha256=sha256)


def parameters_of_labels(used: SegmentParameters) -> SegmentParameters:
    """Return parameters that leave labels as they are: no threshold changes them, and none is a crumb."""
    recommended = recommended_threshold(None, used.agglomeration)
    threshold = recommended if used.threshold is None else used.threshold
    return used.model_copy(update={"threshold": threshold, "min_size": 0})


def _open_labels(files: LabelFiles) -> Stack:
    labels = open_labels(files.labels, files.dataset, files.voxel_size)
    check_labels(labels.array)
    return labels


def _open_labelled_stack(files: LabelFiles) -> Stack:
    assert files.stack is not None, "a stack was named"
    with errors_of("stack"):
        stack = open_stack(files.stack, files.stack_dataset)
    try:
        check_volume(stack.array)
        _check_greys(stack)
    except BaseException:
        stack.close()
        raise
    return stack


def _check_greys(stack: Stack) -> None:
    """Refuse a stack that is known to hold labels."""
    contents = contents_of(stack)
    if contents.holds == "labels" and contents.decided_by in ("file", "voxels"):
        raise UserError(
            f"{stack.path}: the grey values that were labelled are needed for the stack, and this holds labels; "
            "name the stack with --stack."
        )


def _affinity_source(files: LabelFiles, ground: _Ground, asked_for: _Asked) -> Job[AffinitySource]:
    stack = ground.stack
    if files.affinities:
        values = _affinities_in(files.affinities, ground.box.shape)
        plan = _plan_of_affinities(files.affinities, ground.shape) if asked_for == "auto" else _plan_asked(asked_for)
        return AffinitySource(values, f"in {files.affinities.name}", plan=plan)
    if stack is None or files.model is None:
        return AffinitySource()
    from napari_emcad.networks.checkpoint import load_model

    network, card = load_model(resolve_model(files.model))
    if asked_for == "auto":
        asked_for = SectionPlan.of_report((yield from inspect_sections(stack.array)))
    plan = _plan_asked(asked_for)
    if plan:
        check_tissue(plan, ground.box)
    size = files.voxel_size or stack.voxel_size
    parameters = resolve_parameters(SegmentParameters(), stack.array, card, size, plan)
    values = np.zeros((len(NEAREST), *ground.box.shape), np.uint8)
    job = partial(_predict, stack.array, network, values, ground.box, parameters, plan)
    return AffinitySource(values, f"of {card.title or files.model}", parameters, card.sha256, plan, job)


def _plan_asked(asked_for: _Asked) -> SectionPlan | None:
    """Return a plan that was asked for; None if it uses all sections as they are."""
    return asked_for if isinstance(asked_for, SectionPlan) and not asked_for.is_as_is else None


def _plan_of_affinities(path: Path, shape: Shape) -> SectionPlan | None:
    """Return the plan that affinities carry; None if all sections were used as they are."""
    known = read_provenance(path).get("sections")
    if not known:
        return None
    try:
        return plan_of_json(known, shape)
    except UserError as error:
        raise UserError(
            f"{path}: the plan that the affinities were predicted by is not one for the labels' stack {tuple(shape)}; "
            "name one with --sections FILE.json, or use the sections as they are with --sections as-is."
        ) from error


def _affinities_in(path: Path, shape: Shape) -> AffinityVolume:
    """Return the array of a Zarr folder, not read yet."""
    found = open_affinities(path)
    if found.offsets != NEAREST or found.values.dtype != np.uint8:
        raise UserError(
            f"affinities: channels z, y, x to the previous voxel as uint8 are needed, got {found.values.dtype} to the "
            f"offsets {found.offsets} in {path}; "
            "write such ones with napari-emcad segment --from-affinities FILE --affinities OUT.zarr."
        )
    _check_shape("affinities", found.values.shape[1:], shape)
    return found.values


def _check_shape(name: str, got: Sequence[int], needed: Sequence[int]) -> None:
    if tuple(got) != tuple(needed):
        raise UserError(
            f"{name}: the shape of the labels {tuple(needed)} is needed, got {tuple(got)}; cut both to the same box."
        )


def _predict(
    stack: Volume,
    network: "Student | Teacher",
    values: NDArray[np.uint8],
    box: Box,
    parameters: SegmentParameters,
    plan: SectionPlan | None,
) -> Job[None]:
    """Predict the affinities of a box of a stack."""
    from napari_emcad.inference.engines.device import reuse_memory

    reuse_memory()
    yield from predict(stack, network, values, box, parameters, plan)


def _facts(ground: _Ground, source: AffinitySource) -> SessionFacts:
    labels, shown, measured = ground.labels, ground.stack or ground.labels, ground.measured
    made_by = provenance(
        card_of_labels(labels.path.name, source.name, source.sha256),
        parameters_of_labels(source.parameters),
        ground.box,
        source=str(shown.path.absolute()),
        dataset=shown.dataset,
        fingerprint=shown.fingerprint,
        origin=shown.origin,
        **plan_facts(source.plan),
    )
    return SessionFacts.of(made_by | {"voxel_size_source": measured.size_source}, measured.voxel_size)
