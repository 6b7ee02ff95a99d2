"""Where layers are: voxel sizes, boxes, and the place of what is made from an image."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.io.metadata.lengths import voxel_size_in_nm
from napari_emcad.io.stacks.locations import parse_location

MADE = "napari_emcad"
"""Key in the metadata of layers that the dock made: what they are."""

AXES = ("z", "y", "x")


def is_image(layer: Layer) -> bool:
    """An image that somebody opened, not one of our affinities."""
    return isinstance(layer, Image) and MADE not in layer.metadata


def is_labels(layer: Layer) -> bool:
    return isinstance(layer, Labels)


def is_shapes(layer: Layer) -> bool:
    """Shapes that somebody drew, not one of our outlines."""
    return isinstance(layer, Shapes) and MADE not in layer.metadata


def volume_of(layer: Image):
    """The array of an image layer, (z, y, x) where it is a stack; level 0 of a pyramid."""
    return layer.data[0] if layer.multiscale else layer.data


def check_layer(layer: Image) -> None:
    """Refuse what is no stack of grey sections.

    Raises
    ------
    UserError
        One sentence.
    """
    from napari_emcad.pipeline import check_volume

    if layer.rgb:
        raise UserError(
            f'volume: grey values are needed, "{layer.name}" is a colour image {tuple(volume_of(layer).shape)}; '
            "convert it to grey first."
        )
    check_volume(volume_of(layer))


def voxel_size_of(layer: Layer) -> VoxelSize | None:
    """In nm: the layer's scale where its units are lengths, else what its file said; None where nobody knows."""
    of_layer = voxel_size_in_nm(layer.scale[-3:], [str(unit) for unit in layer.units[-3:]])
    return of_layer or voxel_size_in_nm(layer.metadata.get("voxel_size_nm") or (), ["nm"] * 3)


def origin_of(layer: Layer) -> dict[str, str | None]:
    """The path or URL that a layer was opened from, and the dataset in it; None where that is not known.

    A URL with a secret in it, which another plugin may have opened, is not written down: it counts as not known.
    """
    source = layer.metadata.get("source") or layer.source.path
    try:
        known = str(parse_location(str(source))) if source else None
    except UserError:
        known = None
    return {"source": known, "dataset": layer.metadata.get("dataset")}


def centre(viewer, layer: Layer, voxel: Sequence[float]) -> None:
    """Put a voxel (z, y, x) of a layer into the middle of the canvas."""
    world = tuple(np.array(layer.data_to_world(voxel))[-3:])
    viewer.dims.set_point(range(viewer.dims.ndim - 3, viewer.dims.ndim), world)
    viewer.scene.camera.center = world


def set_voxel_size(layers: Sequence[Layer], layer: Layer, size: VoxelSize) -> None:
    """Give a stack, and every layer that lies on the same grid, another voxel size in nm."""
    rescale(on_grid_of(layers, layer), np.array(size) / layer.scale[-3:])


def on_grid_of(layers: Sequence[Layer], layer: Layer) -> list[Layer]:
    """The layers (z, y, x) with voxels of the same size and unit."""
    scale, units = np.array(layer.scale[-3:]), layer.units[-3:]
    return [o for o in layers if o.ndim == 3 and np.allclose(o.scale, scale) and o.units == units]


def rescale(layers: Sequence[Layer], factor: NDArray[np.float64]) -> None:
    """Make the voxels of layers (z, y, x) larger or smaller, around the world's origin; their unit is nm then."""
    for layer in layers:
        scale = tuple(float(f"{n:.12g}") for n in layer.scale * factor)
        layer.scale, layer.translate, layer.units = scale, tuple(layer.translate * factor), ("nm",) * 3


def place_of(layer: Layer, start: Sequence[int] = (0, 0, 0)) -> dict[str, Any]:
    """Keyword arguments that put a layer on another one's grid, its first voxel at `start`, in voxels."""
    grid = Affine(scale=layer.scale, translate=layer.translate, rotate=layer.rotate, shear=layer.shear)
    own_axes = tuple(str(name) for name in layer.axis_labels)
    return {
        "scale": tuple(layer.scale),
        "translate": tuple(grid(np.asarray(start, float))),
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": layer.units,
        "axis_labels": AXES if own_axes[0].startswith("-") else own_axes,
    }


