"""Lengths of layers in nanometres: layers of one stack may come in micrometres and in nanometres."""

from collections.abc import Sequence

import numpy as np
from napari.layers import Layer
from numpy.typing import NDArray

from napari_emcad.io.metadata.lengths import nanometres


def unit_lengths(layer: Layer) -> NDArray[np.float64]:
    """Return the nanometres in the units of a layer, (z, y, x); 1 for pixels, what is no length, and a missing axis."""
    found = [nanometres(str(unit)) or 1.0 for unit in layer.units[-3:]]
    return np.array([1.0] * (3 - len(found)) + found)


def has_lengths(layer: Layer) -> bool:
    """Return True if the units of a layer are lengths."""
    return all(nanometres(str(unit)) for unit in layer.units[-3:])


def scale_of(layer: Layer) -> NDArray[np.float64]:
    """Return the edges of a layer's voxels (z, y, x): in nm if its units are lengths, else in its own."""
    return np.array(layer.scale[-3:]) * unit_lengths(layer)


def have_equal_voxels(layer: Layer, other: Layer) -> bool:
    """Return True if the voxels of two layers (z, y, x) are equally large; pixels count as units of the other one."""
    return bool(np.allclose(np.array(layer.scale[-3:]) * _ratio(layer, other), other.scale[-3:], rtol=1e-3))


def place_in(other: Layer, layer: Layer, world: Sequence[float]) -> NDArray[np.float64]:
    """Return a place (z, y, x) in the world of a layer in voxels of another one; fractions stay."""
    return np.array(other.world_to_data(tuple(np.array(world[-3:]) * _ratio(layer, other))))[-3:]


def _ratio(layer: Layer, other: Layer) -> NDArray[np.float64]:
    """Return the units of a layer in those of another; 1 if either has no lengths."""
    both = has_lengths(layer) and has_lengths(other)
    return unit_lengths(layer) / unit_lengths(other) if both else np.ones(3)
