"""The images in a TIFF: which of its pages make a stack, in which order, and what their axes are."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tifffile

from napari_emcad.core.errors import UserError
from napari_emcad.io.metadata.axes import known_names
from napari_emcad.io.metadata.tiff_description import record_of
from napari_emcad.io.metadata.tiff_place import ome_files
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.choose_dataset import DatasetEntry, SeveralStacks, openable_names
from napari_emcad.io.stacks.stack_selection import StackSelection
from napari_emcad.io.stacks.tiff_directories import Directories

Page = tifffile.TiffPage | tifffile.TiffFrame
_PLAIN = ("uniform", "generic")
_SPECIAL = (
    *("shaped", "lsm", "mmstack", "ome", "imagej", "ndtiff", "fluoview", "stk", "sis", "svs", "scn", "qpi", "ndpi"),
    *("bif", "avs", "eer", "philips", "scanimage", "nih", "mdgel"),
)
"""Kinds of TIFF whose pages tifffile puts in order by what they say of themselves."""

_PIXELS = re.compile(r"<(?:\w+:)?Pixels\s[^>]*>")
_PLANES = re.compile(r"""\sSize[ZCT]\s*=\s*["'](\d{1,30})["']""")
"""Elements of OME-XML that state a size, and the sizes along axes of which each place is a plane of its own."""

_MOST_PLANES = 10**7


@dataclass(frozen=True)
class TiffImage:
    """An image of several pages, of one size and type.

    Attributes
    ----------
    number : int
        Its place in the file.
    shape : tuple of int
        Of all its axes; the last are those of a page.
    axes : list of str or None
        Their names; None if the file does not say.
    keyframe : TiffPage
        The page that stands for all; its shape is the end of `shape`.
    page : callable
        Takes the number of a page and returns it; None for one that is missing.
    firsts : list of int
        The first page of each way in which pages are stored.
    place : int or None
        Byte at which all voxels begin, one after the other as in memory; None if they lie otherwise.
    are_colours : bool
        False for sections that were merely marked as colours.
    notes : tuple of str
        What was guessed or left out, as sentences.
    """

    number: int
    shape: tuple[int, ...]
    axes: list[str] | None
    keyframe: tifffile.TiffPage
    page: Callable[[int], Page | None]
    firsts: Sequence[int]
    place: int | None = None
    are_colours: bool = True
    notes: tuple[str, ...] = ()

    @property
    def entry(self) -> DatasetEntry:
        """The image as a dataset of the file."""
        return DatasetEntry(f"series {self.number}", self.shape, np.dtype(self.keyframe.dtype), self.axes)


def choose_image(path: Path, images: Sequence[TiffImage], wish: StackSelection) -> TiffImage:
    """Return the image asked for; without a wish the only one.

    Raises
    ------
    UserError
        If there is none of that name; SeveralStacks if there are several to choose from, NotAStack if they are not all
        stacks: pages that were taken for another image would be lost.
    """
    texts = ", ".join(f'"{image.entry.name}" {image.shape} {image.entry.dtype}' for image in images[:12])
    if wish.dataset is not None and len(images) > 1:
        found = next((image for image in images if image.entry.name == wish.dataset.strip("/")), None)
        if found is None:
            raise UserError(f'{path}: there is no dataset "{wish.dataset}" in it; choose from {texts}.')
        return found
    if wish.dataset not in (None, "series 0"):
        raise UserError(
            f'{path}: a TIFF of one image holds no datasets, "{wish.dataset}" is not in it; leave the dataset out.'
        )
    if len(images) == 1:
        return images[0]
    kind = SeveralStacks if all(image.entry.is_stack(wish) for image in images) else NotAStack
    shapes = [image.shape[-2:] for image in images[:2]]
    if all(len(image.shape) == 2 for image in images):
        raise kind(f"{path}: sections of one size are needed, got {shapes[0]} and {shapes[1]}; crop them alike.")
    raise kind(
        f"{path}: pages of one size and type are needed, and it holds {len(images)} series, {texts}; crop and convert "
        f'them alike, or name one as the dataset, such as "{images[0].entry.name}".'
    )


def find_images(path: Path, tiff: tifffile.TiffFile, pages: Directories) -> list[TiffImage]:
    """Find the images in an open TIFF, without smaller copies of others.

    Raises
    ------
    UserError
        If what the file says of its axes does not fit its pages.
    """
    says_nothing = not any(getattr(tiff, f"is_{kind}", False) for kind in _SPECIAL)
    if says_nothing and not tiff.pages.first.is_final:  # tifffile would look at each page, a millisecond a page
        return _plain_images(tiff, pages)
    _check_planes(tiff)
    series = [one for one in tiff.series if not one.keyframe.is_reduced] or tiff.series[:1]
    singles = len(series) > 1 and all(one.kind == "shaped" and len(one) == 1 and one.ndim == 2 for one in series)
    if singles or series[0].kind in _PLAIN:
        return _plain_images(tiff, pages, series)
    if len(series) > 1:
        return [_image_of_series(tiff, pages, one, number) for number, one in enumerate(series)]
    return _of_one_series(path, tiff, pages, series[0])


def _check_planes(tiff: tifffile.TiffFile) -> None:
    """Refuse OME-XML of more planes than any image has: tifffile makes a list of them."""
    for pixels in _PIXELS.findall((tiff.ome_metadata or "") if tiff.is_ome else ""):
        planes = math.prod(int(n) for n in _PLANES.findall(pixels))
        if planes > _MOST_PLANES:
            raise ValueError(f"its OME-XML claims {planes:,} planes")


def _plain_images(
    tiff: tifffile.TiffFile, pages: Directories, series: Sequence[tifffile.TiffPageSeries] = ()
) -> list[TiffImage]:
    """Take all pages of one size and type for an image."""
    groups, notes = pages.by_grid(), _notes_of_other_files(tiff)
    images = [_image_of_pages(tiff, pages, group, number) for number, group in enumerate(groups)]
    is_uniform = len(series) == 1 and series[0].kind == "uniform" and len(pages.kinds) == 1
    return [replace(image, place=_place(series[0]) if is_uniform else None, notes=notes) for image in images]


def _image_of_pages(tiff: tifffile.TiffFile, pages: Directories, group: list[int], number: int) -> TiffImage:
    keyframe = tiff.pages.get(group[0]).aspage()
    lead = (len(group),) if len(group) > 1 or record_of(tiff).get("shape") == [1, *keyframe.shape] else ()
    axes = _axis_names(("I" if lead else "") + keyframe.axes)
    places = {page: place for place, page in enumerate(group)}
    firsts = [places[page] for page in pages.first_of_each_kind(group)]
    return TiffImage(
        number, (*lead, *keyframe.shape), axes, keyframe, lambda index: tiff.pages.get(group[index]), firsts
    )


def _of_one_series(
    path: Path, tiff: tifffile.TiffFile, pages: Directories, series: tifffile.TiffPageSeries
) -> list[TiffImage]:
    """Take what the metadata describe; if the file has other pages than those, all pages, if they are sections."""
    full = pages.full_pages()
    if len(pages.by_grid()) > 1:
        return _plain_images(tiff, pages)
    shape, _ = _without_single_samples(series.shape, series.axes)
    ahead = [n for n in shape[: len(shape) - len(series.keyframe.shape)] if n > 1]
    if len(full) == 1 or series.kind == "ome" or math.prod(ahead) == len(full):
        return [_image_of_series(tiff, pages, series)]
    if len(ahead) > 1:
        raise UserError(
            f"{path}: one TIFF page a section is needed, got {len(full)} pages for shape {series.shape}; "
            "export it again."
        )
    note = f"its metadata describe {math.prod(ahead)} sections, and it has {len(full)} pages: all pages are read."
    return [replace(image, notes=(*image.notes, note)) for image in _plain_images(tiff, pages)]


def _image_of_series(
    tiff: tifffile.TiffFile, pages: Directories, series: tifffile.TiffPageSeries, number: int = 0
) -> TiffImage:
    are_sections = series.axes == "SYX" and _stated_shape(tiff) == series.shape
    shape, axes = _without_single_samples(series.shape, series.axes)
    single = (1, *shape)  # our own file of one section: tifffile drops the axis z
    if record_of(tiff).get("shape") == list(single):
        shape, axes = single, f"Z{axes}"
    full = pages.full_pages()
    alone = len(full) == 1 or len(pages.kinds) == 1
    same = len(series) == len(full) and not series.is_multifile
    return TiffImage(
        number,
        shape,
        None if are_sections else _axis_names(axes),
        series.keyframe,
        lambda index: series[index],
        [full.index(page) for page in pages.first_of_each_kind(full)] if same and len(full) > 1 else [],
        _place(series) if alone else None,
        not are_sections,
        (*_notes_of_missing_pages(tiff, series), *_notes_of_other_files(tiff)),
    )


def _place(series: tifffile.TiffPageSeries) -> int | None:
    is_file = series.keyframe.parent.filehandle.is_file and not series.is_multifile
    place = series.dataoffset if is_file and series.keyframe.is_final and series.transform is None else None
    return None if place is None else int(place)


def _stated_shape(tiff: tifffile.TiffFile) -> tuple[int, ...]:
    """Return the shape in tifffile's JSON; unless told otherwise tifffile marks three or four sections as RGB."""
    return tuple((tiff.shaped_metadata or ({},))[0].get("shape", ()))


def _without_single_samples(shape: tuple[int, ...], axes: str) -> tuple[tuple[int, ...], str]:
    left = [(n, axis) for n, axis in zip(shape, axes, strict=True) if n > 1 or axis != "S"]
    return tuple(n for n, _ in left), "".join(axis for _, axis in left)


def _axis_names(axes: str) -> list[str] | None:
    """Return the names of axes by tifffile's letters; None where it made them up, as for pages that say nothing.

    Samples of a pixel are channels where there are no others.
    """
    if "S" in axes:
        unknown = [axis for axis in axes if axis in "IQ"]
        axes = axes.replace(unknown[0], "Z") if len(unknown) == 1 and "Z" not in axes else axes
        axes = axes.replace("S", "C") if "C" not in axes and "Z" in axes else axes
    return known_names(list(axes)) if set(axes) <= set("TCZYXS") else None


def _notes_of_missing_pages(tiff: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> list[str]:
    if series.kind != "ome":
        return []
    missing = sum(series[index] is None for index in range(len(series)))
    folder = Path(tiff.filehandle.dirname)
    files = [name for name in ome_files(tiff.ome_metadata or "") if not (folder / name).is_file()]
    names = f" ({', '.join(files[:5])} {'is' if len(files) == 1 else 'are'} not beside it)" if files else ""
    return [f"{missing} of its {len(series)} pages are missing{names}: they are read as black."] if missing else []


def _notes_of_other_files(tiff: tifffile.TiffFile) -> tuple[str, ...]:
    if tiff.is_ome and "BinaryOnly" in (tiff.ome_metadata or ""):
        return ("its OME-XML lies in another file: the pages of this file alone are read.",)
    return ()


def stack_texts(images: Sequence[TiffImage]) -> list[str]:
    """Return what can be opened in a TIFF, as texts of a selection; none if it is one stack."""
    if len(images) > 1:
        return openable_names(image.entry for image in images)
    return images[0].entry._replace(name="").channels()
