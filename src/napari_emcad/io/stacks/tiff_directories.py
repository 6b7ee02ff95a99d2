"""The directories of a TIFF's pages: what each page is, found in some microseconds a page, without its pixels."""

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import tifffile

_SIZES = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Types of whole numbers in a directory, as struct names them."""

_GRID = {256: 0, 257: 0, 32997: 1, 277: 1, 284: 1, 258: 1, 339: 1}
"""Tags that pages of one stack share, with their defaults: width, length, depth, samples, planar, bits, format."""

_STORAGE = {259: 1, 262: -1, 266: 1, 274: 1, 317: 1, 322: 0, 323: 0, 32998: 0}
"""Tags of storage: compression, photometric, fill order, orientation, predictor, width to depth of tiles."""

_SUBFILE, _OLD_SUBFILE = 254, 255
_WANTED = {*_GRID, *_STORAGE, _SUBFILE, _OLD_SUBFILE}
_MOST_TAGS = 4096
_FORMATS = {1: "uint", 2: "int", 3: "float", 4: "uint", 5: "complex int", 6: "complex"}


class CutShort(ValueError):
    """The error for a chain of directories that leads beyond the end of the file."""

    def __init__(self, pages: int):
        super().__init__(f"it ends in or after page {pages}")
        self.pages = pages


class PageKind(NamedTuple):
    """The kind of a page by its directory; pages of one grid make a stack, however they are stored."""

    grid: tuple[tuple[int, ...], ...]
    storage: tuple[tuple[int, ...], ...]
    is_reduced: bool

    @property
    def text(self) -> str:
        """Size and type as text: "64 x 80 uint8"."""
        (width,), (length,), (depth,), (samples,), _, bits, formats = self.grid
        sizes = [*([depth] if depth > 1 else []), length, width, *([samples] if samples > 1 else [])]
        return f"{' x '.join(map(str, sizes))} {_FORMATS.get(formats[0], 'unknown')}{bits[0]}"


@dataclass(frozen=True)
class Directories:
    """All pages of a TIFF in their order.

    Attributes
    ----------
    kinds : list of PageKind
        The different ones, in the order in which they come.
    of_page : array of int
        The number of its kind for each page.
    """

    kinds: list[PageKind]
    of_page: "array[int]"

    @classmethod
    def read(cls, tiff: tifffile.TiffFile) -> Self:
        """Read the directories of an open TIFF.

        Raises
        ------
        ValueError
            If they are damaged; CutShort if they lead beyond the end of the file.
        """
        numbers: dict[PageKind, int] = {}
        known: dict[bytes, int] = {}
        of_page = array("I")
        for raw in _walk(tiff):
            found = known.get(raw)
            if found is None:
                found = numbers.setdefault(_read_kind(tiff, raw), len(numbers))
                if len(known) < 1024:  # places of values differ from page to page where they do not fit
                    known[raw] = found
            of_page.append(found)
        return cls(list(numbers), of_page)

    def full_pages(self) -> list[int]:
        """Return the pages that are no smaller copies of others, such as thumbnails."""
        full = [not kind.is_reduced for kind in self.kinds]
        return (
            [page for page, kind in enumerate(self.of_page) if full[kind]]
            if not all(full)
            else list(range(len(self.of_page)))
        )

    def by_grid(self) -> list[list[int]]:
        """Return the full pages of each size and type, in the order in which they come."""
        groups: dict[tuple[tuple[int, ...], ...], list[int]] = {}
        for page in self.full_pages():
            groups.setdefault(self.kinds[self.of_page[page]].grid, []).append(page)
        return list(groups.values())

    def first_of_each_kind(self, pages: list[int]) -> list[int]:
        """Return the first of these pages of each kind."""
        firsts: dict[int, int] = {}
        for page in pages:
            firsts.setdefault(self.of_page[page], page)
        return list(firsts.values())


def _walk(tiff: tifffile.TiffFile) -> Iterator[bytes]:
    """Go from directory to directory, and give the entries of the tags that are wanted."""
    file, form = tiff.filehandle, tiff.tiff
    entry = struct.Struct(form.byteorder + ("HHI4s" if form.tagsize == 12 else "HHQ8s"))
    place, seen, pages = tiff.pages.first.offset, set[int](), 0
    while place:
        if place in seen:
            raise ValueError(f"page {pages} leads back to an earlier one")
        seen.add(place)
        file.seek(place)
        count = _number(file.read(form.tagnosize), form.tagnoformat, pages)
        if count > _MOST_TAGS:
            raise ValueError(f"page {pages} has {count:,} tags")
        block = file.read(count * form.tagsize + form.offsetsize)
        if len(block) < count * form.tagsize + form.offsetsize:
            raise CutShort(pages)
        tags, pages = block[: count * form.tagsize], pages + 1
        starts = range(0, len(tags), form.tagsize)
        yield b"".join(tags[i : i + form.tagsize] for i in starts if entry.unpack_from(tags, i)[0] in _WANTED)
        place = _number(block[count * form.tagsize :], form.offsetformat, pages)


def _number(raw: bytes, form: str, pages: int) -> int:
    try:
        return int(struct.unpack(form, raw)[0])
    except struct.error:
        raise CutShort(pages) from None


def _read_kind(tiff: tifffile.TiffFile, raw: bytes) -> PageKind:
    order, size = tiff.tiff.byteorder, tiff.tiff.tagsize
    entry = struct.Struct(order + ("HHI4s" if size == 12 else "HHQ8s"))
    values: dict[int, tuple[int, ...]] = {}
    for tag, kind, count, value in entry.iter_unpack(raw):
        values.setdefault(tag, _read_values(tiff, kind, count, value))
    grid = [values.get(tag, (default,)) for tag, default in _GRID.items()]
    (samples,) = grid[3]
    if samples == 1:
        grid[4] = (1,)
    grid[5:] = (same if len(set(same)) > 1 else same[:1] for same in grid[5:])
    storage = tuple(values.get(tag, (default,)) for tag, default in _STORAGE.items())
    is_reduced = bool(values.get(_SUBFILE, (0,))[0] & 1) or values.get(_OLD_SUBFILE, (0,))[0] == 2
    return PageKind(tuple(grid), storage, is_reduced)


def _read_values(tiff: tifffile.TiffFile, kind: int, count: int, value: bytes) -> tuple[int, ...]:
    if kind not in _SIZES or not 0 < count <= _MOST_TAGS:
        raise ValueError(f"a tag of type {kind} with {count:,} values is not as TIFF has it")
    form = tiff.tiff.byteorder + f"{count}" + _SIZES[kind]
    size = struct.calcsize(form)
    if size > len(value):
        tiff.filehandle.seek(int.from_bytes(value, "little" if tiff.byteorder == "<" else "big"))
        value = tiff.filehandle.read(size)
    return tuple(int(n) for n in struct.unpack_from(form, value)) if len(value) >= size else ()
