"""A dataset that is open, as each file format gives it to `open_stack`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.lengths import Point
from napari_emcad.io.stacks.lazy_array import LazyArray

Holds = Literal["labels", "image"]
"""Contents of voxels: ids of neurons, or grey levels."""

LEAST_NM, MOST_NM = 1e-3, 1e9
"""Sides of a voxel in nm beyond which a file is damaged, or says something else."""

_MOST_OFFSET = 1e15
"""Distance from the origin in nm beyond which it is so."""


@dataclass(frozen=True)
class OpenDataset:
    """A dataset of a file, open to read.

    Attributes
    ----------
    array : LazyArray (z, y, x)
    voxel_size : VoxelSize or None
        In nm; None if the file does not say.
    dataset : str or None
        Path inside the file, if the file can hold several.
    stamp : (int, int or str)
        Changes when the file changes: its bytes and the time of its last change in ns. If the file has no such time:
        the length and the sha256 of its metadata.
    offset : (z, y, x) or None
        Place of the first voxel in nm; None if the file does not say.
    size_source : str
        Where the voxel size is stated, in words, such as "OME-Zarr metadata"; empty if it is not.
    holds : {"labels", "image"} or None
        What the file says that its voxels are; None if it does not say.
    notes : tuple of str
        What was guessed or left out, as sentences.
    """

    array: LazyArray
    voxel_size: VoxelSize | None
    dataset: str | None
    stamp: tuple[int, int | str]
    offset: Point | None = None
    size_source: str = ""
    holds: Holds | None = None
    notes: tuple[str, ...] = ()


def with_likely_place(opened: OpenDataset) -> OpenDataset:
    """Return a dataset without a voxel size or a place that cannot be; a note says what is left out."""
    size, offset = opened.voxel_size, opened.offset
    if size and not all(LEAST_NM <= nm <= MOST_NM for nm in size):
        text = " x ".join(f"{nm:.6g}" for nm in size)
        note = f"its voxel size of {text} nm cannot be: it is left out."
        return replace(opened, voxel_size=None, offset=None, size_source="", notes=(*opened.notes, note))
    if offset and not all(abs(nm) <= _MOST_OFFSET for nm in offset):
        text = ", ".join(f"{nm:.6g}" for nm in offset)
        return replace(opened, offset=None, notes=(*opened.notes, f"its place of {text} nm cannot be: it is left out."))
    return opened


def metadata_stamp(metadata: Mapping[str, object]) -> tuple[int, str]:
    """Return length and sha256 of metadata: the `OpenDataset.stamp` of data without a time of change."""
    text = json.dumps(metadata, sort_keys=True, default=str).encode()
    return len(text), hashlib.sha256(text).hexdigest()
