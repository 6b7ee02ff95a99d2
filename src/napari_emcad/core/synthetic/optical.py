"""Synthetic light-microscopy volumes of sparsely labelled neurons together with their truth.

Grey levels are those of a camera, so that the published normalisation of SDASN, (grey - 168.5) / 500, fits them: a dark
uneven ground near 120, and fibres from just above its noise to some hundred levels brighter.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, VoxelSize
from napari_emcad.core.synthetic.fibres import Fibres, grow_trees

VOXEL_SIZE = VoxelSize(500, 500, 500)
"""Voxel size of the volumes, in nm."""

_BLUR = (0.9, 0.6, 0.6)
"""Blur of the lens, standard deviation in voxels; the depth is seen worst."""

_GLOW, _GLOW_SHARE = 9.0, 0.4
"""Reach in voxels, and share, of the light from out of focus."""

_GROUND, _UNEVEN, _TISSUE = 112.0, 6.0, 4.0
"""Grey levels of the ground, of its slow changes and of the tissue's grain."""

_OFFSET, _GAIN, _READ_NOISE = 90.0, 4.0, 9.0
"""Grey levels of the camera without light, per photon, and of its noise."""


@dataclass(frozen=True)
class OpticalVolume:
    """A picture of fluorescent neurons and its truth.

    Attributes
    ----------
    raw : (z, y, x) uint16
        Bright fibres on a dark ground.
    labels : (z, y, x) uint16
        0 = background; every other number one tree, which another one may cross.
    voxel_size : VoxelSize
        In nm.
    """

    raw: NDArray[np.uint16]
    labels: NDArray[np.uint16]
    voxel_size: VoxelSize


def synthetic_optical(shape: Shape = (96, 192, 192), seed: int = 0) -> OpticalVolume:
    """Make a volume of neurons that never were, the same for the same shape and seed.

    Parameters
    ----------
    shape : (z, y, x)
        In voxels.
    seed : int
        From 0.

    Raises
    ------
    UserError
        If the shape holds no voxel.
    """
    if len(shape) != 3 or min(shape) < 1:
        raise UserError(
            f"synthetic volume: sizes above 0 on z, y, x are needed, got shape {tuple(shape)}; "
            "for example (96, 192, 192)."
        )
    rng = np.random.default_rng(seed)
    light, labels = _draw(grow_trees(rng, shape), shape)
    return OpticalVolume(_picture(rng, light), labels, VOXEL_SIZE)


def _draw(fibres: Fibres, shape: Shape) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
    """Draw the light of the fibres before any lens, and the voxels that lie in one.

    Strategy: instead of painting a ball for each point, all points are moved together by each offset that a ball can
    reach; the light at the voxels they meet is raised to that of the brightest. A voxel belongs to a tree if its centre
    lies in a fibre, or if a fibre goes through it.
    """
    light, labels = np.zeros(shape, np.float32), np.zeros(shape, np.uint16)
    nearest, reach = np.rint(fibres.points).astype(int), fibres.radii + 0.5
    edge = int(np.ceil(reach.max()))
    for offset in product(range(-edge, edge + 1), repeat=3):
        near = np.flatnonzero(reach + np.sqrt(0.75) > np.linalg.norm(offset))  # a point lies so far from its voxel
        voxels = nearest[near] + offset
        away = np.linalg.norm(voxels - fibres.points[near], axis=1)
        drawn = (away < reach[near]) & np.all((voxels >= 0) & (voxels < np.array(shape)), axis=1)
        near, voxels, away = near[drawn], voxels[drawn], away[drawn]
        brightness = fibres.light[near] * np.minimum(reach[near] - away, 1)
        np.maximum.at(light, tuple(voxels.T), brightness.astype(np.float32))
        inside = (away <= fibres.radii[near]) | (not any(offset))
        labels[tuple(voxels[inside].T)] = fibres.tree[near[inside]]
    return light, labels


def _picture(rng: Generator, light: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the picture that lens and camera make of light: blur, glow, uneven ground, noise."""
    sharp = gaussian_filter(light, _BLUR, truncate=3)
    picture = sharp + _GLOW_SHARE * gaussian_filter(light, _GLOW, truncate=2)
    picture += _GROUND + _UNEVEN * _cloud(rng, light.shape, 24) + _TISSUE * _cloud(rng, light.shape, 3)
    photons = np.maximum(picture - _OFFSET, 0) / _GAIN
    noisy = _OFFSET + _GAIN * rng.poisson(photons) + rng.normal(0, _READ_NOISE, light.shape)
    return np.clip(noisy, 0, 65535).round().astype(np.uint16)


def _cloud(rng: Generator, shape: Shape, scale: int) -> NDArray[np.float32]:
    """Draw a smooth random field of mean 0 and variance about 1, correlated over `scale` voxels."""
    coarse = rng.standard_normal([n // scale + 3 for n in shape], np.float32)
    fine = zoom(gaussian_filter(coarse, 0.6), scale, order=1)
    return 2.0 * fine[tuple(slice(scale, scale + n) for n in shape)]
