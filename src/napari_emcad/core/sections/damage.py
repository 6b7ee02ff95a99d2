"""Cracked, folded and charged regions: areas of a section that are much darker or brighter than beside them in z."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_emcad.core.progress import Steps, each
from napari_emcad.core.sections.measures import SectionMeasure, cell_means
from napari_emcad.core.sections.neighbours import NORMAL

BESIDE, FEWEST_BESIDE = 3, 2
"""Sections on each side that a section is compared with, and how many it takes at least."""

FAR, LEAST = 5.0, 1.5
"""Usual differences between sections, and standard deviations of the greys, from which a cell's mean is far off."""

WEAK = 0.6
"""Share of that from which cells beside them belong to the same area."""

MOVED = 0.5
"""Share of an area that goes on in the section before, or after, from which it is tissue: a dark process cut aslant."""

CELLS, SURE, SHARE = 14, 6, 0.005
"""Cells of an area, cells of it that are far off, and its share of the section, below which it is too small."""

AROUND = np.ones((3, 3), bool)

Cells = NDArray[np.bool_]


def find_damage(
    measures: Sequence[SectionMeasure], hidden: Cells, defective: Collection[int], moves: Collection[int]
) -> Steps[Cells]:
    """Return the cells (z, y, x) that are much darker, or brighter, than those of the sections before and after.

    Parameters
    ----------
    measures : sequence of SectionMeasure
    hidden : (z, y, x) bool
        True for cells that are missing, or have no tissue.
    defective : collection of int
        Sections that are not judged, and not compared with.
    moves : collection of int
        Sections before which the stack jumps or breaks: nothing is compared across.
    """
    means = np.stack((yield from each(cell_means(*one) for one in zip(measures, hidden, strict=True))))
    away = np.full(means.shape, np.nan, np.float32)
    usual: dict[tuple[int, ...], NDArray[np.float32]] = {}
    for z in range(len(means)):
        sides = [_beside(z, way, len(means), defective, moves) for way in (-1, 1)]
        if z not in defective and min(map(len, sides)) >= FEWEST_BESIDE:
            usual |= {side: np.median(means[list(side)], axis=0) for side in sides if side not in usual}
            before, after = (means[z] - usual[side] for side in sides)
            nearer = np.minimum(np.abs(before), np.abs(after))
            away[z] = np.where(before * after > 0, np.sign(before) * nearer, 0)
        yield
    away[hidden] = np.nan
    seen = np.isfinite(away)
    if not seen.any():
        return seen
    least = max(LEAST, FAR * NORMAL * float(np.median(np.abs(away[seen]))))
    sections = range(len(away))
    return np.stack((yield from each(_areas(away, z, least) | _areas(-away, z, least) for z in sections)))


def _beside(z: int, way: int, depth: int, defective: Collection[int], moves: Collection[int]) -> tuple[int, ...]:
    """Return the sections, in order, before (-1) or after (+1) one that it is compared with."""
    found = []
    for other in range(z + way, z + way * (BESIDE + 1), way):
        if not 0 <= other < depth or (other + 1 if way < 0 else other) in moves:
            break
        if other not in defective:
            found.append(other)
    return tuple(sorted(found))


def _areas(away: NDArray[np.float32], z: int, least: float) -> Cells:
    """Return the cells of areas of section z that are far off, all to one side; cells that touch at a corner are one.

    Areas that go on in the section before, or after, are tissue.
    """
    with np.errstate(invalid="ignore"):
        sure = away[z] > least
        if np.count_nonzero(sure) < SURE:
            return np.zeros_like(sure)
        near = away > WEAK * least
    pieces, count = ndimage.label(near[z], AROUND)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    kept = (sizes >= max(CELLS, SHARE * sure.size)) & (np.bincount(pieces[sure], minlength=count + 1) >= SURE)
    for other in range(max(0, z - 1), min(len(away), z + 2)):
        if other != z:
            beside = ndimage.binary_dilation(near[other], AROUND)
            kept &= np.bincount(pieces[beside], minlength=count + 1) <= MOVED * sizes
    kept[0] = False
    return kept[pieces]
