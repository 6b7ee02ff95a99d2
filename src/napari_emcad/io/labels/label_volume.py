"""Labels on their way into a file, with what every format needs to know of them."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.blocks import Blocks
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Voxel, VoxelSize, triple
from napari_emcad.core.in_threads import map_in_threads
from napari_emcad.core.palettes import LabelColours
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.volume import Volume
from napari_emcad.io.metadata.lengths import Point, start_in_nm

THREADS = os.cpu_count() or 1
"""Threads that look labels up and compress them; both let go of Python's lock."""

BAND_VOXELS = 1 << 22
"""Voxels of a section that are read at once, unless a row is more."""


@dataclass(frozen=True)
class LabelPieces:
    """The fragments that labels are made of: the label of a voxel is `table[fragments[voxel]]`.

    Attributes
    ----------
    fragments : Volume (z, y, x)
        Ids from 1 on, as close as may be, 0 = none.
    table : (n + 1,) whole numbers
        Label of each fragment, 0 = none.
    """

    fragments: Volume
    table: NDArray[Any]


@dataclass(frozen=True)
class LabelVolume:
    """Labels, and where they lie.

    Attributes
    ----------
    values : Volume (z, y, x) of whole numbers
        Read by boxes, several at once, and not modified; 0 = none.
    voxel_size : VoxelSize or None
        In nm; None = unknown.
    provenance : mapping
        JSON. Its "origin", if there is one, is the place of the stack's first voxel in voxels (z, y, x).
    start : (z, y, x)
        Place of the first voxel in the stack, in voxels.
    largest : int or None
        The largest id; None = not known.
    pieces : LabelPieces or None
        What the labels are made of, if that is known: the surfaces of large neurons are found faster.
    place_nm : (z, y, x) or None
        Place of the first voxel in the stack in nm, where that is not a whole number of voxels.
    colours : callable or None
        Returns the colours of the labels; it is called by formats that have a place for them, if `pieces` are known.
    """

    values: Volume
    voxel_size: VoxelSize | None
    provenance: Mapping[str, Any]
    start: Voxel = (0, 0, 0)
    largest: int | None = None
    pieces: LabelPieces | None = None
    place_nm: Point | None = None
    colours: Callable[[], LabelColours] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of the labels, uncompressed."""
        return int(np.prod(self.values.shape, dtype=np.int64)) * np.dtype(self.values.dtype).itemsize

    @property
    def offset_nm(self) -> Point:
        """Place of the first voxel in nm (z, y, x), in the coordinates of the stack; 0 without a voxel size."""
        if self.place_nm is not None:
            return self.place_nm
        return start_in_nm(self.start, self.voxel_size, self._origin) if self.voxel_size else (0, 0, 0)

    @property
    def grid_start(self) -> Voxel:
        """Number of the first voxel on a grid that begins where the coordinates of the stack do."""
        return triple(a + round(b) for a, b in zip(self.start, self._origin, strict=True))

    @property
    def _origin(self) -> Point:
        """Place of the stack's first voxel in voxels."""
        z, y, x = self.provenance.get("origin") or (0.0, 0.0, 0.0)
        return z, y, x


def check_labels(path: Path, labels: Volume) -> None:
    """Refuse an array that is no labels (z, y, x)."""
    if len(labels.shape) != 3 or 0 in labels.shape or np.dtype(labels.dtype).kind not in "bui":
        raise UserError(
            f"{path}: whole-number labels (z, y, x) are needed, got shape {tuple(labels.shape)} of {labels.dtype}; "
            "choose the labels of a stack."
        )


def bands(shape: Sequence[int], rows: int = 1) -> Blocks:
    """Cut labels of this shape (z, y, x) into bands of a multiple of `rows`, from the first section to the last."""
    depth, height, width = triple(shape)
    together = rows * max(1, BAND_VOXELS // (rows * width))
    return Blocks((depth, height, width), (1, min(together, height), width))


def find_largest_id(volume: LabelVolume) -> Job[int]:
    """Find the largest id, unless it is known; 0 without a look at the voxels if their type holds none above 65,535.

    Yields
    ------
    Progress
        Stage "largest id", in bands.
    """
    labels = volume.values
    if volume.largest is not None:
        return volume.largest
    if np.dtype(labels.dtype).itemsize == 1 or labels.dtype == np.uint16:
        return 0

    def largest_of(band: Box) -> int:
        return int(np.max(labels[band.slices[:2]]))

    parts, largest = bands(labels.shape), 0
    watch = Stopwatch("largest id", len(parts))
    with closing(map_in_threads(largest_of, parts, THREADS)) as found:
        for done, one in enumerate(found, 1):
            largest = max(largest, one)
            yield watch.at(done)
    return largest


def convert_ids(path: Path, values: NDArray[Any], dtype: np.dtype[Any], first: int) -> NDArray[Any]:
    """Convert labels (z, y, x) to the type of a file; every id stays. `first` is the number of their first section.

    Raises
    ------
    UserError
        If an id does not fit.
    """
    most = np.iinfo(dtype).max
    if int(values.min()) < 0 or int(values.max()) > most:
        wrong = (values < 0) | (values > most)
        raise UserError(
            f"{path}: ids from 0 to {most:,} are needed, got {int(values[wrong][0]):,} in section "
            f"{first + int(np.argmax(wrong.any((1, 2))))}; renumber the labels."
        )
    return values.astype(dtype, copy=False)
