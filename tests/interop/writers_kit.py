"""The stack that every writer writes, and how it says what it wrote. Runs in the writers' own environments."""

import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (7, 33, 49)
SIZE = (40.0, 4.0, 6.0)
"""Edges of a voxel in nm: z, y, x."""

PLACE = (400.0, 80.0, 120.0)
"""The first voxel in nm: a whole number of voxels from 0."""

_RANGES = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65535), "int16": (-32768, 32767)}


def greys(dtype: str = "uint8") -> Any:
    """Draw waves that no turning or mirroring maps on themselves: fractions from 0 to 1, or the whole range of ints."""
    drawn = np.random.default_rng(24)
    z, y, x = np.indices(SHAPE)
    waves = [np.cos(x * a + y * b + z * c + d) for a, b, c, d in drawn.uniform(0.1, (0.4, 0.5, 1, 6), (5, 4))]
    fractions = sum(waves) - np.min(sum(waves))
    low, high = _RANGES.get(dtype, (0, 1))
    scaled = fractions / fractions.max() * (high - low) + low
    return (np.floor(scaled) if dtype in _RANGES else scaled).astype(dtype)


def labels(dtype: str = "uint32") -> Any:
    """Draw blocks of ids."""
    ids = np.random.default_rng(25).integers(1, 250, (4, 9, 13))
    return ids.repeat(2, 0).repeat(4, 1).repeat(4, 2)[:7, :33, :49].astype(dtype)


def stack(dtype: str, holds: str | None = None) -> Any:
    return labels(dtype) if holds == "labels" else greys(dtype)


@dataclass
class Written:
    """What a dialect of a format holds.

    Attributes
    ----------
    format, dialect : str
        As the table names them.
    dtype : str
        Of the voxels.
    size, place : bool
        True if the voxel size and the place are stated.
    holds : {"labels", None}
        Labels instead of grey levels.
    near : float
        Largest difference of a grey level, of what is compressed with loss.
    select : str
        Dataset, channel or time point to open.
    refused : str
        Part of the sentence by which it is refused; empty if it opens.
    """

    format: str
    dialect: str
    dtype: str = "uint8"
    size: bool = False
    place: bool = False
    holds: str | None = None
    near: float = 0
    select: str = ""
    refused: str = ""
    path: str = ""
    error: str = ""


Write = Callable[[Path], Path]
"""Writes into a new folder, and returns what is to be opened."""

_DIALECTS: list[tuple[Written, Write]] = []


def dialect(format: str, name: str, **facts: Any) -> Callable[[Write], Write]:  # noqa: A002  # the table's own word
    """Register a function that writes a dialect of a format; for the facts see `Written`."""

    def register(write: Write) -> Write:
        _DIALECTS.append((Written(format, name, **facts), write))
        return write

    return register


def main(writer: str, version: str) -> None:
    """Write all dialects, and what they are: python writers_NAME.py FOLDER."""
    folder = Path(sys.argv[1])
    for number, (written, write) in enumerate(_DIALECTS):
        inner = folder / str(number)
        inner.mkdir(parents=True)
        try:
            written.path = write(inner).relative_to(folder).as_posix()
        except Exception as error:  # noqa: BLE001  # whatever a writer raises is its answer
            traceback.print_exc()
            written.error = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    facts = {"writer": writer, "version": version, "dialects": [asdict(written) for written, _ in _DIALECTS]}
    (folder / "written.json").write_text(json.dumps(facts), "utf-8")
