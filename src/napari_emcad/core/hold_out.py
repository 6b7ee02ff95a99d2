"""The part of the labelled crops that is kept out of training to score with, if nobody chose one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.crop import SMALLEST, Crop
from napari_emcad.core.errors import UserError
from napari_emcad.core.wording import shape_text

AnyCrop = TypeVar("AnyCrop", bound=Crop)

PARTS = 5
"""Equal parts of the known voxels, one of which is held out."""

DEEP = 10
"""Sections from which on a single crop is cut between sections."""

COMFORTABLE = (2, 64, 64)
"""Sections and pixels that are held out if there are as many: fewer say little."""

SUMS = 1000
"""Number of different sums of voxels: sets of crops with about the same sum count as one."""


def hold_out(crops: Sequence[AnyCrop]) -> tuple[list[AnyCrop], list[AnyCrop]]:
    """Part crops into those to train on and those to score with, by their known voxels.

    Of several crops, those are held out that together hold nearest to a fifth of all known voxels. Of a single crop, or
    if only one has known voxels, a strip is held out: the last sections of a deep crop, else a strip along the longer
    of y and x; it is taken from the other end, or on another axis, if one part would have no known voxels.

    Returns
    -------
    train, held_out : list of Crop
        In the order given; parts of a crop are views. Nothing is held out if nothing is known.

    Raises
    ------
    UserError
        If the only crop cannot be cut.
    """
    known = [i for i, crop in enumerate(crops) if crop.voxels_known]
    if not known:
        return list(crops), []
    if len(known) == 1:
        train, held_out = _parted(crops[known[0]])
        return [train if i == known[0] else crop for i, crop in enumerate(crops)], [held_out]
    chosen = {known[i] for i in _nearest_to_a_fifth([crops[i].voxels_known for i in known])}
    return (
        [crop for i, crop in enumerate(crops) if i not in chosen],
        [crop for i, crop in enumerate(crops) if i in chosen],
    )


_Set = tuple[int, int, tuple[int, ...]]
"""A set of crops: how many, the sum of their known voxels, and their places."""


def _nearest_to_a_fifth(voxels: Sequence[int]) -> tuple[int, ...]:
    """Return the places of those numbers, all above 0, whose sum is nearest to a fifth of all.

    Among equals the fewest win, then the first.

    Strategy: one set for each sum that there is so far, instead of all sets.
    """
    total = sum(voxels)
    step = max(1, total // SUMS)
    sets: dict[int, _Set] = {0: (0, 0, ())}  # by sum // step
    for i, n in enumerate(voxels):
        for count, held, chosen in list(sets.values()):
            more: _Set = (count + 1, held + n, (*chosen, i))
            key = more[1] // step
            sets[key] = min(sets.get(key, more), more, key=_few_first)
    return min((s for s in sets.values() if s[0]), key=lambda s: (abs(PARTS * s[1] - total), *_few_first(s)))[2]


def _few_first(found: _Set) -> tuple[int, tuple[int, ...]]:
    return found[0], found[2]


class _Strip(NamedTuple):
    """A way to cut a crop along an axis; the lesser of two is the better."""

    off: int  # how far its known voxels are from a fifth, in fifths
    at_first: bool  # at the first end of the axis; the last is preferred
    train: slice
    held_out: slice


def _parted(crop: AnyCrop) -> tuple[AnyCrop, AnyCrop]:
    """Return the part of a crop to train on, and the strip that is held out."""
    for least in (COMFORTABLE, SMALLEST):
        for axis in _axes(crop):
            strip = min(_strips(crop, axis, least[axis]), default=None)
            if strip is not None:
                return _cut(crop, axis, strip.train, "training"), _cut(crop, axis, strip.held_out, "held out")
    raise UserError(
        f"{crop.name}: nothing of {shape_text(crop.raw.shape)} voxels, {crop.voxels_known:,} of them known, can be "
        "held out to score with; choose a larger crop or a second one."
    )


def _axes(crop: Crop) -> tuple[int, ...]:
    """Return z, y and x, the one to be cut first in front."""
    z, y, x = crop.raw.shape
    across = (1, 2) if y >= x else (2, 1)
    return (0, *across) if z >= DEEP else (*across, 0)


def _strips(crop: Crop, axis: int, least: int) -> Iterator[_Strip]:
    """Yield the best strip at each end of an axis: nearest to a fifth of the known voxels, some left to train on.

    Strategy: the cumulated sum of known voxels per plane gives what a strip of every width holds at once.

    Planes at its outer end without known voxels are left out: to score them takes time and tells nothing.
    """
    voxels = _known_along(crop, axis)
    n, total = len(voxels), int(voxels.sum())
    widths = np.arange(least, n - SMALLEST[axis] + 1)
    for at_first, along in enumerate((voxels[::-1], voxels)):  # the last end, then the first
        held = np.cumsum(along)[widths - 1]
        possible = np.flatnonzero((held > 0) & (held < total))
        if not len(possible):
            continue
        off = abs(PARTS * held[possible] - total)
        width = int(widths[possible[np.argmin(off)]])
        rim = min(int(np.flatnonzero(along)[0]), width - least)  # unknown planes, as far as the strip stays wide enough
        ends = ((width, n), (rim, width)) if at_first else ((0, n - width), (n - width, n - rim))
        yield _Strip(int(off.min()), bool(at_first), *(slice(*e) for e in ends))


def _known_along(crop: Crop, axis: int) -> NDArray[np.int64]:
    """Return the known voxels of each plane across an axis, (n,)."""
    if crop.known is None:
        n = crop.raw.shape[axis]
        return np.full(n, crop.raw.size // n)
    return np.count_nonzero(crop.known, axis=tuple({0, 1, 2} - {axis}))


def _cut(crop: AnyCrop, axis: int, ends: slice, what: str) -> AnyCrop:
    z, y, x = (ends if along == axis else slice(None) for along in range(3))
    return replace(crop.cut((z, y, x)), name=f"{crop.name}, {what}")
