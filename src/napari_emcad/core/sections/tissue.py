"""Masks of cells without tissue, and of cells that a section lacks while its neighbours have tissue there."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_emcad.core.progress import Steps, each
from napari_emcad.core.sections.measures import SectionMeasure, touched_by_one_grey

BARE, BARE_SPREAD = 0.12, 0.28
"""Texture and spread, relative to tissue's, below which a cell holds resin or nothing but noise."""

LEAST = 0.03
"""Share of a section below which a piece is too small to be resin or a missing part: a vessel, a nucleus."""

LEAST_INSIDE = 0.08
"""The same of a part without tissue that does not touch the rim of its section: thick processes are bare inside."""

LEAST_AT_RIM = 0.004
"""The same of a part of one grey that touches the rim of its section, as where a turned section was padded."""

FEWEST = 8
"""Cells below which a part at the rim is too small in any section."""

LEAST_NOISE = 0.1
"""The same of a part that is not of one grey."""

AROUND = 3
"""Sections on each side that tell what a section should hold."""

GROWN = 3
"""Cells by which a missing part may reach beyond those that it fills: more than one at borders that lie aslant."""

AROUND_CELLS = np.ones((3, 3), bool)

Cells = NDArray[np.bool_]


class TissueMasks(NamedTuple):
    """Masks (z, cells on y, cells on x)."""

    no_tissue: Cells
    missing: Cells

    def lacks_all(self, z: int, share: float) -> bool:
        """True if at least this share of a section is missing, of where the sections beside it have tissue."""
        beside = [n for n in (z - 1, z + 1) if 0 <= n < len(self.missing)]
        bare = self.no_tissue[z] | self.no_tissue[beside].all(axis=0) if beside else self.no_tissue[z]
        missing = np.count_nonzero(self.missing[z])
        return bool(0 < missing >= share * np.count_nonzero(~bare | self.missing[z]))


def find_tissue(measures: Sequence[SectionMeasure]) -> Steps[TissueMasks]:
    """Return where no section has tissue, and where single sections have one grey instead of their neighbours' tissue.

    Strategy: texture is compared with that of the section's own tissue, and of the stack's where it has hardly any.
    """
    bare = _relative([one.texture for one in measures]) <= BARE
    bare &= _relative([one.spread for one in measures]) <= BARE_SPREAD
    flat = np.stack([one.flat for one in measures])
    empty = bare | flat
    if not empty.any():
        return TissueMasks(empty, empty.copy())
    expected = yield from _usually(empty)
    beside = yield from each(_tissue_beside(empty, z) for z in range(len(empty)))
    lone = empty & ~expected & np.stack(beside)
    missing = yield from each(_missing(*one) for one in zip(measures, lone, flat & ~expected, strict=True))
    rest = empty & ~np.stack(missing) & ~lone
    no_tissue = yield from each(_without_specks(section, LEAST_INSIDE) for section in rest)
    return TissueMasks(np.stack(no_tissue), np.stack(missing))


def _relative(cells: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return values of cells (z, y, x) relative to those of tissue in their section, and in the stack."""
    values = np.stack(cells)
    tissue = np.percentile(values, 90, axis=(1, 2))
    tissue = np.maximum(tissue, 0.3 * np.median(tissue))[:, None, None]
    return np.divide(values, tissue, out=np.zeros_like(values), where=tissue > 0)


def _tissue_beside(empty: Cells, z: int) -> Cells:
    """Return the cells that are not empty in the sections before and after one, as far as these show anything."""
    beside = [n for n in (z - 1, z + 1) if 0 <= n < len(empty) and not empty[n].all()]
    return np.asarray(~empty[beside].any(axis=0)) if beside else np.zeros_like(empty[z])


def _missing(measure: SectionMeasure, lone: Cells, grey: Cells) -> Cells:
    """Return the cells of a section that hold any of a part that is missing.

    Strategy: cells of one grey are missing where the neighbours usually have tissue. Noise in the place of tissue may
    also be a cell body or a charged patch, so it must be a larger part, and both sections beside it must have tissue
    there. Parts grow by the cells beside them that hold the same grey; where it is noise, by all of these.
    """
    part = _without_specks(grey, at_rim=LEAST_AT_RIM) | _without_specks(lone, LEAST_NOISE, LEAST_NOISE)
    if not part.any():
        return part
    touched = touched_by_one_grey(measure.picture)
    grown = ndimage.binary_dilation(part, AROUND_CELLS, iterations=GROWN, mask=touched | part)
    return np.asarray(grown | ndimage.binary_dilation(part & ~touched, AROUND_CELLS))


def _usually(bare: Cells) -> Steps[Cells]:
    """Return where at least half of the sections around each one are bare; a stack of one expects what it has."""
    if len(bare) == 1:
        return bare
    result = np.empty_like(bare)
    for z in range(len(bare)):
        near = [n for n in range(max(0, z - AROUND), min(len(bare), z + AROUND + 1)) if n != z]
        near = [n for n in near if not bare[n].all()] or near
        result[z] = bare[near].mean(axis=0) >= 0.5
        yield
    return result


def _without_specks(section: Cells, least: float = LEAST, at_rim: float = LEAST) -> Cells:
    """Return a mask without pieces below a share of the section, or another share if they touch the section's rim."""
    if not section.any():
        return section
    pieces, count = ndimage.label(section)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    needed = np.full(count + 1, least * section.size)
    needed[np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])] = max(at_rim * section.size, FEWEST)
    kept = sizes >= needed
    kept[0] = False
    return kept[pieces]
