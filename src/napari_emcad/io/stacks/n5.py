"""Stacks in N5, in folders and behind URLs, through tensorstore (an optional extra).

N5 lists axes the other way round than Python does: its arrays are turned as they are opened. A chunk that is not there
counts as 0: writers leave empty chunks out.
"""

import os
import posixpath
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.io.json_text import parse_json, read_json
from napari_emcad.io.metadata.array_attributes import stated_offsets
from napari_emcad.io.metadata.n5 import (
    ATTRIBUTES,
    Attributes,
    array_shape,
    array_specification,
    is_n5_array,
    level_paths,
    n5_axes,
    n5_place,
    says_n5_labels,
)
from napari_emcad.io.read_errors import explain_read_errors
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.choose_dataset import DatasetEntry, choose_dataset, openable_names
from napari_emcad.io.stacks.folders_below import first_entries, folders_below, is_file, is_folder
from napari_emcad.io.stacks.locations import Location, Url
from napari_emcad.io.stacks.open_dataset import Holds, OpenDataset, metadata_stamp
from napari_emcad.io.stacks.section_images import SUFFIXES
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection
from napari_emcad.io.stacks.tensorstore_arrays import (
    CONTEXT,
    import_tensorstore,
    kvstore,
    read_file,
    short_reason,
    wrap_tensorstore,
)
from napari_emcad.io.stacks.zarr_tree import has_arrays_below, has_mark

_COMPRESSIONS = ("raw", "gzip", "bzip2", "xz", "blosc", "zstd")
_MOST_DEEP = 6
"""Groups above an array that are looked at."""


def open_n5(where: Location, wish: StackSelection = ANY) -> OpenDataset:
    """Open an array, or one of a group's: its finest level, or what `choose_dataset` finds.

    Raises
    ------
    UserError
        If the extra is not installed, it cannot be read, has no such array, or several to choose from.
    """
    tree = N5Tree(where)
    with _explain_errors(where):
        path = _find_array(tree, wish)
        return _open_array(tree, path, wish)


