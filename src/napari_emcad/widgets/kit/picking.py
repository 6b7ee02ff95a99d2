"""The labelled voxel of a click on the canvas."""

from dataclasses import dataclass

import numpy as np
from napari.layers import Labels
from napari.utils.events import Event

from napari_emcad.core.geometry import Voxel, VoxelSize, triple
from napari_emcad.core.volume import Volume
from napari_emcad.widgets.kit.labels_view import FragmentLabels, pyramid
from napari_emcad.widgets.kit.layers import voxel_size_of

SECTIONS = 3
"""Sections that a click may miss by."""

REACH = 100.0
"""Nanometres that a click may miss by."""

SMALLEST = 10.0
"""Nanometres of the smallest edge of a voxel if the voxel size is not known."""


@dataclass(frozen=True)
class Click:
    """A click on a labelled voxel; `is_shifted` if Shift was down."""

    voxel: Voxel
    is_shifted: bool


def nearest_labelled(labels: Volume, voxel: Voxel, size: VoxelSize) -> Voxel | None:
    """Return the labelled voxel nearest to another one in nanometres.

    Parameters
    ----------
    labels : Volume (z, y, x)
        0 = none.
    voxel : (z, y, x)
        May lie outside.
    size : VoxelSize

    Returns
    -------
    (z, y, x) or None
        None if there is none within `SECTIONS` and `REACH`.
    """
    reach = np.maximum(1, np.floor(REACH / np.array(size))).astype(int)
    reach[0] = min(reach[0], SECTIONS)
    low = np.maximum(np.array(voxel) - reach, 0)
    high = np.minimum(np.array(voxel) + reach + 1, labels.shape)
    if (high <= low).any():
        return None
    z, y, x = map(slice, low, high)
    places = np.argwhere(np.asarray(labels[z, y, x])) + low
    if not len(places):
        return None
    apart = (((places - voxel) * np.array(size)) ** 2).sum(axis=1)
    best = int(np.argmin(apart))
    is_near = apart[best] <= max(REACH, min(size)) ** 2
    return triple(places[best]) if is_near else None


def voxel_under(layer: Labels, labels: FragmentLabels, event: Event) -> Voxel | None:
    """Return the labelled voxel under a mouse event, or near it; in 3D the first one that the eye meets.

    Parameters
    ----------
    layer : Labels
        The layer on whose grid the labels lie.
    labels : FragmentLabels
        Labels that can be clicked.
    event : Event
        An event of the mouse.
    """
    if len(event.dims_displayed) == 3:
        return _first_on_ray(layer, labels, event)
    voxel = triple(round(float(c)) for c in layer.world_to_data(event.position)[-3:])
    return labelled_at(layer, labels, voxel)


def labelled_at(layer: Labels, labels: Volume, voxel: Voxel) -> Voxel | None:
    """Return a voxel if it is labelled, else the labelled one near it; the layer knows how large voxels are."""
    is_inside = all(0 <= v < n for v, n in zip(voxel, labels.shape, strict=True))
    if is_inside and labels[voxel]:
        return voxel
    return nearest_labelled(labels, voxel, _size_of(layer))


def _size_of(layer: Labels) -> VoxelSize:
    scale = np.array(layer.scale[-3:])
    return voxel_size_of(layer) or VoxelSize(*(SMALLEST * scale / scale.min()))


def _first_on_ray(layer: Labels, labels: FragmentLabels, event: Event) -> Voxel | None:
    start, end = layer.get_ray_intersections(event.position, event.view_direction, event.dims_displayed)
    if start is None or end is None:
        return None
    steps = 2 * int(np.ceil(np.abs(np.subtract(end, start)).max())) + 1
    ray = np.round(np.linspace(start, end, steps)).astype(int)
    ray = np.clip(ray, 0, np.array(labels.shape) - 1)
    levels = pyramid(labels) if labels.lies_in_files else [labels]
    step = np.array([1, *[2 ** (len(levels) - 1)] * 2])
    z, y, x = (ray // step).T
    hit = np.flatnonzero(levels[-1].look_up((z, y, x)))
    return triple(ray[hit[0]] // step * step) if len(hit) else None
