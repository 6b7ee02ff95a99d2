"""A foreground network and an optical volume -> probability of each voxel, section by section."""

from collections.abc import Sequence
from functools import partial
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.blending import even_size
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job
from napari_emcad.inference.engines.folding import folded
from napari_emcad.inference.predict_by_tiles import Way, predict_by_tiles
from napari_emcad.inference.prediction import Prediction
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.sdasn import Sdasn, SdasnConfig, foreground

TILE = {"cpu": 160, "cuda": 256, "mps": 160}
"""Voxels a side of a tile, at most, by device; smaller where fewer or even tiles cover the volume."""

BYTES_A_VOXEL = 450
"""Peak memory of the published network a voxel of a tile, fp32; measured: 450 for tiles of 96, 390 for 160."""

BYTES_A_PENDING_VOXEL = 4
"""Of the box's sections that a layer of tiles reaches: a probability, fp32."""

BYTES_A_SEEN_VOXEL = 2
"""Of the sections that a layer of tiles sees: grey values, up to uint16."""


def predict_foreground(network: Sdasn, volume, out, prediction: Prediction) -> Job[None]:
    """Write the foreground probability of a box of a volume, section by section; stop within one tile by closing it.

    Parameters
    ----------
    network : Sdasn
        Not modified.
    volume : array-like (z, y, x)
        Read by slices only; of any size.
    out : array-like (z, y, x) uint8
        Of the box's shape, written by sections: probability x 255.
    prediction : Prediction
        Its normalisation is that of the network's card.

    Raises
    ------
    UserError
        If a section holds NaN, or memory does not suffice for the smallest tile.
    """

    def write(z: int, probability: NDArray[np.uint8]) -> None:
        out[z] = probability[0]

    way = Way("foreground", foreground, TILE, partial(_sizes, network.config))
    yield from predict_by_tiles(folded(network), way, volume, write, prediction)


def foreground_memory(card: ModelCard, box: Box, shape: Sequence[int], tile: int = TILE["cpu"]) -> int:
    """Bytes that a foreground network needs at its peak on the CPU for a box of a volume of this shape (z, y, x)."""
    config = SdasnConfig()
    sizes = _sizes(config, shape, tile)
    network = BYTES_A_VOXEL * prod(sizes) * (card.maps or 1) // config.maps[0]
    sections = BYTES_A_PENDING_VOXEL * min(box.shape[0], sizes[0]) + BYTES_A_SEEN_VOXEL * sizes[0]
    return network + sections * box.shape[1] * box.shape[2]


def _sizes(config: SdasnConfig, shape: Sequence[int], tile: int) -> tuple[int, int, int]:
    """Of tiles that cover a volume evenly: they share as little as so many tiles can."""
    z, y, x = (even_size(length, tile, raster) for length, raster in zip(shape, config.rasters, strict=True))
    return z, y, x
