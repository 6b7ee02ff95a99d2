"""Opening a file in the viewer: stacks become image layers, neurons labels layers, both in nanometres."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.label_contents import KnownLabels
from napari_emcad.io.labels.place import stated_start
from napari_emcad.io.metadata.lengths import Point
from napari_emcad.io.regular_files import SHORT_PATIENCE, NoAnswer, NotRegular, check_path
from napari_emcad.io.sessions.file_names import FACTS_FILE, FRAGMENTS, RUN_FILE
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.choose_dataset import SeveralStacks
from napari_emcad.io.stacks.holds import Contents, contents_of
from napari_emcad.io.stacks.lazy_array import LazyArray
from napari_emcad.io.stacks.likely_stack import channels_of, is_known_url, may_be_stack
from napari_emcad.io.stacks.locations import Url, parse_location
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.stack import Stack, open_levels, open_stack, stack_names
from napari_emcad.io.stacks.stack_selection import StackSelection
from napari_emcad.io.stacks.whole_labels import as_whole_labels, is_whole, rounded_note, sample_note

LEVELS: Final = "napari_emcad_levels"
"""Key in the metadata of a multiscale layer: the facts on each level."""

LayerKind = Literal["image", "labels"]


class LevelMetadata(TypedDict):
    """Facts that a file states on a level; lengths in nm (z, y, x), None if it does not say."""

    dataset: str | None
    voxel_size_nm: Point | None
    offset_nm: Point | None


class LayerMetadata(TypedDict, total=False):
    """The metadata of a layer: its voxel size in nm, where it comes from, and what was guessed, as sentences.

    The fingerprint is the stack's as it was opened; `is_placed` is there, and true, if the file states a place.
    """

    voxel_size_nm: Point | None
    source: str
    dataset: str | None
    voxel_size_source: str
    notes: tuple[str, ...]
    fingerprint: str
    is_placed: bool
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


Shown = NDArray[Any] | LazyArray | list[LazyArray]
"""The voxels of a layer; a list of levels, the finest first, if it has several."""

LayerData = tuple[Shown, LayerFields, LayerKind]
"""A layer as readers give it to napari."""

_IN_MEMORY_BYTES = 512 * 2**20
"""Size below which a stack is read at once: every orientation scrolls smoothly, and labels can be painted on."""

_MOST_LAYERS = 64
"""Stacks of a file that are opened together."""


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """Return the reader for a path; None leaves it to other plugins: other kinds of file, single sections, colours."""
    if not isinstance(path, str):
        return None
    try:
        where = parse_location(path)
    except UserError:
        return read_layers  # a URL for us, but with a secret in it: reading it says that
    if isinstance(where, Url):
        return read_layers if is_known_url(where) else None
    try:
        check_path(where, SHORT_PATIENCE)
    except (NoAnswer, NotRegular) as error:
        return partial(_refuse, error)
    return read_layers if _is_session(where) or may_be_stack(where) else None


def read_layers(path: str, dataset: str | None = None) -> list[LayerData]:
    """Open the stack in a file and the labels beside it; all stacks, if several could be meant and they are few.

    A large OME-Zarr image or precomputed volume, and any behind a URL, comes with all its levels; several channels are
    layers of their own.

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
    _refuse_session(path)
    if dataset is not None:
        return [_layer(open_stack(path, dataset))]
    try:
        first = open_stack(path)
    except (SeveralStacks, NotAStack):
        names = stack_names(path) or channels_of(parse_location(path))
        if not 0 < len(names) <= _MOST_LAYERS:
            raise
        return [_layer(open_stack(path, name)) for name in names]
    return [_layer(first, _pyramid(first)), *map(_layer, _labels_beside(first))]


def _refuse(error: UserError, _path: str) -> list[LayerData]:
    """Say what is wrong with a path, as a reader has to."""
    raise error


def _is_session(path: Path) -> bool:
    try:
        return any((path / name).is_file() for name in (FACTS_FILE, RUN_FILE)) and (path / FRAGMENTS).is_dir()
    except OSError:
        return False


def _refuse_session(path: str) -> None:
    where = parse_location(path)
    if isinstance(where, Path) and _is_session(where):
        raise UserError(
            f'{where}: this folder is a session, not a stack; open it with "Open session..." of the panel Proofread in '
            "Plugins > EM CAD, or with napari-emcad proofread."
        )


