"""Stacks of BigDataViewer and BigStitcher: an HDF5 file with all resolutions, and an XML file with the voxel size."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, VoxelSize, triple
from napari_emcad.io.metadata.lengths import Point, voxel_size_in_nm
from napari_emcad.io.read_errors import explain_read_errors
from napari_emcad.io.stacks.hdf5 import is_hdf5, open_file
from napari_emcad.io.stacks.hdf5_pyramid import channel_names, open_level, open_levels_of
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def open_bdv(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open one resolution of the HDF5 or the XML file, see `hdf5_pyramid.open_level`; setups count as channels."""
    return open_level(path, wish, _open)


def open_bdv_levels(path: Path, wish: StackSelection = ANY) -> list[OpenDataset]:
    """Open all resolutions of the HDF5 or the XML file, see `hdf5_pyramid.open_levels_of`."""
    return open_levels_of(path, wish, _open)


def bdv_stack_names(path: Path) -> list[str]:
    """Return the texts that select a setup."""
    return channel_names(path, _open)


def is_bdv(path: Path) -> bool:
    """Return True if a file is BigDataViewer's HDF5, or its XML."""
    if path.suffix.lower() == ".xml" and path.is_file():
        with suppress(OSError), path.open("rb") as text:
            return b"<SpimData" in text.read(4096)
        return False
    if not is_hdf5(path):
        return False
    with suppress(UserError, OSError, RuntimeError, KeyError), open_file(path) as file:
        return "s00/resolutions" in file and "t00000" in file
    return False


def _open(path: Path) -> "_Bdv":
    with explain_read_errors(f"{path}: the BigDataViewer file", "it may be damaged, copy or export it again"):
        is_xml = path.suffix.lower() == ".xml"
        xml = path if is_xml else path.with_suffix(".xml")
        root = _read_xml(xml) if xml.is_file() else None
        file = open_file(_hdf5_of(path, root) if is_xml and root is not None else path)
        try:
            return _Bdv(file, root)
        except BaseException:
            file.close()
            raise


def _read_xml(path: Path) -> "Element":
    from xml.etree import ElementTree

    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise UserError(f"{path}: the XML file cannot be read ({error}); copy or export it again.") from error


def _hdf5_of(path: Path, root: "Element") -> Path:
    """Return the HDF5 file that the XML names."""
    loader = root.find("SequenceDescription/ImageLoader")
    kind = "" if loader is None else loader.get("format", "")
    if loader is None or kind != "bdv.hdf5":
        raise UserError(
            f'{path}: a BigDataViewer dataset in HDF5 is needed, got the format "{kind}"; open its images themselves, '
            "such as the folder that ends in .n5 or .zarr."
        )
    name = (loader.findtext("hdf5") or "").strip()
    file = path.parent / name
    if not name or not file.is_file():
        raise UserError(f'{path}: the file "{name}" that it names is not there; put it beside it.')
    return file


class _Bdv:
    """The layout of a file, see `Hdf5Pyramid`: t00000/s00/0/cells, for time point, setup and resolution."""

    kind = "HDF5 file of BigDataViewer"
    size_source = "BigDataViewer's XML"

    def __init__(self, file: h5py.File, xml: "Element | None"):
        self.file = file
        self._times = sorted(name for name in file if name.startswith("t") and name[1:].isdigit())
        self._setups = sorted(name for name in file[self._times[0]] if name.startswith("s") and name[1:].isdigit())
        self.times, self.channels = len(self._times), len(self._setups)
        self.levels = [str(number) for number in range(len(file[f"{self._setups[0]}/resolutions"]))]
        self._sizes = _voxel_sizes(xml) if xml is not None else {}
        self.notes: tuple[str, ...] = (
            () if xml is not None else ("its voxel size stands in an XML file, which is not beside it.",)
        )
        if self.channels > 1:
            self.notes += (f"one of its {self.channels} setups is read, as it lies before any registration.",)

    def dataset(self, level: int, time: int, channel: int) -> h5py.Dataset:
        """Return the dataset (z, y, x) of a place."""
        return self.file[f"{self._times[time]}/{self._setups[channel]}/{self.levels[level]}/cells"]

    def shape(self, level: int, channel: int) -> Shape:
        """Return the voxels (z, y, x)."""
        return triple(self.dataset(level, 0, channel).shape)

    def place(self, level: int, channel: int) -> tuple[VoxelSize | None, Point | None]:
        """Return the voxel size, and the place of the first voxel's middle from that of the finest level's, in nm."""
        finest = self._sizes.get(int(self._setups[channel][1:]))
        if finest is None:
            return None, None
        factors = self.file[f"{self._setups[channel]}/resolutions"][level][::-1].tolist()
        size = VoxelSize(*(n * factor for n, factor in zip(finest, factors, strict=True)))
        z, y, x = (0.5 * (step - fine) for step, fine in zip(size, finest, strict=True))
        return size, (z, y, x)

    def dtype(self, stored: np.dtype[Any]) -> np.dtype[Any]:
        """Return the type of the voxels: 16 bits without a sign, which BigDataViewer stores as if they had one."""
        return np.dtype("u2") if stored == np.dtype("i2") else stored


def _voxel_sizes(xml: "Element") -> dict[int, VoxelSize]:
    """Return the voxel size in nm of each setup that states one, by its number."""
    sizes = {}
    for setup in xml.iterfind("SequenceDescription/ViewSetups/ViewSetup"):
        unit = (setup.findtext("voxelSize/unit") or "").strip()
        lengths = (setup.findtext("voxelSize/size") or "").split()
        if size := voxel_size_in_nm(lengths[::-1], [unit] * 3):
            sizes[int(setup.findtext("id") or 0)] = size
    return sizes
