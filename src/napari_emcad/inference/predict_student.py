"""A student and a volume -> affinities, section by section."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Generic

import numpy as np
import psutil
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape
from napari_emcad.core.progress import Job
from napari_emcad.core.resampling import seen_place
from napari_emcad.core.tiling import Ends, Tile, section_tiles
from napari_emcad.core.volume import Volume, Writable
from napari_emcad.inference.engines.device import DeviceKind
from napari_emcad.inference.engines.engine import Engine, Features, engine_for
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.inference.out_of_memory import too_small_sentence
from napari_emcad.inference.predict_sections import ShownPart, Walk, predict_sections
from napari_emcad.inference.prediction import Prediction
from napari_emcad.networks.student import RECEPTIVE_RADIUS, STRIDE, Student, Window

HALO = RECEPTIVE_RADIUS + 1
"""Pixels around a tile that it must see: affinities look one pixel further back than embeddings."""

TILE: dict[DeviceKind, int] = {"cpu": 2048, "cuda": 2048, "mps": 1024}
"""Pixels a side of a tile's core, at most, by device: the larger, the less is computed twice in their halos.

A section of 1024 x 1024 takes a CPU core 1.20 s at once and 1.52 s in four tiles.
"""

FREE_SHARE = 0.5
"""Share of the free main memory that the network may take on a CPU before tiles are made smaller."""

SMALLEST_TILE = 128
"""Pixels a side of a tile's core, at least."""

BYTES_A_PIXEL = 1350
"""Peak memory of the network a pixel of its window, fp32; measured: 950 at 512 x 512, 1,330 at 1024 x 1024."""


KEPT_PIXELS, KEPT_BYTES = 1 << 23, 96
"""Pixels of all windows up to which a section's features are kept for its second pair, and bytes a pixel."""


def predict_affinities(student: Student, volume: Volume, out: Writable, prediction: Prediction) -> Job[None]:
    """Write the affinities of a box of a volume, section by section; stop within one tile by closing the job.

    Parameters
    ----------
    student : Student
        Not modified.
    volume : Volume
    out : array-like (3, z, y, x) uint8
        Has the box's shape, and is written by sections: value x 255, channels z, y, x, to the previous voxel.
        A volume's first section is paired with itself, its first row and column copy their neighbours.
    prediction : Prediction

    Raises
    ------
    UserError
        If a section holds NaN, or memory does not suffice for the smallest tile.
    """

    def write(z: int, affinities: NDArray[np.uint8]) -> None:
        out[:, z] = affinities

    make_ready = partial(_ReadyStudent, student, volume.shape, prediction)
    yield from predict_sections(make_ready, "affinities", volume, write, prediction)


class _ReadyStudent:
    """A student on its device."""

    channels = 3

    def __init__(self, student: Student, shape: Shape, prediction: Prediction):
        self._engine: Engine[Any] = engine_for(student, prediction.device)
        self._shape, self._prediction = shape, prediction

    def walk(self, part: ShownPart, tile: int, first: int) -> Walk:
        """Walk through the sections of a part, from one on."""
        return _SectionWalk(self._engine, part, self._prediction.normalisation, tile).sections(first)

    def usual_tile(self) -> int:
        """Return pixels a side of the tiles that device and memory allow."""
        seen, (_, *sides) = seen_place(self._prediction.box, self._shape, self._prediction.scale)
        return usual_tile(seen, (sides[0], sides[1]), self._prediction.device.kind)

    def smaller_tile(self, tile: int) -> int:
        """Return half the tile's side."""
        if tile // 2 < SMALLEST_TILE:
            raise UserError(too_small_sentence(tile))
        return tile // 2


