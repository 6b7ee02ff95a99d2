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
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 16
"""Height and width of the input must be multiples of this: four poolings by two."""

RECEPTIVE_RADIUS = 122
"""Pixels to each side beyond which nothing reaches an embedding, at any position of an image of any size.

The bound is attained. Affinities y and x look one pixel further back.
"""


@dataclass(frozen=True)
class StudentConfig:
    """Size of a student: feature maps at full resolution and embedding channels."""

    maps: int = 16
    embedding_channels: int = 16


class Stretch(NamedTuple):
    """Linear upsampling by two along one axis: output i lies between the inputs `below` and `above`."""

    below: Tensor  # (2 n,) int64
    above: Tensor  # (2 n,) int64
    weight: Tensor  # (2 n,) float32, of the input above


Stretches = tuple[tuple[Stretch, Stretch], ...]
"""Rows and columns of each of the four upsamplings, the coarsest first."""


class Window(NamedTuple):
    """The place of a tile in its section: pixels at full resolution, all multiples of `STRIDE`."""

    top: int
    left: int
    size: tuple[int, int]  # of the tile (y, x)
    whole: tuple[int, int]  # of the section (y, x)

    def stretches(self) -> Stretches:
        """Return the upsamplings of the tile that make it equal that part of the whole section."""
        (height, width), (rows, columns) = self.size, self.whole
        return tuple(
            (
                _stretch(height // finer, self.top // finer, rows // finer),
                _stretch(width // finer, self.left // finer, columns // finer),
            )
            for finer in (8, 4, 2, 1)
        )


class SectionFeatures(NamedTuple):
    """Features of one section after the two shared stages: computed once, used by both pairs of the section."""

    full: Tensor  # (n, m, y, x)
    half: Tensor  # (n, 2m, y/2, x/2)


class Student(nn.Module):
    """The two-section network of CAD; `forward` embeds pairs, `encode` and `embed` are its two halves.

    Parameters
    ----------
    config : StudentConfig
        Feature maps and embedding channels; the default is the published size (903,078 state-dict values).
    """

    def __init__(self, config: StudentConfig | None = None):
        super().__init__()
        self.config = config or StudentConfig()
        m, e = self.config.maps, self.config.embedding_channels
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
        """Return the embeddings of sections z-1 and z, (n, e, y, x) each, not normalised.

        With the `stretches` of a window the features are those of a tile, and inside its rim of `RECEPTIVE_RADIUS`
        pixels the embeddings are those that the whole section gives.
        """
        at_eighth, at_quarter, at_half, at_full = stretches or (None, None, None, None)
        pair = torch.cat([previous.half, current.half], dim=1)  # (n, 4m, y/2, x/2)
        quarter = self.down[1](pair)
        eighth = self.down[2](quarter)
        common = self.up1(self.down[3](eighth), eighth, at_eighth)  # (n, 4m, y/8, x/8)
        common = self.up2(common, quarter, at_quarter)  # (n, 2m, y/4, x/4)
        first = self.up4_t(self.up3_t(common, previous.half, at_half), previous.full, at_full)  # (n, 2m, y, x)
        second = self.up4_tn(self.up3_tn(common, current.half, at_half), current.full, at_full)
        return self.outc_t(first), self.outc_tn(second)

    def forward(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings of both sections of pairs (n, 2, y, x), (n, e, y, x) each."""
        n = len(pairs)
        both = self.encode(torch.cat([pairs[:, :1], pairs[:, 1:]]))
        return self.embed(
            SectionFeatures(both.full[:n], both.half[:n]),
            SectionFeatures(both.full[n:], both.half[n:]),
        )


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
        self.conv = _Named(_double_conv(channels_in, channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class _Down2d(nn.Module):
    """Max-pool by two, then a double conv."""

    def __init__(self, channels_in: int, channels: int):
        super().__init__()
        self.mpconv = nn.Sequential(nn.MaxPool2d(2), _Named(_double_conv(channels_in, channels)))

    def forward(self, x: Tensor) -> Tensor:
        return self.mpconv(x)


class _Up2d(nn.Module):
    """Bilinear upsampling by two, the skip put before it, then a double conv."""

    def __init__(self, channels_in: int, channels: int):
        super().__init__()
        self.conv = _Named(_double_conv(channels_in, channels))

    def forward(self, x: Tensor, skip: Tensor, stretches: tuple[Stretch, Stretch] | None = None) -> Tensor:
        if stretches is None:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        else:
            x = _stretched(_stretched(x, 2, stretches[0]), 3, stretches[1])
        return self.conv(torch.cat([skip, x], dim=1))


class _Out(nn.Module):
    """Conv 1x1."""

    def __init__(self, channels_in: int, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


def _stretch(length: int, start: int, whole: int) -> Stretch:
    """Return the upsampling to a tile of `length` pixels that begins at `start` of a section of `whole` pixels.

    With align_corners=True the samples of the section lie (whole/2 - 1) / (whole - 1) apart, not 1/2: they drift along
    it, so that a tile has to be told its place.
    """
    step, last = (whole // 2 - 1) / (whole - 1), length // 2 - 1
    at = torch.arange(start, start + length, dtype=torch.float64) * step - start // 2
    at = at.clamp(0, last)
    below = at.floor().long().clamp(max=max(0, last - 1))
    return Stretch(below, (below + 1).clamp(max=last), (at - below).float())


def _stretched(x: Tensor, axis: int, stretch: Stretch) -> Tensor:
    """Return maps upsampled along one axis."""
    if torch.jit.is_tracing() or torch.compiler.is_compiling():
        weight = stretch.weight.to(x.dtype).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
        return torch.lerp(x.index_select(axis, stretch.below), x.index_select(axis, stretch.above), weight)
    return _stretched_by_slices(x, axis, stretch.weight.to(x.dtype))


def _stretched_by_slices(x: Tensor, axis: int, weights: Tensor) -> Tensor:
    """Return what `below` and `above` of a stretch give, which lie side by side: ten times as fast as by index.

    Strategy: outputs 2j and 2j + 1 lie less than half an input below and above input j, so all outputs but the first
    and the last lie between neighbours, those with an odd number between the same ones as the even one after them.
    """
    y = x.movedim(1, -1)  # (n, y, x, c), contiguous if x is channels last
    axis, length, channels = axis - 1, x.shape[axis], x.shape[1]
    out = y.new_empty([*y.shape[: axis + 1], 2, *y.shape[axis + 1 :]])  # outputs 2j and 2j + 1 of j
    weight = weights.reshape(length, 2, *[1] * (2 - axis), 1)
    weight = weight.expand(length, 2, *[1] * (2 - axis), channels).contiguous()  # else it is slow on the last axis
    even, odd = out.unbind(axis + 1)
    below, above = y.narrow(axis, 0, length - 1), y.narrow(axis, 1, length - 1)
    torch.lerp(below, above, weight[1:, 0], out=even.narrow(axis, 1, length - 1))
    torch.lerp(below, above, weight[:-1, 1], out=odd.narrow(axis, 0, length - 1))
    even.narrow(axis, 0, 1).copy_(y.narrow(axis, 0, 1))
    odd.narrow(axis, length - 1, 1).copy_(y.narrow(axis, length - 1, 1))
    return out.flatten(axis, axis + 1).movedim(-1, 1)


def _double_conv(channels_in: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )
