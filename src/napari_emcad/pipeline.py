"""The whole method for EM stacks on one screen; the one for optical volumes is in optical.py.

    volume --student--> affinities --watershed--> fragments --> region graph --> merge tree --> neurons at a threshold

1. A network looks at the sections, two by two, and says for each voxel how likely the voxel before it on z, y and x is
   of the same neuron: the affinities.
2. A watershed floods each section up to its membranes: fragments, pieces that are surely of one neuron each.
3. The region graph says which fragments touch, and how high the affinities are where they do.
4. Fragments are joined one pair after the other, the likeliest first. The merge tree keeps that order with its scores,
   so that it can be cut at any threshold in milliseconds: a low one keeps fragments apart, a high one joins them.

Source: Liu et al., "Cross-dimension Affinity Distillation for 3D EM Neuron Segmentation", CVPR 2024.
"""

from dataclasses import dataclass
from math import prod, sqrt
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from napari_emcad import __version__
from napari_emcad.core.agglomeration import agglomerate_fragments, agglomeration_memory
from napari_emcad.core.bridging import bridge_fragments
from napari_emcad.core.choices import DEFAULT_SEED_SIGMA, DEFAULT_THRESHOLDS, Agglomeration, DeviceKind
from napari_emcad.core.errors import UserError
from napari_emcad.core.fragments import find_fragments
from napari_emcad.core.gap_contacts import without_chance_contacts
from napari_emcad.core.geometry import Box, Shape, VoxelSize, check_box, triple
from napari_emcad.core.parameters import Parameters, ResolvedSegmentParameters, SegmentOptions, SegmentParameters
from napari_emcad.core.pixel_size import OWN, Scale, scale_between, seen_shape
from napari_emcad.core.progress import Job, Progress, drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.sections.look import inspect_sections
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan, check_shape, check_tissue
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.swallowing import sections_and_sizes, without_swallowing
from napari_emcad.core.volume import (
    SMALLEST_SECTION,
    AffinityStore,
    AffinityVolume,
    Volume,
    Writable,
    check_volume,
)
from napari_emcad.io.section_plans import plan_facts
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.zoo import BUNDLED, resolve_model

if TYPE_CHECKING:  # these bring torch, which takes seconds
    from napari_emcad.networks.student import Student
    from napari_emcad.networks.teacher import Teacher


@dataclass(frozen=True)
class Segmented:
    """The result of `segment`.

    Attributes
    ----------
    labels : (z, y, x) uint16 or uint32
        Neurons at the threshold, 0 = none.
    segmentation : Segmentation
        Fragments, region graph and merge tree: neurons at any other threshold in milliseconds.
    affinities : (3, z, y, x) uint8
        Affinities x 255, channels z, y, x, to the previous voxel.
    threshold : float
    provenance : dict
        Program, version, model, parameters and what was done with the sections, ready for a file.
    plan : SectionPlan
        What was done with each section; `plan.sentence` says it, and `plan.interpolated` which labels were made up.
    """

    labels: NDArray[np.integer[Any]]
    segmentation: Segmentation
    affinities: NDArray[np.uint8]
    threshold: float
    provenance: dict[str, Any]
    plan: SectionPlan


def segment(
    volume: Volume,
    model: str = BUNDLED,
    box: Box | None = None,
    sections: Literal["auto", "as-is"] | SectionPlan = "auto",
    voxel_size: VoxelSize | None = None,
    **options: Unpack[SegmentOptions],
) -> Segmented:
    """Segment the neurons of an EM stack, across sections that are blank, blurred, shifted or not whole.

    Parameters
    ----------
    volume : array-like (z, y, x)
        Grey values of any real dtype, read by slices; not modified.
    model : str
        Name of a bundled model or a checkpoint file.
    box : Box, optional
        Part of the volume; None = all.
    sections : "auto", "as-is" or SectionPlan
        What is done with defective sections. "auto" looks at all sections of the volume first, which takes a few
        percent of the time that it takes to segment them, and a stack without defects is segmented as it is; "as-is"
        uses every section as it is.
    voxel_size : VoxelSize, optional
        In nm. If the pixels are unlike those that the model was trained on, it sees them at its own size; None = it
        sees them as they are.
    **options
        Fields of `SegmentParameters`, such as threshold=0.3 or min_size=100.

    Raises
    ------
    UserError
        One sentence, if the volume, the box, the model, the plan or a parameter cannot be used, or no tissue is found.
    """
    from napari_emcad.networks.checkpoint import load_model

    check_volume(volume)
    requested, box = SegmentParameters.of(**options), box or Box.whole(volume.shape)
    check_box(box, volume.shape)
    network, card = load_model(resolve_model(model))
    plan = _plan_for(volume, sections)
    check_tissue(plan, box)
    parameters = resolve_parameters(requested, volume, card, voxel_size, plan)
    affinities = np.zeros((3, *box.shape), np.uint8)
    segmentation = drive(run(volume, network, affinities, box, parameters, plan))
    table = segmentation.table(parameters.threshold, parameters.min_size, parameters.crumbs)
    made_by = provenance(card, parameters, box, **plan_facts(plan))
    return Segmented(segmentation.labels(table), segmentation, affinities, parameters.threshold, made_by, plan)


