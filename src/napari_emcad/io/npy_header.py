"""The header of an array as NumPy writes it (.npy), in a file that anybody may have written."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.lib import format as npy

from napari_emcad.core.npy_lock import NPY_LOCK

_MOST_HEADER = 2**16
"""Bytes of a header that are read; NumPy takes fewer."""


def read_npy_header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of an array as its header states them; the file is left at its first value.

    Raises
    ------
    ValueError
        If there is no header, or it is cut short or far too long.
    """
    version = npy.read_magic(file)
    if version == (1, 0):
        with NPY_LOCK:
            shape, _is_fortran, dtype = npy.read_array_header_1_0(file)
        return shape, dtype
    length = file.read(4)
    if len(length) < 4 or (count := int.from_bytes(length, "little")) > _MOST_HEADER:
        raise ValueError("its header is cut short, or far too long")
    with NPY_LOCK:
        shape, _is_fortran, dtype = npy.read_array_header_2_0(BytesIO(length + file.read(count)))
    return shape, dtype
