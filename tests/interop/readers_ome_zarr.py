"""ome-zarr-py on OME-Zarr: what its reader hands to viewers, which is a layer of labels."""

from pathlib import Path

import numpy as np
from ome_zarr.io import parse_url
from ome_zarr.reader import Label, Reader
from readers_kit import Level, Truth, Wrong, in_nm, main


def image(path: Path, truth: Truth) -> str:
    (node,) = Reader(parse_url(str(path)))()
    if not any(isinstance(spec, Label) for spec in node.specs):
        raise Wrong("no labels")
    units = [axis["unit"] for axis in node.metadata["axes"]]
    levels = []
    for data, (scale, translation) in zip(node.data, node.metadata["coordinateTransformations"], strict=True):
        size, place = in_nm(scale["scale"], units), in_nm(translation["translation"], units)
        levels.append(Level(np.asarray(data), size, place))
    return truth.check_levels("labels", levels, 2)


main("ome-zarr", {"OME-Zarr 0.4": image, "OME-Zarr 0.5": image})
