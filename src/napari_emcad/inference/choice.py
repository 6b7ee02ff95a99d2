"""Choice of the device to compute on."""

import numpy as np
import torch

from napari_emcad.core.choices import WISHES
from napari_emcad.core.errors import UserError
from napari_emcad.core.wording import count
from napari_emcad.inference.engines.device import BY, Device, EngineName
from napari_emcad.inference.engines.engine import Engine, Features
from napari_emcad.inference.engines.extras import has_openvino, import_onnxruntime, import_openvino
from napari_emcad.inference.engines.openvino import OpenVinoEngine
from napari_emcad.inference.engines.probe import best_of_three, gains
from napari_emcad.inference.engines.torch import TorchEngine
from napari_emcad.networks.checkpoint import load_student
from napari_emcad.networks.zoo import BUNDLED, resolve_model

NO_CUDA_PROVIDER = "CUDA is not available: this onnxruntime is the CPU build (onnxruntime-gpu is the CUDA build)"
"""The reason why ONNX Runtime runs on the CPU beside a GPU."""

SIDE = 512
"""Pixels a side of the section that engines are measured with."""


def choose_device(wish: str = "auto", trains: bool = False) -> Device:
    """Return the device wished for; "auto" takes CUDA, then MPS, then the CPU, by OpenVINO where that is faster.

    It never takes ONNX Runtime, which nobody has measured on CUDA.

    Parameters
    ----------
    wish : str
        One of `WISHES`.
    trains : bool
        True if a network is to be trained there: that needs torch, and others would export it anew for each score.

    Raises
    ------
    UserError
        If the device wished for is not there or not known.
    """
    if wish not in WISHES:
        raise UserError(f'device: one of {", ".join(WISHES)} is needed, got "{wish}".')
    if wish == "onnxruntime":
        device = _by_onnxruntime()
        return device.for_training if trains else device
    if torch.cuda.is_available() and wish in ("auto", "cuda"):
        return _cuda()
    if torch.backends.mps.is_available() and wish in ("auto", "mps"):
        return Device("mps", "MPS, Apple GPU")
    if wish in ("cuda", "mps"):
        raise UserError(f"device: {_why_missing(wish)}; choose auto or cpu.")
    note = _why_missing("cuda") if wish == "auto" else ""
    if not trains and (wish == "openvino" or (wish == "auto" and openvino_gains())):
        import_openvino()
        return _cpu(note, "openvino")
    return _cpu(note)


def openvino_gains() -> bool:
    """Return True if OpenVINO is installed and faster than torch on the CPU; measured once on a machine."""
    return has_openvino() and gains("OpenVINO", _openvino_gain)


def _by_onnxruntime() -> Device:
    """Return CUDA if both ONNX Runtime and torch have it: the former's package may bring it where there is no GPU."""
    providers = import_onnxruntime().get_available_providers()
    if not torch.cuda.is_available():
        return _cpu(_why_missing("cuda"), "onnxruntime")
    if "CUDAExecutionProvider" not in providers:
        return _cpu(NO_CUDA_PROVIDER, "onnxruntime")
    return _cuda("onnxruntime")


def _cuda(engine: EngineName = "torch") -> Device:
    return Device("cuda", f"CUDA{BY[engine]}, {torch.cuda.get_device_name()}", engine=engine)


def _cpu(note: str, engine: EngineName = "torch") -> Device:
    return Device("cpu", f"CPU{BY[engine]}, {count(torch.get_num_threads(), 'thread')}", note, engine)


def _why_missing(kind: str) -> str:
    """Return why a kind of device is not there, the middle of a sentence."""
    if kind == "mps":
        return "MPS is not available: it needs a Mac with an Apple GPU"
    if torch.version.cuda is None:
        return "CUDA is not available: this torch is the CPU build (pytorch.org tells how to install the CUDA build)"
    return "CUDA is not available: no NVIDIA GPU or driver was found"


def _openvino_gain() -> float:
    """Measure how many times faster than torch it is, with the bundled student: its export will be used later."""
    student, _ = load_student(resolve_model(BUNDLED))
    return _seconds(TorchEngine(student, Device("cpu", "CPU"))) / _seconds(OpenVinoEngine(student))


def _seconds(engine: Engine[Features]) -> float:
    """Measure the seconds that an engine takes for one section and its pair with itself."""
    section = np.random.default_rng(0).random((SIDE, SIDE), np.float32)

    def predict() -> None:
        features = engine.encode(section)
        engine.affinities(features, features, None)

    return best_of_three(predict)
