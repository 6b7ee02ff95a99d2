"""Main memory that the prediction of affinities takes, whatever the network."""

from napari_emcad.core.choices import DeviceKind
from napari_emcad.core.geometry import Box
from napari_emcad.inference.predict_student import network_memory
from napari_emcad.inference.predict_teacher import teacher_memory
from napari_emcad.networks.card import ModelCard


def prediction_memory(
    box: Box, section: tuple[int, int], device_kind: DeviceKind = "cpu", card: ModelCard | None = None
) -> int:
    """Return the bytes of main memory that a network takes at its peak.

    Parameters
    ----------
    box : Box
    section : (y, x)
        Size of the sections that the box lies in.
    device_kind : "cpu", "cuda" or "mps"
        The latter two have memory of their own.
    card : ModelCard, optional
        Card of the model; None = a student.
    """
    if device_kind != "cpu":
        return 0
    if card is not None and card.role == "teacher":
        return teacher_memory(card, box, section)
    return network_memory(box, section)