def open_n5_levels(where: Location, wish: StackSelection = ANY) -> list[OpenDataset]:
    """Open the levels of an image, the finest first; none if it has none, or if a coarser one is meant.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    tree = N5Tree(where)
    with _explain_errors(where):
        path = _find_array(tree, wish)
        levels = tree.levels(posixpath.dirname(path)) if path else []
        return [_open_array(tree, level, wish) for level in levels] if levels[:1] == [path] else []


def n5_stack_names(where: Location) -> list[str]:
    """Return the paths of the arrays that can be opened as (z, y, x); of an image with levels the finest."""
    tree = N5Tree(where)
    with _explain_errors(where):
        return [] if is_n5_array(tree.attributes("")) else openable_names(_list_entries(tree))


def n5_arrays(where: Location) -> list[DatasetEntry]:
    """Return the arrays in an N5 container, of whatever axes; none behind a URL, where they cannot be listed."""
    tree = N5Tree(where)
    with _explain_errors(where):
        return _list_entries(tree)


def is_n5(where: Location) -> bool:
    """Return True if a folder is an N5 array or group, or if the path of a URL leads into one by its name."""
    if isinstance(where, Url):
        return any(part.lower().endswith(".n5") for part in where.text.split("/"))
    if not where.is_dir():
        return False
    if where.name.lower().endswith(".n5"):  # funlib writes Zarr under such names, too
        return (where / ATTRIBUTES).is_file() or not (has_mark(where) or has_arrays_below(where))
    names = [entry.name for entry in first_entries(where) if is_file(entry)]
    if (where / ATTRIBUTES).is_file():
        return not any(Path(name).suffix.lower() in SUFFIXES for name in names)
    return all(name.startswith(".") for name in names) and any(map(is_array_folder, folders_below(where)))


class N5Tree:
    """An N5 container, or a part of one, open to read. Paths in it have no slash at their ends; "" is itself.

    Parameters
    ----------
    where : Path or Url

    Raises
    ------
    UserError
        If the extra is not installed.
    """

    def __init__(self, where: Location):
        self.where = where
        self.tensorstore = import_tensorstore(where, "N5 volumes", "n5")
        self._read: dict[str, Attributes] = {}

    def attributes(self, path: str) -> Attributes:
        """Return the attributes of an array or group; none if it has none or is not there.

        Raises
        ------
        ValueError
            If they cannot be read.
        """
        if path not in self._read:
            text = read_file(self.tensorstore, self.where, ATTRIBUTES, path)
            found = {} if text is None else parse_json(text)
            if not isinstance(found, dict):
                raise ValueError(f"{ATTRIBUTES}: an object is needed, got {type(found).__name__}")
            self._read[path] = found
        return self._read[path]

    def around(self, path: str) -> list[Attributes]:
        """Return the attributes of the groups that an array lies in, the nearest first, also above what was opened."""
        parts = path.split("/") if path else []
        inside = [self.attributes("/".join(parts[:depth])) for depth in reversed(range(len(parts)))]
        return inside + self._above

    def finest(self, path: str) -> str:
        """Return the path of the finest level of a group with levels, else the path itself."""
        levels = [] if is_n5_array(self.attributes(path)) else self.levels(path)
        return levels[0] if levels else path

    def levels(self, group: str) -> list[str]:
        """Return the paths of the levels of a group, the finest first; none if it has none."""
        listed = level_paths(self.attributes(group)) or self._numbered_levels(group)
        return [posixpath.normpath(posixpath.join(group, name)) for name in listed]

    def arrays(self, below: str = "") -> Iterator[str]:
        """Give the paths of the arrays below a path, on this machine alone: a server lists chunks, too."""
        if isinstance(self.where, Url):
            return
        if is_n5_array(self.attributes(below)):
            yield below
            return
        folder = self.where / below
        for inner in sorted(entry.name for entry in os.scandir(folder) if is_folder(entry)) if folder.is_dir() else []:
            if below.count("/") < 16:
                yield from self.arrays(posixpath.join(below, inner))

    def _numbered_levels(self, group: str) -> list[str]:
        found: list[str] = []
        while is_n5_array(self.attributes(posixpath.join(group, name := f"s{len(found)}"))):
            found.append(name)
        return found

    @cached_property
    def _above(self) -> list[Attributes]:
        found: list[Attributes] = []
        upper: Location = self.where
        for _ in range(_MOST_DEEP):
            if upper.parent == upper or (isinstance(upper, Url) and upper.name.lower().endswith(".n5")):
                break
            upper = upper.parent
            text = read_file(self.tensorstore, upper, ATTRIBUTES)
            stated = {} if text is None else parse_json(text)
            found += [stated] if isinstance(stated, dict) else []
            if "n5" in stated:
                break
        return found


def is_array_folder(folder: Path) -> bool:
    """Return True if a folder is an array, by its metadata alone."""
    with suppress(OSError, ValueError):
        found = read_json(folder / ATTRIBUTES)
        return isinstance(found, dict) and is_n5_array(found)
    return False


def _find_array(tree: N5Tree, wish: StackSelection) -> str:
    """Return the path of the array to open."""
    named = posixpath.normpath(wish.dataset.strip("/")) if wish.dataset and wish.dataset.strip("/") else ""
    path = tree.finest(named)
    if is_n5_array(tree.attributes(path)):
        return path
    if isinstance(tree.where, Url):
        raise UserError(f'{tree.where}: an N5 array is needed, and there is none at "{path}"; name the dataset in it.')
    entries = _list_entries(tree, named)
    if not entries:  # there is nothing of that name: say what there is
        return choose_dataset(tree.where, replace(wish, dataset=named or None), _list_entries(tree)).name
    return choose_dataset(tree.where, replace(wish, dataset=None), entries).name


def _list_entries(tree: N5Tree, below: str = "") -> list[DatasetEntry]:
    entries = []
    for path in tree.arrays(below):
        levels = tree.levels(posixpath.dirname(path)) if path else []
        if path in levels[1:]:
            continue
        attributes, around = tree.attributes(path), tree.around(path)
        shape, dtype = array_shape(attributes), _dtype(attributes)
        offsets = stated_offsets((attributes, *around))
        axes, holds = n5_axes(attributes, around), _holds(attributes, around)
        entries.append(DatasetEntry(path, shape, dtype, axes, holds, offsets))
    return entries


def _dtype(attributes: Attributes) -> np.dtype[Any]:
    try:
        return np.dtype(str(attributes["dataType"]))
    except TypeError:
        return np.dtype(object)


def _open_array(tree: N5Tree, path: str, wish: StackSelection) -> OpenDataset:
    attributes, around = tree.attributes(path), tree.around(path)
    shown = f"{tree.where}, {path}" if path else str(tree.where)
    store = open_n5_array(tree, path, shown)
    arrangement = arrange_axes(shown, store.shape, n5_axes(attributes, around), wish)
    name = path.rpartition("/")[2] or tree.where.name
    place = n5_place(name, attributes, around, arrangement)
    return OpenDataset(
        wrap_tensorstore(shown, store, arrangement),
        place.size,
        wish.named(path or None),
        _stamp(tree.where, path, attributes),
        place.offset,
        size_source=place.source if place.size else "",
        holds=_holds(attributes, around),
        notes=(*arrangement.notes, *place.notes),
    )


def open_n5_array(tree: N5Tree, path: str, shown: str) -> Any:
    """Open an array with its axes in Python's order, as tensorstore's own.

    Raises
    ------
    UserError
        If tensorstore does not read what it holds; `shown` begins the sentence.
    """
    attributes = tree.attributes(path)
    if attributes.get("isLabelMultiset"):
        raise UserError(
            f"{shown}: it holds label multisets of Paintera, and not one label for each voxel; "
            "convert it to a plain N5 array, or open another level."
        )
    if not is_n5_array(attributes):
        raise UserError(f"{shown}: an N5 array is needed, its {ATTRIBUTES} states none; copy or export it again.")
    specification = array_specification(attributes)
    compression = specification["compression"].get("type")
    if compression not in _COMPRESSIONS:
        raise UserError(
            f'{shown}: its chunks are compressed with "{compression}", which tensorstore does not read in N5; '
            f"save it with one of {', '.join(_COMPRESSIONS)}."
        )
    spec = {"driver": "n5", "kvstore": kvstore(tree.where, path), "metadata": specification}
    ts = tree.tensorstore
    opened = ts.open(spec, read=True, open=True, assume_metadata=True, context=ts.Context(CONTEXT)).result()
    return opened.T


def _stamp(where: Location, path: str, attributes: Attributes) -> tuple[int, int | str]:
    """Return the stamp of the array's own metadata: its chunks may be millions of files."""
    if isinstance(where, Url):
        return metadata_stamp(attributes)
    stat = (where / path / ATTRIBUTES).stat()
    return stat.st_size, stat.st_mtime_ns


def _holds(attributes: Attributes, around: Sequence[Attributes]) -> Holds | None:
    return "labels" if says_n5_labels(attributes, around) else None


def _explain_errors(where: Location) -> AbstractContextManager[None]:
    remedy = (
        "check the address, the network and the credentials in the environment"
        if isinstance(where, Url)
        else "it may be damaged, copy or export it again"
    )
    return explain_read_errors(f"{where}: the N5 volume", remedy, short_reason)
