"""Boxes of voxels in layers: the section on screen, a drawn shape, and the part that two layers share."""

from collections.abc import Sequence

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Shapes
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, triple
from napari_emcad.widgets.kit.layer_units import have_equal_voxels, place_in, scale_of
from napari_emcad.widgets.kit.layers import volume_of


def section_at(layer: Image | Labels, point: Sequence[float]) -> int:
    """Return the section of a stack at a point of the world, such as `viewer.dims.point`; the nearest if outside."""
    z = layer.world_to_data(tuple(point)[-3:])[0]
    return int(np.clip(round(float(z)), 0, volume_of(layer).shape[0] - 1))


def show_section(viewer: ViewerModel, layer: Image | Labels, z: int) -> None:
    """Bring a section of a stack on screen; the camera stays where it is."""
    place = np.array(layer.world_to_data(viewer.dims.point))[-3:]
    place[0] = z
    world = np.array(layer.data_to_world(place))[-3:]
    viewer.dims.set_point(range(viewer.dims.ndim - 3, viewer.dims.ndim), world.tolist())


def box_of_shapes(shapes: Shapes, image: Image | Labels, sections: tuple[int, int]) -> Box:
    """Return the voxels inside the selected shape, or the last one drawn.

    Parameters
    ----------
    shapes : Shapes
    image : Image or Labels
        In whose voxels the box is counted.
    sections : (first, last)
        Both included; used if the shape is flat on z, as one drawn on a section is.

    Raises
    ------
    UserError
        If nothing is drawn or no voxel lies inside.
    """
    drawn = drawn_box(shapes, image, sections)
    box = drawn.clipped(volume_of(image).shape)
    if min(box.shape) < 1:
        raise UserError(f'box: the shape on "{shapes.name}" holds no voxel of "{image.name}"; draw it over the stack.')
    return box


def drawn_box(shapes: Shapes, image: Image | Labels, sections: tuple[int, int]) -> Box:
    """Return the box of a shape as `box_of_shapes` does, but also the voxels that lie outside the image.

    Raises
    ------
    UserError
        If nothing is drawn.
    """
    if not len(shapes.data):
        raise UserError(f'box: nothing is drawn on "{shapes.name}"; draw a rectangle on it.')
    chosen = max(shapes.selected_data) if shapes.selected_data else len(shapes.data) - 1
    corners = np.array([_in_voxels(corner, shapes, image) for corner in shapes.data[chosen]])
    low, high = np.ceil(corners.min(0)).astype(int), np.floor(corners.max(0)).astype(int)
    if shapes.ndim < 3 or np.ptp(corners[:, 0]) < 1:
        low[0], high[0] = sections
    return Box(triple(low), triple(high + 1))


def overlap(first: Image | Labels, second: Image | Labels) -> tuple[Box, Box]:
    """Return the voxels that two layers on the same grid have in common, in the voxels of each.

    Raises
    ------
    UserError
        If the grids differ or do not touch.
    """
    for layer in (first, second):
        if layer.ndim != 3:
            raise UserError(f'evaluate: labels (z, y, x) are needed, "{layer.name}" has {layer.ndim} axes.')
    shapes = [triple(volume_of(layer).shape) for layer in (first, second)]
    if not have_equal_voxels(first, second):
        raise UserError(
            f'evaluate: layers of equal voxel size are needed, "{first.name}" has {_scale_text(first)} and '
            f'"{second.name}" has {_scale_text(second)}; set the voxel size of both.'
        )
    offset = np.round(place_in(first, second, second.data_to_world((0, 0, 0)))).astype(int)
    start, stop = np.maximum(offset, 0), np.minimum(shapes[0], offset + shapes[1])
    if not offset.any() and shapes[0] != shapes[1]:
        raise UserError(
            f'evaluate: labels of equal shape are needed, "{first.name}" is {shapes[0]} and "{second.name}" is '
            f"{shapes[1]} at the same place; choose labels of the same stack."
        )
    if (stop <= start).any():
        raise UserError(f'evaluate: "{first.name}" and "{second.name}" do not overlap; choose labels of one stack.')
    shared = Box(triple(start), triple(stop))
    return shared, shared.moved(triple(-offset))


def _in_voxels(corner: NDArray[np.float64], shapes: Shapes, image: Image | Labels) -> NDArray[np.float64]:
    """Return a corner of a shape, 2D or more, in voxels of the image."""
    world = np.zeros(max(3, shapes.ndim))
    world[-shapes.ndim :] = shapes.data_to_world(corner)
    return place_in(image, shapes, world.tolist())


def _scale_text(layer: Layer) -> str:
    return " x ".join(f"{n:g}" for n in scale_of(layer))