def _plan_for(volume: Volume, sections: str | SectionPlan) -> SectionPlan:
    shape = triple(volume.shape)
    if isinstance(sections, SectionPlan):
        check_shape(sections, shape)
        return sections
    if sections == "auto":
        return SectionPlan.of_report(drive(inspect_sections(volume)))
    if sections == "as-is":
        return SectionPlan.as_is(shape)
    raise UserError(f'sections: "auto", "as-is" or a SectionPlan is needed, got {sections!r}.')


# ---- the method ------------------------------------------------------------------------------------------------------


def run(
    volume: Volume,
    network: "Student | Teacher",
    affinities: AffinityStore,
    box: Box,
    parameters: SegmentParameters,
    plan: SectionPlan | None = None,
) -> Job[Segmentation]:
    """Predict and agglomerate. Finished sections stand in `affinities` while the rest runs.

    Parameters
    ----------
    volume : array-like (z, y, x)
    network : Student or Teacher
    affinities : array-like (3, z, y, x) uint8
        Written; of the box's shape.
    box : Box
    parameters : SegmentParameters
    plan : SectionPlan, optional
        Of the whole volume; None = every section is used as it is.

    Raises
    ------
    UserError
        If nothing of the box shows tissue by the plan.
    """
    if plan:
        check_tissue(plan, box)
    yield from predict(volume, network, affinities, box, parameters, plan)
    return (yield from agglomerate(affinities, parameters, plan, box))


def predict(
    volume: Volume,
    network: "Student | Teacher",
    affinities: Writable,
    box: Box,
    parameters: SegmentParameters,
    plan: SectionPlan | None = None,
    done: int = 0,
) -> Job[None]:
    """Volume -> affinities, of which the first `done` sections are there already."""
    from napari_emcad.inference.choice import choose_device
    from napari_emcad.inference.normalisation import EM_GREYS, choose_normalisation
    from napari_emcad.inference.predict import predict_by
    from napari_emcad.inference.prediction import Prediction

    levels = choose_normalisation(volume, parameters.black, parameters.white, EM_GREYS, plan)
    device, scale = choose_device(parameters.device), parameters.scale or OWN
    prediction = Prediction(box, levels, device, plan=plan, scale=scale, done=done)
    yield from predict_by(network, volume, affinities, prediction)


def agglomerate(
    affinities: AffinityVolume,
    parameters: SegmentParameters,
    plan: SectionPlan | None = None,
    box: Box | None = None,
) -> Job[Segmentation]:
    """Affinities -> fragments -> region graph -> merge tree, with fragments across what the plan bridges.

    Parameters
    ----------
    affinities : (3, z, y, x) uint8
        Of the box, as `predict` writes them with the same plan.
    parameters : SegmentParameters
    plan : SectionPlan, optional
        Of the whole volume; None = every section is used as it is.
    box : Box, optional
        Place of the affinities in the volume; None = all of it.

    Raises
    ------
    UserError
        If nothing of the box shows tissue by the plan.
    """
    planned = PlannedBox.of(plan, box or Box.whole(affinities.shape[1:]))
    if planned:
        check_tissue(planned.plan, planned.box)
    fragments = yield from find_fragments(affinities, parameters.seed_sigma, planned=planned, pixel=parameters.pixel)
    graph = yield from build_region_graph(affinities, fragments, planned=planned)
    yield Progress("agglomeration", 0, 1)
    section, sizes = sections_and_sizes(fragments)
    graph = without_chance_contacts(without_swallowing(graph, section, sizes), section)
    if planned:
        sizes = yield from bridge_fragments(fragments, sizes, planned)
    tree = agglomerate_fragments(graph, sizes, parameters.agglomeration, parameters.scoring)
    yield Progress("agglomeration", 1, 1, 0.0)
    return Segmentation(fragments, graph, tree, sizes)


