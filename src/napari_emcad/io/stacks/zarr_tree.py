"""The arrays and groups of a Zarr store, in a folder, in a zip file or behind a URL, with or without group files."""

import os
import posixpath
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import zarr
from zarr.storage import ZipStore

from napari_emcad.io.json_text import read_json
from napari_emcad.io.read_errors import explain_read_errors
from napari_emcad.io.stacks import remote_zarr
from napari_emcad.io.stacks.folders_below import folders_below, is_folder
from napari_emcad.io.stacks.locations import Location, Url
from napari_emcad.io.stacks.zarr_codecs import explain_codecs, register_codecs
from napari_emcad.io.stacks.zarr_files import RegularFiles, check_length

MARKS = ("zarr.json", ".zarray", ".zgroup")
"""Files of which one makes a folder a Zarr array or group."""

ZarrNode = zarr.Array[Any] | zarr.Group

_MOST_DEEP = 6
"""Groups above an array that are looked at."""


class ZarrTree:
    """A Zarr store, open to read. Paths in it have no slash at their ends; "" is what was opened itself.

    Parameters
    ----------
    where : Path or Url
        Folder, zip file or address; of an array or a group, or of a folder with such below it.

    Raises
    ------
    UserError
        If it cannot be read.
    """

    def __init__(self, where: Location):
        self.where = where
        self.close: Callable[[], None] = lambda: None
        self._names: list[str] | None = None
        with explain_errors(where):
            self._store = self._open_store()
            self.root = self._open("")

    def node(self, path: str) -> ZarrNode | None:
        """Return the array or group at a path; None if there is none."""
        if not path:
            return self.root
        found = self.root.get(path) if isinstance(self.root, zarr.Group) else None
        return found if found is not None else self._open(path)

    def attributes(self, path: str) -> Mapping[str, Any]:
        """Return the attributes of the array or group at a path; none if there is none."""
        found = self.node(path)
        return {} if found is None else found.attrs.asdict()

    def arrays(self, below: str = "") -> dict[str, zarr.Array[Any]]:
        """Return the arrays below a path, by their paths. An array that cannot be read is left out.

        Raises
        ------
        ValueError
            If none can be read.
        """
        found, problem = {}, None
        for path in sorted(self._array_paths(below)):
            try:
                node = self.node(path)
            except (ValueError, TypeError, KeyError) as error:
                problem = error
                continue
            if isinstance(node, zarr.Array):
                found[path] = node
        if problem and not found:
            raise problem
        return found

    def _open_store(self) -> Any:
        if isinstance(self.where, Url):
            return remote_zarr.zarr_address(self.where)
        if self.where.is_dir():
            return RegularFiles(self.where, read_only=True)
        store = ZipStore(self.where, mode="r")
        with zipfile.ZipFile(self.where) as kept:
            self._names = kept.namelist()
            for entry in kept.infolist():
                check_length(entry.filename, entry.file_size)
        self.close = store.close
        return store

    def _open(self, path: str) -> ZarrNode | None:
        """Open a node of the store; None if there is none."""
        if isinstance(self.where, Url):
            return remote_zarr.open_remote_node(self._store, path)
        if not self._has_mark(path):
            return None
        try:
            return _open_node(self._store, path)
        except ValueError as error:
            if not register_codecs(error):
                raise
            return _open_node(self._store, path)

    def _has_mark(self, path: str) -> bool:
        if self._names is not None:
            return any(posixpath.join(path, mark) in self._names for mark in MARKS)
        return isinstance(self.where, Path) and has_mark(self.where / path)

    def _array_paths(self, below: str) -> Iterator[str]:
        if self._names is not None:
            folders = {posixpath.split(name)[0] for name in self._names if posixpath.basename(name) in MARKS}
            yield from (folder for folder in folders if _is_below(folder, below) and self._is_array(folder))
        elif isinstance(self.where, Path):
            yield from _walk_arrays(self.where, below)
        elif isinstance(group := self.node(below), zarr.Group):
            members = group.members(max_depth=None)
            yield from (posixpath.join(below, name) for name, found in members if isinstance(found, zarr.Array))

    def _is_array(self, path: str) -> bool:
        return isinstance(self.node(path), zarr.Array)


def _open_node(store: Any, path: str) -> ZarrNode:
    found: ZarrNode = zarr.open(store, path=path, mode="r")
    return found


def has_mark(folder: Path) -> bool:
    """Return True if a folder is a Zarr array or group."""
    return any((folder / mark).is_file() for mark in MARKS)


def is_zarr_zip(path: Path) -> bool:
    """Return True if a file is a zip file with a Zarr array or group in it."""
    if path.suffix.lower() not in remote_zarr.ZIPPED or not path.is_file():
        return False
    with suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(path) as kept:
        return any(posixpath.basename(name) in MARKS for name in kept.namelist())
    return False


def has_arrays_below(folder: Path) -> bool:
    """Return True if there are Zarr arrays or groups in the folders below, as far as one looks."""
    return folder.is_dir() and any(map(has_mark, folders_below(folder)))


def _walk_arrays(root: Path, below: str) -> Iterator[str]:
    """Give the paths of arrays in a folder, without a look into the arrays."""
    folder = root / below
    if is_array_folder(folder):
        yield below
        return
    with suppress(OSError):
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if is_folder(entry) and below.count("/") < 16:
                yield from _walk_arrays(root, posixpath.join(below, entry.name))


def is_array_folder(folder: Path) -> bool:
    """Return True if a folder is an array, by its metadata alone."""
    if (folder / ".zarray").is_file():
        return True
    try:
        stated = read_json(folder / "zarr.json")
    except FileNotFoundError:
        return False
    return isinstance(stated, dict) and stated.get("node_type") != "group"


def _is_below(path: str, upper: str) -> bool:
    return not upper or path == upper or path.startswith(f"{upper}/")


def attributes_above(where: Location) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Give the attributes of the groups that a place lies in, the nearest first, and its path from there.

    Behind a URL it ends with the first that is no group.
    """
    path, upper = where.name, where.parent
    for _ in range(_MOST_DEEP):
        attributes = remote_zarr.group_attributes(upper) if isinstance(upper, Url) else _group_attributes(upper)
        if attributes is None and isinstance(upper, Url):
            return
        if attributes:
            yield attributes, path
        if upper.parent == upper:
            return
        path, upper = posixpath.join(upper.name, path), upper.parent


def _group_attributes(folder: Path) -> dict[str, Any] | None:
    """Read the attributes of a group from its file; None if there is none."""
    for name, key in (("zarr.json", "attributes"), (".zattrs", None)):
        if (folder / name).is_file():
            with explain_errors(folder):
                stated = read_json(folder / name)
                found = stated.get(key, {}) if key else stated
                return dict(found)
    return None


def explain_errors(where: Location) -> AbstractContextManager[None]:
    """Say in one sentence that Zarr metadata cannot be read, and why."""
    return remote_zarr.explain_errors(where) if isinstance(where, Url) else _explain_local_errors(where)


@contextmanager
def _explain_local_errors(where: Path) -> Iterator[None]:
    kind = "folder" if where.is_dir() else "file"
    remedy = "it may be damaged, copy or export it again"
    with (
        explain_read_errors(f"{where}: the Zarr {kind}", remedy),
        remote_zarr.raise_os_errors(),
        explain_codecs(where),
    ):
        yield
