"""Measures of one section: a small picture of it, and its greys, focus and noise."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from napari_emcad.core.geometry import Shape

SIDE = 256
"""Pixels that the longer side of a section is reduced to; fewer where so many sections would fill `KEPT_BYTES`."""

HALVED = 128
"""Shorter side from which sections are reduced at least by two: they are compared in a quarter of the time."""

KEPT_BYTES = 512 * 2**20
"""Bytes that the reduced sections of a stack may take."""

CELL = 8
"""Side in reduced pixels of the cells in which texture is measured."""

FINE = 4
"""Side in pixels of reduced ones, beyond which the middle of a section is looked at more closely, to tell shifts."""

TILE, TILES = 64, 4
"""Side in pixels of the tiles read at full resolution, and the most of them along each axis."""

BANDS = 3
"""Octaves of detail that are measured in tiles: between pixels, between pairs of pixels, between fours."""

FLAT = 0.02
"""Contrast, relative to the section's own, below which a cell shows one grey."""


@dataclass(frozen=True)
class Grid:
    """The way sections of a stack are reduced.

    Attributes
    ----------
    height, width : int
        Of a section, in pixels.
    step : int
        Side in pixels of the squares that become one reduced pixel.
    """

    height: int
    width: int
    step: int

    @classmethod
    def of(cls, shape: Shape) -> Self:
        """Return the grid of a stack of this shape (z, y, x)."""
        depth, height, width = shape
        side = max(1, min(SIDE, int((KEPT_BYTES / 4 / depth) ** 0.5)))
        least = 2 if min(height, width) >= HALVED else 1
        return cls(height, width, max(least, -(-max(height, width) // side)))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a reduced section; pixels beyond the last whole square are left out."""
        return max(1, self.height // self.step), max(1, self.width // self.step)

    @property
    def cell(self) -> int:
        """Side of a cell in pixels of the section."""
        return CELL * self.step

    @property
    def middle_step(self) -> int:
        """Side in pixels of the squares that become one reduced pixel in the middle of a section."""
        return min(self.step, FINE)

    def reduce_middle(self, section: NDArray[Any]) -> NDArray[np.float32]:
        """Return means (y, x) of squares in the middle of a section; empty where `reduce` gives the same or more."""
        if self.step <= FINE:
            return np.zeros((0, 0), np.float32)
        sides = [min(n, SIDE * FINE) for n in (self.height, self.width)]
        y, x = (slice((n - side) // 2, (n + side) // 2) for n, side in zip(section.shape, sides, strict=True))
        return Grid(sides[0], sides[1], FINE).reduce(section[y, x])

    def reduce(self, section: NDArray[Any]) -> NDArray[np.float32]:
        """Return the means (y, x) of squares of a section."""
        if self.step == 1:
            return section.astype(np.float32)
        height, width = self.shape
        step_y, step_x = min(self.step, self.height), min(self.step, self.width)
        whole = section[: height * step_y, : width * step_x]
        exact = np.uint32 if whole.dtype.kind in "bu" and whole.dtype.itemsize <= 2 else np.float32
        rows = whole.reshape(height, step_y, -1).sum(axis=1, dtype=exact)
        squares = sum((rows[:, n::step_x] for n in range(1, step_x)), start=rows[:, ::step_x])
        return (squares / np.float32(step_y * step_x)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class SectionMeasure:
    """Everything that is kept of a section once it was read.

    Attributes
    ----------
    picture : (y, x) float32
        The section, reduced.
    middle : (y, x) float32
        The middle of the section, reduced less; empty where `picture` is fine enough: see `Grid.middle_step`.
    spread : (cells on y, cells on x) float32
        Standard deviation of the reduced greys in each cell.
    texture : (cells on y, cells on x) float32
        The same as far as pixels side by side share it: noise has none.
    structure : float
        Share of the variance within cells that pixels side by side have in common; 0 where there is only noise.
    flat : (cells on y, cells on x) bool
        True where a cell shows one grey.
    contrast : float
        Standard deviation of the reduced greys where it is not flat; 0 if all of it is.
    mean : float
        Mean grey there, or of all of it.
    detail : (BANDS,) float
        Energy of each octave of detail, the finest first, as a share of the variance in tiles.
    missing : float
        Share of the section whose values are no numbers.
    """

    picture: NDArray[np.float32]
    middle: NDArray[np.float32]
    spread: NDArray[np.float32]
    texture: NDArray[np.float32]
    structure: float
    flat: NDArray[np.bool_]
    contrast: float
    mean: float
    detail: NDArray[np.float64]
    missing: float = 0.0

    @property
    def flat_share(self) -> float:
        """Share of the section that shows one grey."""
        return float(self.flat.mean())


def measure_section(section: NDArray[Any], grid: Grid) -> SectionMeasure:
    """Measure a section (y, x) of real numbers; nothing is changed. Values that are no numbers count as 0."""
    missing = 0.0
    if section.dtype.kind == "f":
        wrong = ~np.isfinite(section)
        missing = float(wrong.mean())
        section = np.where(wrong, 0, section) if missing else section
    measure = measure_picture(grid.reduce(section))
    return replace(measure, detail=measure_detail(section), missing=missing, middle=grid.reduce_middle(section))


def measure_picture(picture: NDArray[np.float32]) -> SectionMeasure:
    """Measure the greys of a reduced section (y, x); nothing is known of its detail."""
    variance, shared = _variances(picture)
    spread, texture = np.sqrt(variance), np.sqrt(np.maximum(shared, 0))
    structure = float(shared.sum() / (variance.sum() or 1))
    flat = spread <= _flat_limit(variance)
    pixels = picture[enlarge(~flat, picture.shape)]
    if not pixels.size or not _flat_limit(variance):
        pixels = picture.ravel()
    contrast = float(pixels.std()) if not flat.all() else 0.0
    nothing = np.zeros((0, 0), np.float32)
    mean, detail = float(pixels.mean()), np.zeros(BANDS)
    return SectionMeasure(picture, nothing, spread, texture, structure, flat, contrast, mean, detail)


def enlarge(cells: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return cells as reduced pixels of this shape (y, x)."""
    return cells.repeat(CELL, axis=0).repeat(CELL, axis=1)[: shape[0], : shape[1]]


def touched_by_one_grey(picture: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the cells that hold any pixel of an area of one grey, or one beside it that may belong to it in part."""
    variance, _ = _variances(picture)
    highest, lowest = ndimage.maximum_filter(picture, 3), ndimage.minimum_filter(picture, 3)
    inside = highest - lowest <= _flat_limit(variance)
    touched = _in_cells(ndimage.binary_dilation(inside, np.ones((3, 3), bool), iterations=2))
    return np.asarray(touched.any(axis=(1, 3)))


def _flat_limit(variance: NDArray[np.float32]) -> float:
    return FLAT * float(np.sqrt(np.percentile(variance, 90)))


def _in_cells(picture: NDArray[Any]) -> NDArray[Any]:
    """Return pixels as (cells on y, pixels, cells on x, pixels); cells at the far edges repeat the last pixels."""
    rim = [(0, -n % CELL) for n in picture.shape]
    padded = np.pad(picture, rim, mode="edge") if any(after for _, after in rim) else picture
    height, width = padded.shape
    return padded.reshape(height // CELL, CELL, width // CELL, CELL)


def _variances(picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the variance of the greys in each cell, and how much of it pixels side by side share."""
    cells = _in_cells(picture)
    away = cells - cells.mean(axis=(1, 3), keepdims=True)
    below = (away[:, 1:] * away[:, :-1]).mean(axis=(1, 3))
    beside = (away[..., 1:] * away[..., :-1]).mean(axis=(1, 3))
    return np.square(away).mean(axis=(1, 3)), (below + beside) / 2


class Plane(Protocol):
    """A section (y, x) that is read by slices."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels on y, x."""
        ...

    def __getitem__(self, key: tuple[slice, slice], /) -> NDArray[Any]: ...


def measure_detail(section: Plane, tiles_each: int = TILES) -> NDArray[np.float64]:
    """Return the energy of each octave, as a share of the variance in tiles; the median of tiles with structure.

    Tiles are up to `tiles_each` along each axis.

    Strategy: means of 2 x 2 pixels, again and again. What the squares of the means lack of the squares of the values
    is the energy between them.
    """
    tiles = _tiles(section, tiles_each)
    tiles = tiles - tiles.mean(axis=(1, 2), keepdims=True)
    energies = [np.square(tiles).mean(axis=(1, 2))]
    for _ in range(BANDS):
        if min(tiles.shape[1:]) < 2:
            break
        tiles = _halve(tiles)
        energies.append(np.square(tiles).mean(axis=(1, 2)))
    variance = energies[0].astype(float)
    seen = variance > 0
    if seen.any():
        seen &= variance > 0.1 * np.median(variance[seen])
    shares = np.zeros(BANDS)
    for band, (here, coarser) in enumerate(pairwise(energies)):
        if seen.any():
            shares[band] = np.median((here - coarser)[seen] / variance[seen])
    return shares


def _halve(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = (n // 2 * 2 for n in tiles.shape[1:])
    rows = tiles[:, 0:height:2, :width] + tiles[:, 1:height:2, :width]
    return np.float32(0.25) * (rows[:, :, ::2] + rows[:, :, 1::2])


def _tiles(section: Plane, most: int) -> NDArray[np.float32]:
    """Return tiles (n, y, x), up to `most` along each axis, spread over the section, at full resolution."""
    side = [min(TILE, n) for n in section.shape]
    starts = [
        np.linspace(0, n - s, min(most, max(1, n // TILE)) + 2).astype(int)[1:-1]
        for n, s in zip(section.shape, side, strict=True)
    ]
    tiles = [section[y : y + side[0], x : x + side[1]] for y in starts[0] for x in starts[1]]
    return np.nan_to_num(np.stack(tiles).astype(np.float32), posinf=0, neginf=0)


def cell_means(measure: SectionMeasure) -> NDArray[np.float32]:
    """Return the mean of each cell, in standard deviations of the section's greys from their mean."""
    means = _in_cells(measure.picture).mean(axis=(1, 3))
    return np.asarray((means - np.float32(measure.mean)) / np.float32(measure.contrast or 1))


def standard_picture(measure: SectionMeasure) -> NDArray[np.float32]:
    """Return the reduced section with mean 0 and standard deviation 1; 0 where it is flat, and beside that."""
    shape = measure.picture.shape
    if not measure.contrast:
        return np.zeros(shape, np.float32)
    away = (measure.picture - np.float32(measure.mean)) / np.float32(measure.contrast)
    beside = ndimage.binary_dilation(measure.flat, np.ones((3, 3), bool))
    return np.where(enlarge(beside, shape), np.float32(0), np.clip(away, -4, 4))


def fast_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Return a shape at least as large whose Fourier transform is quick."""
    return fft.next_fast_len(shape[0], real=True), fft.next_fast_len(shape[1], real=True)
