"""Facts on a stack that was opened, for people and for programs: what was read, and what was guessed."""

from typing import Any

from napari_emcad.core.wording import shape_text, voxel_size_text
from napari_emcad.io.stacks.stack import Stack

UNKNOWN_SIZE = "voxel size unknown (--voxel-size Z Y X, in nm)"
"""Words for a voxel size that nothing tells, and what to do about it."""


def stack_line(stack: Stack) -> str:
    """Return what was read as a line: "raw.h5, main: 9 x 64 x 80 voxels, uint8, 30 x 6 x 6 nm (HDF5 attributes)"."""
    where = f"{stack.path.name}, {stack.dataset}" if stack.dataset else stack.path.name
    size = stack.voxel_size
    words = f"{voxel_size_text(size)} ({stack.size_source})" if size else UNKNOWN_SIZE
    axes = f", from {stack.array.axes}" if stack.array.axes else ""
    return f"{where}: {shape_text(stack.array.shape)} voxels{axes}, {stack.array.dtype}, {words}"


def stack_notes(stack: Stack) -> list[str]:
    """Return what was guessed or left out, as sentences that name the file."""
    return [f"{stack.path.name}: {note}" for note in stack.notes]


def stack_record(stack: Stack) -> dict[str, Any]:
    """Return what was read as JSON."""
    return {
        "path": str(stack.path),
        "dataset": stack.dataset,
        "shape": list(stack.array.shape),
        "axes": stack.array.axes,
        "dtype": str(stack.array.dtype),
        "voxel_size_nm": list(stack.voxel_size) if stack.voxel_size else None,
        "voxel_size_source": stack.size_source,
        "notes": list(stack.notes),
    }
