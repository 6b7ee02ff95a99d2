"""Whether another way to compute is faster on this machine: measured once, and remembered."""

import json
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.inference.engines.cache import cache_folder
from napari_emcad.inference.engines.extras import has_openvino
from napari_emcad.networks.replace_files import replace_files

GAIN = 1.2
"""Another way to compute is taken where it is at least so many times faster."""

SIDE = 512
"""Pixels a side of the section that is measured."""


def gains(way: str, measured: Callable[[], float]) -> bool:
    """Whether a way to compute is faster than the usual one; some seconds the first time.

    Parameters
    ----------
    way : str
        Its name in the memory.
    measured : callable
        Measures how many times faster it is; asked where this is not known of this machine.
    """
    file, key = cache_folder() / "gains.json", f"{way}, {_machine()}"
    known = _read(file)
    if key not in known:
        known[key] = measured()
        _write(file, known)
    return known[key] >= GAIN


def openvino_gains() -> bool:
    """Whether OpenVINO is installed and faster than torch on the CPU."""
    return has_openvino() and gains("OpenVINO", _openvino_gain)


def best_of_three(act: Callable[[], object]) -> float:
    """Seconds that an act takes at best; it is done once before, to warm up."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return min(times[1:])


def _machine() -> str:
    """What the answer depends on."""
    names = ("torch", "openvino") if has_openvino() else ("torch",)
    libraries = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{platform.node()}, {platform.processor()}, {torch.get_num_threads()} threads, {libraries}"


def _openvino_gain() -> float:
    """How many times faster than torch, with the bundled student: what is exported of it will be used."""
    from napari_emcad.inference.engines.device import Device
    from napari_emcad.inference.engines.openvino import OpenVinoEngine
    from napari_emcad.inference.engines.torch import TorchEngine
    from napari_emcad.networks.checkpoint import load_student
    from napari_emcad.networks.zoo import BUNDLED, resolve

    student, _ = load_student(resolve(BUNDLED))
    return _seconds(TorchEngine(student, Device("cpu", "CPU"))) / _seconds(OpenVinoEngine(student))


def _seconds(engine) -> float:
    section = np.random.default_rng(0).random((SIDE, SIDE), np.float32)

    def predict() -> None:
        features = engine.encode(section)
        engine.affinities(features, features, None)

    return best_of_three(predict)


def _read(file: Path) -> dict[str, float]:
    try:
        known = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(file: Path, known: dict[str, float]) -> None:
    """Where there is no room, it is measured again the next time."""
    with suppress(OSError, UserError):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_files({file: json.dumps(known, indent=1).encode()})
