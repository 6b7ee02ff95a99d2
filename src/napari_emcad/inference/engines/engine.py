"""Engines: the ways to run a student behind one small interface."""

from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_emcad.inference.engines.device import Device
from napari_emcad.networks.student import Student, Window

Features = TypeVar("Features")
"""Features of a tile of a section, in the form that an engine has for them."""


class Engine(Protocol[Features]):
    """A student made ready for one device. Weights and results are its own; the student is not modified."""

    def encode(self, section: NDArray[np.float32]) -> Features:
        """Return the features of a tile of a section, (y, x) in [0, 1]."""
        ...

    def affinities(self, previous: Features, current: Features, window: Window | None) -> NDArray[np.uint8]:
        """Return affinities z, y, x of section z, (3, y, x), value x 255, from features of the tile in z-1 and z.

        Parameters
        ----------
        previous, current
            Features from `encode`; they stay valid.
        window : Window or None
            Place of the tile; None if it is the whole section.
        """
        ...


def engine_for(student: Student, device: Device) -> Engine[Any]:
    """Return the engine that the device names."""
    if device.engine == "openvino":
        from napari_emcad.inference.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(student)
    if device.engine == "onnxruntime":
        from napari_emcad.inference.engines.onnx import OnnxEngine

        return OnnxEngine(student, device)
    from napari_emcad.inference.engines.torch import TorchEngine

    return TorchEngine(student, device)
