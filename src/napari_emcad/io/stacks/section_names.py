"""Names of section images: what their numbers count, which are missing, and whether they are tiles of sections."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from napari_emcad.core.errors import UserError

_PARTS = re.compile(r"[0-9]+|[^0-9]+")
_LABEL = re.compile(r"[a-z]+(?=[^a-z0-9]*$)")
_ROWS = {"y", "r", "row", "rows", "tr", "ty", "tiley"}
_COLUMNS = {"x", "c", "col", "cols", "column", "tc", "tx", "tilex"}
_SECTIONS = {
    "s",
    "sec",
    "section",
    "z",
    "slice",
    "slc",
    "w",
    "wafer",
    "strip",
    "layer",
    "plane",
    "frame",
    "img",
    "image",
}


class _Numbers(NamedTuple):
    """The numbers in a name, the words before them, and the name without them."""

    values: tuple[int, ...]
    labels: tuple[str, ...]
    frame: str


def check_section_names(folder: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Say which section numbers are missing.

    Parameters
    ----------
    folder : Path
        Begins the sentences of errors.
    names : sequence of str
        Of the files, without their endings, one a section.

    Raises
    ------
    UserError
        If they are tiles of sections, or several images of each section.
    """
    found = [_split(name) for name in names]
    _refuse_twins(folder, names, found)
    if len({one.frame for one in found}) > 1:
        return ()
    values = list(zip(*(one.values for one in found), strict=True))
    varying = [place for place, column in enumerate(values) if len(set(column)) > 1]
    _refuse_tiles(folder, names, found, varying)
    single = [place for place in varying if len(set(values[place])) == len(names)]
    return _notes_of_gaps(min((sorted(values[place]) for place in single), key=_spread, default=()))


def _split(name: str) -> _Numbers:
    values, labels, frame, word = [], [], [], ""
    for part in _PARTS.findall(name.lower()):
        if part.isdigit():
            found = _LABEL.search(word)
            values.append(int(part))
            labels.append(found[0] if found else "")
        word = "" if part.isdigit() else part
        frame.append("#" if part.isdigit() else part)
    return _Numbers(tuple(values), tuple(labels), "".join(frame))


def _refuse_twins(folder: Path, names: Sequence[str], found: Sequence[_Numbers]) -> None:
    """Refuse names that differ in words alone: images and masks, or channels, beside each other."""
    first: dict[tuple[int, ...], int] = {}
    for place, one in enumerate(found):
        twin = first.setdefault(one.values, place)
        if one.values and twin != place:
            raise UserError(
                f"{folder}: one image for each section is needed, got {names[twin]} and {names[place]} for the same; "
                "move the images of the other kind into a folder of their own."
            )


def _refuse_tiles(folder: Path, names: Sequence[str], found: Sequence[_Numbers], varying: Sequence[int]) -> None:
    if len(names) < 2 or not varying:
        return
    labels = found[0].labels
    rows, columns = ([place for place in varying if labels[place] in words] for words in (_ROWS, _COLUMNS))
    across = rows + columns if _names_both(labels) else []
    sections = Counter(tuple(n for place, n in enumerate(one.values) if place not in across) for one in found)
    is_grid = bool(across) and max(sections.values()) > 1
    if is_grid or _count_like_tiles(found, varying):
        raise UserError(
            f"{folder}: whole sections are needed, and these images are tiles of sections by their names, such as "
            f"{names[0]} and {names[1]}; stitch the tiles of each section into one image."
        )


def _names_both(labels: Sequence[str]) -> bool:
    return bool(_ROWS & set(labels)) and bool(_COLUMNS & set(labels))


def _count_like_tiles(found: Sequence[_Numbers], varying: Sequence[int]) -> bool:
    """Return True if no number tells the images apart by itself, unless all of them are said to count sections."""
    labels = found[0].labels
    if len(varying) < 2 or all(labels[place] in _SECTIONS for place in varying):
        return False
    return all(len({one.values[place] for one in found}) < len(found) for place in varying)


def _spread(numbers: Sequence[int]) -> int:
    return numbers[-1] - numbers[0]


def _notes_of_gaps(numbers: Sequence[int]) -> tuple[str, ...]:
    """Say which numbers are missing in a sorted row; every second or tenth is as good a row as every one."""
    steps = [b - a for a, b in pairwise(numbers)]
    if not steps or len(set(steps)) == 1:
        return ()
    step, times = Counter(steps).most_common(1)[0]
    if 2 * times <= len(steps) or any(one % step for one in steps):
        return ("its section numbers do not go up evenly: all sections are taken for neighbours.",)
    gaps = [(a + step, b - step) for a, b in pairwise(numbers) if b - a > step]
    count = sum((last - first) // step + 1 for first, last in gaps)
    which = _list_text(str(a) if a == b else f"{a} to {b}" for a, b in gaps)
    return (
        f"{count} section{'s are' if count > 1 else ' is'} missing by the numbers of its files ({which}): those on "
        "both sides of a gap are taken for neighbours, and what comes behind it lies nearer than it should.",
    )


def _list_text(texts: Iterable[str], most: int = 8) -> str:
    listed = list(texts)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
