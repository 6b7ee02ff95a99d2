"""Sample data for File > Open Sample: synthetic volumes with their hidden truth, made in memory."""

from typing import Any, Literal

from numpy.typing import NDArray

from napari_emcad.core.geometry import Shape, VoxelSize
from napari_emcad.core.synthetic import SyntheticStack, synthetic_stack
from napari_emcad.core.synthetic.optical import OpticalVolume, synthetic_optical

SampleLayer = tuple[NDArray[Any], dict[str, Any], Literal["image", "labels"]]
"""Values, the arguments of a layer, and its kind, as napari takes them."""

_VOXEL_SIZE = VoxelSize(30, 6, 6)


def small() -> list[SampleLayer]:
    """Make 8 sections of 256 x 256 pixels."""
    return _em((8, 256, 256))


def medium() -> list[SampleLayer]:
    """Make 16 sections of 512 x 512 pixels."""
    return _em((16, 512, 512))


def large() -> list[SampleLayer]:
    """Make 32 sections of 1024 x 1024 pixels, which takes about a minute."""
    return _em((32, 1024, 1024))


def optical() -> list[SampleLayer]:
    """Make neurons of light microscopy, 96 x 192 x 192 voxels."""
    return _layers(synthetic_optical((96, 192, 192)), "synthetic optical", (80, 600))


def _em(shape: Shape) -> list[SampleLayer]:
    return _layers(synthetic_stack(shape, _VOXEL_SIZE), "synthetic EM", (0, 255))


def _layers(stack: SyntheticStack | OpticalVolume, name: str, grey: tuple[int, int]) -> list[SampleLayer]:
    """Return image and labels layer of a synthetic volume (z, y, x) with their scale in nm; `grey` = levels shown."""
    image = {"name": name, "contrast_limits": grey, "colormap": "gray", **_place(stack.voxel_size)}
    truth = {"name": "ground truth", "visible": False, **_place(stack.voxel_size)}
    return [(stack.raw, image, "image"), (stack.labels, truth, "labels")]


def _place(size: VoxelSize) -> dict[str, Any]:
    """Return scale, units and axes of a layer."""
    return {
        "scale": tuple(size),
        "units": ("nm", "nm", "nm"),
        "axis_labels": ("z", "y", "x"),
        "metadata": {"voxel_size_nm": tuple(size)},
    }
