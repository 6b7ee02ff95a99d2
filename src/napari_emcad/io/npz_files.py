"""NumPy archives of our own folders, which anybody may have written: looked through before anything is unpacked."""

import zipfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.npy_lock import NPY_LOCK
from napari_emcad.io.npy_header import read_npy_header
from napari_emcad.io.regular_files import open_regular
from napari_emcad.io.zip_files import refuse_bomb


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of an archive, by name.

    Raises
    ------
    One of `TABLE_ERRORS`
        If it is missing or damaged, unpacks to far more than its size, or an array is longer than its file.
    NotRegular, NoAnswer
        If it is a pipe or a device, or its disk does not answer.
    """
    with open_regular(path) as file:
        refuse_bomb(file)
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as array:
                    _refuse_claim(array, entry)
        file.seek(0)
        with NPY_LOCK, np.load(file, allow_pickle=False) as saved:
            return dict(saved)


def _refuse_claim(array: Any, entry: zipfile.ZipInfo) -> None:
    """Refuse an array of another size than its file has, for which memory would be taken before that is noticed."""
    shape, dtype = read_npy_header(array)
    if min(shape, default=0) < 0 or prod(shape) * dtype.itemsize > entry.file_size:
        raise ValueError(f"{entry.filename}: shape {shape} of {dtype} in {entry.file_size} bytes")
