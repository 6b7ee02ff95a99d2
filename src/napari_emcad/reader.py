"""Opening a file in the viewer: stacks become image layers, neurons labels layers, both in nanometres."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.io.labels.tiff import is_label_tiff
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.choose_dataset import SeveralStacks
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.locations import Location, Url, parse_location
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.paper_layouts import voxel_size_by_name
from napari_emcad.io.stacks.precomputed import is_precomputed
from napari_emcad.io.stacks.stack import Stack, open_levels, open_stack, stack_names
from napari_emcad.io.stacks.zarr import is_zarr

LayerData = tuple[Any, dict[str, Any], str]

LEVELS = "napari_emcad_levels"
"""Key in the metadata of a multiscale layer: what the file says of each level."""

_SUFFIXES = {".tif", ".tiff", ".h5", ".hdf5", ".hdf"}
_IN_MEMORY_BYTES = 512 * 2**20
"""Smaller stacks are read at once: every orientation scrolls smoothly, and labels can be painted on."""
_LABEL_WORDS = re.compile(r"(?<![a-z])(labels?|neuron_ids|neurons|seg|segments|segmentation)(?![a-z])", re.IGNORECASE)


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """The reader for a path; None leaves it to other plugins: other kinds of file, single sections, colours."""
    if not isinstance(path, str):
        return None
    try:
        if not _is_ours(parse_location(path)):
            return None
        open_stack(path).close()
    except NotAStack:
        return None
    except UserError:
        return read_layers  # a file for us, but damaged or with several stacks: reading it says or solves that
    return read_layers


def _is_ours(path: Location) -> bool:
    """Whether it looks like what `open_stack` opens, without a look at its voxels."""
    if isinstance(path, Url):
        return path.is_precomputed or path.name.endswith(".zarr")
    return path.suffix.lower() in _SUFFIXES or is_zarr(path) or is_precomputed(path)


def read_layers(path: str, dataset: str | None = None) -> list[LayerData]:
    """Open the stack in a file and the labels beside it; all stacks, where there is no telling which is meant.

    A large OME-Zarr image or precomputed volume, and any behind a URL, comes with all its levels.

    Parameters
    ----------
    path : str
        Or URL.
    dataset : str, optional
        Only this one, as `open_stack` takes it; a level comes alone.

    Raises
    ------
    UserError
        Where it cannot be read.
    """
    if dataset is not None:
        return [_layer(open_stack(path, dataset))]
    try:
        first = open_stack(path)
    except SeveralStacks:
        return [_layer(open_stack(path, name)) for name in stack_names(path)]
    more = [name for name in _labels_beside(first) if name != first.dataset]
    return [_layer(first, _pyramid(first)), *(_layer(open_stack(path, name)) for name in more)]


def _labels_beside(volume: Stack) -> list[str]:
    """The datasets of labels in the same file; behind a URL they are not looked for, which may take minutes."""
    return [] if isinstance(volume.path, Url) else [name for name in stack_names(volume.path) if _says_labels(name)]


def _pyramid(volume: Stack) -> list[OpenDataset]:
    """The levels of what stays where it lies; none where there is one only."""
    return open_levels(volume.path) if _stays(volume) else []


def _stays(volume: Stack) -> bool:
    return isinstance(volume.path, Url) or volume.array.nbytes > _IN_MEMORY_BYTES


def _layer(volume: Stack, pyramid: Sequence[OpenDataset] = ()) -> LayerData:
    kind = "labels" if _is_labels(volume) else "image"
    inside = [] if pyramid else _inside(volume.dataset)
    meta = {"name": " ".join([volume.path.stem, *inside]), "axis_labels": ("z", "y", "x")}
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
    if pyramid:
        meta["multiscale"] = True
        meta["metadata"][LEVELS] = [_level(source) for source in pyramid]
        return [source.array for source in pyramid], meta, kind
    return _data(volume, kind), meta, kind


def _level(source: OpenDataset) -> dict[str, Any]:
    """What is known of a level besides its voxels; lengths in nm (z, y, x), None where the file does not say."""
    size = source.voxel_size
    return {"dataset": source.dataset, "voxel_size_nm": size and tuple(size), "offset_nm": source.offset}


def _is_labels(volume: Stack) -> bool:
    """By a word in the name of the dataset, or of the file where the dataset is "main" or none; or by our own mark."""
    inside = [word for word in _inside(volume.dataset) if word != "main"]
    says = _says_labels(inside[0] if inside else volume.path.stem)
    is_ours = isinstance(volume.path, Path) and is_label_tiff(volume.path)
    return (says or is_ours) and volume.array.dtype.kind in "ui"


def _inside(dataset: str | None) -> list[str]:
    return [dataset.split("/")[-1]] if dataset else []


def _says_labels(name: str) -> bool:
    return bool(_LABEL_WORDS.search(name.split("/")[-1]))


def _data(volume: Stack, kind: str) -> NDArray | LazyArray:
    if _stays(volume):
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
