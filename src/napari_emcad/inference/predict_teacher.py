"""A 3D teacher and a volume -> affinities, section by section.

The volume is covered by overlapping tiles, whose affinities are blended with weights that fall towards a tile's rim
(core/blending.py). What a tile sees outside the volume is its mirror image. Both as published with SSNS-Net (Huang et
al., TMI 2022).
"""

import copy
from collections.abc import Iterator
from itertools import product
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_emcad.core.blending import Raster, Span, mirrored, spans
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.inference.device import release_memory, reuse_memory
from napari_emcad.inference.normalisation import Normalisation, not_finite
from napari_emcad.inference.out_of_memory import explained, is_out_of_memory
from napari_emcad.inference.predict import Prediction
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.mala import MalaUNetConfig
from napari_emcad.networks.recognise import MALA_UNET, RESIDUAL_UNET
from napari_emcad.networks.residual_unet import ResidualUNetConfig
from napari_emcad.networks.teacher import Teacher, TeacherConfig, nearest_affinities

TILE = {"cpu": 256, "cuda": 512, "mps": 256}
"""Pixels a side of what a tile gives, at most, by device; its sections are those that the teacher was trained with."""

BYTES_A_VOXEL = {RESIDUAL_UNET: 1500, MALA_UNET: 280}
"""Peak memory of the published networks a voxel of a tile's input, fp32; measured: 1,330 (SSNS-Net 1,470) and 276."""

TIMES_A_STUDENT = {RESIDUAL_UNET: 4.5, MALA_UNET: 1.5}
"""How much longer the published networks take for a voxel of a tile's input than a student for one that it segments.

Measured on a CPU core: 4.0 and 4.6 (SSNS-Net 4.4 and 5.4), and 1.5. Tiles overlap, so a voxel of a volume takes more.
"""

BYTES_A_PENDING_VOXEL = 12
"""Of the box's sections that a layer of tiles reaches: three affinities, fp32."""

BYTES_A_SEEN_VOXEL = 2
"""Of the sections that a layer of tiles sees: grey values, up to uint16."""

BYTES_A_WEIGHT = 4
"""Of the copy that is made ready for the device."""

Spans = tuple[Span, Span, Span]


def predict_teacher(teacher: Teacher, volume, out, prediction: Prediction) -> Job[None]:
    """Write the affinities of a box of a volume, section by section; stop within one tile by closing the job.

    Parameters
    ----------
    teacher : Teacher
        Not modified.
    volume : array-like (z, y, x)
        Read by slices only.
    out : array-like (3, z, y, x) uint8
        Of the box's shape, written by sections: value x 255, channels z, y, x, to the previous voxel.
        A volume's first section, row and column have their mirror images for partners.
    prediction : Prediction

    Raises
    ------
    UserError
        Where a section holds NaN, or memory does not suffice for the smallest tile.
    """
    reuse_memory()
    box, device = prediction.box, prediction.device
    with explained("the network"):
        network = copy.deepcopy(teacher).eval().to(device.kind).to(memory_format=torch.channels_last_3d)
    tile = prediction.tile or TILE[device.kind]
    try:
        watch, done = Stopwatch("affinities", box.shape[0]), 0
        yield watch.at(0)
        while done < box.shape[0]:
            try:
                # no name is bound to the walk: it would keep the network's memory from being released
                for ahead, affinities in _Walk(network, volume, prediction, tile).sections(box.start[0] + done):
                    if affinities is not None:
                        out[:, done] = affinities
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


