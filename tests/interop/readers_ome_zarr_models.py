"""ome-zarr-models on OME-Zarr: group and arrays are checked against the standard, as an image with labels."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import zarr
from ome_zarr_models.v04 import image_label as v04
from ome_zarr_models.v05 import image_label as v05
from readers_kit import Level, Truth, in_nm, main


def image(models: ModuleType) -> Callable[[Path, Truth], str]:
    def check(path: Path, truth: Truth) -> str:
        group = zarr.open_group(path, mode="r")
        found = models.ImageLabel.from_zarr(group)
        (multiscale,) = (found.attributes if models is v04 else found.ome_attributes).multiscales
        units = [axis.unit for axis in multiscale.axes]
        levels = []
        for dataset in multiscale.datasets:
            scale, translation = dataset.coordinateTransformations
            size, place = in_nm(scale.scale, units), in_nm(translation.translation, units)
            levels.append(Level(group[dataset.path][:], size, place))
        return truth.check_levels("labels", levels, 2)

    return check


main("ome-zarr-models", {"OME-Zarr 0.4": image(v04), "OME-Zarr 0.5": image(v05)})
