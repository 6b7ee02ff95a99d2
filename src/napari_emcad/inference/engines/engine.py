"""What runs a student: one small interface, and the engine that a device has."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_emcad.inference.engines.device import Device
from napari_emcad.networks.student import Student, Window


class Engine(Protocol):
    """A student made ready for one device. Weights and results are its own; the student is not modified."""

    def encode(self, section: NDArray[np.float32]) -> Any:
        """A tile of a section, (y, x) in [0, 1] -> its features, in whatever form `affinities` takes them."""
        ...

    def affinities(self, previous: Any, current: Any, window: Window | None) -> NDArray[np.uint8]:
        """Features of the same tile of sections z-1 and z -> affinities z, y, x of section z, (3, y, x), value x 255.

        Parameters
        ----------
        previous, current
            From `encode`; they stay valid.
        window : Window or None
            Where the tile lies; None where it is the whole section.
        """
        ...


def engine_for(student: Student, device: Device) -> Engine:
    """The engine that the device names."""
    if device.engine == "openvino":
        from napari_emcad.inference.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(student)
    if device.engine == "onnxruntime":
        from napari_emcad.inference.engines.onnx import OnnxEngine

        return OnnxEngine(student, device)
    from napari_emcad.inference.engines.torch import TorchEngine

    return TorchEngine(student, device)
