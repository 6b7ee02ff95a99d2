"""A student in OpenVINO, on the CPU: faster than torch where it multiplies in bf16, with AMX above all.

Exported models are kept by the sha256 of their weights.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_emcad.inference.cache import cache_folder
from napari_emcad.inference.device import Device, multiplies_bf16
from napari_emcad.inference.extras import openvino_module
from napari_emcad.inference.folding import folded
from napari_emcad.inference.torch_engine import quantised
from napari_emcad.networks.student import SectionFeatures, Stretch, Stretches, Student, Window

EXAMPLE = 64
"""Pixels a side of the tile with which a network is traced; the models take any."""

Features = tuple[NDArray[np.float32], NDArray[np.float32]]


class OpenVinoEngine:
    """See `engine.Engine`.

    Raises
    ------
    UserError
        Where OpenVINO is not installed.
    """

    def __init__(self, student: Student):
        self._openvino = openvino_module()
        self._core = self._openvino.Core()
        self._student, self._sha256 = folded(student), _sha256(student)
        self._precision = "bf16" if multiplies_bf16(Device("cpu", "CPU")) else "f32"  # of pairs, see TorchEngine

    def encode(self, section: NDArray[np.float32]) -> Features:
        """(y, x) in [0, 1] -> features, (1, m, y, x) and (1, 2m, y/2, x/2)."""
        full, half = self._encoder([section[None, None]], share_inputs=True).values()
        return full, half

    def affinities(self, previous: Features, current: Features, window: Window | None) -> NDArray[np.uint8]:
        """(3, y, x)."""
        inputs = [*previous, *current]
        if window is None:
            embedder = self._embedder
        else:
            embedder, inputs = self._tile_embedder, [*inputs, *(t.numpy() for t in _flat(window.stretches()))]
        embeddings = embedder(inputs, share_inputs=True, share_outputs=True).values()
        with torch.inference_mode():
            return quantised(*map(torch.from_numpy, embeddings))

    @cached_property
    def _encoder(self):
        return self._compiled("encode", lambda: (_Encoder(self._student), _section()), "f32")

    @cached_property
    def _embedder(self):
        return self._compiled("embed", lambda: (_Embedder(self._student), self._example()), self._precision)

    @cached_property
    def _tile_embedder(self):
        def traced() -> tuple[nn.Module, tuple[Tensor, ...]]:
            window = Window(0, 0, (EXAMPLE, EXAMPLE), (EXAMPLE, EXAMPLE))
            return _Embedder(self._student), (*self._example(), *_flat(window.stretches()))

        return self._compiled("embed tile", traced, self._precision)

    def _example(self) -> tuple[Tensor, ...]:
        with torch.no_grad():
            pair = self._student.encode(_section()), self._student.encode(_section())
        return tuple(t for features in pair for t in features)

    def _compiled(self, part: str, traced: Callable[[], tuple[nn.Module, object]], precision: str):
        file = cache_folder() / "openvino" / f"{self._sha256} {part}.xml"
        try:
            model = self._core.read_model(file, file.with_suffix(".bin"))
        except RuntimeError:  # not there, or damaged
            module, example = traced()
            with torch.no_grad():
                model = self._openvino.convert_model(module, example_input=example)
            self._keep(model, file)
        return self._core.compile_model(
            model,
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                "INFERENCE_PRECISION_HINT": precision,
            },
        )

    def _keep(self, model, file: Path) -> None:
        """Beside, then renamed, the weights first; where there is no room it is converted again the next time."""
        part = file.with_name(f"{os.getpid()} {file.name}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._openvino.save_model(model, part, compress_to_fp16=False)
            part.with_suffix(".bin").replace(file.with_suffix(".bin"))
            part.replace(file)
        except (OSError, RuntimeError):
            for left in (part, part.with_suffix(".bin")):
                with suppress(OSError):
                    left.unlink()


class _Encoder(nn.Module):
    def __init__(self, student: Student):
        super().__init__()
        self.student = student

    def forward(self, sections: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(self.student.encode(sections))


class _Embedder(nn.Module):
    """Features and stretches one after the other, as exported models have no nested inputs."""

    def __init__(self, student: Student):
        super().__init__()
        self.student = student

    def forward(self, *flat: Tensor) -> tuple[Tensor, Tensor]:
        previous, current = SectionFeatures(*flat[:2]), SectionFeatures(*flat[2:4])
        return self.student.embed(previous, current, _nested(flat[4:]) if flat[4:] else None)


def _flat(stretches: Stretches) -> list[Tensor]:
    return [values for level in stretches for axis in level for values in axis]


def _nested(flat: tuple[Tensor, ...]) -> Stretches:
    axes = [Stretch(*flat[i : i + 3]) for i in range(0, len(flat), 3)]
    return tuple(zip(axes[::2], axes[1::2], strict=True))


def _section() -> Tensor:
    """No constant: what is equal would be traced as one input."""
    return torch.rand(1, 1, EXAMPLE, EXAMPLE)


def _sha256(student: Student) -> str:
    digest = hashlib.sha256()
    for name, values in sorted(student.state_dict().items()):
        digest.update(name.encode())
        digest.update(values.cpu().numpy().tobytes())
    return digest.hexdigest()
