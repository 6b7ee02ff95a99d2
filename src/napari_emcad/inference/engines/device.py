"""A device to compute on, and its memory."""

import contextlib
import ctypes
import os
import sys
from dataclasses import dataclass, replace
from typing import Literal

import torch

from napari_emcad.core.choices import DeviceKind

EngineName = Literal["torch", "openvino", "onnxruntime"]
"""Names of what runs a student."""

Precision = Literal["fp32", "bf16"]
"""Precisions of torch's multiplications."""

BY: dict[EngineName, str] = {"torch": "", "openvino": " by OpenVINO", "onnxruntime": " by ONNX Runtime"}
"""Engine -> its part in the name of a device."""


@dataclass(frozen=True)
class Device:
    """A device that is there.

    Attributes
    ----------
    kind : "cpu", "cuda" or "mps"
        Its name in torch.
    name : str
        Its name for people: "CPU, 2 threads".
    note : str
        Why it is not a faster one and what to do about it; empty where there is nothing to say.
    engine : "torch", "openvino" or "onnxruntime"
        What runs a student there: "onnxruntime" on a CPU or CUDA, "openvino" on a CPU.
    precision : "fp32", "bf16" or None
        Precision of torch's multiplications; None = the faster one, by a probe.
    """

    kind: DeviceKind
    name: str
    note: str = ""
    engine: EngineName = "torch"
    precision: Precision | None = None

    @property
    def wish(self) -> str:
        """The wish that gives this device again."""
        return self.kind if self.engine == "torch" else self.engine

    @property
    def for_training(self) -> "Device":
        """The same device with torch as its engine."""
        return replace(self, name=self.name.replace(BY[self.engine], ""), engine="torch")


def multiplies_bf16(device: Device) -> bool:
    """Return True if a device has instructions for bf16: emulated, it is several times slower than fp32."""
    if device.kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.kind == "cpu" and _cpu_multiplies_bf16()


def _cpu_multiplies_bf16() -> bool:
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


ARENAS = 4
"""Arenas of glibc's memory for each core: with a single one the threads that find fragments wait for each other."""


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
        glibc.mallopt(arena_max, ARENAS * (os.cpu_count() or 1))
        glibc.mallopt(mmap_max, 0)
        glibc.mallopt(trim_threshold, 2**31 - 1)


def release_memory(device: Device) -> None:
    """Give back what the network's blocks held, on the device and in main memory."""
    if device.kind != "cpu":
        getattr(torch, device.kind).empty_cache()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
