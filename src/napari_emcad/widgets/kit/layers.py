"""Layers of a viewer: their kinds, voxels, voxel sizes and files, and the place of what is made from an image."""

from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.volume import Volume, check_volume
from napari_emcad.io.metadata.lengths import voxel_size_in_nm
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.io.stacks.stack import GIVEN
from napari_emcad.widgets.kit.layer_units import has_lengths, scale_of, unit_lengths

SIZE_SOURCE = "voxel_size_source"
"""Key in the metadata of layers: where their voxel size comes from, in words."""

LAYER_KIND = "napari_emcad"
"""Key in the metadata of layers that the dock adds: their kind."""

AXES = ("z", "y", "x")


class LayerOrigin(TypedDict):
    """The file that a layer was opened from.

    Attributes
    ----------
    source : str or None
        Path or URL; None if it is not known.
    dataset : str or None
        Path inside the file.
    """

    source: str | None
    dataset: str | None


def is_image(layer: Layer) -> bool:
    """Return True for an image that somebody opened; False for our affinities."""
    return isinstance(layer, Image) and LAYER_KIND not in layer.metadata


def is_labels(layer: Layer) -> bool:
    """Return True for labels, ours included."""
    return isinstance(layer, Labels)


def is_shapes(layer: Layer) -> bool:
    """Return True for shapes that somebody drew; False for our outlines."""
    return isinstance(layer, Shapes) and LAYER_KIND not in layer.metadata


def volume_of(layer: Image | Labels) -> Volume:
    """Return the array of an image or labels, (z, y, x) if it is a stack; level 0 of a pyramid."""
    return layer.data[0] if layer.multiscale else layer.data


def check_layer(layer: Image) -> None:
    """Refuse anything but a stack of grey sections.

    Raises
    ------
    UserError
        One sentence.
    """
    if layer.rgb:
        raise UserError(
            f'volume: grey values are needed, "{layer.name}" is a colour image {tuple(volume_of(layer).shape)}; '
            "convert it to grey first."
        )
    check_volume(volume_of(layer))


def voxel_size_of(layer: Layer) -> VoxelSize | None:
    """Return the voxel size in nm: the layer's scale if its units are lengths, else that of its file, if any."""
    of_layer = voxel_size_in_nm(layer.scale[-3:], [str(unit) for unit in layer.units[-3:]])
    return of_layer or voxel_size_in_nm(layer.metadata.get("voxel_size_nm") or (), ["nm"] * 3)


def size_source_of(layer: Layer) -> str:
    """Return where the voxel size of a layer comes from, in words; empty if it is not known."""
    return str(layer.metadata.get(SIZE_SOURCE) or "") if voxel_size_of(layer) else ""


def notes_of(layer: Layer) -> list[str]:
    """Return what was guessed or left out as the file of a layer was read, as sentences."""
    notes = layer.metadata.get("notes") or ()
    return [notes] if isinstance(notes, str) else [str(note) for note in notes]


def origin_of(layer: Layer) -> LayerOrigin:
    """Return the path or URL that a layer was opened from, and the dataset in it.

    A URL with a secret in it, which another plugin may have opened, is not written down: it counts as not known.
    """
    source = layer.metadata.get("source") or layer.source.path
    try:
        known = str(parse_location(str(source))) if source else None
    except UserError:
        known = None
    return {"source": known, "dataset": layer.metadata.get("dataset")}


def layer_place(layer: Layer) -> dict[str, tuple[float, ...]]:
    """Return the place of the first voxel of a stack in its own voxels (z, y, x), as "origin"; nothing at 0."""
    place = tuple(float(f"{a / b:.9g}") for a, b in zip(layer.translate[-3:], layer.scale[-3:], strict=True))
    return {"origin": place} if any(place) else {}


def centre(viewer: ViewerModel, layer: Layer, voxel: Sequence[float]) -> None:
    """Put a voxel (z, y, x) of a layer into the middle of the canvas."""
    world = tuple(np.array(layer.data_to_world(voxel))[-3:])
    viewer.dims.set_point(range(viewer.dims.ndim - 3, viewer.dims.ndim), world)
    viewer.scene.camera.center = world


def set_voxel_size(layers: Sequence[Layer], layer: Layer, size: VoxelSize) -> None:
    """Give a stack, and every layer that lies on the same grid, another voxel size in nm."""
    rescale(on_grid_of(layers, layer), np.array(size) / scale_of(layer))
    layer.metadata[SIZE_SOURCE] = GIVEN


def on_grid_of(layers: Sequence[Layer], layer: Layer) -> list[Layer]:
    """Return the layers (z, y, x) with voxels as large as those of `layer`, in whatever units of length."""
    scale, is_known = scale_of(layer), has_lengths(layer)
    same = [o for o in layers if o.ndim == 3 and has_lengths(o) == is_known]
    return [o for o in same if np.allclose(scale_of(o), scale)]


def rescale(layers: Sequence[Layer], factor: NDArray[np.float64]) -> None:
    """Make the voxels of layers (z, y, x) larger or smaller, around the world's origin; their unit becomes nm."""
    for layer in layers:
        scale = tuple(float(f"{n:.12g}") for n in scale_of(layer) * factor)
        place = layer.translate * unit_lengths(layer) * factor
        layer.scale, layer.translate, layer.units = scale, tuple(place), ("nm",) * 3


def place_of(layer: Layer, start: Sequence[float] = (0, 0, 0)) -> dict[str, Any]:
    """Return the keyword arguments that put a layer on another one's grid, its first voxel at `start`, in voxels."""
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


def remove_layer(viewer: ViewerModel, layer: Layer | None) -> None:
    """Remove a layer if it is there; the one that is active stays so."""
    if layer is None or layer not in viewer.layers:
        return
    active = viewer.layers.selection.active
    viewer.layers.remove(layer)
    if active is not layer:
        viewer.layers.selection.active = active
