"""SDASN: a small nested 3D U-Net that tells which voxels of an optical volume belong to a neurite.

Shape of the network (published maps 8, 14, 28); every convolution is followed by BatchNorm and LeakyReLU 0.2:

    crop -> inc (8) -----------------------+----------------- x01 (16) ------------- x02 (8)
             |                             |  clc1             ^ |  clc2             ^  |  clc3
             '-> x10 (14, 1/2) ------------|-------------------'-|--- x11 (14, 1/2) -'  |
                  |                        |                     |     ^                |
                  '-> x20 (28, 1/4) -------|---------------------|-----'                |
                                           '------------ + ------'------- + ------------' -> sigmoid -> probability

x01 is `inc` beside x10 upsampled, x11 merges x10 with x20 upsampled, x02 merges x01 with x11 upsampled. The three
convolutions 1 x 1 x 1 `clc1`, `clc2`, `clc3` are the heads of deep supervision: each is a logit, and so is their sum.

Attribute names are those of the published state dict, so that its files load strictly.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from napari_emcad.core.blending import Raster
from napari_emcad.core.geometry import Shape

BLACK, WHITE = 168.5, 668.5
"""Grey levels that are 0 and 1 to the published network: it takes (uint16 - 168.5) / 500, not clipped."""


@dataclass(frozen=True)
class SdasnConfig:
    """Size of an SDASN; the default is the published one.

    Attributes
    ----------
    maps : (int, int, int)
        Feature maps at full, half and quarter resolution.
    margin : (z, y, x)
        Voxels that the output is smaller by at each end: none, borders are padded with zeros.
    """

    maps: tuple[int, int, int] = (8, 14, 28)
    margin: ClassVar[Shape] = (0, 0, 0)

    @property
    def rasters(self) -> tuple[Raster, Raster, Raster]:
        """Tiles on z, y, x, of multiples of 4; their rims, which feel the padding with zeros, are not used.

        Tiles of 64 changed 5 % of the foreground voxels of a synthetic volume with rims of 4, 1 % with 12.
        """
        raster = Raster(4, rim=12, overlap=24)
        return raster, raster, raster


class Sdasn(nn.Module):
    """The nested U-Net of three levels; its output is as large as its input.

    Parameters
    ----------
    config : SdasnConfig
        The default has the published size: 89,482 state-dict values.
    """

    def __init__(self, config: SdasnConfig | None = None):
        super().__init__()
        self.config = config or SdasnConfig()
        full, half, quarter = self.config.maps
        self.inc = _Convs(1, full, full)
        self.x10, self.x20 = _Down3d(full, full, half, half), _Down3d(half, half, quarter, quarter)
        self.x11 = _Up3d(quarter, half, (2 * half, half, half))
        self.x01 = _Up3d(half, full)
        self.x02 = _Up3d(half, full, (3 * full, full, full))
        self.clc1, self.clc2, self.clc3 = _Head(full), _Head(2 * full), _Head(full)

    def forward(self, crops: Tensor) -> Tensor:
        """Return the logits of the three heads, one after the other.

        Parameters
        ----------
        crops : (n, 1, z, y, x) float
            Normalised as the network's card says; z, y and x are multiples of 4.

        Returns
        -------
        (n, 3, z, y, x) float
            Logits of the heads; the foreground's logit is their sum.
        """
        x00 = self.inc(crops)  # (n, full, z, y, x)
        x10 = self.x10(x00)  # (n, half, z/2, y/2, x/2)
        x11 = self.x11(self.x20(x10), x10)  # (n, half, z/2, y/2, x/2)
        x01 = self.x01(x10, x00)  # (n, 2 full, z, y, x)
        x02 = self.x02(x11, x01)  # (n, full, z, y, x)
        return torch.cat([self.clc1(x00), self.clc2(x01), self.clc3(x02)], dim=1)


def foreground(network: Sdasn, crops: Tensor) -> Tensor:
    """Return the probability of each voxel to be foreground, (n, 1, z, y, x) in [0, 1], of normalised crops."""
    return network(crops).sum(1, keepdim=True).sigmoid()


class _Convs(nn.Module):
    """[conv 3 x 3 x 3, BatchNorm, LeakyReLU] from each number of maps to the next.

    `conv` is the published name.
    """

    def __init__(self, *maps: int):
        super().__init__()
        self.conv = nn.Sequential(*(layer for sizes in pairwise(maps) for layer in _block(*sizes)))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class _Down3d(nn.Module):
    """Max-pool by two, then convolutions."""

    def __init__(self, *maps: int):
        super().__init__()
        self.conv = nn.Sequential(nn.MaxPool3d(2), _Convs(*maps))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class _Up3d(nn.Module):
    """Upsampling by two, put behind the skip, then convolutions if there are any."""

    def __init__(self, channels_in: int, channels: int, maps: tuple[int, ...] = ()):
        super().__init__()
        self.conv_up = _Convs()
        self.conv_up.conv = nn.Sequential(*_block(channels_in, channels, upsamples=True))
        self.conv = _Convs(*maps) if maps else nn.Identity()

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv(torch.cat([skip, self.conv_up(x)], dim=1))


class _Head(nn.Module):
    """Conv 1 x 1 x 1 to one logit."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv3d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


def _block(channels_in: int, channels: int, upsamples: bool = False) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Return a convolution, or a transposed one that doubles the size, with its BatchNorm and LeakyReLU."""
    conv: nn.Module
    if upsamples:
        conv = nn.ConvTranspose3d(channels_in, channels, 3, stride=2, padding=1, output_padding=1)
    else:
        conv = nn.Conv3d(channels_in, channels, 3, padding=1)
    return conv, nn.BatchNorm3d(channels), nn.LeakyReLU(0.2, inplace=True)
