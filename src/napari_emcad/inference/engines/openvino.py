"""A student in OpenVINO, on the CPU: faster than torch where it multiplies in bf16, with AMX above all.

Exported models are kept by the sha256 of their weights.
"""

from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_emcad.inference.engines.cache import cache_folder
from napari_emcad.inference.engines.device import Device, multiplies_bf16
from napari_emcad.inference.engines.exported import Part, flattened, keep_export, traceable_part, weights_sha256
from napari_emcad.inference.engines.extras import import_openvino
from napari_emcad.inference.engines.folding import folded
from napari_emcad.inference.engines.torch import quantised_affinities
from napari_emcad.networks.student import Student, Window

Features = tuple[NDArray[np.float32], NDArray[np.float32]]


class OpenVinoEngine:
    """An engine that runs a student in OpenVINO; see `engine.Engine`.

    Raises
    ------
    UserError
        If OpenVINO is not installed.
    """

    def __init__(self, student: Student):
        self._openvino = import_openvino()
        self._core = self._openvino.Core()
        self._student, self._sha256 = folded(student), weights_sha256(student)
        self._precision = "bf16" if multiplies_bf16(Device("cpu", "CPU")) else "f32"  # for pairs only, see TorchEngine

    def encode(self, section: NDArray[np.float32]) -> Features:
        """Return the features of a section (y, x) in [0, 1], see `SectionFeatures`."""
        fine, coarse = self._encoder([section[None, None]], share_inputs=True).values()
        return fine, coarse

    def affinities(self, previous: Features, current: Features, window: Window | None) -> NDArray[np.uint8]:
        """Return affinities (3, y, x)."""
        inputs = [*previous, *current]
        if window is None:
            embedder = self._embedder
        else:
            embedder, inputs = self._tile_embedder, [*inputs, *(t.numpy() for t in flattened(window.stretches()))]
        embeddings = embedder(inputs, share_inputs=True, share_outputs=True).values()
        with torch.inference_mode():
            return quantised_affinities(*map(torch.from_numpy, embeddings))

    @cached_property
    def _encoder(self) -> Any:
        return self._compiled("encode", "f32")

    @cached_property
    def _embedder(self) -> Any:
        return self._compiled("embed", self._precision)

    @cached_property
    def _tile_embedder(self) -> Any:
        return self._compiled("embed tile", self._precision)

    def _compiled(self, part: Part, precision: str) -> Any:
        """Compile the exported part, or export it first."""
        file = cache_folder() / "openvino" / f"{self._sha256} {part}.xml"
        try:
            model = self._core.read_model(file, file.with_suffix(".bin"))
        except RuntimeError:  # not there, or damaged
            module, example = traceable_part(self._student, part)
            with torch.no_grad():
                model = self._openvino.convert_model(module, example_input=example)
            keep_export(file, lambda path: self._openvino.save_model(model, path, compress_to_fp16=False), ".bin")
        return self._core.compile_model(
            model,
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                "INFERENCE_PRECISION_HINT": precision,
            },
        )
