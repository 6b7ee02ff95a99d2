"""The grey picture of a section: membranes and organelles, then texture, lens and film."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from napari_emcad.core.synthetic.organelles import Mitochondrion, Organelles, Specks, Synapse
from napari_emcad.core.synthetic.tissue import TissueSection

_Floats = NDArray[np.float64]

_VESICLE = 17.0
"""Radius of a vesicle in nm."""


def membranes(half_gap: float) -> NDArray[np.float32]:
    """Return the density of two membranes `half_gap` nm from the middle between them, at 0, 1, 2 ... nm from there."""
    return np.exp(-0.5 * ((np.arange(120) - half_gap) / 5) ** 2).astype(np.float32)


@dataclass(frozen=True)
class SectionView:
    """The place of a section: depths of its layers, rows and columns of its pixels, pixel size (y, x), all in nm."""

    depths: NDArray[np.float64]
    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    pixel: tuple[float, float]

    def window(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[slice, slice]:
        """Return the pixels between two points (z, y, x) in nm."""
        axes = zip((self.rows, self.columns), low[1:], high[1:], strict=True)
        y, x = (slice(*np.searchsorted(a, (b, c)).tolist()) for a, b, c in axes)
        return y, x


@dataclass(frozen=True)
class Exposure:
    """Stain and light of a section.

    Attributes
    ----------
    mean, spread : float
        Grey level of the mean and about one standard deviation.
    stain : float
        Darkness of the membranes of neurites, 0 to 1.
    """

    mean: float
    spread: float
    stain: float


def draw(
    rng: Generator, view: SectionView, cut: TissueSection, organelles: Organelles, exposure: Exposure
) -> NDArray[np.uint8]:
    """Draw a section.

    Returns
    -------
    (y, x) uint8
        Dark membranes on light cytoplasm.
    """
    light = 1 - cut.membrane * _patchy(rng, cut.membrane.shape, exposure.stain, 0.12)
    light *= 1 - 0.95 * _dots(view, cut, organelles.reticulum, 16, 1.2)
    light *= 1 - 0.25 * _dots(view, cut, organelles.microtubules, 9, 0.1)
    light *= 1 - 0.6 * _rings(view, cut, organelles.vesicles)
    for synapse in organelles.synapses:
        _darken_synapse(light, view, cut, synapse)
    for mitochondrion in organelles.mitochondria:
        _draw_mitochondrion(rng, light, view, cut, mitochondrion)
    return _expose(rng, view, cut, light, exposure)


def _patchy(rng: Generator, shape: tuple[int, int], mean: float, spread: float) -> NDArray[np.float32]:
    """Draw a smooth random field of a mean and a spread."""
    return mean + spread * _noise(rng, shape, 12)


def _noise(rng: Generator, shape: tuple[int, int], sigma: float) -> NDArray[np.float32]:
    """Draw Gaussian noise of variance 1, correlated over `sigma` pixels."""
    if sigma > 8:
        small = _noise(rng, (shape[0] // 4 + 2, shape[1] // 4 + 2), sigma / 4)
        return zoom(small, 4, order=1)[: shape[0], : shape[1]]
    white = rng.standard_normal(shape, np.float32)
    return gaussian_filter(white, sigma, mode="wrap", truncate=3) * np.float32(2 * sigma * np.sqrt(np.pi))


_Pixels = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
"""Index, row and column of specks, (n,) each."""


def _pixels(view: SectionView, cut: TissueSection, specks: Specks, reach: float, clear: float) -> _Pixels:
    """Return index, row, column of the specks within `reach` of the section and `clear` of their neurite's membrane."""
    low, high = view.depths[0] - reach, view.depths[-1] + reach
    shown = np.flatnonzero((specks.points[:, 0] > low) & (specks.points[:, 0] < high))
    row, column = (
        np.round((specks.points[shown, axis] - a[0]) / p).astype(int)
        for axis, a, p in zip((1, 2), (view.rows, view.columns), view.pixel, strict=True)
    )
    seen = (row >= 0) & (row < len(view.rows)) & (column >= 0) & (column < len(view.columns))
    shown, row, column = shown[seen], row[seen], column[seen]
    own = (cut.neurites[row, column] == specks.neurite[shown]) & (cut.distance[row, column] > clear)
    return shown[own], row[own], column[own]


def _dots(view: SectionView, cut: TissueSection, specks: Specks, radius: float, gain: float) -> NDArray[np.float32]:
    """Return the density 0 to 1 of small round things of `radius` nm."""
    shown, row, column = _pixels(view, cut, specks, radius / 2, radius + 5)
    density = np.zeros(cut.neurites.shape, np.float32)
    np.add.at(density, (row, column), specks.weights[shown])
    sigma = [0.6 * radius / p for p in view.pixel]
    return 1 - np.exp(-gain * 6.3 * sigma[0] * sigma[1] * gaussian_filter(density, sigma, truncate=3))


