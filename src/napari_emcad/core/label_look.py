"""A look at voxels that tells ids of labels from grey levels."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

SMALLEST_MEAN = 4
"""Pixels of a piece in a section, at least: neurons have hundreds, grey levels of electron micrographs 1.2."""

_SURE_MEAN = 24
"""Pixels of a piece beyond which voxels are surely ids: grey levels that are enlarged fourfold have 16."""

_FEWEST_IDS = 3
"""Ids that tell labels from a mask of one thing."""

_FEWEST_PIECES = 32
"""Pieces that tell grey levels from labels of a few points."""

_MOST_PIECES = 8
"""Pieces of an id in a section, at most: grey levels have as many as there are bright and dark places."""

_MOST_STEPS = 0.8
"""Part of the borders that lie between ids next to each other, at most: those of grey levels are steps of one."""


class LabelLook(NamedTuple):
    """The outcome of a look at sections.

    Attributes
    ----------
    is_labels : bool or None
        True for ids that form regions, False for values that change from pixel to pixel; None if it is not clear.
    ids : int
        Different numbers seen, without 0; the most that a section has.
    """

    is_labels: bool | None
    ids: int


def look_for_labels(sections: Iterable[NDArray[Any]]) -> LabelLook:
    """Tell labels from grey levels by a few sections.

    Strategy: ids form regions, grey levels change from pixel to pixel. Where a picture is so smooth or coarse that its
    levels form regions as well, each level has many of them, or they lie between the levels next to it.

    Parameters
    ----------
    sections : iterable of (y, x) integer
        0 = none.
    """
    found = [one for one in map(_Regions.of, sections) if one.pieces]
    if not found:
        return LabelLook(None, 0)
    ids, pieces = max(one.ids for one in found), sum(one.pieces for one in found)
    mean = sum(one.pixels for one in found) / pieces
    if mean < SMALLEST_MEAN:
        return LabelLook(False if pieces >= _FEWEST_PIECES else None, ids)
    crowded = pieces > _MOST_PIECES * sum(one.ids for one in found)
    stepped = ids > _FEWEST_IDS and np.mean([one.steps for one in found]) > _MOST_STEPS
    if stepped and pieces >= _FEWEST_PIECES:
        return LabelLook(False, ids)
    is_sure = mean >= _SURE_MEAN and ids >= _FEWEST_IDS and not crowded
    return LabelLook(True if is_sure else None, ids)


class _Regions(NamedTuple):
    """Regions of equal values in a section, apart from 0.

    The largest does not count among the pixels: it may be what is around the tissue.
    """

    ids: int
    pieces: int
    pixels: int
    steps: float

    @classmethod
    def of(cls, section: NDArray[Any]) -> Self:
        from skimage.measure import label  # 0.3 s, of which most stacks need nothing

        values, ranks = np.unique(section, return_inverse=True)
        ranks = ranks.reshape(section.shape).astype(np.int64)
        is_labelled = np.asarray(section) != 0
        pieces, n = label(np.where(is_labelled, ranks + 1, 0), background=0, connectivity=1, return_num=True)
        sizes = np.bincount(pieces.ravel())[1:]
        pixels = int(sizes.sum() - sizes.max()) if n > 1 else 0
        return cls(int(np.count_nonzero(values)), max(n - 1, 0), pixels, _steps(ranks, is_labelled))


def _steps(ranks: NDArray[np.int64], is_labelled: NDArray[np.bool_]) -> float:
    """Return the part of the borders between two values that lie between neighbours among the values."""
    apart = [np.abs(np.diff(ranks, axis=axis))[np.diff(is_labelled.astype(np.int8), axis=axis) == 0] for axis in (0, 1)]
    borders = np.concatenate(apart)
    borders = borders[borders > 0]
    return float(np.mean(borders == 1)) if len(borders) else 0.0
