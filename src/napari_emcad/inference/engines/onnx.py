"""A student in ONNX Runtime: on CUDA where its package brings that and torch finds a GPU, else on the CPU.

So far it was run on CPUs only. All is fp32; on CUDA ONNX Runtime multiplies in TF32 unless told otherwise, and is told
nothing, as nobody has measured there. Exported models are kept by the sha256 of their weights.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_emcad.core.errors import UserError
from napari_emcad.inference.engines.cache import cache_folder
from napari_emcad.inference.engines.device import Device
from napari_emcad.inference.engines.exported import Part, flattened, keep_export, traceable_part, weights_sha256
from napari_emcad.inference.engines.extras import import_onnxruntime
from napari_emcad.inference.engines.folding import folded
from napari_emcad.networks.embedding import pair_affinities
from napari_emcad.networks.student import Student, Window

PROVIDERS = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
"""Kind of device -> name of it in ONNX Runtime."""

FATAL = 4
"""Level from which ONNX Runtime prints: its errors are raised as well."""

Features = list[Any]
"""OrtValues on the device, (1, m, y, x) and (1, 2m, y/2, x/2) float32."""


class OnnxEngine:
    """An engine that runs a student in ONNX Runtime; see `engine.Engine`.

    Features stay on the device; only affinities come back, 3 bytes a pixel.

    Raises
    ------
    UserError
        If ONNX Runtime is not installed, and at the first section where CUDA does not start.
    """

    def __init__(self, student: Student, device: Device):
        self._runtime = import_onnxruntime()
        self._kind = device.kind
        self._student, self._sha256 = folded(student), weights_sha256(student)
        self._sessions: dict[Part, Any] = {}

    def encode(self, section: NDArray[np.float32]) -> Features:
        """Return the features of a section, (y, x) in [0, 1]."""
        return self._run("encode", [section[None, None]], to=self._kind)

    def affinities(self, previous: Features, current: Features, window: Window | None) -> NDArray[np.uint8]:
        """Return affinities (3, y, x), quantised on the device."""
        stretches = [t.numpy() for t in flattened(window.stretches())] if window else []
        part: Part = "embed tile" if window else "embed"
        (levels,) = self._run(part, [*previous, *current, *stretches], to="cpu")
        return levels.numpy()

    def _run(self, part: Part, inputs: Sequence[Any], to: str) -> list[Any]:
        """Run a part on arrays, and OrtValues on the device; return OrtValues on the device named."""
        if part not in self._sessions:
            self._sessions[part] = self._session(part)
        session = self._sessions[part]
        binding = session.io_binding()
        for place, value in zip(session.get_inputs(), inputs, strict=True):
            bind = binding.bind_cpu_input if isinstance(value, np.ndarray) else binding.bind_ortvalue_input
            bind(place.name, value)
        for place in session.get_outputs():
            binding.bind_output(place.name, to)
        session.run_with_iobinding(binding)
        return binding.get_outputs()

    def _session(self, part: Part) -> Any:
        """Open the exported part, or export it first."""
        file = cache_folder() / "onnx" / f"{self._sha256} {part}.onnx"
        try:
            session = self._opened(file.read_bytes())
        except Exception:  # noqa: BLE001 not there, or damaged, for which ONNX Runtime has many errors without a base
            model = _exported(self._student, part)
            keep_export(file, lambda path: path.write_bytes(model))
            session = self._opened(model)
        if PROVIDERS[self._kind] not in session.get_providers():
            raise UserError(
                "device: ONNX Runtime cannot start CUDA, most likely because its package was built for another version "
                "of CUDA or cuDNN than is installed; choose auto or cuda."
            )
        return session

    def _opened(self, model: bytes) -> Any:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = FATAL
        return self._runtime.InferenceSession(model, options, providers=[PROVIDERS[self._kind]])


class _Levels(nn.Module):
    """Features and stretches -> affinities (3, y, x), value x 255."""

    def __init__(self, embedder: nn.Module):
        super().__init__()
        self.embedder = embedder

    def forward(self, *inputs: Tensor) -> Tensor:
        affinities = pair_affinities(*self.embedder(*inputs))[0]
        return (affinities.clamp(0, 1) * 255).round().to(torch.uint8)


def _exported(student: Student, part: Part) -> bytes:
    """Export a part for sections and tiles of any size; takes some seconds."""
    module, example = traceable_part(student, part)
    if part != "encode":
        module = _Levels(module)
    sizes = tuple(dict.fromkeys((2, 3) if t.ndim == 4 else (0,), torch.export.Dim.DYNAMIC) for t in example)
    with torch.no_grad(), _in_silence():
        program = torch.onnx.export(
            module.eval(), example, dynamo=True, dynamic_shapes=(sizes,), verbose=False, external_data=False
        )
    if program is None:
        raise RuntimeError(f"torch.onnx.export: a program is needed for {part}, got none.")
    return program.model_proto.SerializeToString()


@contextmanager
def _in_silence() -> Iterator[None]:
    """Silence torch, which speaks of libraries that are not needed here and of its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)
