"""Measurements of whether another way to compute is faster on this machine: made once, and remembered."""

import json
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import torch

from napari_emcad.core.errors import UserError
from napari_emcad.inference.engines.cache import cache_folder
from napari_emcad.inference.engines.extras import has_openvino
from napari_emcad.io.atomic import replace_files

GAIN = 1.2
"""Another way to compute is taken if it is at least this many times faster."""


def gains(way: str, measure: Callable[[], float]) -> bool:
    """Return True if a way to compute is faster than the usual one; takes some seconds the first time.

    Parameters
    ----------
    way : str
        Its name in the memory.
    measure : callable
        Measures how many times faster it is; called if this is not known of this machine.
    """
    file, key = cache_folder() / "gains.json", f"{way}, {_machine()}"
    known = _read(file)
    if key not in known:
        known[key] = measure()
        _write(file, known)
    return known[key] >= GAIN


def best_of_three(act: Callable[[], object]) -> float:
    """Return the seconds that an act takes at best; it is done once before, to warm up."""
    times = []
    for _ in range(4):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return min(times[1:])


def _machine() -> str:
    """Name all that a measurement depends on."""
    names = ("torch", "openvino") if has_openvino() else ("torch",)
    libraries = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{platform.node()}, {platform.processor()}, {torch.get_num_threads()} threads, {libraries}"


def _read(file: Path) -> dict[str, float]:
    try:
        known = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(file: Path, known: dict[str, float]) -> None:
    """Write what is known; if there is no room, it is measured again the next time."""
    with suppress(OSError, UserError):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_files({file: json.dumps(known, indent=1).encode()})
