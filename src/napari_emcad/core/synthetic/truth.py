"""The truth of a synthetic stack: neurites without their membranes, each one connected piece."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.measure import label

from napari_emcad.core.affinities import shifted
from napari_emcad.core.synthetic.tissue import TissueSection

_BORDER = 13.0
"""Distance in nm within the section: nearer to the outline is membrane."""

_FACE_ON = 6.0
"""Distance in nm in space: nearer to a membrane that lies in the plane of the section, the neurite is not clear."""

_SMALLEST = 60
"""Voxels that a connected piece must have."""


def without_membrane(section: TissueSection, pixel: tuple[float, float]) -> NDArray[np.int32]:
    """Return the neurites (y, x) of a section, 0 at outlines and at membranes seen face on; `pixel` (y, x) in nm."""
    neurites = section.neurites
    inner = np.ones(neurites.shape, bool)
    for offset in ((-1, 0), (0, -1)):
        here, there = shifted(offset)
        differs = neurites[here] != neurites[there]
        inner[here] &= ~differs
        inner[there] &= ~differs
    membrane = section.distance < _FACE_ON
    if not inner.all():
        membrane |= distance_transform_edt(inner, sampling=pixel) < _BORDER
    return np.where(membrane, 0, neurites)


def numbered_pieces(neurites: NDArray[np.int32]) -> NDArray[np.uint16] | NDArray[np.uint32]:
    """Number each connected piece (26 neighbours) on its own, from 1; pieces of a few voxels become 0."""
    pieces = label(neurites, background=0, connectivity=3)
    kept = np.bincount(pieces.ravel()) >= _SMALLEST
    kept[0] = False
    numbers = np.cumsum(kept) * kept
    return numbers.astype(np.uint16 if numbers.max() <= 65535 else np.uint32)[pieces]
