"""The whole method for EM stacks on one screen; that for optical volumes is in optical.py.

    volume --student--> affinities --watershed--> fragments --> region graph + merge tree --> neurons at a threshold

Source: Liu et al., "Cross-dimension Affinity Distillation for 3D EM Neuron Segmentation", CVPR 2024.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_emcad import __version__
from napari_emcad.core.agglomeration import DEFAULT_THRESHOLDS, Agglomeration, agglomerate_fragments
from napari_emcad.core.errors import UserError
from napari_emcad.core.fragments import DEFAULT_SEED_SIGMA, find_fragments
from napari_emcad.core.geometry import Box
from napari_emcad.core.merge_tree import DEFAULT_SCORING, SCORINGS
from napari_emcad.core.progress import Job, Progress, drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.segmentation import Crumbs, Segmentation, fragment_sizes
from napari_emcad.inference.wishes import WISHES
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.zoo import BUNDLED, resolve_model

SMALLEST_SECTION = 16
"""Pixels on y and x: the student pools four times by two."""

SMOOTHED = 1.0
"""Pixels of seed smoothing from which on fragments are few."""

AGGLOMERATION_BYTES, AGGLOMERATION_BYTES_OF_MANY = 20, 40
"""Peak memory of the agglomeration a voxel, of smoothed seeds and of others; measured on 100 x 512 x 512 voxels,
affinities included: 14 with seeds smoothed by 1 and 2 pixels, 20 by half a pixel, 33 by none, as waterz keeps a
histogram of 1 KB for each contact."""


class Parameters(BaseModel):
    """What the parameters of both methods share: they are read once, checked and never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def of(cls, **given: Any) -> Self:
        """The parameters given, defaults for the others.

        Raises
        ------
        UserError
            One sentence on the first that is not known or out of range.
        """
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"])) or "parameters"
            raise UserError(f"{name}: {first['msg']}, got {first['input']!r}.") from error


class SegmentParameters(Parameters):
    """How to segment; the panel, the command line and the provenance speak of the same."""

    threshold: float | None = Field(
        None, ge=0, le=1, title="Threshold", description="Higher merges more; None = what the model's card recommends."
    )
    min_size: int = Field(100, ge=0, title="Smallest neuron", description="Voxels; smaller segments are crumbs.")
    crumbs: Crumbs = Field("strongest", title="Crumbs", description="Join the strongest neighbour, or become 0.")
    seed_sigma: float = Field(
        DEFAULT_SEED_SIGMA, ge=0, le=20, title="Seed smoothing", description="Pixels; higher gives fewer fragments."
    )
    agglomeration: Agglomeration = Field(
        "waterz", title="Agglomeration", description="waterz joins contact by contact, multicut weighs all at once."
    )
    scoring: str = Field(DEFAULT_SCORING, title="Scoring", description="Affinity statistic of an edge, of waterz.")
    device: str = Field("auto", title="Device", description=f"One of {', '.join(WISHES)}.")
    black: float | None = Field(None, title="Black", description="Grey level that becomes 0; None = from the data.")
    white: float | None = Field(None, title="White", description="Grey level that becomes 1; None = from the data.")

    def model_post_init(self, _: Any) -> None:
        """Refuse a scoring that waterz does not bring compiled."""
        if self.scoring not in SCORINGS:
            raise ValueError(f'scoring: one of {", ".join(SCORINGS)} is needed, got "{self.scoring}".')


@dataclass(frozen=True)
class Segmented:
    """What `segment` returns.

    Attributes
    ----------
    labels : (z, y, x) uint16 or uint32
        Neurons at the threshold, 0 = none.
    segmentation : Segmentation
        Fragments, region graph and merge tree: any other threshold in milliseconds.
    affinities : (3, z, y, x) uint8
    threshold : float
    provenance : dict
        Program, version, model and parameters, ready for a file.
    """

    labels: NDArray
    segmentation: Segmentation
    affinities: NDArray[np.uint8]
    threshold: float
    provenance: dict[str, Any]


def segment(volume, model: str = BUNDLED, box: Box | None = None, **parameters: Any) -> Segmented:
    """Segment the neurons of an EM stack.

    Parameters
    ----------
    volume : array-like (z, y, x)
        Grey values of any real dtype, read by slices; not modified.
    model : str
        Name of a bundled model or a checkpoint file.
    box : Box, optional
        Part of the volume; None = all.
    **parameters
        Fields of `SegmentParameters`, such as threshold=0.3 or min_size=100.

    Raises
    ------
    UserError
        One sentence, where the volume, the box, the model or a parameter cannot be used.
    """
    from napari_emcad.networks.checkpoint import load_model

    check_volume(volume)
    wished, box = SegmentParameters.of(**parameters), box or Box.whole(volume.shape)
    check_box(box, volume.shape)
    network, card = load_model(resolve_model(model))
    chosen = resolve_parameters(wished, volume, card)
    affinities = np.zeros((3, *box.shape), np.uint8)
    segmentation = drive(run(volume, network, affinities, box, chosen))
    labels = segmentation.labels(segmentation.table(chosen.threshold, chosen.min_size, chosen.crumbs))
    return Segmented(labels, segmentation, affinities, chosen.threshold, provenance(card, chosen, box))


def resolve_parameters(parameters: SegmentParameters, volume, card: ModelCard) -> SegmentParameters:
    """What a run will really use: the model's threshold, the data's grey levels and the device that is there."""
    from napari_emcad.inference.choice import choose_device

    recommended = recommended_threshold(card, parameters.agglomeration)
    threshold = recommended if parameters.threshold is None else parameters.threshold
    levels, device = normalisation_of(volume, parameters), choose_device(parameters.device).wish
    return parameters.model_copy(
        update={"threshold": threshold, "black": levels.low, "white": levels.high, "device": device}
    )


