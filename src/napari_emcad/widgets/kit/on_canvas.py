"""Labels under the pixels of a canvas, and the rims of those: as wide on the screen at any zoom."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box, Voxel, triple
from napari_emcad.core.ids import SegmentId
from napari_emcad.widgets.kit.labels_view import LabelView

BRIGHT, DARK = 1, 2
"""Pixels of a rim: inside the label, and around it."""

WIDTH = 2
"""Pixels of the bright part of a rim; 2, as those beside the edge and those after them are looked at."""

_FLAT = 1e-6
"""Voxels a pixel below which an axis does not change along the screen."""

_Voxels = list[NDArray[np.int64]]


def neurons_on_canvas(
    canvas: ViewerModel, layer: Labels, neurons: list[SegmentId] | None = None
) -> NDArray[np.uint8] | None:
    """Return which of some labels lies under each pixel of a canvas.

    Strategy: of a pyramid the coarsest level is read whose voxels are no larger than pixels, and labels are compared
    there, before each voxel becomes many pixels.

    Parameters
    ----------
    canvas : ViewerModel
    layer : Labels (z, y, x)
        Its data are views of fragments.
    neurons : list of SegmentId, optional
        None = all labels, which are uint8.

    Returns
    -------
    (height, width) uint8 or None
        1 = the first of the labels, 0 = none of them. None if the canvas shows 3D, or has no z, y, x.
    """
    if canvas.dims.ndisplay == 3 or canvas.dims.ndim < 3:
        return None
    levels = [layer.data] if isinstance(layer.data, LabelView) else [*layer.data]
    voxels, step = _voxels_under(canvas, layer)
    factors = [np.round(np.divide(levels[0].shape, level.shape)).astype(int) for level in levels]
    level, factor = [(a, b) for a, b in zip(levels, factors, strict=True) if b.max() <= max(1.0, step)][-1]
    places = [voxel // n for voxel, n in zip(voxels, factor, strict=True)]
    kept = [np.clip(place, 0, n - 1) for place, n in zip(places, level.shape, strict=True)]
    box = Box(triple(place.min() for place in kept), triple(place.max() + 1 for place in kept))
    picture = _pixels(_numbered(level.look_up(box.slices), neurons), kept, box)
    for place, inside in zip(places, kept, strict=True):
        if not np.array_equal(place, inside):
            picture *= place == inside
    return picture


def rims_of(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the rims of labels in a picture, (height, width): BRIGHT, DARK, or 0; the picture's edge is no rim."""
    rims = np.zeros(labels.shape, np.uint8)
    rows, columns = (np.flatnonzero(labels.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return rims
    around = tuple(slice(max(0, seen[0] - 1), seen[-1] + 2) for seen in (rows, columns))
    here = labels[around]
    near, far = (_beside_another(here, apart) for apart in (1, WIDTH))
    rims[around] = np.where(here > 0, (near | far) * np.uint8(BRIGHT), near * np.uint8(DARK))
    return rims


def _beside_another(labels: NDArray[np.uint8], apart: int) -> NDArray[np.bool_]:
    """Return where another label lies so many pixels away, up, down, left or right."""
    found = np.zeros(labels.shape, bool)
    for side, flags in ((labels, found), (labels.T, found.T)):
        differs = side[:-apart] != side[apart:]
        flags[:-apart] |= differs
        flags[apart:] |= differs
    return found


def _numbered(labels: NDArray[np.integer], neurons: list[SegmentId] | None) -> NDArray[np.uint8]:
    """Return the number of each label among some, from 1 and after 255 from 1 again; 0 = none of them."""
    if neurons is None:
        return labels.astype(np.uint8)
    if len(neurons) == 1:
        return (labels == neurons[0]).astype(np.uint8)
    numbers = np.zeros(max([int(labels.max(initial=0)), *neurons]) + 1, np.uint8)
    numbers[neurons] = np.arange(len(neurons)) % 255 + 1
    return numbers[labels]


def _pixels(part: NDArray[np.uint8], places: _Voxels, box: Box) -> NDArray[np.uint8]:
    """Return the values of a box at places that broadcast to all pixels, (height, width)."""
    inside = [place - start for place, start in zip(places, box.start, strict=True)]
    down, right, cut = ([axis for axis in range(3) if inside[axis].shape == shape] for shape in _shapes_of(inside))
    if len(down) == len(right) == len(cut) == 1:  # the canvas is no slanted cut: rows and columns of one section
        section = part.take(inside[cut[0]].item(), cut[0])
        section = section.T if down[0] > right[0] else section
        return section.take(inside[down[0]].ravel(), 0).take(inside[right[0]].ravel(), 1)
    return part[tuple(inside)]


def _shapes_of(places: _Voxels) -> tuple[tuple[int, int], ...]:
    """Return the shapes of places that change downwards only, to the right only, and not at all."""
    height, width = np.broadcast_shapes(*(place.shape for place in places))
    return (height, 1), (1, width), (1, 1)


def _voxels_under(canvas: ViewerModel, layer: Labels) -> tuple[_Voxels, float]:
    """Return the voxel (z, y, x) under each pixel, as arrays that broadcast to all of them, and voxels a pixel."""
    height, width = canvas.canvas.size
    corner, below, beside = (_voxel_at(canvas, layer, pixel) for pixel in ((0, 0), (1, 0), (0, 1)))
    down, right = below - corner, beside - corner
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    places = []
    for start, one, other in zip(corner, down, right, strict=True):
        place = np.full((1, 1), start)
        place = place + one * rows if abs(one) > _FLAT else place
        place = place + other * columns if abs(other) > _FLAT else place
        places.append(np.rint(place).astype(np.int64))
    return places, float(max(np.abs(down).max(), np.abs(right).max()))


def pixel_of(canvas: ViewerModel, layer: Labels, voxel: Voxel) -> tuple[float, float]:
    """Return where on a canvas in 2D a voxel of a layer lies, or would lie: row and column, in pixels."""
    return pixel_of_world(canvas, np.array(layer.data_to_world(voxel))[-3:])


def pixel_of_world(canvas: ViewerModel, world: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """Return where on a canvas in 2D a place (z, y, x) of the world lies, or would lie: row and column, in pixels."""
    down, right = (
        span.size / 2 + (world[span.axis - canvas.dims.ndim] - span.middle) * span.zoom for span in _spans(canvas)
    )
    return float(down), float(right)


def _voxel_at(canvas: ViewerModel, layer: Labels, pixel: tuple[int, int]) -> NDArray[np.float64]:
    """Return the place in a layer, in voxels, under the middle of a pixel (row, column)."""
    world = np.array(canvas.dims.point, float)
    for span, at in zip(_spans(canvas), pixel, strict=True):
        world[span.axis] = span.middle + (at + 0.5 - span.size / 2) / span.zoom
    return np.array(layer.world_to_data(tuple(world)), float)[-3:]


class _Span(NamedTuple):
    """The height or the width of a canvas: the axis along it, the world in its middle, its pixels, and pixels a unit.

    Pixels a unit are below 0 if the axis is shown turned round.
    """

    axis: int
    middle: float
    size: int
    zoom: float


def _spans(canvas: ViewerModel) -> list[_Span]:
    camera = canvas.scene.camera
    signs = [-1 if str(way) in ("up", "left") else 1 for way in camera.orientation[-2:]]
    columns = zip(canvas.dims.displayed[-2:], camera.center[-2:], canvas.canvas.size, signs, strict=True)
    return [_Span(axis, middle, size, camera.zoom * sign) for axis, middle, size, sign in columns]
