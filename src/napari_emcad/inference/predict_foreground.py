"""A foreground network and an optical volume -> probability of each voxel, section by section."""

from functools import partial
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.blending import even_size
from napari_emcad.core.geometry import Box, Shape, triple
from napari_emcad.core.progress import Job
from napari_emcad.core.volume import Volume, Writable
from napari_emcad.inference.engines.device import DeviceKind
from napari_emcad.inference.engines.folding import folded
from napari_emcad.inference.predict_by_tiles import Way, predict_by_tiles
from napari_emcad.inference.prediction import Prediction
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.sdasn import Sdasn, SdasnConfig, foreground

TILE: dict[DeviceKind, int] = {"cpu": 160, "cuda": 256, "mps": 160}
"""Voxels a side of a tile, at most, by device; smaller if fewer or even tiles cover the volume."""

BYTES_A_VOXEL = 450
"""Peak memory of the published network a voxel of a tile, fp32; measured: 450 for tiles of 96, 390 for 160."""

BYTES_A_PENDING_VOXEL = 4
"""Bytes a voxel of the box's sections that a layer of tiles reaches: a probability, fp32."""

BYTES_A_SEEN_VOXEL = 2
"""Bytes a voxel of the sections that a layer of tiles sees: grey values, up to uint16."""


def predict_foreground(network: Sdasn, volume: Volume, out: Writable, prediction: Prediction) -> Job[None]:
    """Write the foreground probability of a box of a volume, section by section; stop within one tile by closing it.

    Parameters
    ----------
    network : Sdasn
        Not modified.
    volume : Volume
        Of any size.
    out : array-like (z, y, x) uint8
        Has the box's shape, and is written by sections: probability x 255.
    prediction : Prediction
        Its normalisation is that of the network's card.

    Raises
    ------
    UserError
        If a section holds NaN, or memory does not suffice for the smallest tile.
    """

    def write(z: int, probability: NDArray[np.uint8]) -> None:
        out[z] = probability[0]

    way = Way("foreground", 1, foreground, TILE, partial(_sizes, network.config))
    yield from predict_by_tiles(folded(network), way, volume, write, prediction)


def foreground_memory(card: ModelCard, box: Box, shape: Shape, tile: int = TILE["cpu"]) -> int:
    """Return the bytes that a foreground network needs at its peak on the CPU for a box of a volume."""
    config = SdasnConfig()
    sizes = _sizes(config, shape, tile)
    network = BYTES_A_VOXEL * prod(sizes) * (card.maps or 1) // config.maps[0]
    sections = BYTES_A_PENDING_VOXEL * min(box.shape[0], sizes[0]) + BYTES_A_SEEN_VOXEL * sizes[0]
    return network + sections * box.shape[1] * box.shape[2]


def _sizes(config: SdasnConfig, shape: Shape, tile: int) -> Shape:
    """Return the sizes of tiles that cover a volume evenly: they share as little as that many tiles can."""
    return triple(even_size(length, tile, raster) for length, raster in zip(shape, config.rasters, strict=True))