def _labels_beside(stack: Stack) -> list[Stack]:
    """Open the labels in the same file; none behind a URL, where the search may take minutes."""
    if isinstance(stack.path, Url):
        return []
    others = [open_stack(stack.path, name) for name in stack_names(stack.path) if name != stack.dataset]
    return [other for other in others if contents_of(other).holds == "labels"]


def _pyramid(stack: Stack) -> list[OpenDataset]:
    """Return the levels of a stack that stays where it lies; none if there is only one."""
    return open_levels(stack.path, stack.dataset) if _stays(stack) else []


def _stays(stack: Stack) -> bool:
    """Return True if a stack is read as it is looked at."""
    return isinstance(stack.path, Url) or stack.array.nbytes > _IN_MEMORY_BYTES


def _layer(stack: Stack, pyramid: Sequence[OpenDataset] = ()) -> LayerData:
    contents, note = contents_of(stack), ""
    fields, data = _fields(stack, [] if pyramid else _last_name(stack.dataset)), _data(stack, pyramid)
    if contents.holds == "labels" and isinstance(data, np.ndarray) and not is_whole(data):
        contents = Contents("image", "voxels", "taken for an image though it looks like labels: it holds fractions.")
    if contents.holds == "labels":
        data, note = shown_labels(data, str(stack.path))
    if notes := tuple(filter(None, (*stack.notes, contents.note, note))):
        fields["metadata"]["notes"] = notes
    if contents.holds == "image":
        fields["rgb"] = False  # a stack of three or four columns is still grey
    if pyramid:
        fields["multiscale"] = True
        fields["metadata"][LEVELS] = [_level_metadata(level) for level in pyramid]
    return data, fields, contents.holds


def shown_labels(data: Shown, name: str) -> tuple[Shown, str]:
    """Return labels as a viewer takes them, and a sentence on what was left out."""
    if isinstance(data, list):
        return [as_whole_labels(level, name) for level in data], "" if data[0].is_far else sample_note(data[0])
    if isinstance(data, LazyArray):
        return as_whole_labels(data, name), "" if data.is_far else sample_note(data)
    known = KnownLabels(data)
    labels = known[:]
    return _narrowed(labels), " ".join(filter(None, [known.note, rounded_note(labels.dtype, labels.max())]))


def _fields(stack: Stack, names: list[str]) -> LayerFields:
    """Return what every layer of a stack has; `names` go into its name, behind that of the file."""
    size = stack.voxel_size
    fields: LayerFields = {"name": " ".join([stack.path.stem, *names]), "axis_labels": ("z", "y", "x")}
    fields["metadata"] = {
        "voxel_size_nm": size and (size.z, size.y, size.x),
        "source": str(stack.path),
        "dataset": stack.dataset,
        "voxel_size_source": stack.size_source,
        "fingerprint": stack.fingerprint,
    }
    start = stated_start(stack) if stack.holds == "labels" and not size else None
    if size:
        fields["scale"] = (size.z, size.y, size.x)
        fields["units"] = ("nm", "nm", "nm")
        fields["translate"] = stack.offset or (0.0, 0.0, 0.0)
    elif start:
        fields["translate"] = (float(start[0]), float(start[1]), float(start[2]))  # in voxels
    if (size and stack.offset) or start:
        fields["metadata"]["is_placed"] = True
    return fields


def _level_metadata(level: OpenDataset) -> LevelMetadata:
    size = level.voxel_size
    return {"dataset": level.dataset, "voxel_size_nm": size and (size.z, size.y, size.x), "offset_nm": level.offset}


def _last_name(dataset: str | None) -> list[str]:
    """Return the last part of a dataset's path, and channel and time point in words; nothing without a dataset."""
    selection = StackSelection.parse(dataset)
    return [*([selection.dataset.split("/")[-1]] if selection.dataset else []), *selection.places]


def _data(stack: Stack, pyramid: Sequence[OpenDataset]) -> Shown:
    if pyramid:
        return [level.array for level in pyramid]
    if _stays(stack):
        return stack.array
    with stack:
        return stack.array[:]


def _narrowed(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels from 0 on in 16 or 32 bits if the ids fit: napari draws 64-bit labels ten times slower."""
    if labels.dtype.kind in "bu" and labels.dtype.itemsize <= 2:
        return labels
    largest = int(labels.max())
    fitting = next(kind for kind in (np.uint16, np.uint32, np.uint64) if largest <= np.iinfo(kind).max)
    return labels.astype(fitting)
