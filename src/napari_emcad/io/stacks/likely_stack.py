"""A first look at a file or folder, as a viewer takes before it asks who reads it: quick, and without voxels."""

import os
from itertools import count, islice
from pathlib import Path

import tifffile

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.folders_below import first_entries, folders_below, is_folder
from napari_emcad.io.stacks.formats import find_format, known_suffixes
from napari_emcad.io.stacks.locations import Location, Url
from napari_emcad.io.stacks.n5 import is_array_folder as is_n5_array
from napari_emcad.io.stacks.section_images import SUFFIXES, open_section_images, section_header
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection
from napari_emcad.io.stacks.tiff_pages import silent_tifffile
from napari_emcad.io.stacks.zarr_tree import is_array_folder as is_zarr_array

_MANY = 50
"""Arrays in a folder that are many."""

_COLOURS = {2, 5, 6, 8}
"""Photometric interpretations of TIFF that are colours: RGB, CMYK, YCbCr and CIELAB."""


def may_be_stack(path: Path) -> bool:
    """Return True if `open_stack` opens what lies there, or knows what is wrong with it.

    False for single sections, colours and time series, for folders without sections, for unknown files, and for what
    cannot be looked at.
    """
    try:
        kind = find_format(path)
        if kind is None:
            return path.is_file() and path.name.lower().endswith(known_suffixes())
        if kind.open is open_section_images:
            return _holds_sections(path)
        if path.is_dir() and _holds_many(path):
            return True  # to open one of them, all would have to be looked at
        kind.open(path, ANY).array.close()
    except NotAStack:
        return not _is_coloured(path) and bool(channels_of(path, most=1))
    except UserError:
        return True  # damaged, or of several stacks: opening it says or solves that
    except OSError:
        return False
    except Exception:  # noqa: BLE001  damaged in a way that opening it says
        return True
    return True


def channels_of(where: Location, most: int = 16) -> list[str]:
    """Return the texts that select one channel each of a file that is one image of several; none for any other."""
    kind = find_format(where)
    if kind is None or (isinstance(where, Path) and where.is_dir() and kind.open is open_section_images):
        return []
    found: list[str] = []
    for number in islice(count(), most):
        wish = StackSelection(channel=number)
        try:
            kind.open(where, wish).array.close()
        except UserError:
            break
        found.append(str(wish))
    return found


def is_known_url(url: Url) -> bool:
    """Return True if an address says that it is one of a Zarr or precomputed volume."""
    return url.is_precomputed or url.name.endswith(".zarr")


def _holds_many(folder: Path) -> bool:
    found = (below for below in folders_below(folder) if is_zarr_array(below) or is_n5_array(below))
    return len(list(islice(found, _MANY))) == _MANY


def _is_coloured(path: Path) -> bool:
    """Return True for a TIFF whose samples are colours: viewers show it as such."""
    try:
        with silent_tifffile(), tifffile.TiffFile(path) as tiff:
            return int(tiff.pages.first.photometric) in _COLOURS
    except Exception:  # noqa: BLE001  damaged in a way that opening it says
        return False


def _holds_sections(folder: Path) -> bool:
    """Return True if most files in a folder are images, or if folders with images are all there is.

    The first two images have to be grey and alike.
    """
    there = [entry for entry in first_entries(folder) if not entry.name.startswith(".")]
    images = _images(there)
    if there and not images and all(is_folder(entry) for entry in there):
        inside = [_images(first_entries(one.path)) for one in sorted(there, key=lambda one: one.name)[:2]]
        images = [found[0] for found in inside if len(found) == 1]
        return len(images) == len(inside) and _are_alike(images)
    return bool(images) and 2 * len(images) >= len(there) and _are_alike(images[:2])


def _images(entries: list[os.DirEntry[str]]) -> list[Path]:
    found = [entry for entry in entries if not entry.name.startswith(".")]
    return sorted(Path(entry.path) for entry in found if Path(entry.name).suffix.lower() in SUFFIXES)


def _are_alike(images: list[Path]) -> bool:
    return len({(header.shape, header.dtype) for header in map(section_header, images)}) == 1
