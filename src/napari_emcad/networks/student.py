"""Students: networks that see two adjacent sections and embed both. What all of them have in common.

`cad_student.py` is the published network, `small_student.py` one of a fifth of its arithmetic.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 16
"""Height and width of the input must be multiples of this: the coarsest maps are a sixteenth of its size."""

RECEPTIVE_RADIUS = 122
"""Pixels to each side beyond which nothing reaches an embedding, at any position of an image of any size.

The published network attains the bound. Affinities y and x look one pixel further back.
"""


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

    fine: Tensor  # (n, m, y, x), or at half the size in a small student
    coarse: Tensor  # (n, 2m, y/2, x/2), at half the size of the others


class Student(nn.Module, ABC):
    """A two-section network; `forward` embeds pairs, `encode` and `embed` are its two halves."""

    embedding_channels: int

    @abstractmethod
    def encode(self, sections: Tensor) -> SectionFeatures:
        """Return the features of each section on its own; sections are (n, 1, y, x) float in [0, 1]."""

    @abstractmethod
    def embed(
        self, previous: SectionFeatures, current: SectionFeatures, stretches: Stretches | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the embeddings of sections z-1 and z, (n, e, y, x) each, not normalised.

        With the `stretches` of a window the features are those of a tile, and inside its rim of `RECEPTIVE_RADIUS`
        pixels the embeddings are those that the whole section gives.
        """

    def forward(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings of both sections of pairs (n, 2, y, x), (n, e, y, x) each."""
        n = len(pairs)
        both = self.encode(torch.cat([pairs[:, :1], pairs[:, 1:]]))
        return self.embed(
            SectionFeatures(both.fine[:n], both.coarse[:n]),
            SectionFeatures(both.fine[n:], both.coarse[n:]),
        )


def doubled(x: Tensor, stretches: tuple[Stretch, Stretch] | None) -> Tensor:
    """Return maps upsampled by two, bilinearly; as part of a larger section where its stretches are given."""
    if stretches is None:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
    return _stretched(_stretched(x, 2, stretches[0]), 3, stretches[1])


def double_conv(channels_in: int, channels: int) -> nn.Sequential:
    """Return [conv 3x3, BatchNorm, ReLU] twice."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


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
