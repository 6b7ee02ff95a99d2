"""The method for optical volumes on one screen; that for EM stacks is in pipeline.py.

    volume --SDASN--> foreground probability --threshold, connected pieces--> neurites

Fibres are sparse and bright in light microscopy: which voxels belong to one is all that has to be found, and fibres
that do not touch are told apart by that alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from napari_emcad.core.geometry import Box
from napari_emcad.core.neurites import neurites
from napari_emcad.core.progress import Job, Progress, drive
from napari_emcad.inference.wishes import WISHES
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.pipeline import Parameters, check_box, check_volume, normalisation_of, provenance

DEFAULT_THRESHOLD = 0.5
"""For models whose card recommends none: more likely foreground than not."""

LABELLING_BYTES = 14
"""Peak memory of the labelling a voxel, with the probability: mask, pieces, labels and what counts their sizes."""


class OpticalParameters(Parameters):
    """How to find neurites; the panel, the command line and the provenance speak of the same."""

    threshold: float | None = Field(
        None, ge=0, le=1, title="Threshold", description="Higher keeps less; None = what the model's card recommends."
    )
    min_size: int = Field(100, ge=0, title="Smallest neurite", description="Voxels; smaller pieces become 0.")
    device: str = Field("auto", title="Device", description=f"One of {', '.join(WISHES)}.")
    black: float | None = Field(None, title="Black", description="Grey level that becomes 0; None = the model's.")
    white: float | None = Field(None, title="White", description="Grey level that becomes 1; None = the model's.")


@dataclass(frozen=True)
class Found:
    """What `find_neurites` returns.

    Attributes
    ----------
    labels : (z, y, x) uint32
        Neurites, the largest first; 0 = none.
    probability : (z, y, x) uint8
        Of each voxel to be foreground, x 255.
    threshold : float
    provenance : dict
        Program, version, model and parameters, ready for a file.
    """

    labels: NDArray[np.uint32]
    probability: NDArray[np.uint8]
    threshold: float
    provenance: dict[str, Any]


def find_neurites(volume, model: str, box: Box | None = None, **parameters: Any) -> Found:
    """Find the neurites of an optical volume.

    Parameters
    ----------
    volume : array-like (z, y, x)
        Grey values of any real dtype, read by slices; not modified.
    model : str
        Name of a model or a checkpoint file, of an SDASN.
    box : Box, optional
        Part of the volume; None = all.
    **parameters
        Fields of `OpticalParameters`, such as threshold=0.3 or min_size=100.

    Raises
    ------
    UserError
        One sentence, where the volume, the box, the model or a parameter cannot be used.
    """
    from napari_emcad.networks.checkpoint import load_foreground

    check_volume(volume, smallest=1)
    wished, box = OpticalParameters.of(**parameters), box or Box.whole(volume.shape)
    check_box(box, volume.shape)
    network, card = load_foreground(resolve_model(model))
    chosen = resolve_parameters(wished, volume, card)
    probability = np.zeros(box.shape, np.uint8)
    labels = drive(run(volume, network, probability, box, chosen))
    return Found(labels, probability, chosen.threshold, provenance(card, chosen, box))


def resolve_parameters(parameters: OpticalParameters, volume, card: ModelCard) -> OpticalParameters:
    """What a run will really use: the model's threshold and grey levels, the data's where it has none, the device."""
    from napari_emcad.inference.choice import choose_device

    threshold = recommended_threshold(card) if parameters.threshold is None else parameters.threshold
    black = card.black if parameters.black is None else parameters.black
    white = card.white if parameters.white is None else parameters.white
    levels = normalisation_of(volume, parameters.model_copy(update={"black": black, "white": white}))
    device = choose_device(parameters.device, trains=True).wish  # other engines run students only
    return parameters.model_copy(
        update={"threshold": threshold, "black": levels.low, "white": levels.high, "device": device}
    )


def recommended_threshold(card: ModelCard) -> float:
    """The model's own, or the default."""
    return DEFAULT_THRESHOLD if card.threshold is None else card.threshold


def run(volume, network, probability, box: Box, parameters: OpticalParameters) -> Job[NDArray[np.uint32]]:
    """The method: predict, label. Finished sections stand in `probability` while the rest runs.

    Parameters
    ----------
    volume : array-like (z, y, x)
    network : Sdasn
    probability : array-like (z, y, x) uint8
        Of the box's shape; written.
    box : Box
    parameters : OpticalParameters
        Settled.
    """
    yield from predict(volume, network, probability, box, parameters)
    return (yield from label(probability, parameters))


def predict(volume, network, probability, box: Box, parameters: OpticalParameters) -> Job[None]:
    """Volume -> foreground probability."""
    from napari_emcad.inference.choice import choose_device
    from napari_emcad.inference.normalisation import Normalisation
    from napari_emcad.inference.predict_foreground import predict_foreground
    from napari_emcad.inference.prediction import Prediction

    levels = Normalisation(parameters.black, parameters.white, clips=False)
    prediction = Prediction(box, levels, choose_device(parameters.device))
    yield from predict_foreground(network, volume, probability, prediction)


def label(probability, parameters: OpticalParameters) -> Job[NDArray[np.uint32]]:
    """Foreground probability -> neurites."""
    yield Progress("neurites", 0, 1)
    labels = neurites(np.asarray(probability), parameters.threshold, parameters.min_size)
    yield Progress("neurites", 1, 1, 0.0)
    return labels


def memory_needed(box: Box, shape: Sequence[int], card: ModelCard, device_kind: str = "cpu") -> int:
    """Bytes of main memory at the peak, for a box of a volume of this shape (z, y, x).

    The network's while predicting, or the labelling's after it.
    """
    from napari_emcad.inference.predict_foreground import foreground_memory

    voxels = int(np.prod(box.shape, dtype=np.int64))
    network = foreground_memory(card, box, shape) if device_kind == "cpu" else 0
    return max(voxels + network, LABELLING_BYTES * voxels)
