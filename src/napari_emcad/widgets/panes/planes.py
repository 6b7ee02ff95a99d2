"""Planes of a volume across y or x, read some at a time in a thread, and shown from coarser levels until then."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.volume import Volume

SLAB_BYTES = 32 << 20
"""Bytes of the planes that are read together: what lies in files is unpacked for one of them as for many."""

MOST = 64
"""Planes that are read together at most."""

KEPT = 2
"""Slabs that are kept of each resolution: the one on screen, and the one beside it."""

PIECE = 16
"""Sections that are read in one step of a job."""


class WantedSlab(NamedTuple):
    """A slab that is to be read: the number of a level, 0 = the finest, and of the slab in it."""

    level: int
    slab: int


@dataclass
class Slab:
    """Neighbouring planes.

    Attributes
    ----------
    planes : (k, z, y or x, ...) array
        The axis that is cut comes first.
    sections : int
        Sections that have been read; the others are 0.
    """

    planes: NDArray[Any]
    sections: int = 0

    @property
    def is_whole(self) -> bool:
        """True if all of it has been read."""
        return self.sections == self.planes.shape[1]


class Planes:
    """Planes of a volume across one axis, of each of its resolutions.

    Parameters
    ----------
    levels : sequence of Volume (z, y, x), or (z, y, x, colour)
        The volume, and itself in fewer voxels.
    axis : int
        1 = planes across y (xz), 2 = across x (yz).
    want : callable
        Is called when a slab has to be read.

    Attributes
    ----------
    wanted : tuple of WantedSlab
        The slabs that the screen needs and that are not there.
    """

    def __init__(self, levels: Sequence[Volume], axis: int, want: Callable[[], None]):
        self.levels, self.axis, self._want = list(levels), axis, want
        self._asked: dict[int, int] = {}
        self._slabs: list[OrderedDict[int, Slab]] = [OrderedDict() for _ in self.levels]

    @property
    def is_at_hand(self) -> bool:
        """True if the voxels lie in memory, so that no plane has to be waited for."""
        return type(self.levels[0]) is np.ndarray

    @property
    def wanted(self) -> tuple[WantedSlab, ...]:
        """The slabs that the screen needs and that are not there, the coarsest first."""
        asked = sorted(self._asked.items(), reverse=True)
        return tuple(WantedSlab(level, slab) for level, slab in asked if not self._is_there(level, slab))

    @property
    def nbytes(self) -> int:
        """Bytes of all slabs that are kept."""
        return sum(slab.planes.nbytes for slabs in self._slabs for slab in slabs.values())

    def read(self, level: int, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a part of a plane as far as it is known, 0 where it is not; what is missing is wanted then.

        Parameters
        ----------
        level : int
        index : int
            Of the plane, in voxels of that level.
        rows, columns : slice
            On z, and on the other axis, both with a start and a stop.
        """
        if self.is_at_hand:
            return np.asarray(self.levels[level][self._key(rows, slice(index, index + 1), columns)]).squeeze(self.axis)
        number, place = divmod(index, self._thickness(level))
        slab = self._slabs[level].get(number)
        self._ask(level, number)
        if slab is not None and slab.is_whole:
            return slab.planes[place, rows, columns]
        self._want()
        coarse = self._from_coarser(level, index, rows, columns)
        if coarse is not None:
            return coarse
        if slab is not None:
            return slab.planes[place, rows, columns]
        return np.zeros((rows.stop - rows.start, columns.stop - columns.start, *self._tail), self.levels[0].dtype)

    def load(self, wanted: WantedSlab) -> Iterator[None]:
        """Read a slab piece by piece, and before it the coarsest one of the same place; what was read before stays."""
        coarsest = len(self.levels) - 1
        if wanted.level < coarsest:
            middle = (wanted.slab + 0.5) * self._thickness(wanted.level)
            index = int(middle * self._length(coarsest) / self._length(wanted.level))
            slab = min(index, self._length(coarsest) - 1) // self._thickness(coarsest)
            yield from self._load(WantedSlab(coarsest, slab))
        yield from self._load(wanted)

    def steps_of(self, wanted: WantedSlab) -> int:
        """Return the number of steps that `load` takes at most."""
        return sum(-(-self.levels[n].shape[0] // PIECE) for n in {wanted.level, len(self.levels) - 1})

    def replace(self, levels: Sequence[Volume]) -> None:
        """Read from other voxels of the same shapes from now on, and forget what was read."""
        self.levels = list(levels)
        self._asked.clear()
        for slabs in self._slabs:
            slabs.clear()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _ask(self, level: int, slab: int) -> None:
        """Take note of what is on screen, and forget others: one level, and the coarsest, which thumbnails are of."""
        kept = {level, len(self.levels) - 1}
        if level != max(kept):
            for other in set(range(len(self.levels))) - kept:
                self._slabs[other].clear()
        self._asked = {one: number for one, number in self._asked.items() if one in kept or level == max(kept)}
        self._asked[level] = slab

    def _is_there(self, level: int, number: int) -> bool:
        slab = self._slabs[level].get(number)
        return slab is not None and slab.is_whole

    @property
    def _tail(self) -> tuple[int, ...]:
        """The shape of a voxel: () for a grey value, (3,) for a colour."""
        return tuple(self.levels[0].shape[3:])

    def _length(self, level: int) -> int:
        return self.levels[level].shape[self.axis]

    def _thickness(self, level: int) -> int:
        """Return the number of planes that are read together."""
        volume = self.levels[level]
        plane = prod(volume.shape) // self._length(level) * np.dtype(volume.dtype).itemsize
        return max(1, min(MOST, SLAB_BYTES // max(1, plane)))

    def _key(self, rows: slice, across: slice, columns: slice) -> tuple[slice, slice, slice]:
        return (rows, across, columns) if self.axis == 1 else (rows, columns, across)

    def _load(self, wanted: WantedSlab) -> Iterator[None]:
        volume, slab = self.levels[wanted.level], self._slab(wanted)
        start = wanted.slab * self._thickness(wanted.level)
        across = slice(start, start + len(slab.planes))
        columns = slice(0, volume.shape[3 - self.axis])
        while not slab.is_whole:
            rows = slice(slab.sections, min(slab.sections + PIECE, slab.planes.shape[1]))
            read = np.asarray(volume[self._key(rows, across, columns)])
            slab.planes[:, rows] = np.moveaxis(read, self.axis, 0)
            slab.sections = rows.stop
            yield

    def _slab(self, wanted: WantedSlab) -> Slab:
        """Return a slab as far as it has been read; those looked at longest ago go."""
        slabs, volume = self._slabs[wanted.level], self.levels[wanted.level]
        if wanted.slab not in slabs:
            start = wanted.slab * self._thickness(wanted.level)
            count = min(self._thickness(wanted.level), self._length(wanted.level) - start)
            shape = (count, volume.shape[0], volume.shape[3 - self.axis], *self._tail)
            slabs[wanted.slab] = Slab(np.zeros(shape, volume.dtype))
            while len(slabs) > KEPT:
                slabs.popitem(last=False)
        return slabs[wanted.slab]

    def _from_coarser(self, level: int, index: int, rows: slice, columns: slice) -> NDArray[Any] | None:
        """Return a part of a plane from the finest coarser level that has been read there; None if none has."""
        here = self.levels[level].shape
        for number in range(level + 1, len(self.levels)):
            there = self.levels[number].shape
            near = min(index * there[self.axis] // here[self.axis], there[self.axis] - 1)
            slab_number, place = divmod(near, self._thickness(number))
            slab = self._slabs[number].get(slab_number)
            if slab is not None and slab.is_whole:
                z, other = (
                    np.minimum(np.arange(part.start, part.stop) * there[axis] // here[axis], there[axis] - 1)
                    for part, axis in ((rows, 0), (columns, 3 - self.axis))
                )
                return slab.planes[place].take(z, axis=0).take(other, axis=1)
        return None
