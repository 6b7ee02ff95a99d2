"""Main memory that the prediction of affinities takes, whatever the network."""

from math import prod

from napari_emcad.core.choices import DeviceKind
from napari_emcad.core.geometry import Box
from napari_emcad.core.pixel_size import OWN, Scale
from napari_emcad.core.resampling import seen_place
from napari_emcad.inference.predict_student import network_memory
from napari_emcad.inference.predict_teacher import teacher_memory
from napari_emcad.networks.card import ModelCard

RESAMPLED_BYTES = 16
"""Peak memory of the way to pixels of another size and back, a pixel of a section, of the larger kind; measured: 15."""


def prediction_memory(
    box: Box,
    section: tuple[int, int],
    device_kind: DeviceKind = "cpu",
    card: ModelCard | None = None,
    scale: Scale = OWN,
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
    scale : (y, x)
        Pixels of the volume that the network sees as one.
    """
    if scale != OWN:
        seen, (_, *sides) = seen_place(box, (box.stop[0], *section), scale)
        between = RESAMPLED_BYTES * max(prod(part.shape[1:]) for part in (box, seen))
        return between + prediction_memory(seen, (sides[0], sides[1]), device_kind, card)
    if device_kind != "cpu":
        return 0
    if card is not None and card.role == "teacher":
        return teacher_memory(card, box, section)
    return network_memory(box, section)
