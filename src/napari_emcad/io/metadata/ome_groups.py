"""OME-Zarr groups that hold images without being one: several images, plates and their wells, and labels."""

import posixpath
from collections.abc import Mapping

from pydantic import Field

from napari_emcad.io.metadata.ome_zarr import OmeMetadata, read_ome

LABELS = "labels"
"""Name of the group of labels beside an image."""


class _Item(OmeMetadata):
    path: str = ""


class _Plate(OmeMetadata):
    wells: list[_Item] = Field(default_factory=list)


class _Well(OmeMetadata):
    images: list[_Item] = Field(default_factory=list)


class OmeCollection(OmeMetadata):
    """The images below a group, as its metadata states them.

    Attributes
    ----------
    layout : int or None
        3 for a group that bioformats2raw wrote: its images are "0", "1" and so on.
    series : list of str
        Paths of those images, as the group OME beside them lists them.
    plate, well
        Of a high-content screen: a plate's wells, and a well's fields of view.
    labels : list of str
        Paths of the labels in a group of labels.
    """

    layout: int | None = Field(default=None, alias="bioformats2raw.layout")
    series: list[str] = Field(default_factory=list)
    plate: _Plate | None = None
    well: _Well | None = None
    labels: list[str] = Field(default_factory=list)

    @property
    def first(self) -> str | None:
        """Path of the first of its images or wells; None if it is no such collection."""
        if self.plate and self.plate.wells:
            return self.plate.wells[0].path
        if self.well and self.well.images:
            return self.well.images[0].path
        return "0" if self.layout else None


def read_collection(attributes: Mapping[str, object]) -> OmeCollection:
    """Read what a group says of the images below it.

    Raises
    ------
    ValueError
        If the metadata is not as the format has it.
    """
    kept = ("bioformats2raw.layout", "series", "plate", "well", "labels")
    inner = attributes.get("ome", attributes)
    stated = {key: inner[key] for key in kept if key in inner} if isinstance(inner, Mapping) else {}
    if not isinstance(stated.get("labels"), list):
        stated.pop("labels", None)  # another program's word
    return read_ome(OmeCollection, {"ome": stated})


def says_labels(attributes: Mapping[str, object], path: str) -> bool:
    """Return True if an image at a path says that it holds labels, by its metadata or the group that it lies in."""
    inner = attributes.get("ome", attributes)
    return (isinstance(inner, Mapping) and "image-label" in inner) or posixpath.basename(
        posixpath.dirname(path)
    ) == LABELS


def says_image(attributes: Mapping[str, object]) -> bool:
    """Return True if an image says how its grey levels are to be shown."""
    inner = attributes.get("ome", attributes)
    return isinstance(inner, Mapping) and bool(inner.get("omero"))