def remove_layer(viewer, layer: Layer | None) -> None:
    """Take a layer away where it is there; the one that is active stays so."""
    if layer is None or layer not in viewer.layers:
        return
    active = viewer.layers.selection.active
    viewer.layers.remove(layer)
    if active is not layer:
        viewer.layers.selection.active = active


def section_at(layer: Layer, point: Sequence[float]) -> int:
    """The section of a stack that lies at a point of the world, such as `viewer.dims.point`."""
    z = layer.world_to_data(tuple(point)[-3:])[0]
    return int(np.clip(round(float(z)), 0, volume_of(layer).shape[0] - 1))


def box_of_shapes(shapes: Shapes, image: Image, sections: tuple[int, int]) -> Box:
    """The voxels inside the selected shape, or the last one drawn.

    Parameters
    ----------
    shapes : Shapes
    image : Image
    sections : (first, last)
        Taken where the shape is flat on z, as one drawn on a section is; both included.

    Raises
    ------
    UserError
        Where nothing is drawn or no voxel lies inside.
    """
    if not len(shapes.data):
        raise UserError(f'box: nothing is drawn on "{shapes.name}"; draw a rectangle on it.')
    chosen = max(shapes.selected_data) if shapes.selected_data else len(shapes.data) - 1
    corners = np.array([_in_voxels(corner, shapes, image) for corner in shapes.data[chosen]])
    low, high = np.ceil(corners.min(0)).astype(int), np.floor(corners.max(0)).astype(int)
    if shapes.ndim < 3 or np.ptp(corners[:, 0]) < 1:
        low[0], high[0] = sections
    shape = volume_of(image).shape
    box = Box(tuple(map(int, low)), tuple(int(n) + 1 for n in high)).clipped(shape)
    if min(box.shape) < 1:
        raise UserError(f'box: the shape on "{shapes.name}" holds no voxel of "{image.name}"; draw it over the stack.')
    return box


def _in_voxels(corner: NDArray, shapes: Shapes, image: Image) -> NDArray:
    """A corner of a shape, 2D or more, in voxels of the image."""
    world = np.zeros(max(3, shapes.ndim))
    world[-shapes.ndim :] = shapes.data_to_world(corner)
    return np.array(image.world_to_data(world[-3:]))


def overlap(first: Layer, second: Layer) -> tuple[Box, Box]:
    """The voxels that two layers on the same grid have in common, in the voxels of each.

    Raises
    ------
    UserError
        Where the grids differ or do not touch.
    """
    for layer in (first, second):
        if layer.ndim != 3:
            raise UserError(f'evaluate: labels (z, y, x) are needed, "{layer.name}" has {layer.ndim} axes.')
    shapes = [tuple(volume_of(layer).shape) for layer in (first, second)]
    if not np.allclose(first.scale, second.scale, rtol=1e-3):
        raise UserError(
            f'evaluate: layers of equal voxel size are needed, "{first.name}" has {_numbers(first.scale)} and '
            f'"{second.name}" has {_numbers(second.scale)}; set the voxel size of both.'
        )
    offset = np.round(np.array(first.world_to_data(second.data_to_world((0, 0, 0))))).astype(int)
    start, stop = np.maximum(offset, 0), np.minimum(shapes[0], offset + shapes[1])
    if not offset.any() and shapes[0] != shapes[1]:
        raise UserError(
            f'evaluate: labels of equal shape are needed, "{first.name}" is {shapes[0]} and "{second.name}" is '
            f"{shapes[1]} at the same place; choose labels of the same stack."
        )
    if (stop <= start).any():
        raise UserError(f'evaluate: "{first.name}" and "{second.name}" do not overlap; choose labels of one stack.')
    return _box(start, stop), _box(start - offset, stop - offset)


def _box(start: NDArray, stop: NDArray) -> Box:
    return Box(tuple(map(int, start)), tuple(map(int, stop)))


def _numbers(values: Sequence[float]) -> str:
    return " x ".join(f"{v:g}" for v in values)
