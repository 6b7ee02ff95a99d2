"""The door for stacks: a path or URL goes in, a stack that is read as it is used comes out."""

import hashlib
import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.volume import Volume
from napari_emcad.io.metadata.lengths import Point
from napari_emcad.io.read_errors import explain_read_errors
from napari_emcad.io.regular_files import check_entries, check_path
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.choose_dataset import DatasetEntry, SeveralStacks
from napari_emcad.io.stacks.formats import StackFormat, find_format, known_formats
from napari_emcad.io.stacks.hosts import check_host
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.locations import Location, Url, parse_location
from napari_emcad.io.stacks.open_dataset import Holds, OpenDataset, with_likely_place
from napari_emcad.io.stacks.paper_layouts import voxel_size_by_name
from napari_emcad.io.stacks.section_images import SUFFIXES, TIFF
from napari_emcad.io.stacks.stack_selection import StackSelection

GIVEN = "given"
"""Source of the voxel size that a person gave."""

BY_NAME = "by the name of the dataset"
"""Source of the voxel size of a file that says none, but is named as those of a known dataset."""

_SAMPLE = 64
"""Edge, in voxels, of the squares that the fingerprint looks at."""


_CONTENT_WORDS = 3
"""Words at the beginning of a fingerprint that describe voxels, shape and type."""


@dataclass(frozen=True)
class Stack:
    """A stack that is open. Close it, or use it as a context manager; it also closes when no longer used.

    Attributes
    ----------
    array : LazyArray (z, y, x)
        Reads what is sliced from it; its type is that of the file.
    voxel_size : VoxelSize or None
        In nm; None if neither the file nor its name says it.
    path : Path or Url
        File, folder or address that was opened.
    dataset : str or None
        Text of the `StackSelection` that opens it again: path inside an HDF5 file or a Zarr group, or key of a
        precomputed volume's scale, and the channel and time point if there are several.
    fingerprint : str
        sha256 of three samples, shape, type, bytes, time of change and name, with blanks between. Equal for the same
        unchanged file; cheap, so that a change elsewhere shows only in the time. Behind a URL, length and sha256 of
        the metadata stand for bytes and time.
    offset : (z, y, x) or None
        Place of the first voxel in nm, as the labels of a padded CREMI file state it; None if the file does not say.
    size_source : str
        Where the voxel size comes from, in words: `GIVEN`, `BY_NAME`, "OME-Zarr metadata" and the like; empty if it is
        unknown.
    holds : {"labels", "image"} or None
        What the file says that its voxels are; None if it does not say.
    notes : tuple of str
        What was guessed or left out, as sentences.
    """

    array: LazyArray
    voxel_size: VoxelSize | None
    path: Location
    dataset: str | None
    fingerprint: str
    offset: Point | None = None
    size_source: str = ""
    holds: Holds | None = None
    notes: tuple[str, ...] = ()

    @property
    def origin(self) -> Point | None:
        """Place of the first voxel in voxels (z, y, x); None at 0, or if the file does not say."""
        if not self.offset or not self.voxel_size or not any(self.offset):
            return None
        z, y, x = (place / size for place, size in zip(self.offset, self.voxel_size, strict=True))
        return z, y, x

    def close(self) -> None:
        """Give the file back; the array cannot be read afterwards."""
        self.array.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_stack(path: Location | str, dataset: str | None = None, voxel_size: VoxelSize | None = None) -> Stack:
    """Open a stack in one of the formats that `formats` lists; nothing is changed.

    Parameters
    ----------
    path : path or URL
        File or folder. Zarr accepts any URL that fsspec reads, a precomputed volume one that begins with
        precomputed://.
    dataset : str, optional
        Path inside an HDF5 file or a Zarr group, or key of a precomputed volume's scale. Left out: the only stack in
        it, volumes/raw, main or raw, or level 0 of several resolutions. "raw[axes=zyxc,c=1,t=0]" names axes, channel
        and time point, too; each part may be left out.
    voxel_size : VoxelSize, optional
        In nm (z, y, x); replaces what the file says.

    Raises
    ------
    UserError
        If there is no such file, it is damaged or of another kind, a pipe or a device, or its disk does not answer; if
        several datasets could be meant; for a URL also if its host cannot be reached, its library is not installed or a
        secret is in it.
    NotAStack
        If it is an image, but not one grey stack: a single section, colours, channels or time points.
    """
    path = parse_location(path)
    _check_voxel_size(voxel_size)
    opened = _open_dataset(path, StackSelection.parse(dataset))
    try:
        fingerprint = _fingerprint(path, opened)
    except BaseException:
        opened.array.close()
        raise
    by_name = None if voxel_size or opened.voxel_size else voxel_size_by_name(path)
    opened.array.is_far = isinstance(path, Url)
    opened.array.open_coarser = partial(_open_coarser, path, opened.dataset)
    return Stack(
        opened.array,
        voxel_size or opened.voxel_size or by_name,
        path,
        opened.dataset,
        fingerprint,
        _offset(opened, voxel_size),
        GIVEN if voxel_size else BY_NAME if by_name else opened.size_source,
        opened.holds,
        opened.notes,
    )


def open_levels(path: Location | str, dataset: str | None = None) -> list[OpenDataset]:
    """Open the resolutions of an image or volume, the finest first; none if there is only one.

    Parameters
    ----------
    path, dataset
        As for `open_stack`; a dataset that is a coarser level has none, and neither has a file of several stacks.

    Raises
    ------
    UserError
        See `open_stack`.
    """
    path = parse_location(path)
    kind = _find_format(path)
    if not kind or not kind.levels:
        return []
    with _explain_errors(path, kind):
        try:
            found = [with_likely_place(level) for level in kind.levels(path, StackSelection.parse(dataset))]
        except SeveralStacks:
            return []
    return found if len(found) > 1 else []


