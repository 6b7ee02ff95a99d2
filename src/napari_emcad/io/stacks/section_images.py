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
from napari_emcad.io.metadata.tiff_description import tiff_voxel_size
from napari_emcad.io.read_errors import READ_ERRORS
from napari_emcad.io.stacks.check_stack import NotAStack, check_stack
from napari_emcad.io.stacks.lazy_array import LazyArray, section_reader
from napari_emcad.io.stacks.open_dataset import OpenDataset

TIFF = {".tif", ".tiff"}
SUFFIXES = TIFF | {".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".gif", ".webp", ".jp2"}
_PILLOW_TYPES = {"1": "bool", "L": "uint8", "I": "int32", "F": "float32"}
_PILLOW_TYPES |= dict.fromkeys(("I;16", "I;16L", "I;16B", "I;16N"), "uint16")


def open_section_images(path: Path) -> OpenDataset:
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
    shape, dtype = _read_common_header(files)
    check_stack(str(path), (len(files), *shape), dtype)
    read = section_reader(lambda z: _read_pixels(files[z]), (len(files), *shape), dtype)
    stats = [file.stat() for file in files]
    stamp = sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)
    return OpenDataset(LazyArray(str(path), (len(files), *shape), dtype, read), _read_voxel_size(files[0]), None, stamp)


def section_files(path: Path) -> list[Path]:
    """The images in a folder, in natural order; hidden files are none."""
    files = [f for f in path.iterdir() if f.suffix.lower() in SUFFIXES and not f.name.startswith(".") and f.is_file()]
    return sorted(files, key=lambda f: [(part.isdigit(), int(part) if part.isdigit() else part) for part in _parts(f)])


def _parts(file: Path) -> list[str]:
    return [part for part in re.split(r"([0-9]+)", file.name.lower()) if part]


def _read_common_header(files: list[Path]) -> tuple[tuple[int, ...], np.dtype]:
    """The shape (y, x) and type that all images share."""
    first = _read_header(files[0])
    for file in files[1:]:
        if (header := _read_header(file)) != first:
            raise UserError(
                f"{file}: sections of one size and type are needed, got {_header_text(header)} where "
                f"{files[0].name} has {_header_text(first)}; crop and convert them alike, "
                "or move other images out of the folder."
            )
    return first


def _header_text(header: tuple[tuple[int, ...], np.dtype]) -> str:
    return f"{' x '.join(map(str, header[0]))} {header[1]}"


def _read_header(file: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Shape (y, x) and type of an image, without its pixels."""
    try:
        shape, dtype = _read_tiff_header(file) if file.suffix.lower() in TIFF else _read_pillow_header(file)
    except (tifffile.TiffFileError, *READ_ERRORS, IndexError, SyntaxError) as error:
        raise UserError(f"{file}: this section cannot be read as an image ({error}); export it again.") from error
    if len(shape) != 2:
        raise NotAStack(
            f"{file}: a grey image (y, x) is needed for each section, got shape {shape}; convert it to 8-bit grey, "
            "or open a stack as a file of its own."
        )
    return shape, dtype


def _read_tiff_header(file: Path) -> tuple[tuple[int, ...], np.dtype]:
    with tifffile.TiffFile(file) as tiff:
        return tiff.series[0].shape, tiff.series[0].dtype


def _read_voxel_size(file: Path) -> VoxelSize | None:
    if file.suffix.lower() not in TIFF:
        return None
    with tifffile.TiffFile(file) as tiff:
        return tiff_voxel_size(tiff)


def _read_pillow_header(file: Path) -> tuple[tuple[int, ...], np.dtype]:
    with _allow_large_images(), Image.open(file) as image:
        colours = () if image.mode in _PILLOW_TYPES else (len(image.getbands()),)
        return (image.height, image.width, *colours), np.dtype(_PILLOW_TYPES.get(image.mode, "uint8"))


def _read_pixels(file: Path) -> NDArray:
    if file.suffix.lower() in TIFF:
        return _read_tiff_pixels(file)
    with _allow_large_images(), Image.open(file) as image:
        return np.asarray(image)


def _read_tiff_pixels(file: Path) -> NDArray:
    """Mapped where they lie in the file as in memory: a part of such a section is all that is read of it."""
    try:
        return tifffile.memmap(file, mode="r")
    except ValueError:  # compressed, or in strips that are not one after the other
        return tifffile.imread(file)


@contextmanager
def _allow_large_images() -> Iterator[None]:
    """Sections of 20,000 x 20,000 pixels are everyday here; Pillow would refuse them as decompression bombs."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
