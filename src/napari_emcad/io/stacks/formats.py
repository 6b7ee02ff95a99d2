"""The formats of stacks that can be opened: a new one is a module of its own, and a line here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from napari_emcad.io.regular_files import check_path
from napari_emcad.io.stacks import mrc
from napari_emcad.io.stacks.bdv import bdv_stack_names, is_bdv, open_bdv, open_bdv_levels
from napari_emcad.io.stacks.choose_dataset import DatasetEntry
from napari_emcad.io.stacks.foreign_formats import is_foreign, refuse_foreign
from napari_emcad.io.stacks.hdf5 import hdf5_arrays, hdf5_stack_names, is_hdf5, open_hdf5
from napari_emcad.io.stacks.imaris import imaris_stack_names, is_imaris, open_imaris, open_imaris_levels
from napari_emcad.io.stacks.locations import Location, Url
from napari_emcad.io.stacks.mrc import is_mrc, open_mrc
from napari_emcad.io.stacks.n5 import is_n5, n5_arrays, n5_stack_names, open_n5, open_n5_levels
from napari_emcad.io.stacks.nifti import is_nifti, open_nifti
from napari_emcad.io.stacks.nrrd import is_nrrd, open_nrrd
from napari_emcad.io.stacks.numpy_files import (
    is_npy,
    is_npz,
    npy_arrays,
    npz_arrays,
    npz_stack_names,
    open_npy,
    open_npz,
)
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.precomputed import is_precomputed, open_precomputed, open_precomputed_levels
from napari_emcad.io.stacks.remote_zarr import ZIPPED
from napari_emcad.io.stacks.section_images import open_section_images
from napari_emcad.io.stacks.stack_selection import StackSelection
from napari_emcad.io.stacks.tiff import is_tiff, open_tiff, tiff_arrays, tiff_stack_names
from napari_emcad.io.stacks.webknossos import (
    is_webknossos,
    open_webknossos,
    open_webknossos_levels,
    webknossos_stack_names,
)
from napari_emcad.io.stacks.zarr import holds_zarr, open_zarr, open_zarr_levels, zarr_arrays, zarr_stack_names

Place = TypeVar("Place", bound=Location)


@dataclass(frozen=True)
class StackFormat(Generic[Place]):
    """A format of stacks; its functions raise UserError for what is damaged, and NotAStack for what is no stack.

    Attributes
    ----------
    name : str
        As the field calls it, such as "HDF5".
    recognises : callable
        Takes a place and returns True if what lies there is of this format, without reading voxels.
    open : callable
        Takes a place and a selection, and returns the dataset.
    levels : callable, optional
        Takes a place and a selection, and returns the resolutions of what `open` opens, the finest first.
    names : callable, optional
        Takes a place and returns what can be opened in it, as texts of a selection; None = a file is one stack, and
        a name is refused.
    arrays : callable, optional
        Takes a place and returns all arrays in it, of whatever axes; None = what it holds is opened as stacks alone.
    suffixes : tuple of str
        Ends of the names of such files, in small letters, as the viewer's manifest lists them; folders need none.
    """

    name: str
    recognises: Callable[[Place], bool]
    open: Callable[[Place, StackSelection], OpenDataset]
    levels: Callable[[Place, StackSelection], list[OpenDataset]] | None = None
    names: Callable[[Place], list[str]] | None = None
    arrays: Callable[[Place], list[DatasetEntry]] | None = None
    suffixes: tuple[str, ...] = ()


ON_DISK_FIRST: tuple[StackFormat[Path], ...] = (
    StackFormat("webKnossos", is_webknossos, open_webknossos, open_webknossos_levels, webknossos_stack_names),
)
"""Formats on this machine that hold arrays of others, which are asked first."""

ANYWHERE: tuple[StackFormat[Location], ...] = (
    StackFormat(
        "precomputed", is_precomputed, open_precomputed, open_precomputed_levels, names=lambda where: []
    ),  # its scales are levels of one stack
    StackFormat("N5", is_n5, open_n5, open_n5_levels, n5_stack_names, n5_arrays),
    StackFormat(
        "Zarr",
        lambda where: isinstance(where, Url) or holds_zarr(where),
        *(open_zarr, open_zarr_levels, zarr_stack_names, zarr_arrays),
        suffixes=(".zarr", *ZIPPED),
    ),
)
"""Formats on this machine or behind a URL, in the order in which they are asked."""

FOREIGN = StackFormat[Path]("format that is not read", is_foreign, refuse_foreign, names=lambda where: [])
"""Formats of other programs, which are refused with a way to convert them."""

ON_DISK: tuple[StackFormat[Path], ...] = (
    StackFormat("Imaris file", is_imaris, open_imaris, open_imaris_levels, imaris_stack_names, suffixes=(".ims",)),
    StackFormat("BigDataViewer file", is_bdv, open_bdv, open_bdv_levels, bdv_stack_names, suffixes=(".xml",)),
    StackFormat(
        "HDF5",
        is_hdf5,
        open_hdf5,
        names=hdf5_stack_names,
        arrays=hdf5_arrays,
        suffixes=(".h5", ".hdf5", ".hdf", ".nc", ".emd", ".hspy", ".nxs"),
    ),
    StackFormat("folder of section images", Path.is_dir, open_section_images),
    StackFormat(
        "TIFF",
        is_tiff,
        open_tiff,
        names=tiff_stack_names,
        arrays=tiff_arrays,
        suffixes=(".tif", ".tiff", ".btf", ".tf2", ".tf8", ".lsm", ".stk"),
    ),
    StackFormat("MRC file", is_mrc, open_mrc, suffixes=tuple(sorted(mrc.SUFFIXES))),
    StackFormat("NumPy array", is_npy, open_npy, arrays=npy_arrays, suffixes=(".npy",)),
    StackFormat("NumPy archive", is_npz, open_npz, names=npz_stack_names, arrays=npz_arrays, suffixes=(".npz",)),
    StackFormat("NIfTI image", is_nifti, open_nifti, suffixes=(".nii", ".nii.gz")),
    StackFormat("NRRD image", is_nrrd, open_nrrd, suffixes=(".nrrd", ".nhdr")),
    FOREIGN,
)
"""Formats on this machine alone, which are asked last."""


def find_format(where: Location) -> StackFormat[Any] | None:
    """Return the format of what lies at a place; None if it is none of those known.

    Raises
    ------
    NotRegular, NoAnswer
        If it is a pipe or a device, or its disk does not answer.
    """
    if isinstance(where, Url):
        return next((kind for kind in ANYWHERE if kind.recognises(where)), None)
    check_path(where)
    kinds: tuple[StackFormat[Any], ...] = (*ON_DISK_FIRST, *ANYWHERE, *ON_DISK)
    return next((kind for kind in kinds if kind.recognises(where)), None)


def known_formats() -> tuple[str, ...]:
    """Return the names of all formats that can be opened, in the order in which they are asked."""
    kinds: tuple[StackFormat[Any], ...] = (*ON_DISK_FIRST, *ANYWHERE, *ON_DISK)
    return tuple(kind.name for kind in kinds if kind is not FOREIGN)


def known_suffixes() -> tuple[str, ...]:
    """Return the ends of the names of all files that can be opened, in the order of the formats."""
    found = [kind.suffixes for kind in ON_DISK_FIRST] + [kind.suffixes for kind in ANYWHERE]
    found += [kind.suffixes for kind in ON_DISK]
    return tuple(end for ends in found for end in ends)
