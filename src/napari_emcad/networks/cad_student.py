"""The CAD student: a 2D network that sees two adjacent sections and embeds both.

Source: Liu et al., "Cross-dimension Affinity Distillation for 3D EM Neuron Segmentation", CVPR 2024.

Shape of the network (m = maps, e = embedding channels; published: m = 16, e = 16):

    section z-1  -> inc (m) -> down.0 (2m, 1/2) -.
                                                  >- concat -> down.1 (4m, 1/4) -> down.2 (8m, 1/8) -> down.3 (8m, 1/16)
    section z    -> inc (m) -> down.0 (2m, 1/2) -'                |                   |                   |
                                                                  '---- up2 (2m) <----'----- up1 (4m) <---'
    embedding z-1 (e) <- up4_t  (2m) <- up3_t  (m) <--.             |
                                                       >------------'
    embedding z   (e) <- up4_tn (2m) <- up3_tn (m) <--'

Attribute names are those of the published state dict, so that its files load strictly.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_emcad.networks.student import SectionFeatures, Stretch, Stretches, Student, double_conv, doubled


@dataclass(frozen=True)
class CadStudentConfig:
    """Size of a student: feature maps at full resolution and embedding channels."""

    maps: int = 16
    embedding_channels: int = 16


class CadStudent(Student):
    """The two-section network of CAD.

    Parameters
    ----------
    config : CadStudentConfig
        Feature maps and embedding channels; the default is the published size (903,078 state-dict values).
    """

    def __init__(self, config: CadStudentConfig | None = None):
        super().__init__()
        self.config = config or CadStudentConfig()
        m, e = self.config.maps, self.config.embedding_channels
        self.embedding_channels = e
        self.inc = _DoubleConv(1, m)
        self.down = nn.ModuleList(
            [_Down2d(m, 2 * m), _Down2d(4 * m, 4 * m), _Down2d(4 * m, 8 * m), _Down2d(8 * m, 8 * m)]
        )
        self.up1 = _Up2d(16 * m, 4 * m)
        self.up2 = _Up2d(8 * m, 2 * m)
        self.up3_t, self.up3_tn = _Up2d(4 * m, m), _Up2d(4 * m, m)
        self.up4_t, self.up4_tn = _Up2d(2 * m, 2 * m), _Up2d(2 * m, 2 * m)
        self.outc_t, self.outc_tn = _Out(2 * m, e), _Out(2 * m, e)

    def encode(self, sections: Tensor) -> SectionFeatures:
        """Return the features of each section on its own; sections are (n, 1, y, x) float in [0, 1]."""
        full = self.inc(sections)
        return SectionFeatures(full, self.down[0](full))

    def embed(
        self, previous: SectionFeatures, current: SectionFeatures, stretches: Stretches | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the embeddings of sections z-1 and z, (n, e, y, x) each; see `Student.embed`."""
        at_eighth, at_quarter, at_half, at_full = stretches or (None, None, None, None)
        pair = torch.cat([previous.coarse, current.coarse], dim=1)  # (n, 4m, y/2, x/2)
        quarter = self.down[1](pair)
        eighth = self.down[2](quarter)
        common = self.up1(self.down[3](eighth), eighth, at_eighth)  # (n, 4m, y/8, x/8)
        common = self.up2(common, quarter, at_quarter)  # (n, 2m, y/4, x/4)
        first = self.up4_t(self.up3_t(common, previous.coarse, at_half), previous.fine, at_full)  # (n, 2m, y, x)
        second = self.up4_tn(self.up3_tn(common, current.coarse, at_half), current.fine, at_full)
        return self.outc_t(first), self.outc_tn(second)


class _Named(nn.Module):
    """A module around another one, which is called `conv` in the published state dict."""

    def __init__(self, conv: nn.Module):
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class _DoubleConv(nn.Module):
    """[conv 3x3, BatchNorm, ReLU] twice."""

    def __init__(self, channels_in: int, channels: int):
        super().__init__()
        self.conv = _Named(double_conv(channels_in, channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class _Down2d(nn.Module):
    """Max-pool by two, then a double conv."""

    def __init__(self, channels_in: int, channels: int):
        super().__init__()
        self.mpconv = nn.Sequential(nn.MaxPool2d(2), _Named(double_conv(channels_in, channels)))

    def forward(self, x: Tensor) -> Tensor:
        return self.mpconv(x)


class _Up2d(nn.Module):
    """Bilinear upsampling by two, the skip put before it, then a double conv."""

    def __init__(self, channels_in: int, channels: int):
        super().__init__()
        self.conv = _Named(double_conv(channels_in, channels))

    def forward(self, x: Tensor, skip: Tensor, stretches: tuple[Stretch, Stretch] | None = None) -> Tensor:
        return self.conv(torch.cat([skip, doubled(x, stretches)], dim=1))


class _Out(nn.Module):
    """Conv 1x1."""

    def __init__(self, channels_in: int, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)
