"""A first look at a file or folder, as a viewer takes before it asks who reads it: quick, and without voxels."""

import os
from contextlib import suppress
from itertools import count, islice
from pathlib import Path

import tifffile

from napari_emcad.core.errors import UserError
from napari_emcad.io.read_errors import HEADER_ERRORS
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.formats import find_format, known_suffixes
from napari_emcad.io.stacks.locations import Location, Url
from napari_emcad.io.stacks.section_images import SUFFIXES, open_section_images, section_header
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection

_MOST_ENTRIES = 400
"""Entries of a folder that are looked at."""

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
        kind.open(path, ANY).array.close()
    except NotAStack:
        return not _is_coloured(path) and bool(channels_of(path, most=1))
    except UserError:
        return True  # damaged, or of several stacks: opening it says or solves that
    except OSError:
        return False
    except HEADER_ERRORS:
        return True  # damaged in a way that opening it says
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


def _is_coloured(path: Path) -> bool:
    """Return True for a TIFF whose samples are colours: viewers show it as such."""
    with suppress(OSError, ValueError, tifffile.TiffFileError), tifffile.TiffFile(path) as tiff:
        return int(tiff.pages.first.photometric) in _COLOURS
    return False


def _holds_sections(folder: Path) -> bool:
    """Return True if most files in a folder are images, and the first two are grey and alike."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in islice(entries, _MOST_ENTRIES) if not entry.name.startswith(".")]
    images = [name for name in names if Path(name).suffix.lower() in SUFFIXES]
    if not images or 2 * len(images) < len(names):
        return False
    headers = [section_header(folder / name) for name in sorted(images)[:2]]
    return len({(header.shape, header.dtype) for header in headers}) == 1
