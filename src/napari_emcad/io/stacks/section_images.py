"""A folder of section images, one file a section."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_emcad.core.errors import UserError
from napari_emcad.io.metadata.tiff_place import TiffPlace, read_tiff_place
from napari_emcad.io.read_errors import HEADER_ERRORS
from napari_emcad.io.stacks.axes import SPACE, arrange_axes
from napari_emcad.io.stacks.check_stack import NotAStack, check_stack
from napari_emcad.io.stacks.lazy_array import LazyArray, section_reader
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection

TIFF = {".tif", ".tiff"}
SUFFIXES = TIFF | {".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".gif", ".webp", ".jp2"}
_PILLOW_TYPES = {"1": "bool", "L": "uint8", "I": "int32", "F": "float32"}
_PILLOW_TYPES |= dict.fromkeys(("I;16", "I;16L", "I;16B", "I;16N"), "uint16")


class _ImageHeader(NamedTuple):
    """Shape (y, x) and type of an image, with channels behind them if it has colours."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def text(self) -> str:
        """The header as text: "24 x 37 uint8"."""
        return f"{' x '.join(map(str, self.shape))} {self.dtype}"


def open_section_images(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open a folder of grey images of one size, in natural order of their names ("s2" before "s10").

    The voxel size is that of the first, if it is a TIFF that says one.

    Raises
    ------
    UserError
        If there are no images, one cannot be read, or they differ in size or type.
    """
    files = section_files(path)
    if not files:
        raise UserError(
            f"{path}: a folder of section images ({', '.join(sorted(SUFFIXES))}) is needed, "
            "but none is in it; choose the folder that holds the images."
        )
    section, dtype = _read_common_header(files)
    shape = (len(files), *section)
    arrange_axes(str(path), shape, SPACE, wish)
    check_stack(str(path), shape, dtype)
    read = section_reader(lambda z: _read_pixels(files[z]), shape, dtype)
    stats = [file.stat() for file in files]
    stamp = sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)
    place = _read_place(files[0])
    source = f"{place.source} of {files[0].name}" if place.voxel_size else ""
    array = LazyArray(str(path), shape, dtype, read)
    return OpenDataset(array, place.voxel_size, None, stamp, place.offset, source, notes=place.notes)


def section_files(path: Path) -> list[Path]:
    """List the images in a folder in natural order, without hidden files."""
    files = [f for f in path.iterdir() if f.suffix.lower() in SUFFIXES and not f.name.startswith(".") and f.is_file()]
    return sorted(files, key=_natural_order)


def _natural_order(file: Path) -> list[tuple[bool, int | str]]:
    """Return what to sort by: the numbers in a name as numbers, the words between them as words."""
    parts = [part for part in re.split(r"([0-9]+)", file.name.lower()) if part]
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in parts]


def _read_common_header(files: list[Path]) -> _ImageHeader:
    """Return the shape (y, x) and type that all images share."""
    first = _read_header(files[0])
    for file in files[1:]:
        if (header := _read_header(file)) != first:
            raise UserError(
                f"{file}: sections of one size and type are needed, got {header.text} where {files[0].name} has "
                f"{first.text}; crop and convert them alike, or move other images out of the folder."
            )
    return first


def _read_header(file: Path) -> _ImageHeader:
    """Return shape (y, x) and type of an image, without reading its pixels."""
    try:
        header = _read_tiff_header(file) if file.suffix.lower() in TIFF else _read_pillow_header(file)
    except HEADER_ERRORS as error:
        raise UserError(f"{file}: this section cannot be read as an image ({error}); export it again.") from error
    if len(header.shape) != 2:
        raise NotAStack(
            f"{file}: a grey image (y, x) is needed for each section, got shape {header.shape}; convert it to 8-bit "
            "grey, or open a stack as a file of its own."
        )
    return header


def _read_tiff_header(file: Path) -> _ImageHeader:
    with tifffile.TiffFile(file) as tiff:
        return _ImageHeader(tiff.series[0].shape, tiff.series[0].dtype)


def _read_place(file: Path) -> TiffPlace:
    if file.suffix.lower() not in TIFF:
        return TiffPlace()
    with tifffile.TiffFile(file) as tiff:
        return read_tiff_place(tiff)


def _read_pillow_header(file: Path) -> _ImageHeader:
    with _allow_large_images(), Image.open(file) as image:
        colours = () if image.mode in _PILLOW_TYPES else (len(image.getbands()),)
        return _ImageHeader((image.height, image.width, *colours), np.dtype(_PILLOW_TYPES.get(image.mode, "uint8")))


def _read_pixels(file: Path) -> NDArray[Any]:
    if file.suffix.lower() in TIFF:
        return _read_tiff_pixels(file)
    with _allow_large_images(), Image.open(file) as image:
        return np.asarray(image)


def _read_tiff_pixels(file: Path) -> NDArray[Any]:
    """Map a section that lies in the file as it does in memory: a part of it is all that is read."""
    try:
        return tifffile.memmap(file, mode="r")
    except ValueError:  # compressed, or in strips that are not one after the other
        return tifffile.imread(file)


@contextmanager
def _allow_large_images() -> Iterator[None]:
    """Lift Pillow's limit: sections of 20,000 x 20,000 pixels are everyday here, and it takes them for attacks."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