def _rings(view: SectionView, cut: TissueSection, specks: Specks) -> NDArray[np.float32]:
    """Return the density 0 to 1 of vesicles: rings of membrane with a lighter middle."""
    shown, row, column = _pixels(view, cut, specks, 12, _VESICLE + 12)
    ring = _ring(view.pixel)
    half = np.array(ring.shape) // 2
    density = np.zeros(np.array(cut.neurites.shape) + 2 * half, np.float32)
    for weight, y, x in zip(specks.weights[shown], row, column, strict=True):
        place = density[y : y + ring.shape[0], x : x + ring.shape[1]]
        np.maximum(place, np.float32(weight) * ring, out=place)
    return density[half[0] : half[0] + len(view.rows), half[1] : half[1] + len(view.columns)]


def _ring(pixel: tuple[float, float]) -> NDArray[np.float32]:
    """Return the density of one vesicle."""
    y, x = (np.arange(-n, n + 1) * p for n, p in ((int(np.ceil(1.6 * _VESICLE / p)), p) for p in pixel))
    away = np.hypot(y[:, None], x)
    return np.maximum(np.exp(-0.5 * ((away - _VESICLE) / 5) ** 2), 0.6 * (away < _VESICLE)).astype(np.float32)


def _darken_synapse(light: NDArray[np.float32], view: SectionView, cut: TissueSection, synapse: Synapse) -> None:
    """Thicken the membranes of a contact, more so behind it; changes `light`."""
    box = view.window(synapse.centre - synapse.radius, synapse.centre + synapse.radius)
    depth = view.depths[len(view.depths) // 2] - synapse.centre[0]
    if abs(depth) > synapse.radius or not light[box].size:
        return
    y, x = view.rows[box[0]] - synapse.centre[1], view.columns[box[1]] - synapse.centre[2]
    near = np.clip(3 * (1 - np.sqrt(depth**2 + y[:, None] ** 2 + x**2) / synapse.radius), 0, 1)
    width = np.select([cut.neurites[box] == n for n in (synapse.after, synapse.before)], [22.0, 11.0], 0.1)
    light[box] *= 1 - 0.75 * near * np.exp(-0.5 * (cut.distance[box] / width) ** 2)


def _draw_mitochondrion(
    rng: Generator, light: NDArray[np.float32], view: SectionView, cut: TissueSection, body: Mitochondrion
) -> None:
    """Paint a mitochondrion where it lies within its neurite; changes `light`.

    Strategy: `out` is the distance of each pixel from its surface, negative inside, kept clear of the neurite's
    membrane. Each layer of the section adds its share of inside and of wall; cristae are stripes, bent by noise.
    """
    near = body.points[np.abs(body.points[:, 0] - view.depths.mean()) < body.radius + view.depths[-1] - view.depths[0]]
    if not len(near):
        return
    box = view.window(near.min(axis=0) - body.radius, near.max(axis=0) + body.radius)
    if not light[box].size:
        return
    y, x = np.meshgrid(view.rows[box[0]], view.columns[box[1]], indexing="ij")
    room = np.where(cut.neurites[box] == body.neurite, 26 - cut.distance[box], 99)
    warp = 1.2 * _noise(rng, y.shape, 6) + 2 * np.pi * (y * body.across[0] + x * body.across[1]) / body.period
    cristae = np.clip(0.5 + np.cos(warp) + 0.5 * _noise(rng, y.shape, 4), 0, 1)
    inside, wall = np.zeros(y.shape), np.zeros(y.shape)
    for z in view.depths:
        out = np.maximum(_away(near, z, y, x) - body.radius, room)
        inside += (out < 0) / len(view.depths)
        wall += np.exp(-0.5 * ((out + 8) / 6) ** 2) / len(view.depths)
    light[box] = (light[box] * (1 - inside) + inside * (0.58 - 0.3 * cristae)) * (1 - 0.75 * wall)


def _away(points: _Floats, z: float, y: _Floats, x: _Floats) -> NDArray[np.float32]:
    """Return the distance in nm of the pixels y, x at depth z to the nearest of the points."""
    least = np.full(y.shape, np.inf, np.float32)
    for pz, py, px in points:
        np.minimum(least, (y - py) ** 2 + (x - px) ** 2 + (z - pz) ** 2, out=least)
    return np.sqrt(least)


def _expose(
    rng: Generator, view: SectionView, cut: TissueSection, light: NDArray[np.float32], exposure: Exposure
) -> NDArray[np.uint8]:
    """Add cytoplasm, the lens and the film, and turn to grey levels."""
    shape = light.shape
    tint = 0.2 * np.sin(2.4 * cut.neurites.astype(np.float32))
    grain = _noise(rng, shape, 1.6)
    grain = 0.31 * (grain - 0.25 * (grain**2 - 1)) + 0.2 * _noise(rng, shape, 4)
    picture = -2.0 + 2.5 * light + (tint + grain) * (0.45 + 0.55 * light)
    picture = gaussian_filter(picture, [4.5 / p for p in view.pixel]) + 0.17 * _noise(rng, shape, 0.7)
    picture += 0.08 * _noise(rng, shape, 60)
    return np.clip(exposure.mean + exposure.spread * picture, 0, 255).round().astype(np.uint8)
