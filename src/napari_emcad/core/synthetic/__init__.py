"""Synthetic serial sections of neuropil together with their truth."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, VoxelSize
from napari_emcad.core.synthetic.curves import grow
from napari_emcad.core.synthetic.organelles import furnish
from napari_emcad.core.synthetic.picture import Exposure, SectionView, draw, membranes
from napari_emcad.core.synthetic.tissue import cut, pack
from napari_emcad.core.synthetic.truth import numbered_pieces, without_membrane

__all__ = ["SyntheticStack", "synthetic_stack"]

_USUAL = VoxelSize(30, 6, 6)
"""Voxel size of the AC4 stack."""

_LAYER = 6.0
"""Thickness in nm, about, of the layers whose mean a section is drawn as."""


@dataclass(frozen=True)
class SyntheticStack:
    """A picture of tissue and its truth.

    Attributes
    ----------
    raw : (z, y, x) uint8
        Dark membranes on light cytoplasm.
    labels : (z, y, x) uint16, or uint32 above 65535 neurites
        0 = membrane; every other number one connected neurite.
    voxel_size : VoxelSize
        In nm.
    """

    raw: NDArray[np.uint8]
    labels: NDArray[np.uint16] | NDArray[np.uint32]
    voxel_size: VoxelSize


def synthetic_stack(shape: Shape = (20, 512, 512), voxel_size: VoxelSize = _USUAL, seed: int = 0) -> SyntheticStack:
    """Make serial sections of neuropil that never was, the same for the same shape, voxel size and seed.

    Parameters
    ----------
    shape : (z, y, x)
        In voxels.
    voxel_size : VoxelSize
        In nm; sections are as thick as they are far apart.
    seed : int
        From 0.

    Raises
    ------
    UserError
        If the shape holds no voxel or a voxel has no size.
    """
    if len(shape) != 3 or min(shape) < 1 or min(voxel_size) <= 0:
        raise UserError(
            f"synthetic stack: sizes above 0 on z, y, x are needed, got shape {tuple(shape)} and voxels "
            f"of {tuple(voxel_size)} nm; for example (20, 512, 512) and (30, 6, 6)."
        )
    rng = np.random.default_rng(seed)
    size = np.multiply(shape, voxel_size, dtype=float)
    curves = grow(rng, size)
    tissue, organelles = pack(curves, size), furnish(rng, curves)
    stain, profile = rng.uniform(0.6, 0.78), membranes(half_gap=rng.uniform(7, 10.5))
    raw, neurites = np.empty(shape, np.uint8), np.empty(shape, np.int32)
    for z in range(shape[0]):
        view = _view(rng, z, shape, VoxelSize(*voxel_size))
        section = cut(tissue, view.depths, view.rows, view.columns, profile)
        raw[z] = draw(rng, view, section, organelles, _exposure(rng, stain))
        neurites[z] = without_membrane(section, view.pixel)
    return SyntheticStack(raw, numbered_pieces(neurites), VoxelSize(*voxel_size))


def _view(rng: Generator, z: int, shape: Shape, voxel_size: VoxelSize) -> SectionView:
    """Return the place of section z; neighbours are out of line by a pixel or so."""
    layers = 2 * max(1, round(voxel_size.z / _LAYER / 2)) + 1
    depths = (z + (np.arange(layers) + 0.5) / layers) * voxel_size.z
    drift = rng.normal(0, 6, 2)
    rows, columns = (np.arange(n) * p + d for n, p, d in zip(shape[1:], voxel_size[1:], drift, strict=True))
    return SectionView(depths, rows, columns, voxel_size[1:])


def _exposure(rng: Generator, stain: float) -> Exposure:
    """Draw how a section is stained and lit: each one a little differently."""
    mean, spread, change = rng.normal(132, 17), rng.normal(54, 4), rng.normal(0, 0.05)
    return Exposure(float(np.clip(mean, 98, 168)), float(np.clip(spread, 44, 64)), stain + float(change))
