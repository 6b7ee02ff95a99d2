"""How many voxels the fragments of one session share with those of another on the same stack."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job, Stopwatch

_OLD_BITS = np.uint64(32)


@dataclass(frozen=True)
class Overlaps:
    """Pairs of an old and a new fragment that share voxels, sorted by the old one.

    Attributes
    ----------
    shape : (z, y, x)
        Of the stack.
    key : (k,) uint64
        Old fragment in the upper 32 bits, new one in the lower: 0 = none. Voxels of no old fragment are left out.
    voxels : (k,) int64
        That they share.
    run : (k,) int64
        The longest row of such voxels along x ...
    middle : (k,) int64
        ... and the flat index of the voxel in its middle: well inside both.
    """

    shape: tuple[int, int, int]
    key: NDArray[np.uint64]
    voxels: NDArray[np.int64]
    run: NDArray[np.int64]
    middle: NDArray[np.int64]

    def with_old(self, fragment: int) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]]:
        """The new fragments that share voxels with an old one, how many, and a voxel of each shared part (flat)."""
        there = self._rows(np.array([fragment], np.uint32))
        return self.key[there].astype(np.uint32), self.voxels[there], self.middle[there]

    def shared(self, fragments: NDArray[np.uint32], n: int) -> NDArray[np.int64]:
        """Voxels that old fragments have in each new one, (n,) by its id; [0] = in none."""
        there = self._rows(fragments)
        return np.bincount(self.key[there].astype(np.uint32), self.voxels[there], n).astype(np.int64)

    def inside(self, fragment: int) -> tuple[int, int, int]:
        """A voxel (z, y, x) well inside an old fragment."""
        there = self._rows(np.array([fragment], np.uint32))
        return self.voxel(self.middle[there[np.argmax(self.run[there])]])

    def voxel(self, place: int) -> tuple[int, int, int]:
        """(z, y, x) of a flat index."""
        return tuple(map(int, np.unravel_index(place, self.shape)))

    def redrawn(self, box: Box, old: NDArray[np.uint32], new: NDArray[np.uint32], changed: Iterable[int]) -> Self:
        """The overlaps after new fragments of these ids, all inside a box, were drawn anew."""
        changed = np.array(list(changed), np.uint32)
        here = new[box.slices]
        key, voxels, run, middle = _pairs(np.where(np.isin(here, changed), old[box.slices], 0), here)
        within = np.stack(np.unravel_index(middle, box.shape)) + np.array(box.start)[:, None]
        left = ~np.isin(self.key.astype(np.uint32), changed)
        columns = zip(
            (self.key[left], self.voxels[left], self.run[left], self.middle[left]),
            (key, voxels, run, np.ravel_multi_index(tuple(within), self.shape)),
            strict=True,
        )
        return type(self)(self.shape, *_added_up(*map(np.concatenate, columns)))

    def _rows(self, fragments: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Of all pairs with these old fragments."""
        low = fragments.astype(np.uint64) << _OLD_BITS
        starts, stops = np.searchsorted(self.key, low), np.searchsorted(self.key, low | (1 << 32) - 1, side="right")
        lengths = stops - starts
        return np.repeat(stops - np.cumsum(lengths), lengths) + np.arange(lengths.sum())


def overlaps(old: NDArray[np.uint32], new: NDArray[np.uint32]) -> Job[Overlaps]:
    """Count the voxels that fragments share; both (z, y, x), of one shape, read by sections and not modified."""
    parts, section = [(np.empty(0, np.uint64), *(np.empty(0, np.int64),) * 3)], old[0].size
    watch = Stopwatch("overlaps", len(old))
    for z in range(len(old)):
        key, voxels, run, middle = _pairs(old[z], new[z])
        parts.append((key, voxels, run, middle + z * section))
        yield watch.at(z + 1)
    return Overlaps(old.shape, *_added_up(*map(np.concatenate, zip(*parts, strict=True))))


def _pairs(old: NDArray[np.uint32], new: NDArray[np.uint32]) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Key, voxels, longest run and its middle of the pairs in a piece of the stack.

    Strategy: only runs of equal pairs are sorted, which are some twenty times fewer than voxels.
    """
    key = old.ravel().astype(np.uint64) << _OLD_BITS | new.ravel()
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    lengths = np.diff(np.append(starts, len(key)))
    key = key[starts]
    there = key >> _OLD_BITS > 0
    lengths = lengths[there]
    return _added_up(key[there], lengths, lengths, starts[there] + lengths // 2)


def _added_up(
    key: NDArray, voxels: NDArray, run: NDArray, middle: NDArray
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Each pair once: voxels summed, and the longest run."""
    order = np.lexsort((run, key))
    key = key[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.empty(0, np.int64)
    last = order[np.append(starts[1:], len(key))[: len(starts)] - 1]
    counts = np.add.reduceat(voxels[order], starts) if len(starts) else np.empty(0, np.int64)
    return key[starts], counts, run[last], middle[last]
