"""Metadata of a dataset of webKnossos: the file `datasource-properties.json` with its layers and their resolutions.

Lengths, boxes and axes are x, y, z there, and boxes count voxels of the finest resolution.
"""

import math
import posixpath
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.json_text import parse_json
from napari_emcad.io.metadata.lengths import Point, voxel_size_in_nm, voxel_size_notes

PROPERTIES = "datasource-properties.json"
"""Name of the file that makes a folder a dataset of webKnossos."""

Triple = tuple[int, int, int]


class _Metadata(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


def _mag(stated: object) -> object:
    return (stated,) * 3 if isinstance(stated, int) else stated


class WkMag(_Metadata):
    """One resolution of a layer: the voxels (x, y, z) of the finest that are one of it, and where its array lies."""

    mag: Annotated[tuple[int, int, int], BeforeValidator(_mag), Field(alias="resolution")]
    path: str | None = None
    axis_order: dict[str, int] = Field(default_factory=dict, alias="axisOrder")

    @property
    def name(self) -> str:
        """Name as webKnossos gives it, such as "1" or "2-2-1"."""
        return str(self.mag[0]) if len(set(self.mag)) == 1 else "-".join(map(str, self.mag))


class WkBox(_Metadata):
    """A box in voxels (x, y, z) of the finest resolution."""

    top_left: Triple = Field(alias="topLeft")
    width: int
    height: int
    depth: int

    def at(self, mag: Triple) -> tuple[Triple, Triple]:
        """Return the first voxel and the one after the last (z, y, x) of the box in a resolution."""
        size = (self.width, self.height, self.depth)
        first = [corner // step for corner, step in zip(self.top_left, mag, strict=True)]
        last = [-(-(corner + edge) // step) for corner, edge, step in zip(self.top_left, size, mag, strict=True)]
        return (first[2], first[1], first[0]), (last[2], last[1], last[0])


class WkAxis(_Metadata):
    """An axis beside c, x, y and z, such as time."""

    name: str
    index: int


def _mags(stated: object) -> object:
    """Take the list of resolutions as it was called for wkw."""
    if isinstance(stated, Mapping) and "mags" not in stated and "wkwResolutions" in stated:
        return {**stated, "mags": [_renamed(mag) for mag in stated["wkwResolutions"]]}
    if isinstance(stated, Mapping) and isinstance(stated.get("mags"), list):
        return {**stated, "mags": [_renamed(mag) for mag in stated["mags"]]}
    return stated


def _renamed(mag: object) -> object:
    return {**mag, "resolution": mag["mag"]} if isinstance(mag, Mapping) and "mag" in mag else mag


class WkLayer(_Metadata):
    """A layer, with its resolutions in any order."""

    name: str
    category: str = ""
    box: WkBox = Field(alias="boundingBox")
    kind: str = Field(alias="dataFormat")
    mags: list[WkMag]
    channels: int | None = Field(default=None, alias="numChannels")
    values: str = Field(default="", alias="elementClass")
    axes: list[WkAxis] = Field(default_factory=list, alias="additionalAxes")

    def levels(self) -> list[WkMag]:
        """Return the resolutions, the finest first."""
        return sorted(self.mags, key=lambda mag: math.prod(mag.mag))

    def path_of(self, mag: WkMag) -> str:
        """Return the path of a resolution's array in the dataset, or an address elsewhere."""
        if mag.path is None:
            return f"{self.name}/{mag.name}"
        return mag.path if "://" in mag.path else posixpath.normpath(mag.path)

    def axis_names(self, mag: WkMag, number: int) -> list[str] | None:
        """Return the names of the axes of an array with so many; None if neither order nor number tells them."""
        order = {**mag.axis_order, **{axis.name: axis.index for axis in self.axes}}
        if mag.axis_order and sorted(order.values()) == list(range(number)):
            return sorted(order, key=lambda name: order[name])
        return {3: ["x", "y", "z"], 4: ["c", "x", "y", "z"]}.get(number)


class _Scale(_Metadata):
    factor: tuple[float, float, float]
    unit: str = "nanometer"


def _scale(stated: object) -> object:
    return {"factor": stated} if isinstance(stated, Sequence) and not isinstance(stated, str) else stated


class WkDataset(_Metadata):
    """A dataset: its voxel size (x, y, z) and its layers."""

    scale: Annotated[_Scale, BeforeValidator(_scale)]
    layers: list[Annotated[WkLayer, BeforeValidator(_mags)]] = Field(alias="dataLayers")

    def place_of(self, layer: WkLayer, mag: WkMag) -> tuple[VoxelSize | None, Point | None, tuple[str, ...]]:
        """Return voxel size, place of the first voxel of a layer's box in nm, and what is left out, in sentences.

        The middle of a coarse voxel is that of the fine ones in it.
        """
        stated, units = list(self.scale.factor[::-1]), [self.scale.unit] * 3
        finest = voxel_size_in_nm(stated, units)
        if finest is None:
            return None, None, voxel_size_notes(stated, units)
        steps, (first, _) = mag.mag[::-1], layer.box.at(mag.mag)
        size = VoxelSize(*(n * step for n, step in zip(finest, steps, strict=True)))
        z, y, x = ((start * step + (step - 1) / 2) * n for start, step, n in zip(first, steps, finest, strict=True))
        return size, (z, y, x), ()


def read_webknossos(text: bytes | str) -> WkDataset:
    """Read the properties of a dataset.

    Raises
    ------
    ValueError
        If they are not as the format has it.
    """
    try:
        stated: Any = parse_json(text)
        return WkDataset.model_validate(stated)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise ValueError(f"{place}: {problem['msg']}") from error
