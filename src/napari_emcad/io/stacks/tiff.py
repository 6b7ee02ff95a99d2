"""TIFF stacks: plain, ImageJ, OME and tifffile's own, of any size."""

import math
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Slices
from napari_emcad.io.metadata.arrangement import Arrangement
from napari_emcad.io.metadata.tiff_description import mark_of, record_of
from napari_emcad.io.metadata.tiff_place import read_tiff_place
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.check_stack import check_stack
from napari_emcad.io.stacks.choose_dataset import DatasetEntry
from napari_emcad.io.stacks.lazy_array import LazyArray, section_reader
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection
from napari_emcad.io.stacks.tiff_greys import GreyScale
from napari_emcad.io.stacks.tiff_images import Page, TiffImage, choose_image, find_images, stack_texts
from napari_emcad.io.stacks.tiff_pages import (
    check_claims,
    listening_to_tifffile,
    opening_tiff,
    own_file,
    page_scale,
    read_directories,
    silent_tifffile,
    stored_values,
    tag_notes,
)


def open_tiff(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Open a TIFF stack; uncompressed voxels are mapped, compressed ones decoded section by section.

    Grey levels are those that the file means: where 0 is white they are turned round, and palettes of greys are looked
    up.

    Raises
    ------
    NotAStack
        If it holds a single section, colours, channels or time points, or pages that differ.
    UserError
        If it cannot be read or is cut short.
    """
    with ExitStack() as on_failure, opening_tiff(path), listening_to_tifffile() as lines:
        tiff = on_failure.enter_context(tifffile.TiffFile(path))
        dataset = _open_image(path, tiff, wish)
        on_failure.pop_all()
        return replace(dataset, notes=(*dataset.notes, *tag_notes(lines)))


def tiff_stack_names(path: Path) -> list[str]:
    """Return the series and channels that can be chosen in a TIFF; none if it is one stack."""
    with opening_tiff(path), tifffile.TiffFile(path) as tiff:
        return stack_texts(find_images(path, tiff, read_directories(path, tiff)))


def tiff_arrays(path: Path) -> list[DatasetEntry]:
    """Return the images in a TIFF, of whatever axes."""
    with opening_tiff(path), tifffile.TiffFile(path) as tiff:
        images = find_images(path, tiff, read_directories(path, tiff))
        return [image.entry for image in images] if len(images) > 1 else [images[0].entry._replace(name="")]


def _open_image(path: Path, tiff: tifffile.TiffFile, wish: StackSelection) -> OpenDataset:
    images = find_images(path, tiff, read_directories(path, tiff))
    image = choose_image(path, images, wish)
    stat, place = path.stat(), read_tiff_place(tiff, image.number)
    scale, notes = _common_scale(path, image, wish)
    arrangement = arrange_axes(str(path), image.shape, image.axes, wish)
    check_stack(str(path), arrangement.shape, scale.dtype)
    array = _TiffVoxels(path, tiff, image, arrangement, scale).open()
    array.axes = arrangement.words
    return OpenDataset(
        array,
        place.voxel_size,
        wish.named(image.entry.name if len(images) > 1 else None),
        (stat.st_size, stat.st_mtime_ns),
        place.offset,
        place.source,
        holds=mark_of(record_of(tiff)),
        notes=(*arrangement.notes, *image.notes, *notes, *place.notes),
    )


def _common_scale(path: Path, image: TiffImage, wish: StackSelection) -> tuple[GreyScale, list[str]]:
    """Return the grey scale of the first page, and what is to say of those of all pages."""
    chooses = wish.channel is not None or wish.axes is not None or not image.are_colours
    scale = page_scale(path, image.keyframe, image.shape, chooses)
    notes = [scale.note]
    for index in image.firsts:
        page = image.page(index)
        other = page_scale(path, page.aspage(), image.shape, chooses) if page is not None else scale
        if other.dtype != scale.dtype:
            raise UserError(
                f"{path}: pages of one type are needed, got {other.dtype} in page {index} where the first has "
                f"{scale.dtype}; convert them alike."
            )
        notes.append(other.note if other.note == scale.note else f"from page {index} on, {other.note}")
    return scale, [note for note in dict.fromkeys(notes) if note and not note.endswith(", ")]


class _TiffVoxels:
    """The way to the voxels of an image in a TIFF.

    Parameters
    ----------
    path : Path
    tiff : TiffFile
        Open; it stays so while pages are to be decoded.
    image : TiffImage
    arrangement : Arrangement
        Where the stack lies in the image.
    scale : GreyScale
        Of its first page.
    """

    def __init__(
        self, path: Path, tiff: tifffile.TiffFile, image: TiffImage, arrangement: Arrangement, scale: GreyScale
    ):
        self._path, self._tiff, self._image = path, tiff, image
        self._arrangement, self._scale = arrangement, scale

    def open(self) -> LazyArray:
        """Map the voxels if they lie in the file as in memory, else decode them page by page."""
        if self._image.place is not None:
            return self._map(self._image.place)
        if self._image.keyframe.is_tiled and "Z" in self._image.keyframe.axes:
            return self._open_chunks()
        return self._open_pages()

    def _map(self, place: int) -> LazyArray:
        image, keyframe, arrangement = self._image, self._image.keyframe, self._arrangement
        dtype = np.dtype(keyframe.dtype).newbyteorder(self._tiff.byteorder)
        nbytes, size = math.prod(image.shape) * dtype.itemsize, self._tiff.filehandle.size
        if place + nbytes > size:
            raise UserError(
                f"{self._path}: the TIFF ends too early, {nbytes:,} bytes of voxels are needed from byte {place:,}, "
                f"got a file of {size:,} bytes; copy or export it again."
            )
        self._tiff.close()
        path, shape, apply = self._path, image.shape, self._scale.apply

        def read(box: Slices) -> NDArray[Any]:
            # mapped anew for each slice, 0.1 ms: no handle stays open, so that the file can be moved while it is in use
            return apply(np.array(arrangement.turn(np.memmap(path, dtype, "r", place, shape)[arrangement.key(box)])))

        return LazyArray(str(path), arrangement.shape, self._scale.dtype, read)

    def _open_chunks(self) -> LazyArray:
        """Read pages that are volumes of tiles by the tiles that are asked for."""
        check_claims(self._image.keyframe)
        chunks = zarr.open_array(self._tiff.series[self._image.number].aszarr(), mode="r")
        arrangement, apply, alone = self._arrangement, self._scale.apply, threading.Lock()

        def read(box: Slices) -> NDArray[Any]:
            with alone:
                return apply(arrangement.turn(np.asarray(chunks[arrangement.key(box)])))

        return LazyArray(str(self._path), arrangement.shape, self._scale.dtype, read, self._tiff.close)

    def _open_pages(self) -> LazyArray:
        image, arrangement = self._image, self._arrangement
        check_claims(image.keyframe)
        ahead = image.shape[: len(image.shape) - len(image.keyframe.shape)]
        in_page = range(len(ahead), len(image.shape))
        if tuple(image.shape[len(ahead) :]) != tuple(image.keyframe.shape) or not set(arrangement.order[1:]) <= set(
            in_page
        ):
            raise UserError(
                f"{self._path}: one TIFF page a section is needed, got pages of {image.keyframe.shape} for shape "
                f"{image.shape}; export it again."
            )
        whole, z_axis = slice(None), sorted(arrangement.order).index(arrangement.order[0])
        is_deep = arrangement.order[0] in in_page
        page = lru_cache(maxsize=1 if is_deep else 0)(self._read_page)

        def section(z: int) -> NDArray[Any]:
            key = arrangement.key((slice(z, z + 1), whole, whole))
            starts = [part.start if isinstance(part, slice) else part for part in key[: len(ahead)]]
            values = page(int(np.ravel_multi_index(starts, ahead)) if ahead else 0)[key[len(ahead) :]]
            return arrangement.turn(values if is_deep else np.expand_dims(values, z_axis))[0]

        read = section_reader(section, arrangement.shape, self._scale.dtype)
        return LazyArray(str(self._path), arrangement.shape, self._scale.dtype, read, self._tiff.close)

    def _read_page(self, index: int) -> NDArray[Any]:
        """Read a page as grey levels; one that lies in the file as in memory is mapped."""
        with silent_tifffile():
            page = self._image.page(index)
            if page is None:
                return np.zeros(self._image.keyframe.shape, self._scale.dtype)
            with own_file(page):
                return self._grey_values(index, page)

    def _grey_values(self, index: int, page: Page) -> NDArray[Any]:
        keyframe = self._image.keyframe
        own = page if isinstance(page, tifffile.TiffPage) or page.is_virtual else page.aspage()
        if not isinstance(own, tifffile.TiffPage):
            return self._scale.apply(own.asarray())
        if (own.shape, own.dtype) != (keyframe.shape, keyframe.dtype):
            raise ValueError(f"page {index} is {own.shape} {own.dtype}, and {keyframe.shape} {keyframe.dtype} is due")
        scale = self._scale if own is keyframe else page_scale(self._path, own, own.shape)
        return scale.apply(stored_values(own))


def is_tiff(path: Path) -> bool:
    """Return True if a file begins as a TIFF or BigTIFF does."""
    with suppress(OSError), path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    return False
