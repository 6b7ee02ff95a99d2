"""Parameters of a prediction, whatever the network gives."""

from dataclasses import dataclass

from napari_emcad.core.geometry import Box
from napari_emcad.core.pixel_size import OWN, Scale
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
        Pixels a side, as the network sees them; None = what device and memory allow.
    plan : SectionPlan or None
        Of the whole volume; None = every section is used as it is.
    scale : (y, x)
        Pixels of the volume that the network sees as one.
    done : int
        Sections at the start of the box that are finished already, by a prediction that was stopped.
    """

    box: Box
    normalisation: Normalisation
    device: Device
    tile: int | None = None
    plan: SectionPlan | None = None
    scale: Scale = OWN
    done: int = 0
