"""Segmentation beside the window: what a run is asked for, what it gives, and neurons cut from it."""

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.choices import Crumbs, DeviceKind
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.ids import Ids
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.segmentation import Segmentation, neuron_sizes
from napari_emcad.core.volume import Volume
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import resolve_parameters
from napari_emcad.workers.agglomeration import agglomerate_beside
from napari_emcad.workers.prediction import Model, predict_beside


@dataclass(frozen=True)
class Cut:
    """A threshold that neurons are cut at, and what becomes of crumbs."""

    threshold: float
    min_size: int = 0
    crumbs: Crumbs = "strongest"


@dataclass(frozen=True)
class CutNeurons:
    """Neurons of a cut.

    Attributes
    ----------
    cut : Cut
    table : (n + 1,) Ids
        Neuron of each fragment, [0] = 0.
    fragment_sizes : (n + 1,) int64
        Voxels of each fragment.
    seconds : float
        Time that the cut took.
    """

    cut: Cut
    table: Ids
    fragment_sizes: NDArray[np.int64]
    seconds: float

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Voxels of each neuron, in the order of their ids."""
        return neuron_sizes(self.table, self.fragment_sizes)


@dataclass(frozen=True)
class SegmentRequest:
    """A box of a volume that is to be segmented.

    Attributes
    ----------
    volume : Volume (z, y, x)
    model : Path
    box : Box
    parameters : SegmentParameters
    affinities : (3, z, y, x) uint8
        Written while the run goes on.
    plan : SectionPlan or None
        Of the volume; None = its sections are used as they are.
    voxel_size : VoxelSize or None
        In nm; None = not known, and the network sees the pixels as they are.
    done : int
        Sections at the start of the box whose affinities are there already, from a run that was stopped.
    """

    volume: Volume
    model: Path
    box: Box
    parameters: SegmentParameters
    affinities: NDArray[np.uint8]
    plan: SectionPlan | None = None
    voxel_size: VoxelSize | None = None
    done: int = 0


@dataclass(frozen=True)
class SegmentResult:
    """The result of a run: the parameters it used, and device and seconds, to estimate the next one.

    Attributes
    ----------
    parameters : SegmentParameters
        Resolved.
    segmentation : Segmentation
    card : ModelCard
    neurons : CutNeurons
    device : str
        Its name; empty where no network ran.
    device_kind : "cpu", "cuda" or "mps"
    seconds : float
    plan : SectionPlan or None
        The one that was asked for.
    notes : tuple of str
        What looks wrong, as sentences.
    done_before : int
        Sections that an earlier run had finished.
    """

    parameters: SegmentParameters
    segmentation: Segmentation
    card: ModelCard
    neurons: CutNeurons
    device: str
    device_kind: DeviceKind
    seconds: float
    plan: SectionPlan | None = None
    notes: tuple[str, ...] = ()
    done_before: int = 0


def segment_beside(request: SegmentRequest) -> Job[SegmentResult]:
    """Load the model, predict, agglomerate, and cut at the threshold asked for or the model's."""
    yield Progress("loading the model", 0, 1)
    from napari_emcad.inference.choice import choose_device
    from napari_emcad.networks.checkpoint import inspect

    device = choose_device(request.parameters.device)
    card = inspect(request.model)
    parameters = resolve_parameters(request.parameters, request.volume, card, request.voxel_size, request.plan)
    start = time.monotonic()
    model, box, plan = Model(request.model, card), request.box, request.plan
    yield from predict_beside(request.volume, model, request.affinities, box, parameters, plan, request.done)
    segmentation = yield from agglomerate_beside(request.affinities, parameters, PlannedBox.of(plan, box))
    neurons = cut_neurons(segmentation, Cut(parameters.threshold, parameters.min_size, parameters.crumbs))
    seconds = time.monotonic() - start
    used, before = (device.name, device.kind, seconds, plan), request.done
    return SegmentResult(parameters, segmentation, card, neurons, *used, done_before=before)


def agglomerate_again(
    affinities: NDArray[np.uint8], parameters: SegmentParameters, cut: Cut, sections: PlannedBox | None = None
) -> Job[tuple[Segmentation, CutNeurons]]:
    """Make another segmentation of affinities that are there, and cut it."""
    segmentation = yield from agglomerate_beside(affinities, parameters, sections)
    return segmentation, cut_neurons(segmentation, cut)


def cut_neurons(segmentation: Segmentation, cut: Cut) -> CutNeurons:
    """Cut neurons and join their crumbs."""
    start = time.perf_counter()
    table = segmentation.table(cut.threshold, cut.min_size, cut.crumbs)
    return CutNeurons(cut, table, segmentation.sizes, time.perf_counter() - start)
