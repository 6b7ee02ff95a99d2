"""A 3D teacher and a volume -> affinities, section by section."""

from collections.abc import Sequence
from functools import partial
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box, Shape
from napari_emcad.core.progress import Job
from napari_emcad.core.volume import Volume, Writable
from napari_emcad.inference.engines.device import DeviceKind
from napari_emcad.inference.predict_by_tiles import Way, predict_by_tiles, tiles
from napari_emcad.inference.prediction import Prediction
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.mala import MalaUNetConfig
from napari_emcad.networks.recognise import MALA_UNET, RESIDUAL_UNET
from napari_emcad.networks.residual_unet import ResidualUNetConfig
from napari_emcad.networks.teacher import Teacher, TeacherConfig, nearest_affinities

TILE: dict[DeviceKind, int] = {"cpu": 256, "cuda": 512, "mps": 256}
"""Pixels a side of a tile's output, at most, by device; its sections are those the teacher was trained with."""

BYTES_A_VOXEL = {RESIDUAL_UNET: 1500, MALA_UNET: 280}
"""Peak memory of the published networks a voxel of a tile's input, fp32; measured: 1,330 (SSNS-Net 1,470) and 276."""

TIMES_A_STUDENT = {RESIDUAL_UNET: 4.5, MALA_UNET: 1.5}
"""Times a student's time for a voxel that published teachers take for a voxel of a tile's input.

Measured on a CPU core: 4.0 and 4.6 (SSNS-Net 4.4 and 5.4), and 1.5. Tiles overlap, so a voxel of a volume takes more.
"""

BYTES_A_PENDING_VOXEL = 12
"""Bytes a voxel of the box's sections that a layer of tiles reaches: three affinities, fp32."""

BYTES_A_SEEN_VOXEL = 2
"""Bytes a voxel of the sections that a layer of tiles sees: grey values, up to uint16."""

BYTES_A_WEIGHT = 4
"""Bytes of each weight of the copy that is made ready for the device."""


def predict_teacher(teacher: Teacher, volume: Volume, out: Writable, prediction: Prediction) -> Job[None]:
    """Write the affinities of a box of a volume, section by section; stop within one tile by closing the job.

    Parameters
    ----------
    teacher : Teacher
        Not modified.
    volume : Volume
    out : array-like (3, z, y, x) uint8
        Has the box's shape, and is written by sections: value x 255, channels z, y, x, to the previous voxel.
        A volume's first section, row and column have their mirror images for partners.
    prediction : Prediction

    Raises
    ------
    UserError
        If a section holds NaN, or memory does not suffice for the smallest tile.
    """

    def write(z: int, affinities: NDArray[np.uint8]) -> None:
        out[:, z] = affinities

    way = Way("affinities", 3, nearest_affinities, TILE, partial(_sizes, teacher.config))
    yield from predict_by_tiles(teacher, way, volume, write, prediction)


def teacher_work(card: ModelCard, box: Box, shape: Shape, device_kind: DeviceKind = "cpu") -> float:
    """Return the voxels that a student segments while a teacher does a box of a volume.

    A teacher goes through whole tiles: a box of one section takes as long as all sections of the tiles that it lies in.
    """
    family, config = _published(card)
    sides = tiles(config, box, shape, _sizes(config, shape, TILE[device_kind]))
    sizes = (side[0].stop - side[0].start for side in sides)
    voxels = prod(len(s) * (size + 2 * m) for s, size, m in zip(sides, sizes, config.margin, strict=True))
    return TIMES_A_STUDENT[family] * voxels * ((card.maps or 1) / config.maps[0]) ** 2


def teacher_memory(card: ModelCard, box: Box, section: tuple[int, int], tile: int = TILE["cpu"]) -> int:
    """Return the bytes that a teacher needs at its peak on the CPU for a box of sections of this size (y, x)."""
    family, config = _published(card)
    most = _sizes(config, section, tile)
    lengths = zip(config.rasters, (config.sections, *section), most, strict=True)
    sizes = (raster.fitting(length, size) for raster, length, size in lengths)
    voxels = prod(size + 2 * margin for size, margin in zip(sizes, config.margin, strict=True))
    network = BYTES_A_VOXEL[family] * voxels * (card.maps or 1) // config.maps[0]
    sections = BYTES_A_PENDING_VOXEL * min(box.shape[0], config.sections)
    sections += BYTES_A_SEEN_VOXEL * (config.sections + 2 * config.margin[0])
    return network + sections * box.shape[1] * box.shape[2] + BYTES_A_WEIGHT * card.parameters


def _published(card: ModelCard) -> tuple[str, TeacherConfig]:
    """Return the family of a teacher and its published size."""
    if card.architecture.startswith(MALA_UNET):
        return MALA_UNET, MalaUNetConfig()
    return RESIDUAL_UNET, ResidualUNetConfig()


def _sizes(config: TeacherConfig, _: Sequence[int], tile: int) -> Shape:
    """Return the sizes of tiles: as deep as the crops that the teacher was trained with."""
    return config.sections, tile, tile
