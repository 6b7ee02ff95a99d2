"""Stacks in HDF5 files with a dataset for each resolution, channel and time point: Imaris, BigDataViewer."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, Slices, VoxelSize
from napari_emcad.io.metadata.lengths import Point
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.check_stack import NotAStack, check_stack
from napari_emcad.io.stacks.choose_dataset import SeveralStacks
from napari_emcad.io.stacks.hdf5_chunks import LimitedDataset
from napari_emcad.io.stacks.hdf5_storage import check_storage
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.stack_selection import StackSelection


class Hdf5Pyramid(Protocol):
    """The layout of an open file.

    Attributes
    ----------
    kind : str
        Name of the format, with which sentences begin.
    file : h5py.File
    levels : list of str
        Names of the resolutions, the finest first.
    times, channels : int
        How many there are.
    size_source : str
        Where the voxel size is stated, in words.
    notes : tuple of str
    """

    kind: str
    file: h5py.File
    levels: list[str]
    times: int
    channels: int
    size_source: str
    notes: tuple[str, ...]

    def dataset(self, level: int, time: int, channel: int) -> h5py.Dataset:
        """Return the dataset (z, y, x) of a place."""
        ...

    def shape(self, level: int, channel: int) -> Shape:
        """Return the voxels (z, y, x) that are picture, without padding."""
        ...

    def place(self, level: int, channel: int) -> tuple[VoxelSize | None, Point | None]:
        """Return the voxel size, and the place of the first voxel, in nm."""
        ...

    def dtype(self, stored: np.dtype[Any]) -> np.dtype[Any]:
        """Return the type of the voxels that are stored as another one."""
        ...


OpenPyramid = Callable[[Path], Hdf5Pyramid]
"""Opens a file of a format."""


def open_level(path: Path, wish: StackSelection, open_file: OpenPyramid) -> OpenDataset:
    """Open one resolution, by its name, at one channel and time point; left out, the finest, and the only ones.

    Raises
    ------
    UserError
        If it has no such resolution, or cannot be read.
    NotAStack
        If there are several time points.
    SeveralStacks
        If there are several channels.
    """
    pyramid = open_file(path)
    try:
        return _open_level(path, wish, pyramid)
    except BaseException:
        pyramid.file.close()
        raise


def open_levels_of(path: Path, wish: StackSelection, open_file: OpenPyramid) -> list[OpenDataset]:
    """Open all resolutions of a channel and time point, the finest first; none if a coarser one is meant.

    Raises
    ------
    UserError, NotAStack, SeveralStacks
        See `open_level`.
    """
    pyramid = open_file(path)
    with pyramid.file:
        levels = pyramid.levels
    if wish.dataset not in (None, levels[0]):
        return []
    return [open_level(path, replace(wish, dataset=level), open_file) for level in levels]


def channel_names(path: Path, open_file: OpenPyramid) -> list[str]:
    """Return the texts that select one of several channels each."""
    pyramid = open_file(path)
    with pyramid.file:
        choices = [StackSelection(channel=channel) for channel in range(pyramid.channels)]
        return [choice.named(pyramid.levels[0]) or "" for choice in choices] if pyramid.channels > 1 else []


def _open_level(path: Path, wish: StackSelection, pyramid: Hdf5Pyramid) -> OpenDataset:
    level, time, channel = _choose(path, wish, pyramid)
    name = f"{path}, {pyramid.levels[level]}"
    found, shape = pyramid.dataset(level, time, channel), pyramid.shape(level, channel)
    dtype = pyramid.dtype(found.dtype)
    check_stack(name, shape, dtype)
    if len(found.shape) != 3 or any(n > m for n, m in zip(shape, found.shape, strict=True)):
        raise UserError(f"{name}: voxels of shape {shape} are needed, got {found.shape}; export it again.")
    check_storage(name, found)
    stored = LimitedDataset(name, found)

    def read(box: Slices) -> NDArray[Any]:
        return np.asarray(stored[box]).view(dtype)

    stat, (size, offset) = Path(pyramid.file.filename).stat(), pyramid.place(level, channel)
    return OpenDataset(
        LazyArray(name, shape, dtype, read, pyramid.file.close),
        size,
        wish.named(pyramid.levels[level]),
        (stat.st_size, stat.st_mtime_ns),
        offset,
        size_source=pyramid.size_source if size else "",
        notes=pyramid.notes,
    )


def _choose(path: Path, wish: StackSelection, pyramid: Hdf5Pyramid) -> tuple[int, int, int]:
    """Return the numbers of the level, the time point and the channel that are selected."""
    if wish.axes:
        raise NotAStack(f"{path}: the axes of an {pyramid.kind} are known; leave --axes out.")
    if wish.dataset is not None and wish.dataset not in pyramid.levels:
        raise UserError(f'{path}: there is no "{wish.dataset}" in it; choose from {", ".join(pyramid.levels)}.')
    level = pyramid.levels.index(wish.dataset) if wish.dataset is not None else 0
    one = wish.channel if wish.channel in range(pyramid.channels) else 0
    shape = (pyramid.times, pyramid.channels, *pyramid.shape(level, one or 0))
    try:
        arrangement = arrange_axes(str(path), shape, "tczyx", wish)
    except NotAStack as error:
        if wish.channel is None and pyramid.channels > 1 and (pyramid.times == 1 or wish.time is not None):
            raise SeveralStacks(str(error)) from None
        raise
    return level, arrangement.fixed[0], arrangement.fixed[1]
