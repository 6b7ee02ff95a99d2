"""The datasets of the papers: a file or folder goes in, a stack with its labels comes out."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.io.stacks.hdf5 import is_hdf5
from napari_emcad.io.stacks.locations import Location
from napari_emcad.io.stacks.paper_layouts import CREMI, PAPER_DATASETS, PaperLayout, find_layouts
from napari_emcad.io.stacks.stack import BY_NAME, Stack, open_stack, stack_names

RAW = "volumes/raw"
"""Dataset of the grey values in a CREMI file."""

NEURON_IDS = "volumes/labels/neuron_ids"
"""Dataset of the neurons in a CREMI file."""

_SUFFIXES = (".tif", ".tiff", ".h5", ".hdf5", ".hdf")


@dataclass(frozen=True)
class LabelledStack:
    """A stack with its labels. Close it, or use it as a context manager.

    Attributes
    ----------
    layout : str
        Name of the dataset, one of `PAPER_DATASETS`.
    raw, labels : Stack
        Grey values and neurons, 0 = background; both carry the pair's voxel size.
    voxel_size : VoxelSize
        In nm, as the files say; if they do not, as it is known of the dataset.
    place : Box
        Box of the labels in the stack, in its voxels; it has the labels' shape.
    """

    layout: str
    raw: Stack
    labels: Stack
    voxel_size: VoxelSize
    place: Box

    @property
    def title(self) -> str:
        """The dataset and the volume: "CREMI sample_B_padded"."""
        return f"{self.layout} {self.raw.path.stem}"

    def close(self) -> None:
        """Give the files back."""
        self.raw.close()
        self.labels.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_labelled_stack(path: Path | str, name: str | None = None) -> LabelledStack:
    """Open a dataset of the papers; voxels are read when they are asked for, and nothing is changed.

    Parameters
    ----------
    path : path
        A CREMI file, either file of a pair named as `LAYOUTS` lists, or the folder of one such dataset.
    name : str, optional
        One of `PAPER_DATASETS`, in any capitals, if a folder holds several or names are alike; None = any.

    Raises
    ------
    UserError
        If there is no such file, it is none of these, stack or labels are missing or do not belong together, or a
        folder holds several pairs.
    """
    path = Path(path)
    if name is not None and not any(find_layouts(name)):
        raise UserError(
            f'layout: one of {", ".join(PAPER_DATASETS)} is needed, got "{name}"; leave it out to go by the files.'
        )
    if not path.exists():
        raise UserError(f"{path}: there is no such file or folder; check its name and place.")
    files = _choose_pair(path, _find_pairs(path, name))
    with ExitStack() as on_failure:
        raw, labels = (on_failure.enter_context(open_stack(*names)) for names in (files.raw, files.labels))
        stated = (stack.voxel_size for stack in (raw, labels) if stack.size_source != BY_NAME)
        size = next(filter(None, stated), files.layout.voxel_size)
        raw, labels = replace(raw, voxel_size=size), replace(labels, voxel_size=size)
        pair = LabelledStack(files.layout.name, raw, labels, size, _place_labels(raw, labels, size))
        on_failure.pop_all()
    return pair


def neuron_dataset(path: Location) -> str | None:
    """Return the dataset of the neurons in a CREMI file, where grey values are what opens by itself; else None."""
    return NEURON_IDS if NEURON_IDS in stack_names(path) else None


@dataclass(frozen=True)
class _PairFiles:
    """Two files that may be a pair: file and dataset of the stack and of the labels; `missing` says what is missing."""

    layout: PaperLayout
    raw: tuple[Path, str | None]
    labels: tuple[Path, str | None]
    missing: str = ""


def _find_pairs(path: Path, name: str | None) -> list[_PairFiles]:
    """List all pairs that a file, or a file of a folder, can belong to."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    known = [file for file in files if file.suffix.lower() in _SUFFIXES]
    return list(dict.fromkeys(pair for file in known for pair in _pairs_of_file(file, name)))


def _pairs_of_file(file: Path, name: str | None) -> list[_PairFiles]:
    layouts = list(find_layouts(name))
    if CREMI in layouts and is_hdf5(file) and RAW in (datasets := stack_names(file)):
        missing = f'the neurons, "{NEURON_IDS}", are not in it; choose another sample.'
        missing = "" if NEURON_IDS in datasets else missing
        return [_PairFiles(CREMI, (file, RAW), (file, NEURON_IDS), missing)]
    stems = [(layout, found) for layout in layouts if (found := layout.stems(file.stem))]
    return [_pair_beside(file, layout, *found) for layout, found in stems]


def _pair_beside(file: Path, layout: PaperLayout, *stems: str) -> _PairFiles:
    """Find the two files of these names beside a file that is one of them; one of its own suffix comes first."""
    there = sorted(file.parent.iterdir(), key=lambda other: (other != file, other.suffix != file.suffix, other.name))
    usable = [other for other in there if other.suffix.lower() in _SUFFIXES]
    found = [next((f for f in usable if f.stem.lower() == stem.lower()), None) for stem in stems]
    absent = [stem for stem, at in zip(stems, found, strict=True) if at is None]
    missing = f"{absent[0]}{file.suffix} is needed beside it, and is not there; copy it there." if absent else ""
    raw, labels = (at or file for at in found)
    return _PairFiles(layout, (raw, None), (labels, None), missing)


def _choose_pair(path: Path, found: list[_PairFiles]) -> _PairFiles:
    whole = [files for files in found if not files.missing]
    if len(whole) == 1:
        return whole[0]
    if whole:
        listed = ", ".join(dict.fromkeys(files.raw[0].name for files in whole))
        raise UserError(f"{path}: one stack with labels is needed, it holds {len(whole)}, {listed}; name one of them.")
    if found:
        raise UserError(f"{found[0].raw[0]}: {found[0].missing}")
    raise UserError(
        f"{path}: files of {', '.join(PAPER_DATASETS)} are needed, there are none; "
        "name yours as they are there, such as AC4_inputs.tif and AC4_labels.tif."
    )


def _place_labels(raw: Stack, labels: Stack, voxel_size: VoxelSize) -> Box:
    """Return the box of the labels in the stack: at their offset, or all over it."""
    if labels.array.dtype.kind not in "bui":
        raise UserError(
            f"{labels.path}: whole-number labels are needed, got {labels.array.dtype}; choose the file of the neurons."
        )
    zero = (0.0, 0.0, 0.0)
    ends = zip(labels.offset or zero, (labels.offset and raw.offset) or zero, voxel_size, strict=True)
    place = Box.whole(labels.array.shape).moved([round((a - b) / size) for a, b, size in ends])
    shape = raw.array.shape
    if place.clipped(shape) != place or (labels.offset is None and place.shape != shape):
        raise UserError(
            f"{labels.path}: labels that lie in the stack of shape {shape} are needed, got {place.start} to "
            f"{place.stop}; choose the files that belong together."
        )
    return place
