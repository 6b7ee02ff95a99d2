"""Synthetic serial sections of neuropil together with their truth."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.measure import label

from napari_emcad.core.affinities import shifted
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.synthetic.curves import grow
from napari_emcad.core.synthetic.organelles import furnish
from napari_emcad.core.synthetic.picture import Exposure, View, draw, membranes
from napari_emcad.core.synthetic.tissue import Cut, cut, pack

__all__ = ["SyntheticStack", "synthetic_stack"]

_BORDER = 13.0
_FACE_ON = 6.0
_SMALLEST = 60
_LAYER = 6.0


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


def synthetic_stack(
    shape: tuple[int, int, int] = (20, 512, 512), voxel_size: VoxelSize = VoxelSize(30, 6, 6), seed: int = 0
) -> SyntheticStack:
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
        Where the shape holds no voxel or a voxel has no size.
    """
    if len(shape) != 3 or min(shape) < 1 or min(voxel_size) <= 0:
        raise UserError(f"synthetic stack: sizes above 0 on z, y, x are needed, got shape {tuple(shape)} and voxels "
                        f"of {tuple(voxel_size)} nm; for example (20, 512, 512) and (30, 6, 6).")
    rng = np.random.default_rng(seed)
    size = np.array(shape) * voxel_size
    curves = grow(rng, size)
    tissue, organelles = pack(curves, size), furnish(rng, curves)
    stain, profile = rng.uniform(0.52, 0.75), membranes(rng.uniform(7, 12))
    raw, neurites = np.empty(shape, np.uint8), np.empty(shape, np.int32)
    for z, view in enumerate(_views(rng, shape, VoxelSize(*voxel_size))):
        section = cut(tissue, view.depths, view.rows, view.columns, profile)
        raw[z] = draw(rng, view, section, organelles, _exposure(rng, stain))
        neurites[z] = _without_membrane(section, view.pixel)
    return SyntheticStack(raw, _connected(neurites), VoxelSize(*voxel_size))


def _views(rng: Generator, shape: tuple[int, int, int], voxel_size: VoxelSize) -> list[View]:
    """Where each section lies; neighbours are out of line by a pixel or so."""
    layers = 2 * max(1, round(voxel_size.z / _LAYER / 2)) + 1
    across = (np.arange(layers) + 0.5) / layers * voxel_size.z
    views = []
    for z in range(shape[0]):
        drift = rng.normal(0, 6, 2)
        rows, columns = (np.arange(n) * p + d for n, p, d in zip(shape[1:], voxel_size[1:], drift, strict=True))
        views.append(View(z * voxel_size.z + across, rows, columns, tuple(voxel_size[1:])))
    return views


def _exposure(rng: Generator, stain: float) -> Exposure:
    """Each section is stained and lit a little differently."""
    mean, spread, change = rng.normal(132, 17), rng.normal(54, 4), rng.normal(0, 0.05)
    return Exposure(float(np.clip(mean, 98, 168)), float(np.clip(spread, 44, 64)), stain + float(change))


def _without_membrane(section: Cut, pixel: tuple[float, float]) -> NDArray[np.int32]:
    """Neurites of a section, 0 near their outlines and where a membrane is seen face on."""
    neurites = section.neurites
    inner = np.ones(neurites.shape, bool)
    for axis in (0, 1):
        here, there = shifted(tuple(-1 if a == axis else 0 for a in (0, 1)))
        differs = neurites[here] != neurites[there]
        inner[here] &= ~differs
        inner[there] &= ~differs
    away = distance_transform_edt(inner, sampling=pixel) if not inner.all() else np.full(inner.shape, np.inf)
    return np.where((away < _BORDER) | (section.distance < _FACE_ON), 0, neurites)


def _connected(neurites: NDArray[np.int32]) -> NDArray[np.uint16] | NDArray[np.uint32]:
    """Number each connected piece (26 neighbours) on its own; pieces of a few voxels become 0."""
    pieces = label(neurites, background=0, connectivity=3)
    sizes = np.bincount(pieces.ravel())
    kept = sizes >= _SMALLEST
    kept[0] = False
    numbers = np.cumsum(kept) * kept
    return numbers.astype(np.uint16 if numbers.max() <= 65535 else np.uint32)[pieces]
