"""Labels from elsewhere -> a session: neurons that somebody has already are proofread like those of a run.

labels --pieces--> fragments --contacts + affinities--> region graph --> session
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_emcad.core.affinities import NEAREST
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.label_pieces import (
    LabelFragments,
    build_segmentation,
    check_labels,
    find_label_fragments,
)
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import check_volume
from napari_emcad.io.affinities import open_affinities
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.new_session import check_new, create_session
from napari_emcad.io.stacks.locations import Location
from napari_emcad.io.stacks.stack import Stack, open_stack, stack_names
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.pipeline import predict, provenance, recommended_threshold, resolve_parameters

SMALLEST_MEAN = 4
"""Voxels of a piece in a section: neurons have hundreds, grey values of electron micrographs 1.2."""


@dataclass(frozen=True)
class LabelFiles:
    """What a session is made of.

    Attributes
    ----------
    labels : Path or Url
    dataset : str or None
        Path inside the file of the labels.
    stack : Path, Url or None
        The stack that was labelled; it is shown under the neurons.
    stack_dataset : str or None
    model : str or None
        Name or file of the student or teacher that predicts affinities from the stack; None = it predicts none.
    affinities : Path or None
        A Zarr folder of them; no model is asked then.
    voxel_size : VoxelSize or None
        In nm; None = as the labels say, else the stack.
    """

    labels: Location
    dataset: str | None = None
    stack: Location | None = None
    stack_dataset: str | None = None
    model: str | None = None
    affinities: Path | None = None
    voxel_size: VoxelSize | None = None


@dataclass(frozen=True)
class AffinitySource:
    """Where the edges get their strength: from nothing, a file, or a network that is still to write `values`."""

    values: Any = None
    told: str = ""
    network: Any = None
    parameters: SegmentParameters = field(default_factory=SegmentParameters)
    sha256: str = ""


def session_of_labels(files: LabelFiles, folder: Path) -> Job[tuple[LabelFragments, Segmentation]]:
    """Write a session; the folder is there once all of it is written. The files stay as they are.

    Raises
    ------
    UserError
        One sentence, where a file cannot be read, they do not fit each other, or the session cannot be written.
    """
    check_new(folder)
    with ExitStack() as opened:
        labels = opened.enter_context(_open_labels(files))
        stack = opened.enter_context(_open_stack(files, labels.array.shape)) if files.stack else None
        source = _affinity_source(files, labels.array.shape, stack)
        pieces = yield from find_label_fragments(labels.array)  # first, as wrong labels show here
        _check_size(pieces, files.labels)
        if source.network is not None:
            yield from _predicting(source, stack.array)
        segmentation = yield from build_segmentation(pieces, source.values)
        yield Progress("writing the session", 0, 1)
        create_session(folder, segmentation, source.values, _facts(labels, stack, source)).close()
    return pieces, segmentation


def card_of_labels(name: str, affinities: str = "", sha256: str = "") -> ModelCard:
    """What stands for the model where neurons are labels from elsewhere.

    Parameters
    ----------
    name : str
        Of the labels.
    affinities : str
        Where they are from, such as "of mouse cortex"; empty where there are none.
    sha256 : str
        Of the model that predicted them.
    """
    return ModelCard(title=f"labels {name}{affinities and f', affinities {affinities}'}", sha256=sha256)


def parameters_of_labels(used: SegmentParameters) -> SegmentParameters:
    """Those of the affinities, and such that labels stay as they are: no threshold changes them, none is a crumb."""
    recommended = recommended_threshold(None, used.agglomeration)
    threshold = recommended if used.threshold is None else used.threshold
    return used.model_copy(update={"threshold": threshold, "min_size": 0})


def _open_labels(files: LabelFiles) -> Stack:
    names = [] if files.dataset else stack_names(files.labels)
    if len(names) > 1:
        raise UserError(f"{files.labels}: a dataset is needed, it holds {', '.join(names)}; name it with --dataset.")
    labels = open_stack(files.labels, files.dataset, files.voxel_size)
    check_labels(labels.array)
    return labels


def _check_size(pieces: LabelFragments, path: Location) -> None:
    n = int(pieces.fragments.max())
    size = np.count_nonzero(pieces.fragments) / n
    if size < SMALLEST_MEAN:
        raise UserError(
            f"{path}: labels are needed, these look like grey values: {n:,} pieces of {size:.1f} voxels on average; "
            "choose the file or dataset with labels."
        )


def _open_stack(files: LabelFiles, shape: Sequence[int]) -> Stack:
    stack = open_stack(files.stack, files.stack_dataset)
    check_volume(stack.array)
    _check_shape("stack", stack.array.shape, shape)
    return stack


def _affinity_source(files: LabelFiles, shape: Sequence[int], stack: Stack | None) -> AffinitySource:
    if files.affinities:
        return AffinitySource(_affinities_in(files.affinities, shape), f"in {files.affinities.name}")
    if stack is None or files.model is None:
        return AffinitySource()
    from napari_emcad.networks.checkpoint import load_model

    network, card = load_model(resolve_model(files.model))
    parameters = resolve_parameters(SegmentParameters(), stack.array, card)
    values = np.zeros((len(NEAREST), *shape), np.uint8)
    return AffinitySource(values, f"of {card.title or files.model}", network, parameters, card.sha256)


def _affinities_in(path: Path, shape: Sequence[int]) -> Any:
    """The Zarr array, not read yet."""
    found = open_affinities(path)
    if found.offsets != NEAREST or found.values.dtype != np.uint8:
        raise UserError(
            f"affinities: channels z, y, x to the previous voxel as uint8 are needed, got {found.values.dtype} to the "
            f"offsets {found.offsets} in {path}; write them with napari-emcad segment --affinities."
        )
    _check_shape("affinities", found.values.shape[1:], shape)
    return found.values


def _check_shape(what: str, got: Sequence[int], needed: Sequence[int]) -> None:
    if tuple(got) != tuple(needed):
        raise UserError(
            f"{what}: the shape of the labels {tuple(needed)} is needed, got {tuple(got)}; cut both to the same box."
        )


def _predicting(source: AffinitySource, stack: Any) -> Job[None]:
    from napari_emcad.inference.engines.device import reuse_memory

    reuse_memory()
    yield from predict(stack, source.network, source.values, Box.whole(stack.shape), source.parameters)


def _facts(labels: Stack, stack: Stack | None, source: AffinitySource) -> SessionFacts:
    shown = stack or labels
    made = provenance(
        card_of_labels(labels.path.name, source.told, source.sha256),
        parameters_of_labels(source.parameters),
        Box.whole(labels.array.shape),
        source=str(shown.path.absolute()),
        dataset=shown.dataset,
        fingerprint=shown.fingerprint,
    )
    return SessionFacts.of(made, labels.voxel_size or shown.voxel_size)
