"""A dataset that is open, as each file format gives it to `open_stack`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.metadata.lengths import Point
from napari_emcad.io.stacks.lazy_array import LazyArray

Holds = Literal["labels", "image"]
"""Contents of voxels: ids of neurons, or grey levels."""


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


def metadata_stamp(metadata: Mapping[str, object]) -> tuple[int, str]:
    """Return length and sha256 of metadata: the `OpenDataset.stamp` of data without a time of change."""
    text = json.dumps(metadata, sort_keys=True, default=str).encode()
    return len(text), hashlib.sha256(text).hexdigest()
