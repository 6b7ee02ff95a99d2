"""A 3D network and a volume -> its values for each voxel, section by section.

The volume is covered by overlapping tiles, whose values are blended with weights that fall towards a tile's rim
(core/blending.py). What a tile sees outside the volume is its mirror image. Both as published with SSNS-Net (Huang et
al., TMI 2022).
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_emcad.core.blending import Span, mirrored_places, spans
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape
from napari_emcad.core.progress import Job
from napari_emcad.core.volume import Volume
from napari_emcad.inference.engines.device import DeviceKind
from napari_emcad.inference.engines.precision import fastest_precision
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.inference.out_of_memory import too_small_sentence
from napari_emcad.inference.predict_sections import ShownPart, Walk, Write, predict_sections
from napari_emcad.inference.prediction import Prediction
from napari_emcad.networks.placing import placed
from napari_emcad.networks.sdasn import Sdasn, SdasnConfig
from napari_emcad.networks.teacher import Teacher, TeacherConfig

Spans = tuple[Span, Span, Span]
EXAMPLE = 64
"""Pixels a side of the network's output on the crop that its precision is chosen by."""

TiledConfig = SdasnConfig | TeacherConfig
"""Configurations that tell tiling the margin and the rasters of their network."""

N = TypeVar("N", bound=Sdasn | Teacher)


@dataclass(frozen=True)
class Way(Generic[N]):
    """The values of a network, and the sizes of its tiles.

    Attributes
    ----------
    stage : str
        Name of the values in the progress.
    channels : int
        Values of a voxel.
    values : callable
        (network, crops (1, 1, z, y, x) float, normalised) -> (1, c, z', y', x') float in [0, 1].
    tile : dict
        Pixels a side, at most, by device.
    sizes : callable
        (shape of the volume, pixels a side) -> voxels that a tile gives, at most, on z, y, x.
    """

    stage: str
    channels: int
    values: Callable[[N, Tensor], Tensor]
    tile: dict[DeviceKind, int]
    sizes: Callable[[Shape, int], Shape]


def predict_by_tiles(network: N, way: Way[N], volume: Volume, write: Write, prediction: Prediction) -> Job[None]:
    """Predict a box of a volume, section by section; stop within one tile by closing the job.

    Parameters
    ----------
    network : nn.Module
        Not modified.
    way : Way
    volume : Volume
    write : Write
    prediction : Prediction

    Raises
    ------
    UserError
        If a section holds NaN, or memory does not suffice for the smallest tile.
    """
    make_ready = partial(_Ready, network, way, prediction)
    yield from predict_sections(make_ready, way.stage, volume, write, prediction)


class _Ready(Generic[N]):
    """A copy of a network on its device, in the precision that is fastest there."""

    def __init__(self, network: N, way: Way[N], prediction: Prediction):
        device = prediction.device
        self._way, self._device, self._normalisation = way, device.kind, prediction.normalisation
        self._network: N = placed(copy.deepcopy(network), device.kind, torch.channels_last_3d)
        self._network.eval()
        precision = fastest_precision(self._network, device, _example(network.config))
        self._autocast = partial(torch.autocast, device.kind, precision, precision != torch.float32)

    @property
    def channels(self) -> int:
        """Values of a voxel."""
        return self._way.channels

    @property
    def config(self) -> TiledConfig:
        """Configuration of the network."""
        return self._network.config

    def sizes(self, shape: Shape, tile: int) -> Shape:
        """Return the voxels that a tile gives, at most, on z, y, x."""
        return self._way.sizes(shape, tile)

    def walk(self, part: ShownPart, tile: int, first: int) -> Walk:
        """Walk down a part, from a section on."""
        return _LayerWalk(self, part, self._normalisation, tile).sections(first)

    def usual_tile(self) -> int:
        """Return pixels a side of the tiles for the device."""
        return self._way.tile[self._device]

    def smaller_tile(self, tile: int) -> int:
        """Return half the tile's side."""
        raster = self.config.rasters[1]
        if raster.at_most(tile) == raster.smallest:
            raise UserError(too_small_sentence(raster.smallest))
        return tile // 2

    def values(self, grey: Tensor) -> NDArray[np.float32]:
        """Return the values (c, z', y', x') in [0, 1] of a crop (z, y, x), normalised."""
        with torch.inference_mode(), self._autocast():
            return self._way.values(self._network, grey[None, None].to(self._device))[0].float().cpu().numpy()


