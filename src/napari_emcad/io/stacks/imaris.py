"""Stacks in Imaris files (.ims), which are HDF5: resolutions, channels and time points in groups."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, VoxelSize, triple
from napari_emcad.io.metadata.lengths import Point, point_in_nm, voxel_size_in_nm
from napari_emcad.io.read_errors import explain_read_errors
from napari_emcad.io.stacks.hdf5 import is_hdf5, open_file
from napari_emcad.io.stacks.hdf5_pyramid import channel_names, open_level, open_levels_of
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection

_LEVEL = "ResolutionLevel "


def open_imaris(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open one resolution of an Imaris file, see `hdf5_pyramid.open_level`."""
    return open_level(path, wish, _open)


def open_imaris_levels(path: Path, wish: StackSelection = ANY) -> list[OpenDataset]:
    """Open all resolutions of an Imaris file, see `hdf5_pyramid.open_levels_of`."""
    return open_levels_of(path, wish, _open)


def imaris_stack_names(path: Path) -> list[str]:
    """Return the texts that select a channel of an Imaris file."""
    return channel_names(path, _open)


def is_imaris(path: Path) -> bool:
    """Return True if a file is HDF5 with the groups of Imaris."""
    if not is_hdf5(path):
        return False
    with suppress(UserError, OSError, RuntimeError, KeyError), open_file(path) as file:
        return f"DataSet/{_LEVEL}0" in file
    return False


def _open(path: Path) -> "_Imaris":
    file = open_file(path)
    try:
        with explain_read_errors(f"{path}: the Imaris file", "it may be damaged, copy or export it again"):
            return _Imaris(file)
    except BaseException:
        file.close()
        raise


class _Imaris:
    """The layout of an Imaris file, see `Hdf5Pyramid`; sizes stand in attributes of single letters."""

    kind = "Imaris file"
    size_source = "Imaris file"
    notes: tuple[str, ...] = ()

    def __init__(self, file: h5py.File):
        self.file = file
        count = sum(name.startswith(_LEVEL) for name in file["DataSet"])
        self.levels = [f"{_LEVEL}{number}" for number in range(count)]
        finest = file[f"DataSet/{_LEVEL}0"]
        self.times = sum(name.startswith("TimePoint ") for name in finest)
        self.channels = sum(name.startswith("Channel ") for name in finest["TimePoint 0"])

    def dataset(self, level: int, time: int, channel: int) -> h5py.Dataset:
        """Return the dataset (z, y, x) of a place; its sides may be padded to whole chunks."""
        return self._group(level, channel, time)["Data"]

    def shape(self, level: int, channel: int) -> Shape:
        """Return the voxels (z, y, x) that are picture, without padding."""
        group = self._group(level, channel)
        stated = [_number(group, f"ImageSize{axis}") for axis in "ZYX"]
        if level == 0 and None in stated and "DataSetInfo/Image" in self.file:
            stated = [_number(self.file["DataSetInfo/Image"], axis) for axis in "ZYX"]
        return triple(int(n) if n else m for n, m in zip(stated, group["Data"].shape, strict=True))

    def place(self, level: int, channel: int) -> tuple[VoxelSize | None, Point | None]:
        """Return the voxel size, and the place of the first voxel's middle from that of the finest level's, in nm."""
        finest, size = self._voxel_size(0, channel), self._voxel_size(level, channel)
        if finest is None or size is None:
            return None, None
        start = point_in_nm(self._ends("Min"), [self._unit()] * 3)
        if start is None:
            return size, None
        z, y, x = (at + 0.5 * (step - fine) for at, step, fine in zip(start, size, finest, strict=True))
        return size, (z, y, x)

    def dtype(self, stored: np.dtype[Any]) -> np.dtype[Any]:
        """Return the type of the voxels, which are as they are stored."""
        return stored

    def _voxel_size(self, level: int, channel: int) -> VoxelSize | None:
        ends = zip(self._ends("Min"), self._ends("Max"), self.shape(level, channel), strict=True)
        sizes = [None if a is None or b is None else float(f"{(b - a) / n:.7g}") for a, b, n in ends]
        return voxel_size_in_nm(sizes, [self._unit()] * 3)

    def _ends(self, which: str) -> list[float | None]:
        image = self.file.get("DataSetInfo/Image")
        return [None if image is None else _number(image, f"Ext{which}{axis}") for axis in (2, 1, 0)]

    def _unit(self) -> str:
        image = self.file.get("DataSetInfo/Image")
        return (_text(image, "Unit") if image is not None else "") or "um"

    def _group(self, level: int, channel: int, time: int = 0) -> h5py.Group:
        return self.file[f"DataSet/{self.levels[level]}/TimePoint {time}/Channel {channel}"]


def _text(group: h5py.Group, name: str) -> str:
    parts = np.ravel(group.attrs.get(name, "")).tolist()
    data = b"".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)
    try:
        return data.decode().strip()
    except UnicodeDecodeError:
        return data.decode("latin-1").strip()


def _number(group: h5py.Group, name: str) -> float | None:
    try:
        return float(_text(group, name))
    except ValueError:
        return None
