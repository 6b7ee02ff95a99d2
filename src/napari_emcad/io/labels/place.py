"""The place of labels in the stack that was labelled."""

from pathlib import Path

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Shape, Voxel, triple
from napari_emcad.core.wording import shape_text, voxel_size_text
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.read_errors import READ_ERRORS
from napari_emcad.io.stacks.stack import GIVEN, Stack

_SAME = 0.01
"""Part by which voxel sizes may differ, as programs round them."""


def box_in_stack(labels: Stack, stack: Stack) -> Box:
    """Return the voxels of a stack that were labelled, by the place that the labels state.

    Labels of the stack's shape that state no place cover all of it.

    Raises
    ------
    UserError
        If the place is not known, the labels reach beyond the stack, or have voxels of another size.
    """
    shape, whole = labels.array.shape, stack.array.shape
    if shape == whole and not any(labels.offset or ()):
        return Box.whole(whole)
    start = _start_by_offset(labels, stack) if labels.offset and labels.voxel_size else stated_start(labels)
    box = Box.whole(shape).moved(start or (0, 0, 0))
    lies_inside = box.clipped(whole) == box
    if start is None or not (lies_inside or any(start)):
        raise UserError(
            f"stack: the shape of the labels {shape} is needed, got {whole}, and the labels state no place in it; "
            "cut both to the same box."
        )
    if not lies_inside:
        raise UserError(
            f"labels: a place inside the stack of {shape_text(whole)} voxels is needed, got {shape_text(shape)} voxels "
            f"from {start} on (z, y, x); choose the stack that was labelled, or cut both to the same box."
        )
    return box


def stated_start(labels: Stack) -> Voxel | None:
    """Return the first voxel of one of our own exports in its stack; None for any other file."""
    return _start_in_record(labels.path, labels.array.shape) if isinstance(labels.path, Path) else None


def size_note(labels: Stack, stack: Stack) -> str:
    """Return a sentence on labels whose voxels are not as large as those of their stack; empty if they are."""
    if labels.voxel_size is None or stack.voxel_size is None or not _differs(labels, stack):
        return ""
    return (
        f"{labels.path.name}: its voxels of {voxel_size_text(labels.voxel_size)} count, {stack.path.name} says "
        f"{voxel_size_text(stack.voxel_size)}; give --voxel-size if that is wrong."
    )


def _start_by_offset(labels: Stack, stack: Stack) -> Voxel:
    size = labels.voxel_size
    assert size is not None, "a place in nm"
    if stack.voxel_size and _differs(labels, stack):
        raise UserError(
            f"labels: voxels as large as those of the stack ({voxel_size_text(stack.voxel_size)}) are needed, got "
            f"{voxel_size_text(size)}; choose labels of this stack, or give the size with --voxel-size."
        )
    first = np.array(labels.offset or (0, 0, 0)) / size - np.array(stack.offset or (0, 0, 0)) / (
        stack.voxel_size or size
    )
    return triple(int(n) for n in np.rint(first))


def _differs(labels: Stack, stack: Stack) -> bool:
    if labels.size_source == GIVEN:
        return False
    return not np.allclose(labels.voxel_size or (), stack.voxel_size or (), rtol=_SAME, atol=0)


def _start_in_record(path: Path, shape: Shape) -> Voxel | None:
    """Return the start of the box in the record of an export; None if there is none that fits the shape."""
    try:
        start, stop = read_provenance(path)["box"]
        box = Box(triple(start), triple(stop))
    except (*READ_ERRORS, UserError, LookupError, TypeError):
        return None
    return box.start if box.shape == shape and min(box.start) >= 0 else None
