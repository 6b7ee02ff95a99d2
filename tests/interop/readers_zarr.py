"""zarr-python on Zarr, OME-Zarr and affinities: levels with what their attributes say, as the formats have it."""

from pathlib import Path
from typing import Any

import zarr
from readers_kit import Level, Truth, in_nm, main


def array(name: str, path: Path, truth: Truth) -> str:
    found = zarr.open_array(path, mode="r")
    stated = dict(found.attrs)
    size, place = (in_nm(stated[key], stated["units"]) for key in ("resolution", "offset"))
    return truth.check_levels(name, [Level(found[:], size, place)])


def image(path: Path, truth: Truth) -> str:
    group = zarr.open_group(path, mode="r")
    stated: Any = group.attrs.get("ome", group.attrs)
    (multiscale,) = stated["multiscales"]
    units = [axis["unit"] for axis in multiscale["axes"]]
    levels = []
    for dataset in multiscale["datasets"]:
        scale, translation = dataset["coordinateTransformations"]
        size, place = in_nm(scale["scale"], units), in_nm(translation["translation"], units)
        levels.append(Level(group[dataset["path"]][:], size, place))
    return truth.check_levels("labels", levels, 2)


main(
    "zarr",
    {
        "Zarr": lambda path, truth: array("labels", path, truth),
        "affinities": lambda path, truth: array("affinities", path, truth),
        "OME-Zarr 0.4": image,
        "OME-Zarr 0.5": image,
    },
)
