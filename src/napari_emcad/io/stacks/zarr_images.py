"""The image that an array of a Zarr store is a level of, and what the groups that it lies in say of it."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from napari_emcad.io.metadata.ome_groups import read_collection
from napari_emcad.io.metadata.ome_zarr import OmeImage, read_images
from napari_emcad.io.stacks.locations import Url
from napari_emcad.io.stacks.zarr_tree import ZarrTree, attributes_above


@dataclass(frozen=True)
class ImageLevel:
    """An array as a level of an image.

    Attributes
    ----------
    image : OmeImage
    path : str
        Path of the level in the image's group.
    group : str
        Path of that group in the store; for one that lies above what was opened, its name there.
    attributes : mapping
        Those of the group.
    is_inside : bool
        False for a group above what was opened.
    """

    image: OmeImage
    path: str
    group: str
    attributes: Mapping[str, Any]
    is_inside: bool = True

    @property
    def level_names(self) -> list[str]:
        """Paths of the image's levels in the store, the finest first."""
        return [posixpath.normpath(posixpath.join(self.group, level.path)) for level in self.image.levels]


class ZarrImages:
    """The images of a Zarr store."""

    def __init__(self, tree: ZarrTree):
        self._tree = tree
        self._read: dict[str, tuple[Mapping[str, Any], list[OmeImage]]] = {}

    def level_at(self, path: str, above: bool = True) -> ImageLevel | None:
        """Return what image an array is a level of; None if of none.

        Parameters
        ----------
        path : str
            Of the array.
        above : bool
            Whether to look into groups above what was opened, too.
        """
        for upper, name in _uppers(path):
            attributes, images = self._images_in(upper)
            for image in images:
                if image.level(name):
                    return ImageLevel(image, name, upper, attributes)
        return self._level_above(path) if above else None

    def attributes_around(self, path: str) -> Iterator[Mapping[str, Any]]:
        """Give the attributes of the groups that an array lies in, the nearest first."""
        yield from (self._tree.attributes(upper) for upper, _ in _uppers(path))
        yield from (attributes for attributes, _ in self._above)

    def finest(self, path: str) -> tuple[str, list[str]]:
        """Return the path of the array that a path stands for, and what was chosen for it, in sentences.

        Of an image it is the finest level, of several images, a plate or a well the first; else the path itself.
        """
        notes: list[str] = []
        for _ in range(8):
            attributes, images = self._images_in(path)
            if images and images[0].levels:
                others = f"of its {len(images)} OME-Zarr images the first is taken."
                notes += [others] if len(images) > 1 else []
                return posixpath.normpath(posixpath.join(path, images[0].levels[0].path)), notes
            first = self._first_of(path, attributes)
            if first is None:
                return path, notes
            path = posixpath.join(path, first)
            notes = [f'of its images "{path}" is taken, the first; name another one as the dataset.']
        return path, notes

    def _first_of(self, path: str, attributes: Mapping[str, Any]) -> str | None:
        collection = read_collection(attributes)
        if not collection.layout:
            return collection.first
        listed = read_collection(self._tree.attributes(posixpath.join(path, "OME"))).series
        return next(iter(listed), collection.first)

    def _images_in(self, path: str) -> tuple[Mapping[str, Any], list[OmeImage]]:
        if path not in self._read:
            attributes = self._tree.attributes(path)
            self._read[path] = attributes, read_images(attributes)
        return self._read[path]

    def _level_above(self, path: str) -> ImageLevel | None:
        for attributes, name in self._above:
            whole = posixpath.join(name, path) if path else name
            for image in read_images(attributes):
                if level := next((level for level in image.levels if level.path == whole), None):
                    return ImageLevel(image, level.path, _group_name(self._tree, whole), attributes, is_inside=False)
        return None

    @cached_property
    def _above(self) -> list[tuple[Mapping[str, Any], str]]:
        """Attributes of the groups above what was opened; none for a zip file, which is a store of its own."""
        where = self._tree.where
        return list(attributes_above(where)) if isinstance(where, Url) or where.is_dir() else []


def _group_name(tree: ZarrTree, whole: str) -> str:
    """Return the name of the folder that a path leads out of, with the folder around it, as far as it is known."""
    group = tree.where
    for _ in range(whole.count("/") + 1):
        group = group.parent
    return posixpath.join(group.parent.name, group.name)


def _uppers(path: str) -> Iterator[tuple[str, str]]:
    """Give the groups that a path lies in, the nearest first, and the path from there."""
    parts = path.split("/") if path else []
    for depth in reversed(range(len(parts))):
        yield "/".join(parts[:depth]), "/".join(parts[depth:])
