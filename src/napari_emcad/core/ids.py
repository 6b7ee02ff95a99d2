"""Ids of fragments and segments: of 4 bytes, or of 8 where there are too many for that."""

from typing import Any, NewType

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

FragmentId = NewType("FragmentId", int)
"""The id of one fragment; 0 = none. A click gives a voxel, and the volume of fragments the id at that voxel."""

SegmentId = NewType("SegmentId", int)
"""The id of one segment, a neuron on screen; 0 = none. It has the id of a fragment that it held, or a new one."""

LARGEST_OF_4_BYTES = 2**32 - 1
"""The largest id that 4 bytes hold."""

FOR_EDITS = 2**24
"""Ids that are left for what edits make."""

Ids = NDArray[np.uint32 | np.int64]
"""Ids in memory. Those of 8 bytes are signed: NumPy makes floats of uint64 and other integers together."""


def id_dtype(largest: int) -> type[np.uint32] | type[np.int64]:
    """Return the dtype of ids in memory, up to `largest`."""
    return np.uint32 if largest <= LARGEST_OF_4_BYTES else np.int64


def as_ids(numbers: ArrayLike) -> Ids:
    """Return a few ids in the dtype that the largest of them needs."""
    found = np.asarray(numbers, np.int64)
    largest = int(found.max(initial=0))
    return found if largest > LARGEST_OF_4_BYTES else found.astype(np.uint32)


def file_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the dtype of ids in files: unsigned, as other programs expect."""
    return np.dtype(np.uint64) if np.dtype(dtype) == np.int64 else np.dtype(dtype)


def memory_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return the dtype in memory of ids of this dtype in a file; arrays of one may be viewed as the other."""
    return np.dtype(np.int64) if np.dtype(dtype) == np.uint64 else np.dtype(dtype)


def order_of_pairs(one: Ids, other: Ids) -> NDArray[np.intp]:
    """Return the order that sorts pairs by the one and then the other, (k,) each; equal pairs keep theirs.

    Two ids of 4 bytes are sorted as one number, more than twice as fast.
    """
    bits = int(other.max(initial=0)).bit_length()
    if int(one.max(initial=0)).bit_length() + bits > 64:
        return np.lexsort((other, one))
    return np.argsort(one.astype(np.uint64) << np.uint64(bits) | other.astype(np.uint64), kind="stable")