def _open_coarser(path: Location, dataset: str | None) -> list[LazyArray]:
    """Open the resolutions below the one that is a dataset of a file."""
    found = open_levels(path, dataset) or open_levels(path)
    names = [level.dataset and level.dataset.strip("/") for level in found]
    return [level.array for level in found[names.index(dataset) + 1 :]] if dataset in names else []


def stack_names(path: Location | str) -> list[str]:
    """Return the datasets in an HDF5 file or Zarr group that `open_stack` can open; none if a file is one stack.

    Raises
    ------
    UserError
        If the file is damaged.
    """
    path = parse_location(path)
    kind = _find_format(path)
    if not kind or not kind.names:
        return []
    with _explain_errors(path, kind):
        return kind.names(path)


def stored_arrays(path: Location | str) -> list[DatasetEntry]:
    """Return the arrays in a file, of whatever number of axes.

    Raises
    ------
    UserError
        If there is no such file, it is damaged, or arrays of its format are opened as stacks alone.
    """
    path = parse_location(path)
    kind = _kind_of(path)
    if kind.arrays is None:
        raise UserError(
            f"{path}: an array of channels in NPY, NPZ, HDF5, Zarr, N5 or TIFF is needed, got a {kind.name}; "
            "convert it to one of these."
        )
    with _explain_errors(path, kind):
        return kind.arrays(path)


def _explain_errors(path: Location, kind: StackFormat[Any]) -> AbstractContextManager[None]:
    """Say in one sentence what no format foresaw: damage goes deep into the libraries before one of them notices it."""
    return explain_read_errors(f"{path}: the {kind.name}", "it may be damaged, copy or export it again")


def holds_datasets(path: Location | str) -> bool:
    """Return True if a dataset of a file can be named; False if it is one stack."""
    path = parse_location(path)
    kind = _find_format(path)
    return kind is not None and kind.names is not None and (kind.levels is not None or bool(kind.names(path)))


def _find_format(path: Location) -> StackFormat[Any] | None:
    with explain_read_errors(f"{path}: what lies there", "it may be damaged, copy or export it again"):
        return find_format(path)


def _kind_of(path: Location) -> StackFormat[Any]:
    if isinstance(path, Path):
        check_path(path)
        if not path.exists():
            raise UserError(f"{path}: there is no such file or folder; check its name and place.")
        check_entries(path)
    else:
        check_host(path)
    kind = _find_format(path)
    if kind is None:
        raise _unknown_kind(path)
    return kind


def _open_dataset(path: Location, wish: StackSelection) -> OpenDataset:
    kind = _kind_of(path)
    if wish.dataset and kind.names is None:
        raise UserError(
            f'{path}: a {kind.name} holds no datasets, "{wish.dataset}" is not in it; leave the dataset out.'
        )
    with _explain_errors(path, kind):
        return with_likely_place(kind.open(path, wish))


def _offset(opened: OpenDataset, given: VoxelSize | None) -> Point | None:
    """Return the place of the first voxel in nm, which goes with the voxel size that a person gave."""
    if opened.offset is None or given is None or opened.voxel_size is None:
        return opened.offset
    z, y, x = (place / size * new for place, size, new in zip(opened.offset, opened.voxel_size, given, strict=True))
    return z, y, x


def _unknown_kind(path: Location) -> UserError:
    if isinstance(path, Path) and path.suffix.lower() in SUFFIXES - TIFF:
        return NotAStack(f"{path}: a stack (z, y, x) is needed, got one image; open the folder of all sections.")
    return UserError(
        f"{path}: a stack in a format that is read is needed ({', '.join(known_formats())}), and this file is none of "
        "them; export it as TIFF."
    )


def _check_voxel_size(size: VoxelSize | None) -> None:
    if size is not None and not all(math.isfinite(n) and n > 0 for n in size):
        raise UserError(f"voxel size: three lengths above 0 nm (z, y, x) are needed, got {tuple(size)}.")


def content_fingerprint(volume: Volume) -> str:
    """Return the first words of a `Stack.fingerprint`, which copies share: sha256 of three samples, shape and type.

    Parameters
    ----------
    volume : Volume (z, y, x)
        Three squares of it are read.
    """
    depth, height, width = volume.shape
    y, x = (slice(max(0, (n - _SAMPLE) // 2), (n + _SAMPLE) // 2) for n in (height, width))
    digest = hashlib.sha256()
    for z in sorted({0, depth // 2, depth - 1}):
        values = np.asarray(volume[z, y, x])
        digest.update(values.astype(values.dtype.newbyteorder("="), copy=False).tobytes())
    shape = "x".join(map(str, volume.shape))
    return f"{digest.hexdigest()} {shape} {np.dtype(volume.dtype).newbyteorder('=')}"


def content_of(fingerprint: str) -> str:
    """Return the words of a fingerprint that describe voxels, shape and type; the others change with every copy."""
    return " ".join(fingerprint.split()[:_CONTENT_WORDS])


def _fingerprint(path: Location, opened: OpenDataset) -> str:
    size, changed = opened.stamp
    name = path.name if isinstance(path, Url) else path.resolve().name
    return f"{content_fingerprint(opened.array)} {size} {changed} {name}"
