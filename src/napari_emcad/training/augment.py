"""Augmentations of a crop: each takes a generator, an image and its company, and returns both changed.

image : (z, y, x) float32 or float64 in [0, 1], two sections or more.
company : any number of (z, y, x) arrays of the same shape, e.g. labels and the mask of known voxels. They move with the
image if its geometry changes; each voxel takes the value of the nearest one, so that ids stay ids, of any size.

Dtypes are kept, and shapes but for a quarter turn. Inputs are not modified; a single change may return views of them,
`augment` does not.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[Any]

Arrays = tuple[Array, ...]
"""Image first, then its company."""


def flip(rng: Generator, *arrays: Array) -> Arrays:
    """Mirror each axis or not; the two sections of a pair are swapped."""
    axes = tuple(np.flatnonzero(rng.random(3) < 0.5).tolist())
    return tuple(np.flip(a, axes) for a in arrays)


def turn(rng: Generator, *arrays: Array) -> Arrays:
    """Turn the sections by 0, 90, 180 or 270 degrees."""
    turns = int(rng.integers(4))
    return tuple(np.rot90(a, turns, (1, 2)) for a in arrays)


def bend(rng: Generator, image: Array, *company: Array, spread: float = 6, grid: int = 64) -> Arrays:
    """Bend all sections together by a smooth random field.

    The field is a cubic B-spline over nodes `grid` pixels apart, drawn with a standard deviation of `spread` pixels and
    cut off at twice that: so no pixel moves further, and below `grid` / 8 nothing is folded.

    Strategy: the field is the nodes times the spline weights of rows and of columns; added to each pixel's own place it
    says where to look. Grey levels are interpolated there, labels are taken from the nearest pixel.
    """
    size = image.shape[1:]
    rows, columns = (_spline_weights(n, grid) for n in size)
    nodes = np.clip(rng.normal(0, spread, (2, rows.shape[1], columns.shape[1])), -2 * spread, 2 * spread)
    field = np.indices(size) + rows @ nodes @ columns.T  # (2, y, x)
    where = np.stack([_mirrored(w, n) for w, n in zip(field, size, strict=True)])
    y, x = np.rint(where).astype(np.intp)
    bent = np.stack([ndimage.map_coordinates(s, where, order=1, mode="nearest") for s in image])
    return bent, *(c[:, y, x] for c in company)


def misalign(rng: Generator, *arrays: Array, most: int = 4) -> Arrays:
    """Move one section by up to `most` pixels, image and company alike, mirrored at the rim."""
    z = int(rng.integers(len(arrays[0])))
    shift = rng.integers(-most, most + 1, 2)
    rows, columns = (_mirrored(np.arange(n) - s, n) for n, s in zip(arrays[0].shape[1:], shift, strict=True))
    arrays = tuple(a.copy() for a in arrays)
    for a in arrays:
        a[z] = a[z][np.ix_(rows, columns)]
    return arrays


def blur(rng: Generator, image: Array, *company: Array, most: float = 1.5) -> Arrays:
    """Defocus one section, of a thicker crop up to a quarter of them, by Gaussians of up to `most` pixels."""
    image = image.copy()
    for z in _a_few(rng, len(image)):
        image[z] = ndimage.gaussian_filter(image[z], rng.uniform(0, most))
    return image, *company


def change_grey_levels(rng: Generator, image: Array, *company: Array) -> Arrays:
    """Change contrast, brightness and gamma, drawn for each section or, as often, once for all."""
    drawn = int(rng.choice([1, len(image)])), 1, 1
    contrast = rng.uniform(0.75, 1.3, drawn).astype(image.dtype)
    brightness = rng.uniform(-0.12, 0.12, drawn).astype(image.dtype)
    gamma = np.exp2(rng.uniform(-0.5, 0.5, drawn)).astype(image.dtype)
    return np.clip((image - 0.5) * contrast + 0.5 + brightness, 0, 1) ** gamma, *company


def add_noise(rng: Generator, image: Array, *company: Array, most: float = 0.08) -> Arrays:
    """Add Gaussian noise with a standard deviation up to `most`."""
    grain = rng.standard_normal(image.shape, np.float32) * rng.uniform(0, most)
    return np.clip(image + grain, 0, 1).astype(image.dtype), *company


def blacken_section(rng: Generator, image: Array, *company: Array) -> Arrays:
    """Lose the picture of one section; its labels stay, for the teacher sees the sections around it."""
    image = image.copy()
    image[rng.integers(len(image))] = 0
    return image, *company


def copy_section(rng: Generator, *arrays: Array) -> Arrays:
    """Put a neighbour, image and company, in a section's place: labels stay those of the picture."""
    depth = len(arrays[0])
    z = int(rng.integers(depth))
    neighbour = int(rng.choice([n for n in (z - 1, z + 1) if 0 <= n < depth]))
    sections = np.arange(depth)
    sections[z] = neighbour
    return tuple(a[sections] for a in arrays)


CHANCES = (
    (flip, 1.0),
    (turn, 1.0),
    (bend, 0.3),
    (misalign, 0.3),
    (blur, 0.2),
    (change_grey_levels, 0.7),
    (add_noise, 0.3),
    (blacken_section, 0.05),
    (copy_section, 0.05),
)
"""The augmentations in the order they are applied, with their chances; a lost section has no noise of its own."""

LIGHT = ((flip, 1.0), (turn, 1.0))
"""The augmentations of a short run: in some hundred steps all further changes must be learnt as well."""

Chances = tuple[tuple[Callable[..., Arrays], float], ...]
"""Augmentations in their order, each with its chance from 0 to 1."""


def augment(rng: Generator, *arrays: Array, chances: Chances = CHANCES) -> Arrays:
    """Apply augmentations to one crop.

    Parameters
    ----------
    rng : Generator
    arrays : (z, y, x) image, then any company of the same shape
    chances : Chances
        `CHANCES` or `LIGHT`.

    Returns
    -------
    tuple of arrays
        Contiguous, and none a view of an input.

    Raises
    ------
    ValueError
        If the image has another dtype or less than two sections, or its company has another shape.
    """
    _check(*arrays)
    for change, chance in chances:
        if rng.random() < chance:
            arrays = change(rng, *arrays)
    return tuple(np.array(a, order="C") for a in arrays)


def _check(image: Array, *company: Array) -> None:
    if image.dtype not in (np.float32, np.float64) or image.ndim != 3 or len(image) < 2:
        raise ValueError(
            f"image: (z, y, x) float in [0, 1], z > 1, is needed, got {image.dtype} of shape {image.shape}."
        )
    if shapes := [c.shape for c in company if c.shape != image.shape]:
        raise ValueError(f"company: the image's shape {image.shape} is needed, got {shapes[0]}.")


def _spline_weights(length: int, grid: int) -> NDArray[np.float64]:
    """Return (length, nodes): the weight of each node of a cubic B-spline in each pixel; rows sum to 1."""
    nodes = np.arange(-1, (length - 1) // grid + 3)
    away = np.abs(np.arange(length)[:, None] / grid - nodes)
    return np.where(away < 1, 2 / 3 - away**2 + away**3 / 2, np.maximum(0, 2 - away) ** 3 / 6)


def _mirrored(where: Array, size: int) -> Array:
    """Return coordinates brought back into [0, size - 1], mirrored at the first and last pixel."""
    return np.clip(size - 1 - np.abs(size - 1 - np.abs(where)), 0, size - 1)


def _a_few(rng: Generator, depth: int) -> NDArray[np.int64]:
    """Draw one section, or up to a quarter of them."""
    return rng.choice(depth, rng.integers(1, max(1, depth // 4) + 1), replace=False)
