"""The MALA U-Net: a 3D network without padding, whose output is the middle of its input.

Source: Funke et al., "Large Scale Image Segmentation with Structured Loss based Deep Learning for Connectome
Reconstruction", TPAMI 2019, arXiv 1709.02974.

Shape of the network with the published maps. Poolings and upsamplings are by (1, 3, 3), convolutions 3 x 3 x 3.

    crop -> conv1, conv2 (12) ------------------------------ crop, cat -> conv16, conv17 (12) -> conv18 (16 or 3)
              |                                                  '---- dconv3, conv15 ----.
            conv3, conv4 (60, 1/3) ------------------------- crop, cat -> conv13, conv14 (60)
              |                                                  '---- dconv2, conv12 ----.
            conv5, conv6 (300, 1/9) ------------------------ crop, cat -> conv10, conv11 (300)
              |                                                  '---- dconv1, conv9 -----.
              '----------------------------------------------> conv7, conv8 (1500, 1/27) -'

Attribute names are those of the published state dict, so that its files load strictly.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_emcad.core.blending import Raster
from napari_emcad.core.geometry import Shape

_THIRD = (1, 3, 3)

LEAK = 0.005
"""Slope of the leaky ReLU below 0."""


@dataclass(frozen=True)
class MalaUNetConfig:
    """Size and kind of a MALA U-Net.

    Attributes
    ----------
    maps : four int
        Feature maps of each level, full resolution first.
    outputs : int
        Embedding channels, or affinities.
    affinities : bool
        True if the outputs are affinities, through a sigmoid, and not embeddings.
    margin : (z, y, x)
        Voxels that the output is smaller by at each end.
    sections : int
        Depth of the output in training, as published.
    """

    maps: tuple[int, int, int, int] = (12, 60, 300, 1500)
    outputs: int = 16
    affinities: bool = False
    margin: ClassVar[Shape] = (14, 106, 106)
    sections: ClassVar[int] = 25

    @property
    def rasters(self) -> tuple[Raster, Raster, Raster]:
        """Tiles on z, y, x: they agree wherever they overlap, so a rim of one, for partners, is enough."""
        section = Raster(stride=27, rest=2, rim=1)
        return Raster(rim=1), section, section


class MalaUNet(nn.Module):
    """The MALA U-Net: 53 x 268 x 268 in, 25 x 56 x 56 out.

    Parameters
    ----------
    config : MalaUNetConfig
        The default has the published size: 84 million values.
    """

    def __init__(self, config: MalaUNetConfig | None = None):
        super().__init__()
        self.config = config or MalaUNetConfig()
        full, third, ninth, least = self.config.maps
        self.conv1, self.conv2 = nn.Conv3d(1, full, 3), nn.Conv3d(full, full, 3)
        self.conv3, self.conv4 = nn.Conv3d(full, third, 3), nn.Conv3d(third, third, 3)
        self.conv5, self.conv6 = nn.Conv3d(third, ninth, 3), nn.Conv3d(ninth, ninth, 3)
        self.conv7, self.conv8 = nn.Conv3d(ninth, least, 3), nn.Conv3d(least, least, 3)
        self.dconv1, self.conv9 = _larger(least), nn.Conv3d(least, ninth, 1)
        self.conv10, self.conv11 = nn.Conv3d(2 * ninth, ninth, 3), nn.Conv3d(ninth, ninth, 3)
        self.dconv2, self.conv12 = _larger(ninth), nn.Conv3d(ninth, third, 1)
        self.conv13, self.conv14 = nn.Conv3d(2 * third, third, 3), nn.Conv3d(third, third, 3)
        self.dconv3, self.conv15 = _larger(third), nn.Conv3d(third, full, 1)
        self.conv16, self.conv17 = nn.Conv3d(2 * full, full, 3), nn.Conv3d(full, full, 3)
        self.conv18 = nn.Conv3d(full, self.config.outputs, 1)

    def forward(self, crops: Tensor) -> Tensor:
        """Embed the middle of crops; shapes in the code are those of crops of 53 x 268 x 268 and the published maps.

        Parameters
        ----------
        crops : (n, 1, z, y, x) float in [0, 1]
            z is at least 29; y and x are 214 or multiples of 27 more.

        Returns
        -------
        (n, outputs, z - 28, y - 212, x - 212) float
            Embeddings, not normalised; or affinities in [0, 1] to the previous voxel on z, y, x.
        """
        _refuse_size(crops)
        full = _twice(crops, self.conv1, self.conv2)  # (n, 12, 49, 264, 264)
        third = _twice(F.max_pool3d(full, _THIRD), self.conv3, self.conv4)  # (n, 60, 45, 84, 84)
        ninth = _twice(F.max_pool3d(third, _THIRD), self.conv5, self.conv6)  # (n, 300, 41, 24, 24)
        x = _twice(F.max_pool3d(ninth, _THIRD), self.conv7, self.conv8)  # (n, 1500, 37, 4, 4)
        x = _merged(self.conv9(self.dconv1(x)), ninth)  # (n, 600, 37, 12, 12)
        x = _twice(x, self.conv10, self.conv11)  # (n, 300, 33, 8, 8)
        x = _merged(self.conv12(self.dconv2(x)), third)  # (n, 120, 33, 24, 24)
        x = _twice(x, self.conv13, self.conv14)  # (n, 60, 29, 20, 20)
        x = _merged(self.conv15(self.dconv3(x)), full)  # (n, 24, 29, 60, 60)
        x = self.conv18(_twice(x, self.conv16, self.conv17))  # (n, 16, 25, 56, 56)
        return x.sigmoid() if self.config.affinities else x


def _twice(x: Tensor, first: nn.Conv3d, second: nn.Conv3d) -> Tensor:
    """Apply two convolutions without padding, each with its leaky ReLU: four voxels less on each axis."""
    x = F.leaky_relu(first(x), LEAK, inplace=True)
    return F.leaky_relu(second(x), LEAK, inplace=True)


def _larger(channels: int) -> nn.ConvTranspose3d:
    """Return a layer that triples y and x, each map by itself."""
    return nn.ConvTranspose3d(channels, channels, _THIRD, stride=_THIRD, groups=channels, bias=False)


def _merged(up: Tensor, skip: Tensor) -> Tensor:
    """Return the upsampled maps, then the middle of the skip's, cut to the same size."""
    starts = [(s - u) // 2 for s, u in zip(skip.shape[2:], up.shape[2:], strict=True)]
    z, y, x = (slice(a, a + n) for a, n in zip(starts, up.shape[2:], strict=True))
    return torch.cat([up, skip[:, :, z, y, x]], dim=1)


def _refuse_size(crops: Tensor) -> None:
    """Refuse crops whose poolings would leave out rows, so that the output would not be the middle."""
    z, y, x = crops.shape[2:]
    if z < 29 or any(side < 214 or (side - 214) % 27 for side in (y, x)):
        raise ValueError(
            "crops: z of at least 29, y and x of 214 or multiples of 27 more are needed, "
            f"got {tuple(crops.shape)}; pad or cut them."
        )
