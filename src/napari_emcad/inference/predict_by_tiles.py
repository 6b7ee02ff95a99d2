"""A 3D network and a volume -> what it gives for each voxel, section by section.

The volume is covered by overlapping tiles, whose values are blended with weights that fall towards a tile's rim
(core/blending.py). What a tile sees outside the volume is its mirror image. Both as published with SSNS-Net (Huang et
al., TMI 2022).
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_emcad.core.blending import Raster, Span, mirrored_places, spans
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.inference.engines.device import release_memory, reuse_memory
from napari_emcad.inference.engines.precision import fastest_precision
from napari_emcad.inference.normalisation import Normalisation, not_finite_sentence
from napari_emcad.inference.out_of_memory import explain_out_of_memory, is_out_of_memory
from napari_emcad.inference.prediction import Prediction

Spans = tuple[Span, Span, Span]
EXAMPLE = 64
"""Pixels a side that the network gives of the crop that its precision is chosen by."""

Network = Any
"""An `nn.Module` whose `config` is `Tiled`."""


class Tiled(Protocol):
    """What the configuration of a network says of its tiles, on z, y, x."""

    margin: tuple[int, int, int]
    """Voxels that the output is smaller by at each end."""

    @property
    def rasters(self) -> tuple[Raster, Raster, Raster]:
        """Which tiles the network gives, and how they overlap."""
        ...


@dataclass(frozen=True)
class Way:
    """What a network gives, and how large its tiles are.

    Attributes
    ----------
    stage : str
        What is made, for the progress.
    values : callable
        (network, crops (1, 1, z, y, x) float, normalised) -> (1, c, z', y', x') float in [0, 1].
    tile : dict
        Pixels a side, at most, by device.
    sizes : callable
        (shape of the volume, pixels a side) -> voxels that a tile gives, at most, on z, y, x.
    """

    stage: str
    values: Callable[[Network, Tensor], Tensor]
    tile: dict[str, int]
    sizes: Callable[[Sequence[int], int], tuple[int, int, int]]


def predict_by_tiles(
    network: Network, way: Way, volume, write: Callable[[int, NDArray[np.uint8]], None], prediction: Prediction
) -> Job[None]:
    """Give the values of a box of a volume, section by section; stop within one tile by closing the job.

    Parameters
    ----------
    network : nn.Module
        Not modified.
    way : Way
    volume : array-like (z, y, x)
        Read by slices only.
    write : callable
        Called with each section's place in the box, from 0 on, and its values x 255, (c, y, x).
    prediction : Prediction

    Raises
    ------
    UserError
        If a section holds NaN, or memory does not suffice for the smallest tile.
    """
    reuse_memory()
    box, device = prediction.box, prediction.device
    with explain_out_of_memory("the network"):
        network = copy.deepcopy(network).eval().to(device.kind).to(memory_format=torch.channels_last_3d)
        precision = fastest_precision(network, device, _example(network.config))
    tile = prediction.tile or way.tile[device.kind]
    try:
        watch, done = Stopwatch(way.stage, box.shape[0]), 0
        yield watch.at(0)
        while done < box.shape[0]:
            try:
                # no name is bound to the walk: it would keep the network's memory from being released
                for ahead, values in _LayerWalk(network, way, precision, volume, prediction, tile).sections(
                    box.start[0] + done
                ):
                    if values is not None:
                        write(done, values)
                        done += 1
                    yield watch.at(done, ahead)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                tile = _halved(tile, network.config.rasters[1])
            release_memory(device)
    finally:
        del network
        release_memory(device)


class _LayerWalk:
    """Goes down a box in layers of tiles with one tile size; sections that no later layer reaches are finished."""

    def __init__(self, network: Network, way: Way, precision: torch.dtype, volume, prediction: Prediction, tile: int):
        self.network, self.way, self.prediction, self.box = network, way, prediction, prediction.box
        self.autocast = partial(torch.autocast, prediction.device.kind, precision, precision != torch.float32)
        self.layers, rows, columns = tiles(network.config, self.box, volume.shape, way.sizes(volume.shape, tile))
        self.places = list(product(rows, columns))
        self.source = _SeenSections(volume, network.config.margin, rows, columns)
        self.pending: dict[int, NDArray[np.float32]] = {}

    def sections(self, first: int) -> Iterator[tuple[float, NDArray[np.uint8] | None]]:
        """After each tile, by how many sections' worth of work it is ahead of (or behind) the sections finished.

        After each layer the sections that it finishes, (c, y, x) uint8, each with the same number.
        """
        stop = self.box.stop[0]
        layers = [layer for layer in self.layers if layer.overlap(first, stop)]
        ends = [*(below.first for below in layers[1:]), stop]
        z, work, step = first, 0.0, (stop - first) / (len(layers) * len(self.places))
        for layer, end in zip(layers, ends, strict=True):
            self.source.forget_all_but(layer)
            for y, x in self.places:
                self._add((layer, y, x), layer.overlap(first, stop))
                work += step
                yield work - (z - first), None
            while z < end:
                z += 1
                yield work - (z - first), self._finished(z - 1)

    def _add(self, tile: Spans, sections: range) -> None:
        """Predict a tile and add its share to the sections."""
        layer, y, x = tile
        values = self._values(tile)  # (c, z, y, x)
        ys, xs = (s.overlap(a, b) for s, a, b in zip((y, x), self.box.start[1:], self.box.stop[1:], strict=True))
        inside = _slice(ys, y.start), _slice(xs, x.start)
        shares = np.multiply.outer(y.shares[inside[0]], x.shares[inside[1]])  # (y, x)
        for z in sections:
            if z not in self.pending:
                self.pending[z] = np.zeros((len(values), *self.box.shape[1:]), np.float32)
            part = self.pending[z][:, _slice(ys, self.box.start[1]), _slice(xs, self.box.start[2])]
            part += values[(slice(None), z - layer.start, *inside)] * (shares * layer.shares[z - layer.start])

    def _values(self, tile: Spans) -> NDArray[np.float32]:
        """All that a tile gives, (c, z, y, x) in [0, 1]."""
        grey = self.source.grey(tile, self.prediction.normalisation)
        with torch.inference_mode(), self.autocast():
            crop = grey[None, None].to(self.prediction.device.kind)  # (1, 1, z, y, x)
            return self.way.values(self.network, crop)[0].float().cpu().numpy()

    def _finished(self, z: int) -> NDArray[np.uint8]:
        return np.rint(self.pending.pop(z).clip(0, 1) * 255).astype(np.uint8)


class _SeenSections:
    """What tiles see; a section is read once, as far as any tile sees it, and kept while its layer needs it."""

    def __init__(self, volume, margin: tuple[int, int, int], rows: list[Span], columns: list[Span]):
        self.volume, self.margin = volume, margin
        seen = (np.concatenate([self._seen(s, axis) for s in side]) for axis, side in ((1, rows), (2, columns)))
        (self.top, self.bottom), (self.left, self.right) = ((int(s.min()), int(s.max()) + 1) for s in seen)
        self.kept: dict[int, NDArray] = {}

    def grey(self, tile: Spans, normalisation: Normalisation) -> Tensor:
        """(z, y, x) float32, normalised, a margin larger on each side than what the tile gives."""
        z, y, x = (self._seen(span, axis) for axis, span in enumerate(tile))
        there = np.ix_(y - self.top, x - self.left)
        return torch.from_numpy(np.stack([normalisation.apply(self._section(k)[there]) for k in z.tolist()]))

    def forget_all_but(self, layer: Span) -> None:
        """Keep what is read of the sections that a layer sees."""
        needed = set(self._seen(layer, 0).tolist())
        self.kept = {z: section for z, section in self.kept.items() if z in needed}

    def _seen(self, span: Span, axis: int) -> NDArray[np.int64]:
        margin = self.margin[axis]
        return mirrored_places(span.start - margin, span.stop + margin, self.volume.shape[axis])

    def _section(self, z: int) -> NDArray:
        if z not in self.kept:
            read = np.asarray(self.volume[z, self.top : self.bottom, self.left : self.right])
            if not np.isfinite(read).all():
                raise UserError(not_finite_sentence(f"section {z}"))
            self.kept[z] = read
        return self.kept[z]


def tiles(config: Tiled, box: Box, shape: Sequence[int], sizes: tuple[int, int, int]) -> list[list[Span]]:
    """On z, y and x those of a volume's tiles, of these sizes at most, that have a share in a box."""
    axes = zip(shape, sizes, config.rasters, box.start, box.stop, strict=True)
    return [
        [span for span in spans(length, size, raster) if span.overlap(start, stop)]
        for length, size, raster, start, stop in axes
    ]


def _example(config: Tiled) -> Tensor:
    """A small crop: as few sections as the network takes."""
    sides = zip(config.rasters, config.margin, (1, EXAMPLE, EXAMPLE), strict=True)
    return torch.rand(1, 1, *(raster.at_least(size) + 2 * margin for raster, margin, size in sides))


def _slice(voxels: range, origin: int) -> slice:
    return slice(voxels.start - origin, voxels.stop - origin)


def _halved(tile: int, raster: Raster) -> int:
    if raster.at_most(tile) == raster.smallest:
        raise UserError(
            f"memory: it does not suffice even for tiles of {raster.smallest} pixels; "
            "close other programs or choose the CPU."
        )
    return tile // 2
