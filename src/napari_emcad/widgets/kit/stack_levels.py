"""The levels of a multiscale stack, and one of them as a layer of its own, to work on as on any stack."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer
from numpy.typing import NDArray

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.volume import Volume
from napari_emcad.core.wording import shape_text, voxel_size_text
from napari_emcad.reader import LEVELS
from napari_emcad.widgets.kit.layers import on_grid_of, origin_of, place_of, volume_of, voxel_size_of

LEVEL_OF = "level_of"
"""Key in the metadata of a layer that is one level of another: the unique id of the other."""

NUMBER = "level"
"""Key in the same metadata: the number of the level."""


@dataclass(frozen=True)
class StackLevel:
    """One resolution of a stack; 0 is the finest.

    Attributes
    ----------
    number : int
    data : Volume (z, y, x)
    factor : (z, y, x) float
        Edges of its voxels, in voxels of level 0.
    start : (z, y, x) float
        The middle of its first voxel, in voxels of level 0.
    dataset : str or None
        Its path in the file; None if that is not known.
    """

    number: int
    data: Volume
    factor: NDArray[np.float64]
    start: NDArray[np.float64]
    dataset: str | None

    def text(self, finest: VoxelSize | None) -> str:
        """Return "Level 1: 40 x 8 x 8 nm", given the voxel size of level 0; its shape if that is not known."""
        if finest is None:
            return f"Level {self.number}: {shape_text(self.data.shape)} voxels"
        size = VoxelSize(*(float(f"{n:.6g}") for n in self.factor * finest))
        return f"Level {self.number}: {voxel_size_text(size)}"


def levels_of(layer: Layer | None) -> list[StackLevel]:
    """Return the levels of a multiscale stack, the finest first; none for any other layer.

    Their voxel sizes are those that the file states. If it states none, the shapes give them, and the first voxels of
    all levels have one middle, as napari draws them.
    """
    if layer is None or not layer.multiscale or layer.ndim != 3 or getattr(layer, "rgb", False):
        return []
    known = layer.metadata.get(LEVELS) or [{}] * len(layer.data)
    says_sizes = all(level.get("voxel_size_nm") for level in known)
    found = []
    for number, (data, level) in enumerate(zip(layer.data, known, strict=True)):
        factor, start = np.array(layer.downsample_factors[number], float), np.zeros(3)
        if says_sizes:
            factor, start = _placed(level, known[0])
        found.append(StackLevel(number, data, factor, start, level.get("dataset")))
    return found


def pyramid_of(layers: Sequence[Layer], layer: Layer | None) -> Layer | None:
    """Return the multiscale stack that a layer is, or is a level of; None for any other."""
    if layer is None or levels_of(layer):
        return layer
    return next((other for other in layers if other.unique_id == layer.metadata.get(LEVEL_OF)), None)


def layer_of_level(viewer: ViewerModel, pyramid: Image, number: int) -> Image:
    """Return the layer of a level: the stack itself for level 0, else a hidden one, added if it is not there yet.

    It lies on its stack, which stays visible.
    """
    if number == 0:
        return pyramid
    for layer in viewer.layers:
        if (layer.metadata.get(LEVEL_OF), layer.metadata.get(NUMBER)) == (pyramid.unique_id, number):
            return layer
    active, added = viewer.layers.selection.active, _layer(pyramid, levels_of(pyramid)[number])
    viewer.layers.insert(viewer.layers.index(pyramid) + 1, added)
    viewer.layers.selection.active = active
    return added


def resolutions_of(layers: Sequence[Layer], layer: Image) -> list[Volume]:
    """Return the arrays of a stack, or of the level that a layer is, and of all coarser levels, the finest first."""
    number = layer.metadata.get(NUMBER, 0)
    found = [level.data for level in levels_of(pyramid_of(layers, layer))][number + 1 :]
    return [volume_of(layer), *found]


def on_grids_of(layers: Sequence[Layer], layer: Layer) -> list[Layer]:
    """Return the layers on the grid of a stack, or on that of any level of the same stack."""
    pyramid = pyramid_of(layers, layer)
    levels = [] if pyramid is None else [o for o in layers if o.metadata.get(LEVEL_OF) == pyramid.unique_id]
    family = dict.fromkeys([layer, *([pyramid] if pyramid else []), *levels])
    return list(dict.fromkeys(other for member in family for other in on_grid_of(layers, member)))


def _placed(level: dict[str, Any], finest: dict[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return factor and start, from the lengths in nm that the file states."""
    size = np.array(finest["voxel_size_nm"])
    offset, origin = (np.array(one.get("offset_nm") or (0.0, 0.0, 0.0)) for one in (level, finest))
    return np.array(level["voxel_size_nm"]) / size, (offset - origin) / size


def _layer(pyramid: Image, level: StackLevel) -> Image:
    place = place_of(pyramid, level.start.tolist())
    finest = voxel_size_of(pyramid)
    known = {name: value for name, value in pyramid.metadata.items() if name != LEVELS}
    metadata = {
        **known,
        "source": origin_of(pyramid)["source"] if level.dataset else None,
        "dataset": level.dataset,
        "voxel_size_nm": finest and tuple(map(float, level.factor * finest)),
        LEVEL_OF: pyramid.unique_id,
        NUMBER: level.number,
    }
    return Image(
        level.data,
        name=f"{pyramid.name} level {level.number}",
        visible=False,
        rgb=False,
        contrast_limits=pyramid.contrast_limits,
        metadata=metadata,
        **place | {"scale": tuple(level.factor * pyramid.scale)},
    )
