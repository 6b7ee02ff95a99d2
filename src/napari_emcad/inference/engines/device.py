"""Which device to compute on, and in which precision."""

import contextlib
import copy
import ctypes
import sys
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from napari_emcad.core.errors import UserError
from napari_emcad.core.wording import count
from napari_emcad.inference.engines.extras import onnxruntime_module, openvino_module
from napari_emcad.inference.engines.probe import best_of_three, gains, openvino_gains
from napari_emcad.inference.wishes import WISHES

BY = {"torch": "", "openvino": " by OpenVINO", "onnxruntime": " by ONNX Runtime"}
"""Engine -> how a device's name tells it."""

NO_CUDA_PROVIDER = "CUDA is not available: this onnxruntime is the CPU build (onnxruntime-gpu is the CUDA build)"

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Device:
    """A device that is there.

    Attributes
    ----------
    kind : str
        "cpu", "cuda" or "mps": torch's name.
    name : str
        For people: "CPU, 2 threads".
    note : str
        Why it is not a faster one and what to do about it; empty where there is nothing to say.
    engine : str
        What runs a student there: "torch", "onnxruntime" on a CPU or CUDA, "openvino" on a CPU.
    precision : "fp32", "bf16" or None
        Of torch's multiplications; None = the faster one, by a probe.
    """

    kind: str
    name: str
    note: str = ""
    engine: Literal["torch", "openvino", "onnxruntime"] = "torch"
    precision: Precision | None = None

    @property
    def wish(self) -> str:
        """What gives this device again."""
        return self.kind if self.engine == "torch" else self.engine

    @property
    def for_training(self) -> "Device":
        """The same by torch."""
        return replace(self, name=self.name.replace(BY[self.engine], ""), engine="torch")


def choose_device(wish: str = "auto", trains: bool = False) -> Device:
    """The device wished for; "auto" takes CUDA, then MPS, then the CPU, by OpenVINO where that is faster.

    It never takes ONNX Runtime, which nobody has measured on CUDA.

    Parameters
    ----------
    wish : str
        One of `WISHES`.
    trains : bool
        Whether a network is trained there: that needs torch, and others would export it anew for each score.

    Raises
    ------
    UserError
        Where the device wished for is not there or not known.
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
        openvino_module()
        return _cpu(note, "openvino")
    return _cpu(note)


def _by_onnxruntime() -> Device:
    """Its package may bring CUDA where there is no GPU: torch tells that."""
    providers = onnxruntime_module().get_available_providers()
    if not torch.cuda.is_available():
        return _cpu(_why_missing("cuda"), "onnxruntime")
    if "CUDAExecutionProvider" not in providers:
        return _cpu(NO_CUDA_PROVIDER, "onnxruntime")
    return _cuda("onnxruntime")


def _cuda(engine: str = "torch") -> Device:
    return Device("cuda", f"CUDA{BY[engine]}, {torch.cuda.get_device_name()}", engine=engine)


def _cpu(note: str, engine: str = "torch") -> Device:
    return Device("cpu", f"CPU{BY[engine]}, {count(torch.get_num_threads(), 'thread')}", note, engine)


def _why_missing(kind: str) -> str:
    if kind == "mps":
        return "MPS is not available: it needs a Mac with an Apple GPU"
    if torch.version.cuda is None:
        return "CUDA is not available: this torch is the CPU build (pytorch.org tells how to install the CUDA build)"
    return "CUDA is not available: no NVIDIA GPU or driver was found"


def fastest_precision(network: nn.Module, device: Device, example: Tensor) -> torch.dtype:
    """That of the device; else fp32, or bf16 where a short probe of the network on it gains from it, remembered.

    bf16 costs no score: tests/published compares VOI and ARAND on CREMI. On MPS, where nobody has measured it, fp32.

    Parameters
    ----------
    network : nn.Module
        In eval mode, fp32, on the device; not modified.
    example : Tensor
        What it is called with, small.
    """
    if device.precision:
        return {"fp32": torch.float32, "bf16": torch.bfloat16}[device.precision]
    if not multiplies_bf16(device):
        return torch.float32

    def gain() -> float:
        fast = _probe(copy.deepcopy(network).bfloat16(), device, example.bfloat16())
        return _probe(network, device, example) / fast

    weights = sum(p.numel() for p in network.parameters())
    return torch.bfloat16 if gains(f"bf16 for {weights} weights, {device.name}", gain) else torch.float32


def multiplies_bf16(device: Device) -> bool:
    """Whether a device has instructions for bf16: without them it is emulated, several times slower than fp32."""
    if device.kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.kind == "cpu" and _cpu_multiplies_bf16()


def _cpu_multiplies_bf16() -> bool:
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _probe(network: nn.Module, device: Device, example: Tensor) -> float:
    """Seconds for the example, the best of three."""
    example = example.to(device.kind)

    def run() -> None:
        network(example)
        _wait(device)

    with torch.inference_mode():
        return best_of_three(run)


def _wait(device: Device) -> None:
    if device.kind != "cpu":
        getattr(torch, device.kind).synchronize()


def reuse_memory() -> None:
    """Let glibc keep the network's large blocks for the next tile instead of giving them back to the system.

    Fresh pages are zeroed by the kernel each time: on a virtual machine that cost more than the convolutions
    (1.7 s a megapixel with, 1.0 s without; docs/decisions/0004-memory.md). Elsewhere than on glibc nothing is done.
    """
    if sys.platform != "linux":
        return
    trim_threshold, mmap_max, arena_max = -1, -4, -8
    with contextlib.suppress(OSError, AttributeError):
        glibc = ctypes.CDLL("libc.so.6")
        glibc.mallopt(arena_max, 1)
        glibc.mallopt(mmap_max, 0)
        glibc.mallopt(trim_threshold, 2**31 - 1)


def release_memory(device: Device) -> None:
    """Give back what the network's blocks held, on the device and in main memory."""
    if device.kind != "cpu":
        getattr(torch, device.kind).empty_cache()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
