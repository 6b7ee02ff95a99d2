"""Devices that one can ask for, and the kinds that there are; known without torch."""

from typing import Literal

DeviceKind = Literal["cpu", "cuda", "mps"]
"""Kinds of devices, by torch's names."""

WISHES = {
    "auto": "auto",
    "cpu": "CPU",
    "openvino": "CPU by OpenVINO",
    "onnxruntime": "ONNX Runtime (CUDA or CPU)",
    "cuda": "CUDA (NVIDIA GPU)",
    "mps": "MPS (Apple GPU)",
}
"""Wish -> its name for people."""

TO_TRAIN = tuple(wish for wish in WISHES if wish not in ("openvino", "onnxruntime"))
"""Wishes for training; the others only predict."""
