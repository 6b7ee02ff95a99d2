"""Tissue: the neurite that fills each place, on a coarse isotropic grid, and smooth cuts through it.

Strategy: every voxel goes to the neurite in whose balls it is deepest (least d - r). Blurring each neurite's
indicator and taking the largest again rounds the cells as surface tension would. The same blur, sampled at any finer
positions, gives smooth boundaries: with a Gaussian of `sigma`, the two largest indicators at distance d from a flat
membrane differ by erf(d / (sigma sqrt 2)), so that their difference tells the distance to the membrane.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import erfinv
from skimage.measure import label

from napari_emcad.core.geometry import Shape, triple
from napari_emcad.core.synthetic.curves import NeuriteCurves

PITCH = 24.0
"""Edge of a voxel of the coarse grid, in nm."""

SIGMA = 29.0
"""Standard deviation of the blur that rounds the cells, in nm."""

_HALO = 5
"""Voxels of the grid around the box."""

_BLOCK = 384.0
"""Side in nm of the blocks that are cut at a time."""

_SPECK = 120
"""Voxels below which a piece of a neurite is too small to follow."""

_AROUND = 100.0
"""Nanometres around a ball in which it can still be the nearest one."""

_STAIN = 1.7
"""Exponent of staining. Above 1, a membrane through a part of the section's thickness looks darker than its share."""

_LEVELS = 2048
"""Steps of the difference between two indicators for which the distance is tabulated."""

_DISTANCE = (SIGMA * np.sqrt(2) * erfinv(np.linspace(0, 1 - 1e-3, _LEVELS + 1))).astype(np.float32)
"""Distance to the membrane in nm at each step of the difference."""


_Floats = NDArray[np.float64]

_Weights = NDArray[np.float32]
"""Weights (fine, coarse) of coarse voxels in fine positions along an axis."""


@dataclass(frozen=True)
class Tissue:
    """A block of tissue.

    Attributes
    ----------
    neurites : (z, y, x) int32
        Number of the neurite, from 1; every voxel is filled.
    origin : float
        Position of the first voxel on each axis, in nm.
    """

    neurites: NDArray[np.int32]
    origin: float = -_HALO * PITCH


@dataclass(frozen=True)
class TissueSection:
    """A section through tissue as thick as the microscope sees it.

    Attributes
    ----------
    neurites : (y, x) int32
        In the middle of the section.
    distance : (y, x) float32
        From there to the middle of the nearest membrane, in space, in nm; saturates at about 90.
    membrane : (y, x) float32
        Share of the section's thickness that is membrane, 0 to 1.
    """

    neurites: NDArray[np.int32]
    distance: NDArray[np.float32]
    membrane: NDArray[np.float32]


def pack(curves: NeuriteCurves, size: NDArray[np.float64], rounds: int = 3) -> Tissue:
    """Fill a box of `size` nm, and a little around it, with the neurites of the curves."""
    shape = triple(np.ceil(size / PITCH).astype(int) + 1 + 2 * _HALO)
    neurites = _nearest(curves, shape)
    for _ in range(rounds):
        neurites = _rounded(neurites)
    return Tissue(_without_specks(neurites))


def _nearest(curves: NeuriteCurves, shape: Shape) -> NDArray[np.int32]:
    """Return the neurite in whose balls each voxel is deepest; far from all balls, the nearest of those found.

    Strategy: ball after ball, the voxels around it that are deeper in it than in all before become its neurite's.
    """
    result, least = np.zeros(shape, np.int32), np.full(shape, np.inf, np.float32)
    for point, radius, neurite in zip(curves.points, curves.radii, curves.neurite, strict=True):
        centre, reach = point / PITCH + _HALO, (radius + _AROUND) / PITCH
        low = np.clip(np.ceil(centre - reach), 0, shape).astype(int)
        high = np.clip(np.floor(centre + reach) + 1, 0, shape).astype(int)
        if (low >= high).any():
            continue
        z, y, x = (((np.arange(a, b) - c) ** 2).astype(np.float32) for a, b, c in zip(low, high, centre, strict=True))
        outside = np.sqrt((z[:, None, None] + y[:, None]) + x) - np.float32(radius / PITCH)
        ball = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        closer = outside < least[ball]
        least[ball][closer] = outside[closer]
        result[ball][closer] = neurite
    return _filled(result, result == 0)