# ---- what a run uses, needs and says of itself -----------------------------------------------------------------------


def resolve_parameters(
    parameters: SegmentParameters,
    volume: Volume,
    card: ModelCard,
    voxel_size: VoxelSize | None = None,
    plan: SectionPlan | None = None,
) -> ResolvedSegmentParameters:
    """Return what a run really uses: model's threshold and pixel size, data's grey levels, and the device there is.

    Parameters
    ----------
    parameters : SegmentParameters
    volume : Volume
    card : ModelCard
        Of the model.
    voxel_size : VoxelSize, optional
        Of the volume in nm; None = not known, and its pixels are taken as they are.
    plan : SectionPlan, optional
        Of the volume: grey levels are those of the tissue that it uses. None = of all.
    """
    from napari_emcad.inference.choice import choose_device
    from napari_emcad.inference.normalisation import choose_normalisation, trained_greys

    recommended = recommended_threshold(card, parameters.agglomeration)
    levels = choose_normalisation(volume, parameters.black, parameters.white, trained_greys(card), plan)
    found = {
        "threshold": recommended if parameters.threshold is None else parameters.threshold,
        "device": choose_device(parameters.device).wish,
        "black": levels.low,
        "white": levels.high,
        "scale": parameters.scale or choose_scale(volume.shape, voxel_size, card),
    }
    return ResolvedSegmentParameters(**(parameters.model_dump() | found))


def choose_scale(shape: Shape, voxel_size: VoxelSize | None, card: ModelCard | None) -> Scale:
    """Return the scale at which a stack of this shape and voxel size (nm) is shown to the network of a card."""
    if card is None or card.role == "foreground":
        return OWN
    scale = scale_between(voxel_size, card.voxel_size)
    return scale if min(seen_shape(shape, scale)[1:]) >= SMALLEST_SECTION else OWN


def recommended_threshold(card: ModelCard | None, agglomeration: Agglomeration) -> float:
    """Return the model's own threshold, which is one for waterz, or the default of the agglomeration."""
    own = card.threshold if card is not None and agglomeration == "waterz" else None
    return DEFAULT_THRESHOLDS[agglomeration] if own is None else own


def memory_needed(
    box: Box,
    section: tuple[int, int],
    device_kind: DeviceKind = "cpu",
    card: ModelCard | None = None,
    seed_sigma: float = DEFAULT_SEED_SIGMA,
    scale: Scale = OWN,
) -> int:
    """Return the bytes of main memory at the peak: the network's while it predicts, or the agglomeration's after it.

    Parameters
    ----------
    box : Box
    section : (y, x)
        Size of the sections that the box lies in.
    device_kind : "cpu", "cuda" or "mps"
    card : ModelCard, optional
        Card of the model; None = a student.
    seed_sigma : float
        Pixels as the network sees them.
    scale : (y, x)
        Pixels of the volume that the network sees as one.
    """
    from napari_emcad.inference.memory import prediction_memory

    voxels = prod(box.shape)
    predicting = 3 * voxels + prediction_memory(box, section, device_kind, card, scale)
    return max(predicting, agglomeration_memory(voxels, seed_sigma * sqrt(prod(scale))))


def provenance(card: ModelCard, parameters: Parameters, box: Box, **more: Any) -> dict[str, Any]:
    """Return what made a result, for the file that carries it; the parameters are resolved ones."""
    return {
        "program": f"napari-emcad {__version__}",
        "model": card.title,
        "model_sha256": card.sha256,
        "parameters": parameters.model_dump(mode="json"),
        "box": [list(box.start), list(box.stop)],
        **more,
    }
