"""Measures of one section: a small picture of it, and its greys, focus and noise."""

from dataclasses import dataclass, replace
from functools import cache
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


ONE_GREY = 0.1
"""Contrast, relative to the section's own, below which a row or column of pixels is of one grey."""


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
    rims : (4,) float32
        Reduced pixels of one grey at its edges: first rows, last rows, first columns, last columns.
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
    rims: NDArray[np.float32]
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
    return replace(
        measure,
        detail=measure_detail(section),
        missing=missing,
        middle=grid.reduce_middle(section),
        rims=rim_widths(section, ONE_GREY * measure.contrast) / np.float32(grid.step),
    )


def measure_picture(picture: NDArray[np.float32]) -> SectionMeasure:
    """Measure the greys of a reduced section (y, x); nothing is known of its detail."""
    variance, shared = _variances(picture)
    spread, texture = np.sqrt(variance), np.sqrt(np.maximum(shared, 0))
    structure = float(shared.sum() / (variance.sum() or 1))
    limit = _flat_limit(variance)
    flat = spread <= limit
    pixels = picture
    if limit and flat.any() and not flat.all():
        pixels = picture[enlarge(~flat, picture.shape)]
    mean, nothing = float(pixels.mean()), np.zeros((0, 0), np.float32)
    away = pixels - np.float32(mean)
    contrast = 0.0 if flat.all() else float(np.sqrt(np.vdot(away, away) / away.size))
    return SectionMeasure(
        picture, nothing, spread, texture, structure, flat, contrast, mean, np.zeros(BANDS), np.zeros(4, np.float32)
    )


def rim_widths(section: NDArray[Any], limit: float) -> NDArray[np.float32]:
    """Return how many rows or columns at the edges of a section (y, x) hold one grey: the first and last of each.

    Parameters
    ----------
    section : (y, x)
    limit : float
        Greys by which values may differ and be one grey: what a lossy compression makes of it.
    """
    return np.array(
        [_width(lines, limit) for lines in (section, section[::-1], section.T, section.T[::-1])], np.float32
    )


def _width(lines: NDArray[Any], limit: float) -> int:
    """Return how many of the first lines hold one grey; 0 if all do."""
    edge = float(lines[0, 0])
    for width, line in enumerate(lines):
        lowest, highest = float(line.min()), float(line.max())
        if not (edge - limit <= lowest and highest <= edge + limit):
            return width
    return 0


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
    ordered = np.sort(variance, axis=None)  # `np.percentile` takes four times as long
    place = 0.9 * (ordered.size - 1)
    below, above = ordered[int(place)], ordered[min(int(place) + 1, ordered.size - 1)]
    return FLAT * float(np.sqrt(below + (place % 1) * (above - below)))


def _in_cells(picture: NDArray[Any]) -> NDArray[Any]:
    """Return pixels as (cells on y, pixels, cells on x, pixels); cells at the far edges repeat the last pixels."""
    rows, columns = picture.shape
    height, width = (-(-n // CELL) * CELL for n in picture.shape)
    padded = picture
    if (height, width) != picture.shape:  # `np.pad` takes much longer
        padded = np.empty((height, width), picture.dtype)
        padded[:rows, :columns] = picture
        padded[:rows, columns:] = picture[:, -1:]
        padded[rows:] = padded[rows - 1]
    return padded.reshape(height // CELL, CELL, width // CELL, CELL)


def _cell_by_cell(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return pixels as (cells on y, cells on x, pixels on y, pixels on x), each cell in one piece, which is quick."""
    return np.ascontiguousarray(_in_cells(picture).transpose(0, 2, 1, 3))


def _variances(picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the variance of the greys in each cell, and how much of it pixels side by side share."""
    cells = _cell_by_cell(picture)
    away = cells - cells.mean(axis=(2, 3), keepdims=True)
    below = _products(away[:, :, 1:], away[:, :, :-1])
    beside = _products(away[..., 1:], away[..., :-1])
    pairs = np.float32(2 * CELL * (CELL - 1))
    return _products(away, away) / np.float32(CELL * CELL), (below + beside) / pairs


def _products(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sums (cells on y, cells on x) of products within cells."""
    return np.asarray(np.einsum("ijyx,ijyx->ij", a, b))


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
    tiles -= tiles.reshape(len(tiles), -1).mean(axis=1)[:, None, None]
    energies = [_energy(tiles)]
    for _ in range(BANDS):
        if min(tiles.shape[1:]) < 2:
            break
        tiles = _halve(tiles)
        energies.append(_energy(tiles))
    variance = energies[0].astype(float)
    seen = variance > 0
    shares = np.zeros(BANDS)
    if seen.any() and len(energies) > 1:
        seen &= variance > 0.1 * np.median(variance[seen])
        between = -np.diff(energies, axis=0)
        shares[: len(between)] = np.median(between[:, seen] / variance[seen], axis=1)
    return shares


def _energy(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean square of each tile."""
    return np.asarray(np.einsum("nyx,nyx->n", tiles, tiles) / np.float32(tiles[0].size))


def _halve(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = (n // 2 * 2 for n in tiles.shape[1:])
    rows = tiles[:, 0:height:2, :width] + tiles[:, 1:height:2, :width]
    return np.float32(0.25) * (rows[:, :, ::2] + rows[:, :, 1::2])


def _tiles(section: Plane, most: int) -> NDArray[np.float32]:
    """Return tiles (n, y, x), up to `most` along each axis, spread over the section, at full resolution."""
    side = [min(TILE, n) for n in section.shape]
    rows, columns = (_starts(n, min(most, max(1, n // TILE))) for n in section.shape)
    tiles = [section[y : y + side[0], x : x + side[1]] for y in rows for x in columns]
    values = np.stack(tiles)
    numbers = values.astype(np.float32)
    return np.nan_to_num(numbers, posinf=0, neginf=0) if values.dtype.kind == "f" else numbers


@cache
def _starts(length: int, count: int) -> list[int]:
    """Return where tiles start, spread over so many pixels."""
    return [int(n) for n in np.linspace(0, length - min(TILE, length), count + 2)[1:-1]]


def cell_means(measure: SectionMeasure, hidden: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the mean of each cell, in standard deviations of the section's greys from their mean.

    Cells that are `hidden` (cells on y, cells on x) do not count for mean and standard deviation.
    """
    cells = _cell_by_cell(measure.picture)
    mean, contrast = measure.mean, measure.contrast
    if hidden.any() and not hidden.all():
        mean, contrast = float(cells[~hidden].mean()), float(cells[~hidden].std())
    return np.asarray((cells.mean(axis=(2, 3)) - np.float32(mean)) / np.float32(contrast or 1))


def standard_picture(measure: SectionMeasure) -> NDArray[np.float32]:
    """Return the reduced section with mean 0 and standard deviation 1; 0 where it is flat, and beside that."""
    shape = measure.picture.shape
    if not measure.contrast:
        return np.zeros(shape, np.float32)
    away = np.clip((measure.picture - np.float32(measure.mean)) / np.float32(measure.contrast), -4, 4)
    if not measure.flat.any():
        return away
    beside = ndimage.binary_dilation(measure.flat, np.ones((3, 3), bool))
    return np.where(enlarge(beside, shape), np.float32(0), away)


def fast_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Return a shape at least as large whose Fourier transform is quick."""
    return fft.next_fast_len(shape[0], real=True), fft.next_fast_len(shape[1], real=True)
