"""Parameters of a prediction, whatever the network gives."""

from dataclasses import dataclass

from napari_emcad.core.geometry import Box
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.inference.engines.device import Device
from napari_emcad.inference.normalisation import Normalisation


@dataclass(frozen=True)
class Prediction:
    """Parameters of a prediction.

    Attributes
    ----------
    box : Box
        Part of the volume; what lies around it is read as context, so that it equals that part of the whole.
    normalisation : Normalisation
    device : Device
    tile : int or None
        Pixels a side; None = what device and memory allow.
    plan : SectionPlan or None
        Of the whole volume; None = every section is used as it is.
    """

    box: Box
    normalisation: Normalisation
    device: Device
    tile: int | None = None
    plan: SectionPlan | None = None
