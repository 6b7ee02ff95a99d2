"""Opening a file in the viewer: stacks become image layers, neurons labels layers, both in nanometres."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.io.labels.tiff import is_label_tiff
from napari_emcad.io.metadata.lengths import Point
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.choose_dataset import SeveralStacks
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.locations import Location, Url, parse_location
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.precomputed import is_precomputed
from napari_emcad.io.stacks.stack import Stack, open_levels, open_stack, stack_names
from napari_emcad.io.stacks.stack_selection import StackSelection
from napari_emcad.io.stacks.zarr import is_zarr

LEVELS: Final = "napari_emcad_levels"
"""Key in the metadata of a multiscale layer: the facts on each level."""

LayerKind = Literal["image", "labels"]


class LevelMetadata(TypedDict):
    """Facts that a file states on a level; lengths in nm (z, y, x), None if it does not say."""

    dataset: str | None
    voxel_size_nm: Point | None
    offset_nm: Point | None


class LayerMetadata(TypedDict, total=False):
    """The metadata of a layer: its voxel size in nm, and where it comes from."""

    voxel_size_nm: Point | None
    source: str
    dataset: str | None
    voxel_size_source: str
    napari_emcad_levels: list[LevelMetadata]


class LayerFields(TypedDict, total=False):
    """The arguments of a layer, as napari takes them; lengths in nm (z, y, x)."""

    name: str
    axis_labels: tuple[str, str, str]
    metadata: LayerMetadata
    scale: Point
    units: tuple[str, str, str]
    translate: Point
    rgb: bool
    multiscale: bool


LayerData = tuple[NDArray[Any] | LazyArray | list[LazyArray], LayerFields, LayerKind]
"""A layer as readers give it to napari."""

_SUFFIXES = {".tif", ".tiff", ".h5", ".hdf5", ".hdf"}

_IN_MEMORY_BYTES = 512 * 2**20
"""Size below which a stack is read at once: every orientation scrolls smoothly, and labels can be painted on."""

_LABEL_WORDS = re.compile(r"(?<![a-z])(labels?|neuron_ids|neurons|seg|segments|segmentation)(?![a-z])", re.IGNORECASE)
"""Words in a name that say that it holds labels."""


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """Return the reader for a path; None leaves it to other plugins: other kinds of file, single sections, colours."""
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
    """Return True if it looks like what `open_stack` opens, without a look at its voxels."""
    if isinstance(path, Url):
        return path.is_precomputed or path.name.endswith(".zarr")
    return path.suffix.lower() in _SUFFIXES or is_zarr(path) or is_precomputed(path)


def read_layers(path: str, dataset: str | None = None) -> list[LayerData]:
    """Open the stack in a file and the labels beside it; all stacks, if several could be meant.

    A large OME-Zarr image or precomputed volume, and any behind a URL, comes with all its levels.

    Parameters
    ----------
    path : str
        File, folder or URL.
    dataset : str, optional
        Only this one, as `open_stack` takes it; a level comes alone.

    Raises
    ------
    UserError
        If it cannot be read.
    """
    if dataset is not None:
        return [_layer(open_stack(path, dataset))]
    try:
        first = open_stack(path)
    except SeveralStacks:
        return [_layer(open_stack(path, name)) for name in stack_names(path)]
    more = [name for name in _labels_beside(first) if name != first.dataset]
    return [_layer(first, _pyramid(first)), *(_layer(open_stack(path, name)) for name in more)]


def _labels_beside(stack: Stack) -> list[str]:
    """Return the datasets of labels in the same file; none behind a URL, where the search may take minutes."""
    return [] if isinstance(stack.path, Url) else [name for name in stack_names(stack.path) if _says_labels(name)]


def _pyramid(stack: Stack) -> list[OpenDataset]:
    """Return the levels of a stack that stays where it lies; none if there is only one."""
    return open_levels(stack.path, stack.dataset) if _stays(stack) else []


def _stays(stack: Stack) -> bool:
    """Return True if a stack is read as it is looked at."""
    return isinstance(stack.path, Url) or stack.array.nbytes > _IN_MEMORY_BYTES


def _layer(stack: Stack, pyramid: Sequence[OpenDataset] = ()) -> LayerData:
    kind: LayerKind = "labels" if _is_labels(stack) else "image"
    fields = _fields(stack, [] if pyramid else _last_name(stack.dataset))
    if kind == "image":
        fields["rgb"] = False  # a stack of three or four columns is still grey
    if pyramid:
        fields["multiscale"] = True
        fields["metadata"][LEVELS] = [_level_metadata(level) for level in pyramid]
        return [level.array for level in pyramid], fields, kind
    return _data(stack, kind), fields, kind


def _fields(stack: Stack, names: list[str]) -> LayerFields:
    """Return what every layer of a stack has; `names` go into its name, behind that of the file."""
    size = stack.voxel_size
    fields: LayerFields = {"name": " ".join([stack.path.stem, *names]), "axis_labels": ("z", "y", "x")}
    fields["metadata"] = {
        "voxel_size_nm": size and (size.z, size.y, size.x),
        "source": str(stack.path),
        "dataset": stack.dataset,
        "voxel_size_source": stack.size_source,
    }
    if size:
        fields["scale"] = (size.z, size.y, size.x)
        fields["units"] = ("nm", "nm", "nm")
        fields["translate"] = stack.offset or (0.0, 0.0, 0.0)
    return fields


def _level_metadata(level: OpenDataset) -> LevelMetadata:
    size = level.voxel_size
    return {"dataset": level.dataset, "voxel_size_nm": size and (size.z, size.y, size.x), "offset_nm": level.offset}


def _is_labels(stack: Stack) -> bool:
    """Return True if a stack holds labels, by our own mark or by a word in a name.

    The name is that of the dataset, or that of the file if the dataset is "main" or none.
    """
    names = [name for name in _last_name(stack.dataset) if name != "main"]
    says = _says_labels(names[0] if names else stack.path.stem)
    is_ours = isinstance(stack.path, Path) and is_label_tiff(stack.path)
    return (says or is_ours) and stack.array.dtype.kind in "ui"


def _last_name(dataset: str | None) -> list[str]:
    """Return the last part of a dataset's path, and channel and time point in words; nothing without a dataset."""
    selection = StackSelection.parse(dataset)
    return [*([selection.dataset.split("/")[-1]] if selection.dataset else []), *selection.places]


def _says_labels(name: str) -> bool:
    return bool(_LABEL_WORDS.search(name.split("/")[-1]))


def _data(stack: Stack, kind: LayerKind) -> NDArray[Any] | LazyArray:
    if _stays(stack):
        return stack.array
    with stack:
        values = stack.array[:]
    return _narrowed(values) if kind == "labels" else values


def _narrowed(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels in 16 or 32 bits if the ids fit: napari draws 64-bit labels ten times slower."""
    if labels.dtype.itemsize <= 2 or labels.min() < 0:
        return labels
    largest = labels.max()
    if largest <= np.iinfo(np.uint16).max:
        return labels.astype(np.uint16)
    return labels.astype(np.uint32) if largest <= np.iinfo(np.uint32).max else labels
