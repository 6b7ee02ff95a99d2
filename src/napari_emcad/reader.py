"""Opening a file in the viewer: stacks become image layers, neurons labels layers, both in nanometres."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.io.datasets import SeveralStacks
from napari_emcad.io.labels import is_label_tiff
from napari_emcad.io.lazy import LazyArray, NotAStack
from napari_emcad.io.paper_layouts import voxel_size_by_name
from napari_emcad.io.volumes import Volume, open_volume, stack_names
from napari_emcad.io.zarr import is_zarr

LayerData = tuple[Any, dict[str, Any], str]

_SUFFIXES = {".tif", ".tiff", ".h5", ".hdf5", ".hdf"}
_IN_MEMORY_BYTES = 512 * 2**20
"""Smaller stacks are read at once: every orientation scrolls smoothly, and labels can be painted on."""
_LABEL_WORDS = re.compile(r"(?<![a-z])(labels?|neuron_ids|neurons|seg|segments|segmentation)(?![a-z])", re.IGNORECASE)


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """The reader for a path; None leaves it to other plugins: other kinds of file, single sections, colours."""
    if not isinstance(path, str) or not (Path(path).suffix.lower() in _SUFFIXES or is_zarr(Path(path))):
        return None
    try:
        open_volume(path).close()
    except NotAStack:
        return None
    except UserError:
        return read_layers  # a file for us, but damaged or with several stacks: reading it says or solves that
    return read_layers


def read_layers(path: str) -> list[LayerData]:
    """Open the stack in a file and the labels beside it; all stacks, where there is no telling which is meant.

    Raises
    ------
    UserError
        Where it cannot be read.
    """
    try:
        first = [open_volume(path)]
        more = [name for name in stack_names(path) if _says_labels(name) and name != first[0].dataset]
    except SeveralStacks:
        first, more = [], stack_names(path)
    return [_layer(volume) for volume in [*first, *(open_volume(path, name) for name in more)]]


def _layer(volume: Volume) -> LayerData:
    kind = "labels" if _is_labels(volume) else "image"
    meta = {"name": " ".join([volume.path.stem, *_inside(volume.dataset)]), "axis_labels": ("z", "y", "x")}
    size = volume.voxel_size or voxel_size_by_name(volume.path)
    meta["metadata"] = {
        "voxel_size_nm": size and tuple(size),
        "source": str(volume.path),
        "dataset": volume.dataset,
    }
    if size:
        meta |= {"scale": tuple(size), "units": ("nm",) * 3, "translate": volume.offset or (0.0, 0.0, 0.0)}
    if kind == "image":
        meta["rgb"] = False  # a stack of three or four columns is still grey
    return _data(volume, kind), meta, kind


def _is_labels(volume: Volume) -> bool:
    """By a word in the name of the dataset, or of the file where the dataset is "main" or none; or by our own mark."""
    inside = [word for word in _inside(volume.dataset) if word != "main"]
    says = _says_labels(inside[0] if inside else volume.path.stem) or is_label_tiff(volume.path)
    return says and volume.array.dtype.kind in "ui"


def _inside(dataset: str | None) -> list[str]:
    return [dataset.split("/")[-1]] if dataset else []


def _says_labels(name: str) -> bool:
    return bool(_LABEL_WORDS.search(name.split("/")[-1]))


def _data(volume: Volume, kind: str) -> NDArray | LazyArray:
    if volume.array.nbytes > _IN_MEMORY_BYTES:
        return volume.array
    with volume:
        values = volume.array[:]
    return _narrowed(values) if kind == "labels" else values


def _narrowed(labels: NDArray) -> NDArray:
    """In 16 or 32 bits where the ids fit: napari draws 64-bit labels ten times slower."""
    if labels.dtype.itemsize <= 2 or labels.min() < 0:
        return labels
    fits = [t for t in (np.uint16, np.uint32) if labels.max() <= np.iinfo(t).max]
    return labels.astype(fits[0]) if fits else labels
