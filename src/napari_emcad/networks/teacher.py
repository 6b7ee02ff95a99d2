"""The 3D teachers: crops in, affinities out.

A teacher is an `nn.Module` with `forward(crops)` and `config`, which also tells tiling its `margin`, `sections` and
`rasters`.
"""

import torch
from torch import Tensor

from napari_emcad.core.affinities import NEAREST, Offset
from napari_emcad.core.geometry import triple
from napari_emcad.networks.embedding import affinities_of_embeddings
from napari_emcad.networks.mala import MalaUNet, MalaUNetConfig
from napari_emcad.networks.residual_unet import ResidualUNet, ResidualUNetConfig

Teacher = ResidualUNet | MalaUNet
TeacherConfig = ResidualUNetConfig | MalaUNetConfig

TEACHER_OFFSETS: tuple[Offset, ...] = tuple(
    triple(-length if axis == along else 0 for axis in range(3))
    for lengths in ((1, 1, 1), (2, 3, 3), (3, 9, 9), (4, 27, 27))
    for along, length in enumerate(lengths)
)
"""The 12 offsets that the teacher of CAD learns with: z, y, x, first the nearest voxels, then farther ones."""


def build_teacher(config: TeacherConfig) -> Teacher:
    """Return a new teacher of this size and kind."""
    return ResidualUNet(config) if isinstance(config, ResidualUNetConfig) else MalaUNet(config)


def nearest_affinities(teacher: Teacher, crops: Tensor) -> Tensor:
    """Return affinities to the three nearest voxels, for agglomeration.

    Parameters
    ----------
    teacher : Teacher
    crops : (n, 1, z, y, x) float in [0, 1]
        Crops of a size that the teacher takes.

    Returns
    -------
    (n, 3, z', y', x') float in [0, 1]
        Channels z, y, x, to the previous voxel. In affinities of embeddings the first section, row and column have no
        partner: 0 in that channel.
    """
    outputs = teacher(crops)  # (n, outputs, z', y', x')
    if teacher.config.affinities:
        return outputs
    return torch.clamp(affinities_of_embeddings(outputs, NEAREST), 0, 1)