class _LayerWalk:
    """A walk down a box in layers of tiles of one size.

    Strategy: tiles add their shares to the sections that they overlap, which wait in `pending`. A section is finished
    once no later layer reaches it.
    """

    def __init__(self, ready: _Ready[N], part: ShownPart, normalisation: Normalisation, tile: int):
        self.ready, self.normalisation, self.box = ready, normalisation, part.box
        shape = part.volume.shape
        self.layers, rows, columns = tiles(ready.config, self.box, shape, ready.sizes(shape, tile))
        self.part, self.channels = part, ready.channels
        self.places = list(product(rows, columns))
        self.source = _SeenSections(part.volume, ready.config.margin, rows, columns)
        self.pending: dict[int, NDArray[np.float32]] = {}

    def sections(self, first: int) -> Walk:
        """Yield after each tile by how many sections' worth of work the walk is ahead of the sections finished.

        After each layer it yields the sections that this layer finishes, (c, y, x) uint8, each with the same number.
        """
        stop = self.box.stop[0]
        layers = [layer for layer in self.layers if layer.overlap(first, stop)]
        ends = [*(below.first for below in layers[1:]), stop]
        z, work, step = first, 0.0, (stop - first) / (len(layers) * len(self.places))
        for layer, end in zip(layers, ends, strict=True):
            self.source.forget_all_but(layer)
            for y, x in self.places:
                if self._is_wanted((layer, y, x)):
                    self._add((layer, y, x), layer.overlap(first, stop))
                work += step
                yield work - (z - first), None
            while z < end:
                z += 1
                yield work - (z - first), self._finished(z - 1)

    def _is_wanted(self, tile: Spans) -> bool:
        """Return True if a tile has a share in tissue of the box."""
        layer, y, x = tile
        sections = layer.overlap(self.box.start[0], self.box.stop[0])
        return any(self.part.is_wanted(k, ((y.first, y.end), (x.first, x.end))) for k in sections)

    def _add(self, tile: Spans, sections: range) -> None:
        """Predict a tile and add its share to the sections.

        Strategy: the part of the tile inside the box is cut out of its values and out of the pending sections; shares
        on y and x are one plane, times the share of each section.
        """
        layer, y, x = tile
        values = self._values(tile)  # (c, z, y, x)
        ys, xs = (s.overlap(a, b) for s, a, b in zip((y, x), self.box.start[1:], self.box.stop[1:], strict=True))
        inside_y, inside_x = _slice(ys, y.start), _slice(xs, x.start)
        shares = np.multiply.outer(y.shares[inside_y], x.shares[inside_x])  # (y, x)
        for z in sections:
            part = self._pending(z)[:, _slice(ys, self.box.start[1]), _slice(xs, self.box.start[2])]
            part += values[:, z - layer.start, inside_y, inside_x] * (shares * layer.shares[z - layer.start])

    def _values(self, tile: Spans) -> NDArray[np.float32]:
        """Return all values of a tile, (c, z, y, x) in [0, 1]."""
        return self.ready.values(self.source.grey(tile, self.normalisation))

    def _pending(self, z: int) -> NDArray[np.float32]:
        if z not in self.pending:
            self.pending[z] = np.zeros((self.channels, *self.box.shape[1:]), np.float32)
        return self.pending[z]

    def _finished(self, z: int) -> NDArray[np.uint8]:
        values = self._pending(z)
        del self.pending[z]
        return np.rint(values.clip(0, 1) * 255).astype(np.uint8)


class _SeenSections:
    """Sections as tiles see them: read once, as far as any tile sees them, and kept while a layer needs them."""

    def __init__(self, volume: Volume, margin: Shape, rows: list[Span], columns: list[Span]):
        self.volume, self.margin = volume, margin
        seen = (np.concatenate([self._seen(s, axis) for s in side]) for axis, side in ((1, rows), (2, columns)))
        (self.top, self.bottom), (self.left, self.right) = ((int(s.min()), int(s.max()) + 1) for s in seen)
        self.kept: dict[int, NDArray[Any]] = {}

    def grey(self, tile: Spans, normalisation: Normalisation) -> Tensor:
        """Return a tile's input (z, y, x) float32, normalised, a margin larger on each side than its output."""
        z, y, x = (self._seen(span, axis) for axis, span in enumerate(tile))
        there = np.ix_(y - self.top, x - self.left)
        return torch.from_numpy(np.stack([normalisation.apply(self._section(k)[there]) for k in z.tolist()]))

    def forget_all_but(self, layer: Span) -> None:
        """Forget the sections that a layer does not see."""
        needed = set(self._seen(layer, 0).tolist())
        self.kept = {z: section for z, section in self.kept.items() if z in needed}

    def _seen(self, span: Span, axis: int) -> NDArray[np.int64]:
        margin = self.margin[axis]
        return mirrored_places(span.start - margin, span.stop + margin, self.volume.shape[axis])

    def _section(self, z: int) -> NDArray[Any]:
        if z not in self.kept:
            self.kept[z] = self.volume[z, self.top : self.bottom, self.left : self.right]
        return self.kept[z]


def tiles(config: TiledConfig, box: Box, shape: Shape, sizes: Shape) -> list[list[Span]]:
    """Return the tiles on z, y and x, of these sizes at most, that have a share in a box."""
    axes = zip(shape, sizes, config.rasters, box.start, box.stop, strict=True)
    return [
        [span for span in spans(length, size, raster) if span.overlap(start, stop)]
        for length, size, raster, start, stop in axes
    ]


def _example(config: TiledConfig) -> Tensor:
    """Return a small crop with as few sections as the network takes."""
    sides = zip(config.rasters, config.margin, (1, EXAMPLE, EXAMPLE), strict=True)
    return torch.rand(1, 1, *(raster.at_least(size) + 2 * margin for raster, margin, size in sides))


def _slice(voxels: range, origin: int) -> slice:
    return slice(voxels.start - origin, voxels.stop - origin)
