"""Metadata of an OME-Zarr image: its levels with their voxel sizes and places.

All versions up to 0.5 are read; 0.4 is written. Only what is needed of the metadata is checked, the rest is left alone.
Source: Moore et al., "OME-Zarr: a cloud-optimized bioimaging file format", Histochem. Cell Biol. 2023.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.arrangement import IN_ORDER, Arrangement
from napari_emcad.io.metadata.lengths import Point, point_in_nm, voxel_size_in_nm


class _Metadata(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class OmeAxis(_Metadata):
    """An axis of an image; versions before 0.4 state its name only, and before 0.3 no axes."""

    name: str = ""
    unit: object = None


def _axis(stated: object) -> object:
    return {"name": stated} if isinstance(stated, str) else stated


class OmeTransformation(_Metadata):
    """A scale or translation, one number for each axis, in the axes' units."""

    type: str = ""
    scale: list[float] = Field(default_factory=list)
    translation: list[float] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check_numbers(self) -> Self:
        """Refuse numbers that lie elsewhere: they would go unread without a word."""
        if self.type in ("scale", "translation") and not getattr(self, self.type):
            raise ValueError(f"a {self.type} with its numbers is needed")
        return self


class OmeLevel(_Metadata):
    """One resolution of an image: the path of its array in the group, and its place."""

    path: str
    transformations: list[OmeTransformation] = Field(default_factory=list, alias="coordinateTransformations")


class OmeImage(_Metadata):
    """An image with its levels, the finest first; its own transformations come after those of a level."""

    axes: list[Annotated[OmeAxis, BeforeValidator(_axis)]] = Field(default_factory=list)
    levels: list[OmeLevel] = Field(default_factory=list, alias="datasets")
    transformations: list[OmeTransformation] = Field(default_factory=list, alias="coordinateTransformations")

    @property
    def axis_names(self) -> list[str] | None:
        """Names of the axes of its arrays, in their order; None if it states none."""
        return [axis.name for axis in self.axes] or None


class _OmeGroup(_Metadata):
    multiscales: list[object] | None = None


def read_image(attributes: Mapping[str, object]) -> OmeImage:
    """Read the first image from the attributes of a group or array; it has no levels if there is no image.

    Raises
    ------
    ValueError
        If the metadata is not as the format has it.
    """
    inner = attributes.get("ome", attributes)  # 0.5 keeps it there
    try:
        images = _OmeGroup.model_validate(dict(inner) if isinstance(inner, Mapping) else inner).multiscales
        return OmeImage.model_validate(images[0]) if images else OmeImage()
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise ValueError(f"OME-Zarr metadata, {place}: {problem['msg']}") from error


def place_of_level(
    image: OmeImage, path: str | None, arrangement: Arrangement = IN_ORDER
) -> tuple[VoxelSize | None, Point | None]:
    """Return voxel size and offset of one level in nm; None if the image does not say.

    Strategy: a voxel at v lies at (v * scale + translation of the level) * scale + translation of the image; of each
    the numbers of z, y and x are taken, which `arrangement` finds.
    """
    level = next((level for level in image.levels if level.path == path), None)
    parts = [level.transformations if level else [], image.transformations]
    units = arrangement.of_space([axis.unit for axis in image.axes])
    scales, moves = ([_first(part, kind, arrangement) for part in parts] for kind in ("scale", "translation"))
    size: Iterable[float] = np.prod([scale for scale in scales if scale], axis=0) if any(scales) else []
    first, whole = (move or [0.0] * 3 for move in moves)
    offset: Iterable[float] = np.array(first) * (scales[1] or 1.0) + whole if any(moves) else []
    return voxel_size_in_nm(size, units), point_in_nm(offset, units)


def _first(
    transformations: Sequence[OmeTransformation], kind: Literal["scale", "translation"], arrangement: Arrangement
) -> list[float]:
    """Return the first scale or translation (z, y, x) in the axes' units; empty if there is none."""
    return next((arrangement.of_space(getattr(t, kind)) for t in transformations if t.type == kind), [])


def image_attributes(name: str, steps: Sequence[int], voxel_size: VoxelSize | None, offset: Point) -> dict[str, object]:
    """Return the attributes of a group with an image (z, y, x) of version 0.4.

    Parameters
    ----------
    name : str
    steps : sequence of int
        Pixels of the finest level on y and x that are one of each level, which is the array "0", "1" and so on.
    voxel_size : VoxelSize or None
        Voxel size of the finest level, in nm; None = unknown.
    offset : (z, y, x)
        Place of the first voxel in nm.
    """
    unit = {"unit": "nanometer"} if voxel_size else {}
    z, y, x = voxel_size or (1, 1, 1)
    moved = [{"type": "translation", "translation": list(offset)}] if any(offset) else []
    levels = [
        {"path": str(i), "coordinateTransformations": [{"type": "scale", "scale": [z, y * step, x * step]}, *moved]}
        for i, step in enumerate(steps)
    ]
    axes = [{"name": axis, "type": "space", **unit} for axis in "zyx"]
    return {"multiscales": [{"version": "0.4", "name": name, "axes": axes, "datasets": levels}]}
