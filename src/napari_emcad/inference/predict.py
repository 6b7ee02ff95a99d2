"""A network and a volume -> affinities, whichever kind of network it is and whatever the size of the pixels."""

from napari_emcad.core.progress import Job
from napari_emcad.core.volume import Volume, Writable
from napari_emcad.inference.predict_student import predict_affinities
from napari_emcad.inference.predict_teacher import predict_teacher
from napari_emcad.inference.prediction import Prediction
from napari_emcad.networks.student import Student
from napari_emcad.networks.teacher import Teacher


def predict_by(network: Student | Teacher, volume: Volume, affinities: Writable, prediction: Prediction) -> Job[None]:
    """Write the affinities of a box of a volume, section by section; stop within one tile by closing the job.

    What is done with defective sections says the plan of the prediction: `inference.aligned`.

    Parameters
    ----------
    network : Student or Teacher
        Not modified.
    volume : array-like (z, y, x)
        Read by slices only.
    affinities : array-like (3, z, y, x) uint8
        Written by sections; of the box's shape.
    prediction : Prediction

    Raises
    ------
    UserError
        If what is used of a section holds NaN, if the plan is for a stack of another shape, or if memory does not
        suffice for the smallest tile.
    """
    if isinstance(network, Student):
        yield from predict_affinities(network, volume, affinities, prediction)
    else:
        yield from predict_teacher(network, volume, affinities, prediction)
