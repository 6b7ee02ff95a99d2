"""Masks of cells without tissue, and of cells that a section lacks while its neighbours have tissue there."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_emcad.core.sections.measures import SectionMeasure

BARE = 0.12
"""Texture, relative to tissue's, below which a cell holds resin or nothing."""

LEAST = 0.03
"""Share of a section below which a piece is too small to be resin or a missing part: a vessel, a nucleus."""

AROUND = 3
"""Sections on each side that tell what a section should hold."""

Cells = NDArray[np.bool_]


class TissueMasks(NamedTuple):
    """Masks (z, cells on y, cells on x)."""

    no_tissue: Cells
    missing: Cells


def find_tissue(measures: Sequence[SectionMeasure]) -> TissueMasks:
    """Return where no section has tissue, and where single sections have one grey instead of their neighbours' tissue.

    Strategy: texture is compared with that of the section's own tissue, and of the stack's where it has hardly any.
    """
    texture = np.stack([one.texture for one in measures])
    tissue = np.percentile(texture, 90, axis=(1, 2))
    tissue = np.maximum(tissue, 0.3 * np.median(tissue))
    bare = texture <= BARE * tissue[:, None, None]
    flat = np.stack([one.flat for one in measures])
    expected = _usually(bare | flat)
    missing = np.stack([_without_specks(section) for section in flat & ~expected])
    no_tissue = np.stack([_without_specks(section) for section in (bare | flat) & ~missing])
    return TissueMasks(no_tissue, missing)


def _usually(bare: Cells) -> Cells:
    """Return where at least half of the sections around each one are bare; a stack of one expects what it has."""
    if len(bare) == 1:
        return bare
    result = np.empty_like(bare)
    for z in range(len(bare)):
        near = [n for n in range(max(0, z - AROUND), min(len(bare), z + AROUND + 1)) if n != z]
        near = [n for n in near if not bare[n].all()] or near
        result[z] = bare[near].mean(axis=0) >= 0.5
    return result


def _without_specks(section: Cells) -> Cells:
    """Return a mask without pieces smaller than `LEAST`."""
    if not section.any():
        return section
    pieces, count = ndimage.label(section)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    kept = sizes >= LEAST * section.size
    kept[0] = False
    return kept[pieces]