def recommended_threshold(card: ModelCard | None, agglomeration: Agglomeration) -> float:
    """The model's own, which is one for waterz, or the default of the agglomeration."""
    own = card.threshold if card is not None and agglomeration == "waterz" else None
    return DEFAULT_THRESHOLDS[agglomeration] if own is None else own


def run(volume, network, affinities, box: Box, parameters: SegmentParameters) -> Job[Segmentation]:
    """The method: predict, fragment, agglomerate. Finished sections stand in `affinities` while the rest runs.

    Parameters
    ----------
    volume : array-like (z, y, x)
    network : Student or Teacher
    affinities : array-like (3, z, y, x) uint8
        Of the box's shape; written.
    box : Box
    parameters : SegmentParameters
    """
    yield from predict(volume, network, affinities, box, parameters)
    return (yield from agglomerate(affinities, parameters))


def predict(
    volume, network, affinities, box: Box, parameters: SegmentParameters, device=None, tile: int | None = None
) -> Job[None]:
    """Volume -> affinities, by a student or a teacher; on the parameters' device and in the usual tiles, else these."""
    from napari_emcad.inference.choice import choose_device
    from napari_emcad.inference.predict_student import predict_affinities
    from napari_emcad.inference.predict_teacher import predict_teacher
    from napari_emcad.inference.prediction import Prediction
    from napari_emcad.networks.student import Student

    device = device or choose_device(parameters.device)
    prediction = Prediction(box, normalisation_of(volume, parameters), device, tile)
    predicting = predict_affinities if isinstance(network, Student) else predict_teacher
    yield from predicting(network, volume, affinities, prediction)


def agglomerate(affinities, parameters: SegmentParameters) -> Job[Segmentation]:
    """Affinities -> fragments -> region graph and merge tree."""
    fragments = yield from find_fragments(affinities, parameters.seed_sigma)
    graph = yield from build_region_graph(affinities, fragments)
    yield Progress("agglomeration", 0, 1)
    sizes = fragment_sizes(fragments)
    tree = agglomerate_fragments(graph, sizes, parameters.agglomeration, parameters.scoring)
    yield Progress("agglomeration", 1, 1, 0.0)
    return Segmentation(fragments, graph, tree, sizes)


def normalisation_of(volume, parameters: SegmentParameters):
    """Grey levels asked for; one that is not asked for is that of the data."""
    from napari_emcad.inference.normalisation import Normalisation

    black, white = parameters.black, parameters.white
    if black is None or white is None:
        data = Normalisation.of(volume)
        black, white = data.low if black is None else black, data.high if white is None else white
    if black >= white:
        raise UserError(f"grey levels: black must lie below white, got {black:g} and {white:g}; set both.")
    return Normalisation(black, white)


def memory_needed(
    box: Box,
    section: tuple[int, int],
    device_kind: str = "cpu",
    card: ModelCard | None = None,
    seed_sigma: float = DEFAULT_SEED_SIGMA,
) -> int:
    """Bytes of main memory at the peak, for a box in sections of this size (y, x); without a card, of a student.

    The network's while predicting, or the agglomeration's after it.
    """
    from napari_emcad.inference.predict_student import network_memory
    from napari_emcad.inference.predict_teacher import teacher_memory

    voxels = int(np.prod(box.shape, dtype=np.int64))
    if device_kind != "cpu":
        network = 0
    elif card is not None and card.role == "teacher":
        network = teacher_memory(card, box, section)
    else:
        network = network_memory(box, section)
    fragments = AGGLOMERATION_BYTES if seed_sigma >= SMOOTHED else AGGLOMERATION_BYTES_OF_MANY
    return max(3 * voxels + network, fragments * voxels)


def provenance(card: ModelCard, parameters: Parameters, box: Box, **more: Any) -> dict[str, Any]:
    """What made a result, for the file that carries it; the parameters are those settled."""
    return {
        "program": f"napari-emcad {__version__}",
        "model": card.title,
        "model_sha256": card.sha256,
        "parameters": parameters.model_dump(),
        "box": [list(box.start), list(box.stop)],
        **more,
    }


def check_volume(volume, smallest: int = SMALLEST_SECTION) -> None:
    """Refuse what is no stack of grey sections, of at least `smallest` pixels on y and x.

    Raises
    ------
    UserError
        One sentence that says what came and what to do.
    """
    shape = tuple(volume.shape)
    if len(shape) == 2:
        raise UserError(f"volume: a stack (z, y, x) is needed, got one 2D image {shape}; open it as (1, y, x).")
    if len(shape) in (3, 4) and shape[-1] in (3, 4):
        raise UserError(f"volume: grey values are needed, got a colour image {shape}; convert it to grey first.")
    if len(shape) != 3:
        raise UserError(f"volume: a stack (z, y, x) is needed, got {len(shape)} axes {shape}; choose one channel.")
    if 0 in shape:
        raise UserError(f"volume: it is empty, shape {shape}; choose another one.")
    if min(shape[1:]) < smallest:
        raise UserError(
            f"volume: sections of at least {smallest} x {smallest} pixels are needed, "
            f"got {shape[1]} x {shape[2]}; choose a larger stack."
        )
    if np.dtype(volume.dtype).kind not in "buif":
        raise UserError(f"volume: real numbers are needed, got dtype {volume.dtype}; convert it first.")


def check_box(box: Box, shape: tuple[int, ...]) -> None:
    """Refuse a box that is empty or does not lie inside a volume of this shape."""
    if box.clipped(shape) != box or 0 in box.shape:
        raise UserError(
            f"box: voxels inside a volume of shape {tuple(shape)} are needed, got {box.start} to {box.stop}; "
            "choose it inside."
        )
