"""The small student: CAD's Y-shaped network one level lower, on sections whose pixels are put aside in squares.

Strategy: most of the published student's arithmetic is at full resolution. Here a section comes in at half its size,
with the four pixels of each square of 2 x 2 as channels (pixel-unshuffle), and the last layer gives the embeddings of
all four (pixel-shuffle; Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
Convolutional Neural Network", CVPR 2016). Nothing is ever computed at full resolution.

Shape of the network (default sizes; e = embedding channels = 16):

    section z-1 -> unshuffle (4, 1/2) -> inc (16, 1/2) -> down.0 (32, 1/4) -.
                                                                            >- concat -> down.1 (64, 1/8) -> down.2
    section z   -> unshuffle (4, 1/2) -> inc (16, 1/2) -> down.0 (32, 1/4) -'              |            (96, 1/16)
                                                                     '---- up2 (32, 1/4) <-'---- up1 (48, 1/8) <-'
    embedding z-1 (e) <- shuffle <- outc_t  (4e, 1/2) <- up3_t  (16, 1/2) <-.   |
                                                                             >--'
    embedding z   (e) <- shuffle <- outc_tn (4e, 1/2) <- up3_tn (16, 1/2) <-'

383,824 values in its state dict and 13,976 multiply-adds a pixel pair; the published student has 903,078 and 70,432.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_emcad.networks.student import SectionFeatures, Stretches, Student, double_conv, doubled


@dataclass(frozen=True)
class SmallStudentConfig:
    """Size of a small student.

    Attributes
    ----------
    down : four int
        Feature maps on the way down, at 1/2, 1/4, 1/8 and 1/16 of the section's size.
    up : three int
        Feature maps on the way up: common to both sections at 1/8 and 1/4, of each section at 1/2.
    embedding_channels : int
    """

    down: tuple[int, int, int, int] = (16, 32, 64, 96)
    up: tuple[int, int, int] = (48, 32, 16)
    embedding_channels: int = 16


class SmallStudent(Student):
    """The small two-section network; like every student it takes tiles of a multiple of 16 pixels.

    Parameters
    ----------
    config : SmallStudentConfig
        Feature maps and embedding channels.
    """

    def __init__(self, config: SmallStudentConfig | None = None):
        super().__init__()
        self.config = config or SmallStudentConfig()
        half, quarter, eighth, sixteenth = self.config.down
        common_eighth, common_quarter, branch = self.config.up
        self.embedding_channels = self.config.embedding_channels
        self.inc = double_conv(4, half)
        self.down = nn.ModuleList(
            [double_conv(half, quarter), double_conv(2 * quarter, eighth), double_conv(eighth, sixteenth)]
        )
        self.up1 = double_conv(eighth + sixteenth, common_eighth)
        self.up2 = double_conv(2 * quarter + common_eighth, common_quarter)
        self.up3_t, self.up3_tn = (double_conv(half + common_quarter, branch) for _ in range(2))
        self.outc_t, self.outc_tn = (nn.Conv2d(branch, 4 * self.embedding_channels, 1) for _ in range(2))

    def encode(self, sections: Tensor) -> SectionFeatures:
        """Return the features of each section on its own, at 1/2 and 1/4; sections are (n, 1, y, x) in [0, 1]."""
        fine = self.inc(F.pixel_unshuffle(sections, 2))
        return SectionFeatures(fine, self.down[0](F.max_pool2d(fine, 2)))

    def embed(
        self, previous: SectionFeatures, current: SectionFeatures, stretches: Stretches | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the embeddings of sections z-1 and z, (n, e, y, x) each; see `Student.embed`."""
        at_eighth, at_quarter, at_half = stretches[:3] if stretches else (None, None, None)
        quarter = torch.cat([previous.coarse, current.coarse], dim=1)
        eighth = self.down[1](F.max_pool2d(quarter, 2))
        common = self.down[2](F.max_pool2d(eighth, 2))
        common = self.up1(torch.cat([eighth, doubled(common, at_eighth)], dim=1))
        common = self.up2(torch.cat([quarter, doubled(common, at_quarter)], dim=1))
        common = doubled(common, at_half)
        first = self.outc_t(self.up3_t(torch.cat([previous.fine, common], dim=1)))
        second = self.outc_tn(self.up3_tn(torch.cat([current.fine, common], dim=1)))
        return F.pixel_shuffle(first, 2), F.pixel_shuffle(second, 2)
