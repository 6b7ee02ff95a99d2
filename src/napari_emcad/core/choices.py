"""Choices that people have, by their names, and what is taken if nobody chooses; known without the code behind them."""

from types import MappingProxyType
from typing import Literal

Agglomeration = Literal["waterz", "multicut", "mutex watershed"]
"""Ways to join fragments to neurons."""

DEFAULT_THRESHOLDS: MappingProxyType[Agglomeration, float] = MappingProxyType(
    {"waterz": 0.2, "multicut": 0.64, "mutex watershed": 0.64}
)
"""Thresholds for models that recommend none: docs/decisions/0003-fragments.md and 0013-multicut.md."""

SCORINGS = ("mean", *(f"quantile {q}" for q in range(10, 100, 5)))
"""Statistics of an edge's affinities by which waterz may join, those that it brings compiled."""

DEFAULT_SCORING = "quantile 50"
"""Scoring of the published method."""

Crumbs = Literal["strongest", "background"]
"""Fates of segments that are too small: they join their strongest neighbour, or become 0."""

DEFAULT_SEED_SIGMA = 2.0
"""Smoothing of the distance map in pixels. Decided by VOI and time together: docs/decisions/0003-fragments.md."""

DEFAULT_BLOCK = (16, 1024, 1024)
"""Voxels (z, y, x) of a block. The result depends on it a little, so it follows neither memory nor cores."""

Export = Literal["labels", "fragments", "interpolated", "table", "graph", "neurons", "log", "equivalences", "meshes"]
"""Things that are written of a session."""

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
"""Devices that one can ask for, by the name that is typed: the name that is read."""

TO_TRAIN = tuple(wish for wish in WISHES if wish not in ("openvino", "onnxruntime"))
"""Wishes for training; the others only predict."""
