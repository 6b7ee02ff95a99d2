"""A student in torch: BatchNorm folded, channels last, on its device, in its fastest precision."""

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_emcad.inference.engines.device import Device
from napari_emcad.inference.engines.folding import folded
from napari_emcad.inference.engines.precision import fastest_precision
from napari_emcad.networks.embedding import pair_affinities
from napari_emcad.networks.placing import placed
from napari_emcad.networks.student import SectionFeatures, Stretch, Stretches, Student, Window

STRIP = 1 << 16
"""Pixels whose affinities are made at a time on a CPU, in whole rows, so that they stay in its cache."""

EXAMPLE = 256
"""Pixels a side of the pair that the precision is chosen by."""


class TorchEngine:
    """An engine that runs a student in torch, on any device that torch knows; see `engine.Engine`.

    A section is encoded in fp32 whatever the precision of pairs: with BatchNorm folded in, the first weights times grey
    values stand against a large bias, and rounded they harm the affinities more than all others together
    (docs/decisions/0011-engines.md). It is done once a section, and a tenth of the work.
    """

    def __init__(self, student: Student, device: Device):
        self.device = device.kind
        self.encoder = placed(folded(student), self.device, torch.channels_last)
        self.dtype = fastest_precision(self.encoder, device, torch.rand(1, 2, EXAMPLE, EXAMPLE))
        self.embedder = copy.deepcopy(self.encoder).to(self.dtype)

    @torch.inference_mode()
    def encode(self, section: NDArray[np.float32]) -> SectionFeatures:
        """Return the features of a section (y, x) in [0, 1], see `SectionFeatures`."""
        features = self.encoder.encode(torch.from_numpy(section)[None, None].to(self.device))
        return SectionFeatures(*(f.to(self.dtype) for f in features))

    @torch.inference_mode()
    def affinities(
        self, previous: SectionFeatures, current: SectionFeatures, window: Window | None
    ) -> NDArray[np.uint8]:
        """Return affinities (3, y, x), quantised on the device."""
        stretches = None if window is None else placed_stretches(window.stretches(), self.device)
        return quantised_affinities(*self.embedder.embed(previous, current, stretches))


def quantised_affinities(previous: Tensor, current: Tensor) -> NDArray[np.uint8]:
    """Return affinities (3, y, x), value x 255, from embeddings of one pair, (1, e, y, x) each.

    Strategy: rows are made in strips that stay in the CPU's cache; each strip begins a row early, for the partners on
    y.
    """
    height, width = current.shape[2:]
    strip = max(1, STRIP // width) if current.device.type == "cpu" else height
    levels = torch.empty(3, height, width, dtype=torch.uint8, device=current.device)
    for top in range(0, height, strip):
        start = max(0, top - 1)  # the row before has the partners of the strip's first
        rows = (e[:, :, start : top + strip].float() for e in (previous, current))
        values = pair_affinities(*(r.contiguous(memory_format=torch.channels_last) for r in rows))[0]
        levels[:, top : top + strip] = (values[:, top - start :].clamp(0, 1) * 255).round()
    return levels.cpu().numpy()


def placed_stretches(stretches: Stretches, device: str) -> Stretches:
    """Return the stretches on a device."""
    return tuple(
        (Stretch(*(t.to(device) for t in rows)), Stretch(*(t.to(device) for t in columns)))
        for rows, columns in stretches
    )
