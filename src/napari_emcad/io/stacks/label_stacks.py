"""Stacks that hold labels: found in a file among other datasets, and refused if they hold grey values."""

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.stacks.holds import contents_of, look_at
from napari_emcad.io.stacks.locations import Location, Url
from napari_emcad.io.stacks.paper_datasets import neuron_dataset
from napari_emcad.io.stacks.stack import Stack, open_stack, stack_names

_MOST = 32
"""Datasets of a file that are looked at, to find the one with labels."""


def open_labels(path: Location, dataset: str | None = None, voxel_size: VoxelSize | None = None) -> Stack:
    """Open the labels in a file: the dataset that is named, else the only one that holds labels.

    Parameters
    ----------
    path, dataset, voxel_size
        See `open_stack`.

    Raises
    ------
    UserError
        If it cannot be read, holds grey values, or several datasets hold labels.
    """
    labels = open_stack(path, _find_labels(path) if dataset is None else dataset, voxel_size)
    try:
        check_holds_labels(labels)
    except BaseException:
        labels.close()
        raise
    return labels


def may_hold_labels(stack: Stack) -> bool:
    """Return False if a stack surely holds no labels: its file says so, or its values do."""
    if stack.holds is not None:
        return stack.holds == "labels"
    look = look_at(stack.array)
    return look is not None and look.is_labels is not False


def check_holds_labels(stack: Stack) -> None:
    """Refuse a stack that holds no labels.

    Raises
    ------
    UserError
    """
    if may_hold_labels(stack):
        return
    where = f"{stack.path}, {stack.dataset}" if stack.dataset else f"{stack.path}"
    raise UserError(
        f"{where}: labels are needed, these look like grey values ({stack.array.dtype}, few voxels are like "
        "the ones beside them); choose the file or dataset with labels."
    )


def _find_labels(path: Location) -> str | None:
    """Return the dataset that holds labels; None where what opens by itself is all there is."""
    names = [] if isinstance(path, Url) else stack_names(path)
    if len(names) < 2:
        return None
    if known := neuron_dataset(path):
        return known
    found = _chosen(path, names[:_MOST])
    if len(found) != 1:
        held = f"{len(found)} datasets with labels, {', '.join(found)}" if found else f"{', '.join(names)}"
        raise UserError(f"{path}: a dataset with labels is needed, it holds {held}; name it with --dataset.")
    return found[0]


def _chosen(path: Location, names: list[str]) -> list[str]:
    """Return the datasets that hold labels; if none surely does, those that may."""
    sure, likely = [], []
    for name in names:
        with open_stack(path, name) as stack:
            if contents_of(stack).holds == "labels":
                sure.append(name)
            elif may_hold_labels(stack):
                likely.append(name)
    return sure or likely
