"""The residual symmetric U-Net: a 3D network that embeds every voxel of a crop. The teacher of CAD.

Source: Lee et al., "Superhuman Accuracy on the SNEMI3D Connectomics Challenge", arXiv 1706.00120, 2017; with embeddings
as in Liu et al., CVPR 2024 (CAD); with affinities as in Huang et al., TMI 2022 (SSNS-Net).

Shape of the network with the published maps. Poolings and upsamplings are by (1, 2, 2): z stays as it is.

    crop -> embed_in (28) -> conv0 (28) ------------------------- + -> conv7 (28) -> embed_out (28) -> out_put (16 or 3)
                                |                                 '-----.
                             conv1 (36, 1/2) -------------------- + -> conv6 (36)
                                |                                 '-----.
                             conv2 (48, 1/4) -------------------- + -> conv5 (48)
                                |                                 '-----.
                             conv3 (64, 1/8) -------------------- + -> conv4 (64)
                                |                                 '-----.
                                '----------------------------------> center (80, 1/16)

Attribute names are those of the published state dict, so that its files load strictly.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_emcad.core.blending import Raster
from napari_emcad.core.geometry import Shape, triple

Upsampling = Literal["trilinear", "transposed"]
Merge = Literal["add", "cat"]

_HALF = (1, 2, 2)


@dataclass(frozen=True)
class ResidualUNetConfig:
    """Size and kind of a residual U-Net; the default is the published teacher of CAD.

    Attributes
    ----------
    maps : tuple of int
        Feature maps of each level, full resolution first; at least two levels.
    outputs : int
        Embedding channels, or affinities.
    upsampling : "trilinear" or "transposed"
        Interpolation, or a transposed convolution of each map by itself; a convolution 1 x 1 x 1 follows.
    merge : "add" or "cat"
        A skip is added to the upsampled maps, or put behind them.
    affinities : bool
        True if the outputs are affinities, through a sigmoid, and not embeddings.
    margin : (z, y, x)
        Voxels that the output is smaller by at each end: none, borders are padded with zeros.
    sections : int
        Depth of the crops that the published network was trained on.
    """

    maps: tuple[int, ...] = (28, 36, 48, 64, 80)
    outputs: int = 16
    upsampling: Upsampling = "trilinear"
    merge: Merge = "add"
    affinities: bool = False
    margin: ClassVar[Shape] = (0, 0, 0)
    sections: ClassVar[int] = 18

    @property
    def poolings(self) -> int:
        """Number of poolings: one less than levels."""
        return len(self.maps) - 1

    @property
    def rasters(self) -> tuple[Raster, Raster, Raster]:
        """Tiles on z, y, x; overlaps are those published with SSNS-Net for crops of 18 x 160 x 160: 8, 80, 80."""
        stride = 2**self.poolings
        section = Raster(stride, rim=stride, overlap=5 * stride)
        return Raster(rim=2, overlap=8), section, section


SSNS = ResidualUNetConfig(outputs=3, upsampling="transposed", merge="cat", affinities=True)
"""The published network of SSNS-Net."""


class ResidualUNet(nn.Module):
    """The residual symmetric U-Net; its output is as large as its input.

    Parameters
    ----------
    config : ResidualUNetConfig
        The default has the published size: 1,481,011 state-dict values.
    """

    def __init__(self, config: ResidualUNetConfig | None = None):
        super().__init__()
        self.config = config or ResidualUNetConfig()
        maps, poolings = self.config.maps, self.config.poolings
        self.embed_in = nn.Sequential(_conv(1, maps[0], (1, 5, 5)), _elu())
        for level, (before, here) in enumerate(pairwise((maps[0], *maps[:-1]))):
            self.add_module(f"conv{level}", _Residual(before, here))
        self.center = _Residual(maps[-2], maps[-1])
        for rise, (below, here) in enumerate(pairwise(reversed(maps))):
            merged = 2 * here if self.config.merge == "cat" else here
            self.add_module(f"up{rise}", _up(below, here, self.config.upsampling))
            self.add_module(f"cat{rise}", nn.Sequential(nn.BatchNorm3d(merged), _elu()))
            self.add_module(f"conv{poolings + rise}", _Residual(merged, here))
        self.embed_out = nn.Sequential(_conv(maps[0], maps[0], (1, 5, 5)), _elu())
        self.out_put = nn.Sequential(_conv(maps[0], self.config.outputs, (1, 1, 1)))

    def forward(self, crops: Tensor) -> Tensor:
        """Embed crops.

        Parameters
        ----------
        crops : (n, 1, z, y, x) float in [0, 1]
            y and x are multiples of 2 to the number of poolings (published: 16).

        Returns
        -------
        (n, outputs, z, y, x) float
            Embeddings, not normalised; or affinities in [0, 1] to the previous voxel on z, y, x.
        """
        skips, poolings = [], self.config.poolings
        x = self.embed_in(crops)  # (n, maps[0], z, y, x)
        for level in range(poolings):
            skips.append(self.get_submodule(f"conv{level}")(x))  # (n, maps[level], z, y / 2**level, x / 2**level)
            x = F.max_pool3d(skips[-1], _HALF)  # (n, maps[level], z, y / 2**(level+1), x / 2**(level+1))
        x = self.center(x)  # (n, maps[-1], z, y / 2**poolings, x / 2**poolings)
        for rise in range(poolings):
            up = self.get_submodule(f"up{rise}")(x)  # as the skip of its level
            x = self.get_submodule(f"cat{rise}")(self._merged(up, skips.pop()))  # (n, maps or 2 * maps, ...)
            x = self.get_submodule(f"conv{poolings + rise}")(x)  # as the skip of its level
        x = self.out_put(self.embed_out(x))  # (n, outputs, z, y, x)
        return x.sigmoid() if self.config.affinities else x

    def _merged(self, up: Tensor, skip: Tensor) -> Tensor:
        return up + skip if self.config.merge == "add" else torch.cat([up, skip], dim=1)


class _Residual(nn.Module):
    """Conv (1, 3, 3), then two of 3 x 3 x 3 that add to it; BatchNorm and ELU after each, the last after the sum."""

    def __init__(self, channels_in: int, channels: int):
        super().__init__()
        self.block1 = nn.Sequential(
            _conv(channels_in, channels, (1, 3, 3), bias=False), nn.BatchNorm3d(channels), _elu()
        )
        self.block2 = nn.Sequential(
            _conv(channels, channels, (3, 3, 3), bias=False),
            nn.BatchNorm3d(channels),
            _elu(),
            _conv(channels, channels, (3, 3, 3), bias=False),
        )
        self.block3 = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block1(x)  # (n, channels, z, y, x)
        return F.elu(self.block3(x + self.block2(x)), inplace=True)


def _up(channels_in: int, channels: int, upsampling: Upsampling) -> nn.Sequential:
    """Return a layer that doubles y and x; trilinear sampling points drift along the crop, as published."""
    larger: nn.Module
    if upsampling == "trilinear":
        larger = nn.Upsample(scale_factor=_HALF, mode="trilinear", align_corners=True)
    else:
        larger = nn.ConvTranspose3d(channels_in, channels_in, _HALF, stride=_HALF, groups=channels_in)
    return nn.Sequential(larger, _conv(channels_in, channels, (1, 1, 1)))


def _conv(channels_in: int, channels: int, kernel: Shape, bias: bool = True) -> nn.Conv3d:
    return nn.Conv3d(channels_in, channels, kernel, padding=triple(k // 2 for k in kernel), bias=bias)


def _elu() -> nn.ELU:
    return nn.ELU(inplace=True)
