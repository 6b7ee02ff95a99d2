"""Metadata of an OME-Zarr image: its levels with their voxel sizes and places.

All versions up to 0.5 are read, and of 0.6 what has a counterpart there. Only what is needed of the metadata is
checked, the rest is left alone: see decision 14.
Source: Moore et al., "OME-Zarr: a cloud-optimized bioimaging file format", Histochem. Cell Biol. 2023.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.arrangement import IN_ORDER, Arrangement
from napari_emcad.io.metadata.lengths import Point, point_in_nm, voxel_size_in_nm, voxel_size_notes


class OmeMetadata(BaseModel):
    """A part of OME-Zarr metadata; further keys are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Part = TypeVar("Part", bound=OmeMetadata)


class OmeAxis(OmeMetadata):
    """An axis of an image; versions before 0.4 state its name only, and before 0.3 no axes."""

    name: str = ""
    unit: object = None


def _axis(stated: object) -> object:
    return {"name": stated} if isinstance(stated, str) else stated


OmeAxes = list[Annotated[OmeAxis, BeforeValidator(_axis)]]


class OmeTransformation(OmeMetadata):
    """A scale or translation, one number for each axis, in the axes' units, or a sequence of them."""

    type: str = ""
    scale: list[float] = Field(default_factory=list)
    translation: list[float] = Field(default_factory=list)
    transformations: list["OmeTransformation"] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check_numbers(self) -> Self:
        """Refuse numbers that lie elsewhere: they would go unread without a word."""
        if self.type in ("scale", "translation") and not getattr(self, self.type):
            raise ValueError(f"a {self.type} with its numbers is needed")
        return self

    def parts(self) -> Iterator["OmeTransformation"]:
        """Give the transformations of a sequence, in the order in which they are applied."""
        if self.type != "sequence":
            yield self
        for part in self.transformations:
            yield from part.parts()


def _path(stated: object) -> object:
    return posixpath.normpath(stated.strip("/")) if isinstance(stated, str) else stated


class OmeLevel(OmeMetadata):
    """One resolution of an image: the path of its array in the group, and its place."""

    path: Annotated[str, BeforeValidator(_path)]
    transformations: list[OmeTransformation] = Field(default_factory=list, alias="coordinateTransformations")


class OmeSystem(OmeMetadata):
    """A system of coordinates of version 0.6."""

    axes: OmeAxes = Field(default_factory=list)


class OmeImage(OmeMetadata):
    """An image with its levels, the finest first; its own transformations come after those of a level."""

    axes: OmeAxes = Field(default_factory=list)
    systems: list[OmeSystem] = Field(default_factory=list, alias="coordinateSystems")
    levels: list[OmeLevel] = Field(default_factory=list, alias="datasets")
    transformations: list[OmeTransformation] = Field(default_factory=list, alias="coordinateTransformations")

    @model_validator(mode="before")
    @classmethod
    def _in_the_first_system(cls, stated: object) -> object:
        """Take the axes of version 0.6 from its first system, in which the levels lie; the others lead elsewhere."""
        if not isinstance(stated, Mapping) or not stated.get("coordinateSystems") or stated.get("axes"):
            return stated
        return {**stated, "axes": _first_axes(stated["coordinateSystems"]), "coordinateTransformations": []}

    @property
    def axis_names(self) -> list[str] | None:
        """Names of the axes of its arrays, in their order; None if it states none."""
        return [axis.name for axis in self.axes] or None

    def level(self, path: str | None) -> OmeLevel | None:
        """Return the level at a path in the group; None if there is no such level."""
        return next((level for level in self.levels if level.path == path), None)

    def transformations_of(self, path: str | None) -> list[OmeTransformation]:
        """Return the transformations of a level and then of the image, in the order in which they are applied."""
        level = self.level(path)
        stated = [*(level.transformations if level else []), *self.transformations]
        return [part for transformation in stated for part in transformation.parts()]


def _first_axes(systems: object) -> object:
    first = systems[0] if isinstance(systems, list) and systems else {}
    return first.get("axes", []) if isinstance(first, Mapping) else first


class _OmeGroup(OmeMetadata):
    multiscales: list[object] | None = None


def read_images(attributes: Mapping[str, object]) -> list[OmeImage]:
    """Read the images from the attributes of a group or array; most groups have one.

    Raises
    ------
    ValueError
        If the metadata is not as the format has it.
    """
    with_images = read_ome(_OmeGroup, attributes)
    return [_validated(OmeImage, image) for image in with_images.multiscales or []]


def read_image(attributes: Mapping[str, object]) -> OmeImage:
    """Read the first image from the attributes of a group or array; it has no levels if there is no image.

    Raises
    ------
    ValueError
        If the metadata is not as the format has it.
    """
    return next(iter(read_images(attributes)), OmeImage())