class _Walk:
    """Goes down a box in layers of tiles with one tile size; sections that no later layer reaches are finished."""

    def __init__(self, teacher: Teacher, volume, prediction: Prediction, tile: int):
        self.teacher, self.prediction, self.box = teacher, prediction, prediction.box
        self.layers, rows, columns = _tiles(teacher.config, self.box, volume.shape, tile)
        self.places = list(product(rows, columns))
        self.source = _Source(volume, teacher.config.margin, rows, columns)
        self.pending: dict[int, NDArray[np.float32]] = {}

    def sections(self, first: int) -> Iterator[tuple[float, NDArray[np.uint8] | None]]:
        """After each tile, by how many sections' worth of work it is ahead of (or behind) the sections finished.

        After each layer the sections that it finishes, (3, y, x) uint8, each with the same number.
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
        values = self._affinities(tile)  # (3, z, y, x)
        ys, xs = (s.overlap(a, b) for s, a, b in zip((y, x), self.box.start[1:], self.box.stop[1:], strict=True))
        inside = _slice(ys, y.start), _slice(xs, x.start)
        shares = np.multiply.outer(y.shares[inside[0]], x.shares[inside[1]])  # (y, x)
        for z in sections:
            if z not in self.pending:
                self.pending[z] = np.zeros((3, *self.box.shape[1:]), np.float32)
            part = self.pending[z][:, _slice(ys, self.box.start[1]), _slice(xs, self.box.start[2])]
            part += values[(slice(None), z - layer.start, *inside)] * (shares * layer.shares[z - layer.start])

    def _affinities(self, tile: Spans) -> NDArray[np.float32]:
        """All that a tile gives, (3, z, y, x) in [0, 1]."""
        grey = self.source.grey(tile, self.prediction.normalisation)
        with torch.inference_mode():
            crop = grey[None, None].to(self.prediction.device.kind)  # (1, 1, z, y, x)
            return nearest_affinities(self.teacher, crop)[0].cpu().numpy()

    def _finished(self, z: int) -> NDArray[np.uint8]:
        return np.rint(self.pending.pop(z).clip(0, 1) * 255).astype(np.uint8)


class _Source:
    """What tiles see; a section is read once, as far as any tile sees it, and kept while its layer needs it."""

    def __init__(self, volume, margin: tuple[int, int, int], rows: list[Span], columns: list[Span]):
        self.volume, self.margin = volume, margin
        seen = (np.concatenate([self._seen(s, axis) for s in side]) for axis, side in ((1, rows), (2, columns)))
        (self.top, self.bottom), (self.left, self.right) = ((int(s.min()), int(s.max()) + 1) for s in seen)
        self.kept: dict[int, NDArray] = {}

    def grey(self, tile: Spans, normalisation: Normalisation) -> Tensor:
        """(z, y, x) float32 in [0, 1], a margin larger on each side than what the tile gives."""
        z, y, x = (self._seen(span, axis) for axis, span in enumerate(tile))
        there = np.ix_(y - self.top, x - self.left)
        return torch.from_numpy(np.stack([normalisation.apply(self._section(k)[there]) for k in z.tolist()]))

    def forget_all_but(self, layer: Span) -> None:
        """Keep what is read of the sections that a layer sees."""
        needed = set(self._seen(layer, 0).tolist())
        self.kept = {z: section for z, section in self.kept.items() if z in needed}

    def _seen(self, span: Span, axis: int) -> NDArray[np.int64]:
        margin = self.margin[axis]
        return mirrored(span.start - margin, span.stop + margin, self.volume.shape[axis])

    def _section(self, z: int) -> NDArray:
        if z not in self.kept:
            read = np.asarray(self.volume[z, self.top : self.bottom, self.left : self.right])
            if not np.isfinite(read).all():
                raise UserError(not_finite(f"section {z}"))
            self.kept[z] = read
        return self.kept[z]


def teacher_work(card: ModelCard, box: Box, shape: tuple[int, ...], device_kind: str = "cpu") -> float:
    """Voxels that a student segments while a teacher does a box of a volume of this shape (z, y, x).

    It goes through whole tiles: a box of one section takes as long as all sections of the tiles that it lies in.
    """
    family, config = _published(card)
    sides = _tiles(config, box, shape, TILE[device_kind])
    sizes = (side[0].stop - side[0].start for side in sides)
    voxels = prod(len(s) * (size + 2 * m) for s, size, m in zip(sides, sizes, config.margin, strict=True))
    return TIMES_A_STUDENT[family] * voxels * ((card.maps or 1) / config.maps[0]) ** 2


def teacher_memory(card: ModelCard, box: Box, section: tuple[int, int], tile: int = TILE["cpu"]) -> int:
    """Bytes that a teacher needs at its peak on the CPU for a box of sections of this size (y, x)."""
    family, config = _published(card)
    most = (config.sections, tile, tile)
    sizes = (r.fitting(*of) for r, *of in zip(config.rasters, (config.sections, *section), most, strict=True))
    voxels = prod(size + 2 * margin for size, margin in zip(sizes, config.margin, strict=True))
    network = BYTES_A_VOXEL[family] * voxels * (card.maps or 1) // config.maps[0]
    sections = BYTES_A_PENDING_VOXEL * min(box.shape[0], config.sections)
    sections += BYTES_A_SEEN_VOXEL * (config.sections + 2 * config.margin[0])
    return network + sections * box.shape[1] * box.shape[2] + BYTES_A_WEIGHT * card.parameters


def _published(card: ModelCard) -> tuple[str, TeacherConfig]:
    """The family of a teacher and its published size."""
    if card.architecture.startswith(MALA_UNET):
        return MALA_UNET, MalaUNetConfig()
    return RESIDUAL_UNET, ResidualUNetConfig()


def _tiles(config: TeacherConfig, box: Box, shape: tuple[int, ...], tile: int) -> list[list[Span]]:
    """On z, y and x those of a volume's tiles that have a share in a box."""
    axes = zip(shape, (config.sections, tile, tile), config.rasters, box.start, box.stop, strict=True)
    return [
        [span for span in spans(length, size, raster) if span.overlap(start, stop)]
        for length, size, raster, start, stop in axes
    ]


def _slice(voxels: range, origin: int) -> slice:
    return slice(voxels.start - origin, voxels.stop - origin)


def _halved(tile: int, raster: Raster) -> int:
    if raster.at_most(tile) == raster.smallest:
        raise UserError(
            f"memory: it does not suffice even for tiles of {raster.smallest} pixels; "
            "close other programs or choose the CPU."
        )
    return tile // 2
