"""Colours of labels for formats that have a place for them."""

import numpy as np
from numpy.typing import NDArray

from napari_emcad.io.labels.label_volume import LabelVolume

MOST_COLOURED = 100_000
"""Labels up to which their colours are written: programs read them as one text."""


def label_colours(volume: LabelVolume) -> dict[int, NDArray[np.uint8]]:
    """Return red, green and blue (3,) of each label; empty if they are not known, or too many."""
    if volume.colours is None or volume.pieces is None:
        return {}
    labels = np.unique(volume.pieces.table)
    labels = labels[labels > 0]
    if len(labels) > MOST_COLOURED:
        return {}
    return dict(zip(labels.tolist(), volume.colours().rgb(labels), strict=True))
