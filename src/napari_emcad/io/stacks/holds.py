"""The contents of a stack, ids of neurons or grey levels: by what its file says, by a look, or by its name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.label_look import LabelLook, look_for_labels
from napari_emcad.core.volume import Volume
from napari_emcad.io.stacks.open_dataset import Holds
from napari_emcad.io.stacks.stack import Stack

_WORDS = re.compile(r"(?<![a-z])(labels?|neuron_ids|neurons|seg|segments|segmentation)(?![a-z])", re.IGNORECASE)
"""Words in a name that hint at labels."""

_EDGE = 512
"""Pixels a side of the squares that are looked at."""

DecidedBy = Literal["file", "voxels", "name", "type"]
"""Grounds of a decision; only what a file says of itself is no guess."""


@dataclass(frozen=True)
class Contents:
    """The kind of a stack's voxels.

    Attributes
    ----------
    holds : {"labels", "image"}
    decided_by : {"file", "voxels", "name", "type"}
    note : str
        A sentence that follows the name of the file, if it was guessed; empty if the file says so, or nothing speaks
        for labels.
    """

    holds: Holds
    decided_by: DecidedBy
    note: str = ""


def contents_of(stack: Stack) -> Contents:
    """Decide whether a stack holds labels; at most three squares of it are read.

    What the file says counts most: OME-Zarr's `image-label`, the type of a precomputed volume, the mark of our own
    exports. Then whole numbers are looked at: ids form regions, grey levels do not. Numbers of 8 bits are labels only
    if the name says so, too. Where the look does not tell, numbers of 32 bits and more are labels.
    """
    dtype, named = np.dtype(stack.array.dtype), says_labels(stack)
    if stack.holds == "image" or (stack.holds and dtype.kind in "ui"):
        return Contents(stack.holds, "file")
    if dtype.kind not in "uif" or (dtype.itemsize == 1 and not named):
        return Contents("image", "type")
    look = look_at(stack.array)
    if look is None:
        return Contents("image", "type")
    if stack.holds:
        return Contents("labels", "file")
    return _decide(look, named, dtype)


def says_labels(stack: Stack) -> bool:
    """Return True if a name hints at labels: that of the dataset, or that of the file if it is "main" or none."""
    last = (stack.dataset or "").partition("[")[0].split("/")[-1]
    return bool(_WORDS.search(stack.path.stem if last in ("", "main") else last))


def look_at(volume: Volume) -> LabelLook | None:
    """Look at three squares of a volume; None if there are fractions in them, which are no ids."""
    squares = list(sample_squares(volume))
    if np.dtype(volume.dtype).kind == "f" and not all(np.array_equal(np.floor(one), one) for one in squares):
        return None
    return look_for_labels(squares)


def _decide(look: LabelLook, named: bool, dtype: np.dtype[Any]) -> Contents:
    if look.is_labels is False:
        note = "taken for an image though its name says labels, as its values change from voxel to voxel."
        return Contents("image", "voxels", note if named else "")
    if look.is_labels:
        return Contents(
            "labels", "voxels", f"taken for labels, as its voxels form regions of {look.ids:,} or more ids."
        )
    if named:
        return Contents("labels", "name", "taken for labels by its name, as its voxels do not tell.")
    if dtype.kind in "ui" and dtype.itemsize >= 4:
        return Contents("labels", "type", f"taken for labels by its type {dtype}, as its voxels do not tell.")
    return Contents("image", "type")


def sample_squares(volume: Volume) -> Iterator[NDArray[Any]]:
    """Yield three squares (y, x) from the middle of a volume."""
    depth, *plane = volume.shape
    y, x = (slice(max(0, (n - _EDGE) // 2), (n + _EDGE) // 2) for n in plane)
    for z in sorted({depth // 4, depth // 2, 3 * depth // 4}):
        yield np.asarray(volume[z, y, x])
