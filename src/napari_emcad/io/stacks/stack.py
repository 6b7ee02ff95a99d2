"""The door for stacks: a path or URL goes in, a stack that is read as it is used comes out."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.volume import Volume
from napari_emcad.io.metadata.lengths import Point
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.hdf5 import hdf5_stack_names, is_hdf5, open_hdf5
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.locations import Location, Url, parse_location
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.precomputed import is_precomputed, open_precomputed, open_precomputed_levels
from napari_emcad.io.stacks.section_images import SUFFIXES, TIFF, open_section_images
from napari_emcad.io.stacks.tiff import is_tiff, open_tiff
from napari_emcad.io.stacks.zarr import is_zarr, open_zarr, open_zarr_levels, zarr_stack_names

_SAMPLE = 64
"""Edge, in voxels, of the squares that the fingerprint looks at."""


@dataclass(frozen=True)
class Stack:
    """A stack that is open. Close it, or use it as a context manager; it also closes when no longer used.

    Attributes
    ----------
    array : LazyArray (z, y, x)
        Reads what is sliced from it; its type is that of the file.
    voxel_size : VoxelSize or None
        In nm; None if the file does not say.
    path : Path or Url
        File, folder or address that was opened.
    dataset : str or None
        Path inside an HDF5 file or a Zarr group, or key of a precomputed volume's scale.
    fingerprint : str
        sha256 of three samples, shape, type, bytes, time of change and name, with blanks between. Equal for the same
        unchanged file; cheap, so that a change elsewhere shows only in the time. Behind a URL, length and sha256 of
        the metadata stand for bytes and time.
    offset : (z, y, x) or None
        Place of the first voxel in nm, as the labels of a padded CREMI file state it; None if the file does not say.
    """

    array: LazyArray
    voxel_size: VoxelSize | None
    path: Location
    dataset: str | None
    fingerprint: str
    offset: Point | None = None

    def close(self) -> None:
        """Give the file back; the array cannot be read afterwards."""
        self.array.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_stack(path: Location | str, dataset: str | None = None, voxel_size: VoxelSize | None = None) -> Stack:
    """Open a stack: a TIFF, HDF5, Zarr, neuroglancer precomputed, or a folder of section images; nothing is changed.

    Parameters
    ----------
    path : path or URL
        File or folder. Zarr accepts any URL that fsspec reads, a precomputed volume one that begins with
        precomputed://.
    dataset : str, optional
        Path inside an HDF5 file or a Zarr group, or key of a precomputed volume's scale. Left out: the only stack in
        it, volumes/raw, main or raw, or level 0 of several resolutions.
    voxel_size : VoxelSize, optional
        In nm (z, y, x); replaces what the file says.

    Raises
    ------
    UserError
        If there is no such file, it is damaged or of another kind, or several datasets could be meant; for a URL also
        if its host cannot be reached, its library is not installed or a secret is in it.
    NotAStack
        If it is an image, but not one grey stack: a single section, colours, channels or time points.
    """
    path = parse_location(path)
    _check_voxel_size(voxel_size)
    opened = _open_dataset(path, dataset)
    try:
        fingerprint = _fingerprint(path, opened)
    except BaseException:
        opened.array.close()
        raise
    return Stack(opened.array, voxel_size or opened.voxel_size, path, opened.dataset, fingerprint, opened.offset)


def open_levels(path: Location | str) -> list[OpenDataset]:
    """Open the resolutions of an OME-Zarr image or a precomputed volume, the finest first; none if there is only one.

    Raises
    ------
    UserError
        See `open_stack`.
    """
    path = parse_location(path)
    if is_precomputed(path):
        found = open_precomputed_levels(path)
    else:
        found = open_zarr_levels(path) if isinstance(path, Url) or is_zarr(path) else []
    return found if len(found) > 1 else []


def stack_names(path: Location | str) -> list[str]:
    """Return the datasets in an HDF5 file or Zarr group that `open_stack` can open; none if a file is one stack.

    Raises
    ------
    UserError
        If the file is damaged.
    """
    path = parse_location(path)
    if is_precomputed(path):
        return []
    if isinstance(path, Url) or is_zarr(path):
        return zarr_stack_names(path)
    return hdf5_stack_names(path) if is_hdf5(path) else []


def _open_dataset(path: Location, dataset: str | None) -> OpenDataset:
    if is_precomputed(path):
        return open_precomputed(path, dataset)
    if isinstance(path, Url):
        return open_zarr(path, dataset)
    if not path.exists():
        raise UserError(f"{path}: there is no such file or folder; check its name and place.")
    if is_zarr(path):
        return open_zarr(path, dataset)
    if is_hdf5(path):
        return open_hdf5(path, dataset)
    if dataset:
        raise UserError(f'{path}: only HDF5 and Zarr hold datasets, "{dataset}" is not in it; leave the dataset out.')
    if path.is_dir():
        return open_section_images(path)
    if is_tiff(path):
        return open_tiff(path)
    raise _unknown_kind(path)


def _unknown_kind(path: Path) -> UserError:
    if path.suffix.lower() in SUFFIXES - TIFF:
        return NotAStack(f"{path}: a stack (z, y, x) is needed, got one image; open the folder of all sections.")
    return UserError(
        f"{path}: a TIFF, HDF5 or Zarr stack or a folder of section images is needed, and this file is none of them; "
        "export it as TIFF."
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
        digest.update(np.asarray(volume[z, y, x]).tobytes())
    shape = "x".join(map(str, volume.shape))
    return f"{digest.hexdigest()} {shape} {volume.dtype}"


def _fingerprint(path: Location, opened: OpenDataset) -> str:
    size, changed = opened.stamp
    name = path.name if isinstance(path, Url) else path.resolve().name
    return f"{content_fingerprint(opened.array)} {size} {changed} {name}"
