"""Stacks in NIfTI files (.nii, .nii.gz), through nibabel (an optional extra)."""

import gzip
from contextlib import suppress
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Slices
from napari_emcad.io.extras import import_extra
from napari_emcad.io.metadata.directions import axes_of_directions, place_of_origin
from napari_emcad.io.metadata.lengths import point_in_nm, voxel_size_in_nm
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.check_stack import check_stack
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.packed_files import check_packed, rest_note, unpack
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection

_AXES = "xyztc"


def open_nifti(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open a NIfTI image; a packed one is read at once when it is used.

    Its axes are x, y, z, time and channel, unless the directions in its header say that the first three are others.

    Raises
    ------
    UserError
        If the extra is not installed, or it holds no grey voxels.
    NotAStack
        If it has several channels or time points.
    """
    nibabel = import_extra("nibabel", f"{path}: NIfTI needs", "formats")
    return _open_image(path, nibabel.load(path), wish)


def _open_image(path: Path, image: Any, wish: StackSelection) -> OpenDataset:
    stored, header = image.dataobj, image.header
    steps, origin = _directions(image)
    names = [*(axes_of_directions(steps) or _AXES[:3]), *_AXES[3:]][: len(stored.shape)]
    arrangement = arrange_axes(str(path), stored.shape, names, wish)
    is_scaled = (stored.slope, stored.inter) != (1, 0)
    dtype = np.dtype("f8") if is_scaled else header.get_data_dtype()
    check_stack(str(path), arrangement.shape, dtype)

    needed, stat = prod(stored.shape) * stored.dtype.itemsize, path.stat()
    is_packed = path.suffix.lower() == ".gz"
    if is_packed:
        check_packed(str(path), needed, stat.st_size)

    @cache
    def unpacked() -> NDArray[Any]:
        return _unpack(path, stored)

    def read(box: Slices) -> NDArray[Any]:
        source = unpacked() if is_packed else stored
        return arrangement.turn(np.asarray(source[arrangement.key(box)]))

    stated = header.get_xyzt_units()[0]
    unit = "" if stated == "unknown" else stated  # no word of the file: Pint is not asked for it
    lengths = [float(n) for n in arrangement.of_space(header.get_zooms()[: len(stored.shape)])]
    size = voxel_size_in_nm([float(f"{n:.6g}") for n in lengths], [unit] * 3)
    place = place_of_origin(steps, origin) if size and len(stored.shape) >= 3 else None
    start = arrangement.of_space([*place, *[0.0] * (len(stored.shape) - 3)]) if place else []
    notes = [] if size else [f"its voxel size of {' x '.join(f'{n:g}' for n in lengths)} has no unit: it is left out."]
    if is_scaled:
        notes.append(
            f"its values are multiplied by {stored.slope:g}, and {stored.inter:g} is added, as its header says."
        )
    if path.suffix.lower() == ".nii":
        notes += rest_note(stat.st_size, stored.offset + needed)
    return OpenDataset(
        LazyArray(str(path), arrangement.shape, dtype, read),
        size,
        wish.named(None),
        (stat.st_size, stat.st_mtime_ns),
        point_in_nm([float(f"{n:.6g}") for n in start], [unit] * 3),
        size_source="NIfTI header" if size else "",
        notes=(*arrangement.notes, *notes),
    )


def _unpack(path: Path, stored: Any) -> NDArray[Any]:
    """Unpack all voxels, and see that they are as many as the header states."""
    from nibabel.volumeutils import apply_read_scaling

    count = prod(stored.shape) * stored.dtype.itemsize
    with gzip.open(path, "rb") as file:
        data = unpack(file, stored.offset + count)
    values = np.frombuffer(data, stored.dtype, offset=stored.offset).reshape(stored.shape, order="F")
    return np.asarray(apply_read_scaling(values, stored.slope, stored.inter))


def _directions(image: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the steps along the axes and the place of the first voxel in space; NaN where the header says neither."""
    if not (image.header["qform_code"] or image.header["sform_code"]):
        return np.full((3, 3), np.nan), np.full(3, np.nan)
    return image.affine[:3, :3].T, image.affine[:3, 3]


def is_nifti(path: Path) -> bool:
    """Return True if a file is named as NIfTI, or is one of the two files, .hdr and .img, of a NIfTI image."""
    if not path.is_file():
        return False
    if path.suffix.lower() in (".hdr", ".img"):
        with suppress(OSError), path.with_suffix(".hdr").open("rb") as file:
            return file.read(348)[-4:-1] in (b"ni1", b"n+1")
        return False
    return path.name.lower().endswith((".nii", ".nii.gz"))
