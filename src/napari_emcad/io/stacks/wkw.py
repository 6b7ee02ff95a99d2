"""Arrays of webKnossos in its own format, wkw, through the library of that name (an optional extra)."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.io.extras import import_extra

HEADER = "header.wkw"
"""Name of the file that makes a folder an array in wkw."""

AXES = ("c", "x", "y", "z")

_PLACE = re.compile(r"[xyz](\d+)(?:\.wkw)?")
_HEADER_BYTES = 16


class WkwArray:
    """An array (c, x, y, z) in wkw, open to read (see `FileArray`).

    Parameters
    ----------
    folder : Path
        That of `header.wkw`.
    ends : (x, y, z), optional
        Voxel after the last on each axis; left out: that of the files that are there.

    Raises
    ------
    UserError
        If the library is not installed.
    OSError, ValueError
        If it cannot be read.
    """

    def __init__(self, folder: Path, ends: tuple[int, int, int] | None = None):
        wkw = import_extra("wkw", f"{folder}: arrays in webKnossos' format wkw need", "wkw")
        _check_header(folder / HEADER)
        try:
            self._dataset = wkw.Dataset.open(str(folder))
        except wkw.wkw.WKWException as error:
            raise OSError(str(error)) from error
        self._error = wkw.wkw.WKWException
        header = self._dataset.header
        edge = header.file_len * header.block_len
        self.dtype: np.dtype[Any] = np.dtype(header.voxel_type)
        self.shape: tuple[int, ...] = (header.num_channels, *(ends or _ends_of_files(folder, edge)))

    def __getitem__(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        channel, *box = key
        slices = [part if isinstance(part, slice) else slice(part, part + 1, 1) for part in box]
        starts = [part.start for part in slices]
        lengths = [part.stop - part.start for part in slices]
        try:
            values = self._dataset.read(starts, lengths)
        except self._error as error:
            raise OSError(str(error)) from error
        picked = tuple(
            slice(None, None, s.step) if isinstance(k, slice) else 0 for k, s in zip(box, slices, strict=True)
        )
        found: NDArray[Any] = values[(channel, *picked)]
        return found


def is_wkw(folder: Path) -> bool:
    """Return True if a folder is an array in wkw."""
    return (folder / HEADER).is_file()


def _check_header(file: Path) -> None:
    """Refuse a header that the library would take for its own and fail over."""
    text = file.read_bytes()[:_HEADER_BYTES]
    if len(text) < _HEADER_BYTES or text[:3] != b"WKW":
        raise ValueError(f"{HEADER} is damaged")
    if text[3] != 1 or text[5] not in (1, 2, 3) or not 1 <= text[6] <= 10 or text[7] == 0:
        raise ValueError(f"{HEADER} is of another version, or damaged")


def _ends_of_files(folder: Path, edge: int) -> tuple[int, int, int]:
    """Return the voxel after the last (x, y, z) of the files zZ/yY/xX.wkw."""
    places = [
        tuple(_number(part) for part in reversed(file.relative_to(folder).parts))
        for file in folder.glob("z*/y*/x*.wkw")
    ]
    x, y, z = (max((place[axis] for place in places), default=-1) for axis in range(3))
    return (x + 1) * edge, (y + 1) * edge, (z + 1) * edge


def _number(part: str) -> int:
    found = _PLACE.fullmatch(part)
    return int(found[1]) if found else -1
