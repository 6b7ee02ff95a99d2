"""Sample data for File > Open Sample: synthetic sections with their hidden truth, made in memory."""

from typing import Any

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.synthetic import synthetic_stack

Layer = tuple[Any, dict[str, Any], str]

_VOXEL_SIZE = VoxelSize(30, 6, 6)


def _layers(shape: tuple[int, int, int]) -> list[Layer]:
    """Image and labels layer of a synthetic stack (z, y, x), with their scale in nm."""
    stack = synthetic_stack(shape, _VOXEL_SIZE)
    place = {
        "scale": tuple(stack.voxel_size),
        "units": ("nm", "nm", "nm"),
        "axis_labels": ("z", "y", "x"),
        "metadata": {"voxel_size_nm": tuple(stack.voxel_size)},
    }
    image = {"name": "synthetic EM", "contrast_limits": (0, 255), "colormap": "gray", **place}
    truth = {"name": "ground truth", "visible": False, **place, "metadata": dict(place["metadata"])}
    return [(stack.raw, image, "image"), (stack.labels, truth, "labels")]


def small() -> list[Layer]:
    """8 sections of 256 x 256 pixels."""
    return _layers((8, 256, 256))


def medium() -> list[Layer]:
    """16 sections of 512 x 512 pixels."""
    return _layers((16, 512, 512))


def large() -> list[Layer]:
    """32 sections of 1024 x 1024 pixels; takes about a minute to make."""
    return _layers((32, 1024, 1024))
