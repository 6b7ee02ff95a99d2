"""Sections without a picture: black, white, of one grey or noise, as where one was lost at the microtome.

A network that sees one finds no membranes in it, and joins all neurons of the sections before and after. So it is
given the section before instead: neurons go on through the gap, and a lost section has the labels of its neighbour.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box, Shape
from napari_emcad.core.volume import Key, Volume
from napari_emcad.core.wording import first_few

MOST = 3
"""Lost sections in a row over which neurons are followed; longer gaps stay as they are."""

NOISE, ENOUGH = 0.1, 3000
"""Correlation of pixels side by side below which a section is noise, and pixels from which on that can be told.

Clean stacks have 0.89 or more.
"""

SAMPLED_SIDE, SAMPLED_TILE, SAMPLED_STEP = 1024, 128, 4
"""Pixels a side up to which a section is looked at as a whole, and of tiles of a larger one; one row of so many counts.
"""


class WithoutLost:
    """A volume (z, y, x) whose lost sections read as the one before them, or after them at the beginning.

    Whether a section is lost is decided from its whole extent, so that all its tiles and blocks agree.

    Parameters
    ----------
    volume : Volume
        Read by `volume[z, y, x]`, z a number; not modified.
    """

    def __init__(self, volume: Volume):
        self._volume, self._found = volume, dict[int, bool]()

    @property
    def shape(self) -> Shape:
        """Voxels on z, y, x."""
        return self._volume.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the voxels."""
        return self._volume.dtype

    def __getitem__(self, key: Key, /) -> NDArray[Any]:
        part = np.asarray(self._volume[key])
        if not isinstance(key, tuple) or not isinstance(key[0], int) or not _may_lack_picture(part):
            return part
        stand_in = self.stand_in(key[0])
        return part if stand_in == key[0] else np.asarray(self._volume[(stand_in, *key[1:])])

    def stand_in(self, z: int) -> int:
        """Return the section that is read for section z: z itself unless it is lost."""
        if not self._is_lost(z):
            return z
        before, after = (self._next_picture(z, step) for step in (-1, 1))
        first, last = (-1 if before is None else before), (self.shape[0] if after is None else after)
        if last - first - 1 > MOST or (before is None and after is None):
            return z
        found = after if before is None else before
        return z if found is None else found

    def _next_picture(self, z: int, step: int) -> int | None:
        """Return the next section with a picture; None if none comes among the nearest, or at all."""
        for k in range(1, MOST + 1):
            if not 0 <= z + k * step < self.shape[0]:
                return None
            if not self._is_lost(z + k * step):
                return z + k * step
        return None

    def _is_lost(self, z: int) -> bool:
        if z not in self._found:
            self._found[z] = lacks_picture(_sample(self._volume, z))
        return self._found[z]


def lost_note(volume: Volume, box: Box) -> str:
    """Return one sentence that names the sections of a box that stand-ins are read for; "" if there are none.

    A sample of each section is read.
    """
    stack, sections = WithoutLost(volume), range(box.start[0], box.stop[0])
    stand_ins = {z: stack.stand_in(z) for z in sections}
    lost = [str(z) for z, read in stand_ins.items() if read != z]
    if not lost:
        return ""
    which, have, take = ("section", "has", "takes") if len(lost) == 1 else ("sections", "have", "take")
    return f"{which} {first_few(lost, 9)} {have} no picture and {take} the labels of the nearest one; look at them."


def lacks_picture(section: NDArray[Any]) -> bool:
    """Return True if all grey levels (y, x) are the same, but for some in a hundred, or pixels do not hang together."""
    if not np.isfinite(section).all():
        return False
    low, high = np.percentile(section.astype(np.float64), (0.5, 99.5))
    return bool(low == high) or (section.size >= ENOUGH and _correlation(section) < NOISE)


def _may_lack_picture(part: NDArray[Any]) -> bool:
    """Return True if a part of a section gives reason to look at it as a whole: a quick test, and a generous one."""
    rows = part[::SAMPLED_STEP].astype(np.float64)
    if rows.ndim != 2 or not rows.size or not np.isfinite(rows).all():
        return False
    return bool(np.mean(rows == np.median(rows)) >= 0.5) or _correlation(rows) < 5 * NOISE


def _correlation(section: NDArray[Any]) -> float:
    """Return the correlation of each pixel with the one beside it on x; 1 without any change."""
    grey = section.astype(np.float64)
    one, other = grey[:, :-1] - grey.mean(), grey[:, 1:] - grey.mean()
    spread = float(np.mean(one**2) * np.mean(other**2)) ** 0.5 if one.size else 0.0
    return float(np.mean(one * other)) / spread if spread > 0 else 1.0


def _sample(volume: Volume, z: int) -> NDArray[Any]:
    """Return every few rows of a section; of a large one those of tiles from edge to edge, side by side."""
    height, width = volume.shape[1:]
    ys, xs = _tiles(height), _tiles(width)
    tiles = [[np.asarray(volume[z, y, x])[::SAMPLED_STEP] for x in xs] for y in ys]
    return np.concatenate([np.concatenate(row, axis=1) for row in tiles])


def _tiles(n: int) -> list[slice]:
    if n <= SAMPLED_SIDE:
        return [slice(0, n)]
    starts = np.linspace(0, n - SAMPLED_TILE, SAMPLED_SIDE // SAMPLED_TILE // 2).astype(int).tolist()
    return [slice(start, start + SAMPLED_TILE) for start in starts]