def _filled(neurites: NDArray[np.int32], empty: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the neurites with each empty voxel given to the nearest one; if all are empty, they become one."""
    if empty.all():
        return np.ones_like(neurites)
    if not empty.any():
        return neurites
    nearest = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
    return neurites[tuple(nearest)]


def _rounded(neurites: NDArray[np.int32]) -> NDArray[np.int32]:
    """Take one step of motion by mean curvature: blur the indicators, take the largest."""
    result = np.empty_like(neurites)
    windows = [list(_windows(np.arange(n), n, SIGMA / PITCH, 20)) for n in neurites.shape]
    for block in product(*windows):
        fine, coarse, weights = zip(*block, strict=True)
        result[fine] = _blend(neurites[coarse], weights)[0]
    return result


def _without_specks(neurites: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the neurites with pieces too small to follow given to the nearest larger one."""
    pieces = label(neurites, connectivity=1)
    small = np.bincount(pieces.ravel()) < _SPECK
    return neurites if small[1:].all() else _filled(neurites, small[pieces])


def cut(
    tissue: Tissue, depths: _Floats, rows: _Floats, columns: _Floats, profile: NDArray[np.float32]
) -> TissueSection:
    """Cut a section.

    Strategy: blocks of pixels are blended on their own, from the coarse voxels around them. The lead of the largest
    indicator over the second gives the distance to the membrane by a table, and that the membrane's density in each
    layer, whose mean is darkened by staining.

    Parameters
    ----------
    tissue : Tissue
    depths, rows, columns : (n,) float
        Positions in nm on z, y, x; the depths, an odd number, sample the section's thickness.
    profile : (m,) float32
        Membrane density at distances 0, 1, 2 ... nm from the middle of the membrane.
    """
    positions = [(p - tissue.origin) / PITCH for p in (depths, rows, columns)]
    windows = [
        list(_windows(p, n, SIGMA / PITCH, max(1, int(np.sum(p < p[0] + _BLOCK / PITCH)))))
        for p, n in zip(positions, tissue.neurites.shape, strict=True)
    ]
    density = np.interp(_DISTANCE, np.arange(len(profile)), profile).astype(np.float32)
    shape, middle = (len(rows), len(columns)), len(depths) // 2
    result = TissueSection(np.empty(shape, np.int32), np.empty(shape, np.float32), np.empty(shape, np.float32))
    for block in product(*windows):
        (_, *fine), coarse, weights = zip(*block, strict=True)
        neurites, margin = _blend(tissue.neurites[coarse], weights)
        level = (margin * _LEVELS).astype(np.int16)
        result.neurites[tuple(fine)] = neurites[middle]
        result.distance[tuple(fine)] = _DISTANCE[level[middle]]
        result.membrane[tuple(fine)] = 1 - (1 - density[level].mean(axis=0)) ** _STAIN
    return result


def _windows(
    positions: NDArray[np.integer] | _Floats, n: int, sigma: float, block: int
) -> Iterator[tuple[slice, slice, _Weights]]:
    """Yield pieces of an axis: slice of `positions`, slice of the n coarse voxels, Gaussian weights (fine, coarse)."""
    reach = 3.2 * sigma
    for start in range(0, len(positions), block):
        piece = positions[start : start + block]
        low = int(np.clip(np.floor(piece[0] - reach), 0, n - 1))
        high = int(np.clip(np.ceil(piece[-1] + reach) + 1, low + 1, n))
        weights = np.exp(-0.5 * ((piece[:, None] - np.arange(low, high)) / sigma) ** 2)
        weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
        yield slice(start, start + len(piece)), slice(low, high), weights


def _blend(
    neurites: NDArray[np.int32], weights: tuple[_Weights, _Weights, _Weights]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the neurite with the largest blurred indicator, and by how much it leads the second (0 to 1).

    Strategy: each neurite's indicator is blurred and sampled at the fine positions by three products with the weights;
    the largest and second largest so far are kept.

    Parameters
    ----------
    neurites : (z, y, x) int
    weights : three of (fine, coarse) float32
        Along z, y, x.
    """
    along_z, along_y, along_x = weights
    shape = (len(along_z), len(along_y), len(along_x))
    winner, first, second = np.zeros(shape, np.int32), np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for neurite in np.unique(neurites):
        mask = (neurites == neurite).astype(np.float32)
        blurred = np.tensordot(along_z, mask, 1)
        blurred = along_y @ blurred @ along_x.T
        ahead = blurred > first
        np.maximum(second, np.minimum(first, blurred), out=second)
        np.maximum(first, blurred, out=first)
        winner[ahead] = neurite
    return winner, first - second