def read_ome(kind: type[Part], attributes: Mapping[str, object]) -> Part:
    """Read a part of the OME-Zarr metadata in the attributes of a group or array.

    Raises
    ------
    ValueError
        If it is not as the format has it.
    """
    inner = attributes.get("ome", attributes)  # 0.5 keeps it there
    return _validated(kind, dict(inner) if isinstance(inner, Mapping) else inner)


def _validated(kind: type[Part], stated: object) -> Part:
    try:
        return kind.model_validate(stated)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise ValueError(f"OME-Zarr metadata, {place}: {problem['msg']}") from error


def place_of_level(
    image: OmeImage, path: str | None, arrangement: Arrangement = IN_ORDER
) -> tuple[VoxelSize | None, Point | None]:
    """Return voxel size and offset of one level in nm; None if the image does not say.

    Strategy: a voxel at v lies at v * scale + translation, as each transformation of the level and then of the image
    has it; of each the numbers of z, y and x are taken, which `arrangement` finds.

    Raises
    ------
    ValueError
        If a transformation has not one number for each axis.
    """
    scale, move, units = _lengths(image, path, arrangement)
    return voxel_size_in_nm(scale, units), point_in_nm(move, units)


def notes_on_level(image: OmeImage, path: str | None, arrangement: Arrangement = IN_ORDER) -> tuple[str, ...]:
    """Say what of a level's place is not read, in sentences that follow the name of a file."""
    kinds = {part.type for part in image.transformations_of(path)}
    notes = [f'its transformation of the type "{kind}" is left out.' for kind in sorted(kinds - _READ)]
    scale, _, units = _lengths(image, path, arrangement)
    return (*notes, *voxel_size_notes(scale, units))


def _lengths(
    image: OmeImage, path: str | None, arrangement: Arrangement
) -> tuple[list[float], list[float], list[object]]:
    """Return scale and translation (z, y, x) of one level with their units; empty where nothing is stated."""
    applied = image.transformations_of(path)
    scale, move = np.ones(3), np.zeros(3)
    for part in applied:
        if part.type == "scale":
            numbers = _of_space(part.scale, arrangement)
            scale, move = scale * numbers, move * numbers
        elif part.type == "translation":
            move = move + _of_space(part.translation, arrangement)
    kinds = {part.type for part in applied}
    units = arrangement.of_space([axis.unit for axis in image.axes])
    return scale.tolist() if "scale" in kinds else [], move.tolist() if "translation" in kinds else [], units


_READ = {"scale", "translation", "identity"}
"""Types of transformations that are applied."""


def _of_space(numbers: Sequence[float], arrangement: Arrangement) -> NDArray[Any]:
    axes = 3 + len(arrangement.fixed)
    if len(numbers) not in (3, axes):
        raise ValueError(f"OME-Zarr metadata: a transformation with {axes} numbers is needed, got {len(numbers)}")
    return np.array(arrangement.of_space(numbers))


def label_attributes(
    name: str,
    steps: Sequence[int],
    voxel_size: VoxelSize | None,
    offset: Point,
    version: str,
    colours: Mapping[int, Sequence[int]] | None = None,
) -> dict[str, object]:
    """Return the attributes of a group with labels (z, y, x) in several levels.

    Every level takes pixels of the finest one, the first of them included, so that all begin at the same place.

    Parameters
    ----------
    name : str
    steps : sequence of int
        Pixels of the finest level on y and x that are one of each level, which is the array "0", "1" and so on.
    voxel_size : VoxelSize or None
        Voxel size of the finest level, in nm; None = unknown.
    offset : (z, y, x)
        Place of the middle of the first voxel in nm; that of the stack's first voxel is 0.
    version : "0.4" or "0.5"
        Of OME-Zarr.
    colours : mapping, optional
        Red, green and blue, 0..255, of each label.
    """
    unit = {"unit": "nanometer"} if voxel_size else {}
    z, y, x = voxel_size or (1, 1, 1)
    moved = [{"type": "translation", "translation": list(offset)}] if any(offset) else []
    levels = [
        {"path": str(i), "coordinateTransformations": [{"type": "scale", "scale": [z, y * step, x * step]}, *moved]}
        for i, step in enumerate(steps)
    ]
    axes = [{"name": axis, "type": "space", **unit} for axis in "zyx"]
    image: dict[str, object] = {"name": name, "axes": axes, "datasets": levels}
    listed = [{"label-value": label, "rgba": [*colour, 255]} for label, colour in (colours or {}).items()]
    look = {"colors": listed} if listed else {}
    if version == "0.4":
        return {"multiscales": [{"version": version, **image}], "image-label": {"version": version, **look}}
    return {"ome": {"version": version, "multiscales": [image], "image-label": look}}
