"""The small student: CAD's Y-shaped network one level lower, on pixel-unshuffled sections.

Shape of the network (each section comes in as its four pixels of every 2 x 2 square, so at half size):

    section z-1 -> unshuffle (4, 1/2) -> inc (16, 1/2) -> down.0 (32, 1/4) -.
                                                                            >- concat -> down.1 (64, 1/8) -> down.2
    section z   -> unshuffle (4, 1/2) -> inc (16, 1/2) -> down.0 (32, 1/4) -'              |            (96, 1/16)
                                                                     '---- up2 (32, 1/4) <-'---- up1 (48, 1/8) <-'
    embedding z-1 (16, full) <- shuffle <- outc_t  (64, 1/2) <- up3_t  (16, 1/2) <-.   |
                                                                                    >--'
    embedding z   (16, full) <- shuffle <- outc_tn (64, 1/2) <- up3_tn (16, 1/2) <-'

383,824 values in its state dict and 13,976 multiply-adds a pixel pair, where CAD's student has 903,078 and 70,432.
It takes and gives what `napari_emcad.networks.student.Student` does, tiles and their `Stretches` included, so that the
package's torch engine, folding and prediction run it unchanged.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_emcad.networks.student import SectionFeatures, Stretch, Stretches

MAPS = (16, 32, 64, 96)
"""Going down: at 1/2, 1/4, 1/8 and 1/16."""

COMMON, BRANCH = (48, 32), 16
"""Going up: common to both sections at 1/8 and 1/4; of each branch at 1/2."""

EMBEDDING = 16
"""Channels of an embedding."""


class SmallStudent(nn.Module):
    """The small two-section network; `forward` embeds pairs, `encode` and `embed` are its two halves."""

    def __init__(self):
        super().__init__()
        first, second, third, fourth = MAPS
        wide, narrow = COMMON
        self.inc = _double_conv(4, first)
        self.down = nn.ModuleList(
            [_double_conv(first, second), _double_conv(2 * second, third), _double_conv(third, fourth)]
        )
        self.up1 = _double_conv(third + fourth, wide)
        self.up2 = _double_conv(2 * second + wide, narrow)
        self.up3_t, self.up3_tn = (_double_conv(first + narrow, BRANCH) for _ in range(2))
        self.outc_t, self.outc_tn = (nn.Conv2d(BRANCH, 4 * EMBEDDING, 1) for _ in range(2))

    def encode(self, sections: Tensor) -> SectionFeatures:
        """Return, for (n, 1, y, x) float in [0, 1], the features of each section on its own, at 1/2 and 1/4."""
        half = self.inc(F.pixel_unshuffle(sections, 2))
        return SectionFeatures(half, self.down[0](F.max_pool2d(half, 2)))

    def embed(
        self, previous: SectionFeatures, current: SectionFeatures, stretches: Stretches | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return, for features of sections z-1 and z, their embeddings, (n, 16, y, x) each, not normalised.

        Parameters
        ----------
        previous, current : SectionFeatures
            The names of the fields are the large student's; here they are maps at 1/2 and 1/4.
        stretches : Stretches, optional
            Those of a window where the features are a tile's: then the tile's inside is that of the whole section.
        """
        at_eighth, at_quarter, at_half, _ = stretches or (None,) * 4
        quarter = torch.cat([previous.half, current.half], dim=1)
        eighth = self.down[1](F.max_pool2d(quarter, 2))
        common = self.down[2](F.max_pool2d(eighth, 2))
        common = self.up1(torch.cat([eighth, _doubled(common, at_eighth)], dim=1))
        common = self.up2(torch.cat([quarter, _doubled(common, at_quarter)], dim=1))
        common = _doubled(common, at_half)
        first = self.outc_t(self.up3_t(torch.cat([previous.full, common], dim=1)))
        second = self.outc_tn(self.up3_tn(torch.cat([current.full, common], dim=1)))
        return F.pixel_shuffle(first, 2), F.pixel_shuffle(second, 2)

    def forward(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 2, y, x), y and x multiples of 16: sections z-1 and z of n pairs -> embeddings, (n, 16, y, x) each."""
        n = len(pairs)
        both = self.encode(torch.cat([pairs[:, :1], pairs[:, 1:]]))
        return self.embed(SectionFeatures(both.full[:n], both.half[:n]), SectionFeatures(both.full[n:], both.half[n:]))


def load_small(path) -> SmallStudent:
    """The network of a checkpoint of `train.py` (the running mean of its weights): on the CPU, fp32, in eval mode."""
    network = SmallStudent()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["model_weights"])
    return network.eval()


def _double_conv(channels_in: int, channels: int) -> nn.Sequential:
    """[conv 3x3, BatchNorm, ReLU] twice."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def _doubled(x: Tensor, stretches: tuple[Stretch, Stretch] | None) -> Tensor:
    """Bilinear upsampling by two; that of a tile of a larger section where its stretches are given."""
    if stretches is None:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
    for axis, stretch in zip((2, 3), stretches, strict=True):
        weight = stretch.weight.to(x.dtype).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
        x = torch.lerp(x.index_select(axis, stretch.below), x.index_select(axis, stretch.above), weight)
    return x
