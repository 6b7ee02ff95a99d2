"""The method for optical volumes on one screen; that for EM stacks is in pipeline.py.

    volume --SDASN--> foreground probability --threshold, connected pieces--> neurites

Fibres are sparse and bright in light microscopy: which voxels belong to one is all that has to be found, and fibres
that do not touch are told apart by that alone.
"""

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.choices import DeviceKind
from napari_emcad.core.geometry import Box, Shape, check_box
from napari_emcad.core.neurites import neurites
from napari_emcad.core.parameters import OpticalOptions, OpticalParameters, ResolvedOpticalParameters
from napari_emcad.core.progress import Job, Progress, drive
from napari_emcad.core.volume import Volume, check_volume
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.pipeline import provenance

if TYPE_CHECKING:  # it brings torch, which takes seconds
    from napari_emcad.networks.sdasn import Sdasn

DEFAULT_THRESHOLD = 0.5
"""Threshold for models whose card recommends none: more likely foreground than not."""

LABELLING_BYTES = 14
"""Peak memory of the labelling a voxel, with the probability: mask, pieces, labels and what counts their sizes."""


@dataclass(frozen=True)
class FoundNeurites:
    """The result of `find_neurites`.

    Attributes
    ----------
    labels : (z, y, x) uint32
        Neurites, the largest first; 0 = none.
    probability : (z, y, x) uint8
        Probability of each voxel to be foreground, x 255.
    threshold : float
    provenance : dict
        Program, version, model and parameters, ready for a file.
    """

    labels: NDArray[np.uint32]
    probability: NDArray[np.uint8]
    threshold: float
    provenance: dict[str, Any]


def find_neurites(
    volume: Volume, model: str, box: Box | None = None, **options: Unpack[OpticalOptions]
) -> FoundNeurites:
    """Find the neurites of an optical volume.

    Parameters
    ----------
    volume : array-like (z, y, x)
        Grey values of any real dtype, read by slices; not modified.
    model : str
        Name of a model or a checkpoint file, of an SDASN.
    box : Box, optional
        Part of the volume; None = all.
    **options
        Fields of `OpticalParameters`, such as threshold=0.3 or min_size=100.

    Raises
    ------
    UserError
        One sentence, if the volume, the box, the model or a parameter cannot be used.
    """
    from napari_emcad.networks.checkpoint import load_foreground

    check_volume(volume, smallest=1)
    requested, box = OpticalParameters.of(**options), box or Box.whole(volume.shape)
    check_box(box, volume.shape)
    network, card = load_foreground(resolve_model(model))
    parameters = resolve_parameters(requested, volume, card)
    probability = np.zeros(box.shape, np.uint8)
    labels = drive(run(volume, network, probability, box, parameters))
    return FoundNeurites(labels, probability, parameters.threshold, provenance(card, parameters, box))


# ---- the method ------------------------------------------------------------------------------------------------------


def run(
    volume: Volume, network: "Sdasn", probability: NDArray[np.uint8], box: Box, parameters: ResolvedOpticalParameters
) -> Job[NDArray[np.uint32]]:
    """Predict and label. Finished sections stand in `probability` while the rest runs.

    Parameters
    ----------
    volume : array-like (z, y, x)
    network : Sdasn
    probability : array-like (z, y, x) uint8
        Written; of the box's shape.
    box : Box
    parameters : ResolvedOpticalParameters
    """
    yield from predict(volume, network, probability, box, parameters)
    return (yield from label(probability, parameters))


def predict(
    volume: Volume, network: "Sdasn", probability: NDArray[np.uint8], box: Box, parameters: ResolvedOpticalParameters
) -> Job[None]:
    """Volume -> foreground probability."""
    from napari_emcad.inference.choice import choose_device
    from napari_emcad.inference.normalisation import Normalisation
    from napari_emcad.inference.predict_foreground import predict_foreground
    from napari_emcad.inference.prediction import Prediction

    levels = Normalisation(parameters.black, parameters.white, clips=False)
    prediction = Prediction(box, levels, choose_device(parameters.device))
    yield from predict_foreground(network, volume, probability, prediction)


def label(probability: NDArray[np.uint8], parameters: ResolvedOpticalParameters) -> Job[NDArray[np.uint32]]:
    """Foreground probability -> neurites."""
    yield Progress("neurites", 0, 1)
    labels = neurites(np.asarray(probability), parameters.threshold, parameters.min_size)
    yield Progress("neurites", 1, 1, 0.0)
    return labels


# ---- what a run uses and needs ---------------------------------------------------------------------------------------


def resolve_parameters(parameters: OpticalParameters, volume: Volume, card: ModelCard) -> ResolvedOpticalParameters:
    """Return what a run really uses: the model's threshold and grey levels, the data's if it has none, the device."""
    from napari_emcad.inference.choice import choose_device
    from napari_emcad.inference.normalisation import choose_normalisation

    black = card.black if parameters.black is None else parameters.black
    white = card.white if parameters.white is None else parameters.white
    levels = choose_normalisation(volume, black, white)
    found = {
        "threshold": recommended_threshold(card) if parameters.threshold is None else parameters.threshold,
        "device": choose_device(parameters.device, trains=True).wish,  # other engines run students only
        "black": levels.low,
        "white": levels.high,
    }
    return ResolvedOpticalParameters(**(parameters.model_dump() | found))


def recommended_threshold(card: ModelCard) -> float:
    """Return the model's own threshold, or the default."""
    return DEFAULT_THRESHOLD if card.threshold is None else card.threshold


def memory_needed(box: Box, shape: Shape, card: ModelCard, device_kind: DeviceKind = "cpu") -> int:
    """Return the bytes of main memory at the peak: the network's while it predicts, or the labelling's after it.

    Parameters
    ----------
    box : Box
    shape : (z, y, x)
        Shape of the volume that the box lies in.
    card : ModelCard
    device_kind : "cpu", "cuda" or "mps"
    """
    from napari_emcad.inference.predict_foreground import foreground_memory

    voxels = prod(box.shape)
    network = foreground_memory(card, box, shape) if device_kind == "cpu" else 0
    return max(voxels + network, LABELLING_BYTES * voxels)
