"""Volumes drawn in letters: what a test is about can be seen in it.

A digit or letter is an id (a = 10 ... z = 35), a point is 0; sections are parted by an empty line.
"""

from textwrap import dedent

import numpy as np
from numpy.typing import NDArray


def drawn(text: str, dtype: type = np.uint32) -> NDArray:
    """(z, y, x) of a drawing."""
    sections = dedent(text).strip().split("\n\n")
    ids = [[[0 if sign == "." else int(sign, 36) for sign in row.strip()] for row in s.split("\n")] for s in sections]
    return np.array(ids, dtype)


def uneven(shape: tuple[int, ...], dtype: type = np.uint8, seed: int = 0) -> NDArray:
    """Random values over the whole range of an integer dtype; [0, 1) for floats."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.random(shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def membranes(labels: NDArray, dtype: type = np.uint8) -> NDArray:
    """(3, z, y, x) affinities of a drawing, to the previous voxel: full inside a neuron, none across its border."""
    affinities = np.zeros((3, *labels.shape), dtype)
    full = 255 if dtype == np.uint8 else 1
    for axis in range(3):
        same = np.zeros(labels.shape, bool)
        ids = np.moveaxis(labels, axis, 0)
        np.moveaxis(same, axis, 0)[1:] = (ids[1:] == ids[:-1]) & (ids[1:] > 0)
        affinities[axis][same] = full
    return affinities
