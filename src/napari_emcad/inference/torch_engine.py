"""A student in torch: BatchNorm folded, channels last, on its device, in its fastest precision."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_emcad.inference.device import Device, fastest_precision
from napari_emcad.inference.folding import folded
from napari_emcad.networks.embedding import pair_affinities
from napari_emcad.networks.student import SectionFeatures, Stretch, Stretches, Student, Window


class TorchEngine:
    """See `engine.Engine`; on any device that torch knows."""

    def __init__(self, student: Student, device: Device):
        self.device = device.kind
        self.student = folded(student).to(self.device).to(memory_format=torch.channels_last)
        self.dtype = fastest_precision(self.student, device)
        self.student.to(self.dtype)

    @torch.inference_mode()
    def encode(self, section: NDArray[np.float32]) -> SectionFeatures:
        """(y, x) in [0, 1] -> features, (1, m, y, x) and (1, 2m, y/2, x/2)."""
        return self.student.encode(torch.from_numpy(section)[None, None].to(self.device, self.dtype))

    @torch.inference_mode()
    def affinities(
        self, previous: SectionFeatures, current: SectionFeatures, window: Window | None
    ) -> NDArray[np.uint8]:
        """(3, y, x), quantised on the device."""
        stretches = window and on_device(window.stretches(), self.device)
        return quantised(*self.student.embed(previous, current, stretches))


def quantised(previous: Tensor, current: Tensor) -> NDArray[np.uint8]:
    """Embeddings of one pair, (1, e, y, x) each -> affinities (3, y, x), value x 255."""
    values = pair_affinities(previous, current)[0].float()
    return (values.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def on_device(stretches: Stretches, device: str) -> Stretches:
    """The same where the features are."""
    return tuple(tuple(Stretch(*(t.to(device) for t in axis)) for axis in level) for level in stretches)
