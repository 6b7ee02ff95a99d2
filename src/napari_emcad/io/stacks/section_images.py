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
from napari_emcad.io.metadata.tiff_description import mark_of, read_record
from napari_emcad.io.metadata.tiff_place import TiffPlace, read_tiff_place
from napari_emcad.io.read_errors import explain_read_errors
from napari_emcad.io.regular_files import check_file
from napari_emcad.io.stacks.axes import SPACE, arrange_axes
from napari_emcad.io.stacks.check_stack import NotAStack, check_stack
from napari_emcad.io.stacks.chunk_limits import MOST_CHUNK
from napari_emcad.io.stacks.lazy_array import LazyArray, section_reader
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.section_names import check_section_names
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection
from napari_emcad.io.stacks.tiff_pages import opening_tiff, page_scale, read_single_page, silent_tifffile, stored_values

TIFF = {".tif", ".tiff", ".btf", ".tf2", ".tf8", ".bigtiff"}
SUFFIXES = TIFF | {".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".pnm", ".gif", ".webp", ".jp2", ".j2k"}
_PILLOW_TYPES = {"1": "bool", "L": "uint8", "I": "int32", "F": "float32", "P": "uint8"}
_PILLOW_TYPES |= dict.fromkeys(("I;16", "I;16L", "I;16B", "I;16N"), "uint16")
_COLOURS = {"RGB": 3, "RGBA": 3, "LA": 1}
"""Modes in which grey images are saved, too: WebP has no other; and how many of their values come before alpha."""


class ImageHeader(NamedTuple):
    """Shape (y, x) and type of an image, with channels behind them if it has colours, and what is to say of it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    place: TiffPlace = TiffPlace()
    note: str = ""

    @property
    def text(self) -> str:
        """The header as text: "24 x 37 uint8"."""
        return f"{' x '.join(map(str, self.shape))} {self.dtype}"


def open_section_images(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open a folder of grey images of one size, in natural order of their names ("s2" before "s10").

    Where there are folders instead of images, with one image in each, those are the sections. The voxel size is that
    of the first TIFF that says one. Numbers that are missing are told.

    Raises
    ------
    UserError
        If there are no images, one cannot be read, they differ in size or type, or are tiles of sections by their
        names.
    """
    files, names = _list_sections(path)
    if not files:
        raise UserError(
            f"{path}: a folder of section images ({', '.join(sorted(SUFFIXES))}) is needed, "
            "but none is in it; choose the folder that holds the images."
        )
    notes = check_section_names(path, names)
    (section, dtype, *_), place, read_notes = _read_common_header(files)
    shape = (len(files), *section)
    arrange_axes(str(path), shape, SPACE, wish)
    check_stack(str(path), shape, dtype)
    read = section_reader(lambda z: _read_pixels(files[z]), shape, dtype)
    stats = [file.stat() for file in files]
    stamp = sum(s.st_size for s in stats), max(s.st_mtime_ns for s in stats)
    array = LazyArray(str(path), shape, dtype, read)
    with silent_tifffile():
        mark = mark_of(read_record(files[0]))
    notes = (*notes, *_notes_of_other_things(path), *read_notes, *place.notes)
    return OpenDataset(array, place.voxel_size, None, stamp, place.offset, place.source, mark, notes)


def section_files(path: Path) -> list[Path]:
    """List the images in a folder in natural order, without hidden files."""
    return sorted((file for file in _named_as_images(path) if file.is_file()), key=_natural_order)


def _named_as_images(path: Path) -> Iterator[Path]:
    return (file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and not file.name.startswith("."))


def _notes_of_other_things(path: Path) -> tuple[str, ...]:
    """Say what is named as an image and is no file, such as a link that leads nowhere."""
    names = sorted(file.name for file in _named_as_images(path) if not file.is_file())
    verb = "is no file: it is" if len(names) == 1 else "are no files: they are"
    return (f"{', '.join(names[:5])} {verb} left out.",) if names else ()


def _list_sections(path: Path) -> tuple[list[Path], list[str]]:
    """List the images of sections and what they are called: their own names, or those of the folders around them."""
    files = section_files(path)
    if files:
        return files, [file.stem for file in files]
    folders = sorted((f for f in path.iterdir() if f.is_dir() and not f.name.startswith(".")), key=_natural_order)
    inside = [(folder.name, section_files(folder)) for folder in folders]
    filled = [(name, images) for name, images in inside if images]
    for name, images in filled:
        if len(images) > 1:
            raise UserError(
                f"{path}: one image for each section is needed, and its folder {name} holds {len(images)}; if they are "
                "tiles of a section, stitch them into one image, else choose that folder."
            )
    return [images[0] for _, images in filled], [name for name, _ in filled]


def _natural_order(file: Path) -> list[tuple[bool, int | str]]:
    """Return what to sort by: the numbers in a name as numbers, the words between them as words."""
    parts = [part for part in re.split(r"([0-9]+)", file.name.lower()) if part]
    return [(part.isdigit(), int(part) if part.isdigit() else part) for part in parts]


def _read_common_header(files: list[Path]) -> tuple[ImageHeader, TiffPlace, list[str]]:
    """Return the header that all images share, the first place that says a voxel size, and what is to say of them."""
    first, place, notes = section_header(files[0]), TiffPlace(), dict[str, int]()
    for file in files:
        header = section_header(file, not place.voxel_size, trusts_colours=file != files[0])
        if (header.shape, header.dtype) != (first.shape, first.dtype):
            raise UserError(
                f"{file}: sections of one size and type are needed, got {header.text} where {files[0].name} has "
                f"{first.text}; crop and convert them alike, or move other images out of the folder."
            )
        if header.place.voxel_size and not place.voxel_size:
            offset = header.place.offset if file == files[0] else None
            place = TiffPlace(header.place.voxel_size, f"{header.place.source} of {file.name}", offset)
        if header.note:
            notes[header.note] = notes.get(header.note, 0) + 1
    told = [note if n == len(files) else f"in {n} of its {len(files)} files, {note}" for note, n in notes.items()]
    return first, place if place.voxel_size else first.place, told


def section_header(file: Path, wants_place: bool = True, trusts_colours: bool = False) -> ImageHeader:
    """Return shape (y, x) and type of an image, and where it lies if that is wanted.

    Pixels are read of an image in colours alone, which has to be grey; `trusts_colours` leaves that for later.
    """
    check_file(file)
    is_tiff = file.suffix.lower() in TIFF
    with silent_tifffile(), explain_read_errors(f"{file}: this section", "export it again"):
        header = _read_tiff_header(file, wants_place) if is_tiff else _read_pillow_header(file, trusts_colours)
    if len(header.shape) != 2:
        raise _no_grey_image(file, header.shape)
    return header


def _no_grey_image(file: Path, shape: tuple[int, ...]) -> NotAStack:
    return NotAStack(
        f"{file}: a grey image (y, x) is needed for each section, got shape {shape}; convert it to 8-bit "
        "grey, or open a stack as a file of its own."
    )


def _read_tiff_header(file: Path, wants_place: bool) -> ImageHeader:
    with tifffile.TiffFile(file) as tiff:
        page = read_single_page(file, tiff)
        if len(page.shape) != 2:
            return ImageHeader(page.shape, np.dtype(page.dtype))
        scale = page_scale(file, page, page.shape)
        place = read_tiff_place(tiff) if wants_place else TiffPlace()
        return ImageHeader(page.shape, scale.dtype, place, scale.note)


def _read_pillow_header(file: Path, trusts_colours: bool) -> ImageHeader:
    with _allow_large_images(), Image.open(file) as image:
        if getattr(image, "is_animated", False):
            raise NotAStack(f"{file}: one section in each file of the folder is needed, got several; save each alone.")
        _check_size(file, image)
        if image.mode == "P":
            _grey_palette(file, image)
        if image.mode in _COLOURS:
            grey = (image.height, image.width) if trusts_colours else _grey_of_colours(file, image).shape
            return ImageHeader(grey, np.dtype("uint8"), note="its sections are grey, saved as colours: one is read.")
        colours = () if image.mode in _PILLOW_TYPES else (len(image.getbands()),)
        return ImageHeader((image.height, image.width, *colours), _pillow_type(image))


def _check_size(file: Path, image: Image.Image) -> None:
    """Refuse an image that is too large to be read whole, as these formats have it, whatever little its file takes."""
    nbytes = image.height * image.width * len(image.getbands()) * _pillow_type(image).itemsize
    if nbytes > MOST_CHUNK:
        raise UserError(
            f"{file}: images of at most {MOST_CHUNK / 1e9:.1f} GB are needed, got {image.height:,} x {image.width:,} "
            f"pixels, {nbytes / 1e9:,.1f} GB; save the sections as TIFF in tiles, or the stack as Zarr."
        )


def _pillow_type(image: Image.Image) -> np.dtype[Any]:
    """Return the type of an image's values; Pillow reads PGM of 16 bits as 32."""
    is_pgm = image.mode == "I" and image.format == "PPM"
    return np.dtype("uint16" if is_pgm else _PILLOW_TYPES.get(image.mode, "uint8"))


def _grey_of_colours(file: Path, image: Image.Image) -> NDArray[np.uint8]:
    """Return one colour of an image whose colours are all the same, and which is opaque; else refuse it.

    WebP that is compressed with loss rounds its colours up and down by 1.
    """
    values = np.asarray(image)
    count = _COLOURS[image.mode]
    if np.ptp(values[..., :count], axis=-1).max() > 1 or (values[..., count:] != 255).any():
        raise _no_grey_image(file, values.shape)
    return values[..., 0]


def _grey_palette(file: Path, image: Image.Image) -> NDArray[np.uint8]:
    """Return the grey level of each value of an image with a palette."""
    red, green, blue = np.resize(np.array(image.getpalette("RGB"), np.uint8), (256, 3)).T
    if not (np.array_equal(red, green) and np.array_equal(green, blue)):
        raise NotAStack(f"{file}: grey values are needed, got a palette of colours; save it as 8-bit grey.")
    return red


def _read_pixels(file: Path) -> NDArray[Any]:
    if file.suffix.lower() in TIFF:
        return _read_tiff_pixels(file)
    with _allow_large_images(), Image.open(file) as image:
        if image.mode in _COLOURS:
            return _grey_of_colours(file, image)
        values = np.asarray(image)
        return (
            _grey_palette(file, image)[values] if image.mode == "P" else values.astype(_pillow_type(image), copy=False)
        )


def _read_tiff_pixels(file: Path) -> NDArray[Any]:
    """Map a section that lies in the file as it does in memory: a part of it is all that is read."""
    with opening_tiff(file), tifffile.TiffFile(file) as tiff:
        page = read_single_page(file, tiff)
        return page_scale(file, page, page.shape).apply(stored_values(page))


@contextmanager
def _allow_large_images() -> Iterator[None]:
    """Lift Pillow's limit: sections of 20,000 x 20,000 pixels are everyday here, and it takes them for attacks."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
