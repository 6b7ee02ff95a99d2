"""Sample data for File > Open Sample: synthetic volumes with their hidden truth, made in memory."""

from typing import Any

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.synthetic import SyntheticStack, synthetic_stack
from napari_emcad.core.synthetic.optical import OpticalVolume, synthetic_optical

Layer = tuple[Any, dict[str, Any], str]

_VOXEL_SIZE = VoxelSize(30, 6, 6)


def _em(shape: tuple[int, int, int]) -> list[Layer]:
    return _layers(synthetic_stack(shape, _VOXEL_SIZE), "synthetic EM", (0, 255))


def _layers(stack: SyntheticStack | OpticalVolume, name: str, grey: tuple[int, int]) -> list[Layer]:
    """Image and labels layer of a synthetic volume (z, y, x), with their scale in nm; `grey` levels are shown."""
    place = {
        "scale": tuple(stack.voxel_size),
        "units": ("nm", "nm", "nm"),
        "axis_labels": ("z", "y", "x"),
        "metadata": {"voxel_size_nm": tuple(stack.voxel_size)},
    }
    image = {"name": name, "contrast_limits": grey, "colormap": "gray", **place}
    truth = {"name": "ground truth", "visible": False, **place, "metadata": dict(place["metadata"])}
    return [(stack.raw, image, "image"), (stack.labels, truth, "labels")]


def small() -> list[Layer]:
    """8 sections of 256 x 256 pixels."""
    return _em((8, 256, 256))


def medium() -> list[Layer]:
    """16 sections of 512 x 512 pixels."""
    return _em((16, 512, 512))


def large() -> list[Layer]:
    """32 sections of 1024 x 1024 pixels; takes about a minute to make."""
    return _em((32, 1024, 1024))


def optical() -> list[Layer]:
    """Neurons of light microscopy, 96 x 192 x 192 voxels."""
    return _layers(synthetic_optical((96, 192, 192)), "synthetic optical", (80, 600))
