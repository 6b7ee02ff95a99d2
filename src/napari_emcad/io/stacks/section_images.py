"""A folder of section images, one file a section."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.stacks.lazy import READ_ERRORS, LazyArray, NotAStack, Source, by_sections, check_stack
from napari_emcad.io.stacks.tiff_description import voxel_size_of

TIFF = {".tif", ".tiff"}
SUFFIXES = TIFF | {".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".gif", ".webp", ".jp2"}
_PILLOW_TYPES = {"1": "bool", "L": "uint8", "I": "int32", "F": "float32"}
_PILLOW_TYPES |= dict.fromkeys(("I;16", "I;16L", "I;16B", "I;16N"), "uint16")


def open_folder(path: Path) -> Source:
    """Open a folder of grey images of one size, in natural order of their names ("s2" before "s10").

    The voxel size is that of the first, where it is a TIFF that says one.

    Raises
    ------
    UserError
        Where there are no images, one cannot be read, or they differ in size or type.
    """
    files = section_files(path)
    if not files:
        raise UserError(
            f"{path}: a folder of section images ({', '.join(sorted(SUFFIXES))}) is needed, "
            "but none is in it; choose the folder that holds the images."
        )
    shape, dtype = _one_kind(files)
    check_stack(str(path), (len(files), *shape), dtype)
    read = by_sections(lambda z: _pixels(files[z]), (len(files), *shape), dtype)
    stats = [file.stat() for file in files]
    stamp = sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)
    return Source(LazyArray(str(path), (len(files), *shape), dtype, read), _voxel_size(files[0]), None, stamp)


def section_files(path: Path) -> list[Path]:
    """The images in a folder, in natural order; hidden files are none."""
    files = [f for f in path.iterdir() if f.suffix.lower() in SUFFIXES and not f.name.startswith(".") and f.is_file()]
    return sorted(files, key=lambda f: [(part.isdigit(), int(part) if part.isdigit() else part) for part in _parts(f)])


def _parts(file: Path) -> list[str]:
    return [part for part in re.split(r"([0-9]+)", file.name.lower()) if part]


def _one_kind(files: list[Path]) -> tuple[tuple[int, ...], np.dtype]:
    """The shape (y, x) and type that all images share."""
    first = _header(files[0])
    for file in files[1:]:
        if (header := _header(file)) != first:
            raise UserError(
                f"{file}: sections of one size and type are needed, got {_said(header)} where {files[0].name} has "
                f"{_said(first)}; crop and convert them alike, or move other images out of the folder."
            )
    return first


def _said(header: tuple[tuple[int, ...], np.dtype]) -> str:
    return f"{' x '.join(map(str, header[0]))} {header[1]}"


def _header(file: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Shape (y, x) and type of an image, without its pixels."""
    try:
        shape, dtype = _tiff_header(file) if file.suffix.lower() in TIFF else _pillow_header(file)
    except (tifffile.TiffFileError, *READ_ERRORS, IndexError, SyntaxError) as error:
        raise UserError(f"{file}: this section cannot be read as an image ({error}); export it again.") from error
    if len(shape) != 2:
        raise NotAStack(
            f"{file}: a grey image (y, x) is needed for each section, got shape {shape}; convert it to 8-bit grey, "
            "or open a stack as a file of its own."
        )
    return shape, dtype


def _tiff_header(file: Path) -> tuple[tuple[int, ...], np.dtype]:
    with tifffile.TiffFile(file) as tiff:
        return tiff.series[0].shape, tiff.series[0].dtype


def _voxel_size(file: Path) -> VoxelSize | None:
    if file.suffix.lower() not in TIFF:
        return None
    with tifffile.TiffFile(file) as tiff:
        return voxel_size_of(tiff)


def _pillow_header(file: Path) -> tuple[tuple[int, ...], np.dtype]:
    with _large_images_welcome(), Image.open(file) as image:
        colours = () if image.mode in _PILLOW_TYPES else (len(image.getbands()),)
        return (image.height, image.width, *colours), np.dtype(_PILLOW_TYPES.get(image.mode, "uint8"))


def _pixels(file: Path) -> NDArray:
    if file.suffix.lower() in TIFF:
        return _tiff_pixels(file)
    with _large_images_welcome(), Image.open(file) as image:
        return np.asarray(image)


def _tiff_pixels(file: Path) -> NDArray:
    """Mapped where they lie in the file as in memory: a part of such a section is all that is read of it."""
    try:
        return tifffile.memmap(file, mode="r")
    except ValueError:  # compressed, or in strips that are not one after the other
        return tifffile.imread(file)


@contextmanager
def _large_images_welcome() -> Iterator[None]:
    """Sections of 20,000 x 20,000 pixels are everyday here; Pillow would refuse them as decompression bombs."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
