"""Crops to train with, as files in a folder: one NNN.npz each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.crop import Crop
from napari_emcad.core.errors import UserError
from napari_emcad.io.npz_files import read_npz
from napari_emcad.io.read_errors import HEADER_ERRORS

ARRAYS = ("raw", "labels", "known")
"""Arrays of a crop, each in the file if the crop has it."""

_IDS = [np.dtype(f"{kind}{size}") for kind in "ui" for size in (1, 2, 4, 8)]
"""Types of labels."""


def save_crops(folder: Path, crops: Sequence[Crop]) -> None:
    """Write crops into a new folder.

    Raises
    ------
    OSError
        If it is there already, or cannot be written.
    """
    folder.mkdir(parents=True)
    for i, crop in enumerate(crops):
        arrays = {name: values for name in ARRAYS if (values := getattr(crop, name)) is not None}
        np.savez(folder / f"{i:03d}.npz", name=np.array(crop.name), **arrays)


def load_crops(folder: Path) -> list[Crop]:
    """Read the crops that `save_crops` wrote, in their order.

    Raises
    ------
    UserError
        If a file is damaged.
    """
    return [_load(file) for file in sorted(folder.glob("*.npz"))]


def _load(file: Path) -> Crop:
    try:
        saved = read_npz(file)
        _check_types(saved)
        return Crop(**{name: saved[name] for name in ARRAYS if name in saved}, name=str(saved["name"]))
    except HEADER_ERRORS as error:
        raise UserError(f"{file}: this is no crop to train with ({error}); start the run anew.") from error


def _check_types(saved: Mapping[str, NDArray[Any]]) -> None:
    """Refuse arrays of other numbers than a crop has."""
    for name, kinds in (("raw", (np.uint8, np.float32)), ("labels", _IDS), ("known", (np.bool_,))):
        if name in saved and saved[name].dtype not in kinds:
            raise ValueError(f"{name} of {saved[name].dtype}")