class _SectionWalk(Generic[Features]):
    """A walk through the sections of a box in order, in tiles of one size; each section is encoded once.

    Each section is taken at its own place and as far as it has tissue: its frame. The one before is seen through it.
    """

    def __init__(self, engine: Engine[Features], part: ShownPart, normalisation: Normalisation, tile: int):
        self.engine, self.part, self.normalisation, self.tile = engine, part, normalisation, tile
        self.frame: tuple[Ends, Ends] = ((0, 0), (0, 0))
        self.kept: dict[Tile, Features] = {}

    def sections(self, first: int) -> Walk:
        """Yield after each tile the part of its section done; after the last one 0 and affinities (3, y, x) uint8."""
        box = self.part.box
        for k in range(first, box.stop[0]):
            section = np.zeros((3, *box.shape[1:]), np.uint8)
            tiles = self._enter(k)
            keeps = keeps_features([_area(tile) for tile in tiles])
            for i, tile in enumerate(tiles):
                if i:
                    yield i / len(tiles), None
                places = zip(tile.core, self.frame, box.start[1:], strict=True)
                y, x = (slice(a + start - o, b + start - o) for (a, b), (start, _), o in places)
                section[:, y, x] = self._affinities(k, tile, keeps)
            yield 0.0, section

    def _enter(self, k: int) -> list[Tile]:
        """Go to a section, and return those tiles of its frame that hold tissue of the box.

        Strategy: where there is none in a part of it, smaller tiles may leave out more of that than they see twice.
        """
        frame, area = self.part.frame(k), self.part.area(k)
        tiles = self._tiles(k, area, self.tile) if area else []
        size = self.tile // 2
        while area and size >= SMALLEST_TILE and not self.part.is_full(k):
            tiles = min(tiles, self._tiles(k, area, size), key=lambda tiles: sum(map(_area, tiles)))
            size //= 2
        self.kept = {tile: self.kept[tile] for tile in tiles if tile in self.kept and frame == self.frame}
        self.frame = frame
        return tiles

    def _tiles(self, k: int, area: Box, size: int) -> list[Tile]:
        (top, bottom), (left, right) = self.part.frame(k)
        tiles = section_tiles(
            area.moved((0, -top, -left)), padded_size((bottom - top, right - left)), size, HALO, STRIDE
        )
        return [tile for tile in tiles if self.part.is_wanted(k, _moved(tile.core, (top, left)))]

    def _affinities(self, k: int, tile: Tile, keeps: bool) -> NDArray[np.uint8]:
        """Return the affinities (3, y, x) of a tile's core."""
        current = self._encode(k, tile)
        previous = self.kept.get(tile) or (self._encode(k - 1, tile) if k else current)
        if keeps:
            self.kept[tile] = current
        values = self.engine.affinities(previous, current, self._window(tile))
        y, x = tile.core_in_window
        return _copy_first_row_and_column(values, tile)[:, y, x]

    def _encode(self, k: int, tile: Tile) -> Features:
        (top, bottom), (left, right) = ends = _moved(tile.window, [start for start, _ in self.frame])
        y, x = (slice(a, min(b, stop)) for (a, b), (_, stop) in zip(ends, self.frame, strict=True))
        grey = self.normalisation.apply(self.part.volume[k, y, x])
        grey = np.pad(grey, [(0, bottom - top - grey.shape[0]), (0, right - left - grey.shape[1])], mode="reflect")
        return self.engine.encode(grey)

    def _window(self, tile: Tile) -> Window | None:
        """Return the tile's window; None if it sees the whole frame, as torch's own upsampling is faster."""
        (top, bottom), (left, right) = tile.window
        size = bottom - top, right - left
        (y0, y1), (x0, x1) = self.frame
        whole = padded_size((y1 - y0, x1 - x0))
        return None if size == whole else Window(top, left, size, whole)


def network_memory(box: Box, section: tuple[int, int], tile: int | None = None) -> int:
    """Return the bytes the network needs at its peak on the CPU for a box of sections of this size (y, x)."""
    tile = tile or usual_tile(box, section, "cpu")
    areas = [_area(t) for t in section_tiles(box, padded_size(section), tile, HALO, STRIDE)]
    kept = KEPT_BYTES * sum(areas) if len(areas) > 1 and keeps_features(areas) else 0
    return BYTES_A_PIXEL * max(areas) + kept


def usual_tile(box: Box, section: tuple[int, int], device_kind: DeviceKind) -> int:
    """Return pixels a side of the tiles for a box of sections of this size (y, x).

    On a CPU tiles are smaller if memory is short.
    """
    tile = TILE[device_kind]
    if device_kind == "cpu":
        free = FREE_SHARE * psutil.virtual_memory().available
        while tile // 2 >= SMALLEST_TILE and network_memory(box, section, tile) > free:
            tile //= 2
    return tile


def padded_size(section: tuple[int, int]) -> tuple[int, int]:
    """Return the size (y, x) that the student takes a section at."""
    return -(-section[0] // STRIDE) * STRIDE, -(-section[1] // STRIDE) * STRIDE


def keeps_features(areas: list[int]) -> bool:
    """Return True if the features of all tiles of these areas are kept for the next section."""
    return len(areas) * max(areas, default=0) <= KEPT_PIXELS


def _copy_first_row_and_column(values: NDArray[np.uint8], tile: Tile) -> NDArray[np.uint8]:
    """Copy the values of their neighbours into a frame's first row and column, which have no partner.

    The published code does the same with a volume's.
    """
    if tile.window[0][0] == 0:
        values[1, 0] = values[1, 1]
    if tile.window[1][0] == 0:
        values[2, :, 0] = values[2, :, 1]
    return values


def _moved(part: tuple[Ends, Ends], by: Sequence[int]) -> tuple[Ends, Ends]:
    ((top, bottom), (left, right)), (y, x) = part, by
    return (top + y, bottom + y), (left + x, right + x)


def _area(tile: Tile) -> int:
    (top, bottom), (left, right) = tile.window
    return (bottom - top) * (right - left)
