"""Inputs and outputs that options name: opened, or refused before the work begins."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.pixel_size import OWN
from napari_emcad.io.sessions.new_session import check_new
from napari_emcad.io.stacks.paper_layouts import voxel_size_by_name
from napari_emcad.io.stacks.stack import Stack, open_stack

METHOD = ("threshold", "min_size", "seed_sigma", "agglomeration", "device", "black", "white")
"""Options that are parameters of the method for EM stacks."""


def box_of(options: argparse.Namespace, shape: Sequence[int]) -> Box:
    """Return the box asked for in a volume of this shape (z, y, x); all of it if none was."""
    return Box.parse(options.box, shape) if options.box else Box.whole(shape)


def open_input(options: argparse.Namespace) -> Stack:
    """Open the stack asked for."""
    return open_stack(options.input, options.dataset, VoxelSize(*options.voxel_size) if options.voxel_size else None)


def options_set(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return the options that were set; the others keep the defaults of the parameters."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def requested_parameters(options: argparse.Namespace) -> SegmentParameters:
    """Return the parameters of the method for EM stacks that were asked for."""
    scale = {"scale": OWN} if options.resample == "off" else {}
    return SegmentParameters(**options_set(options, *METHOD), **scale)


def voxel_size_of(options: argparse.Namespace, stack: Stack) -> VoxelSize | None:
    """Return the voxel size of the stack asked for, in nm; None if nothing tells it."""
    return stack.voxel_size or voxel_size_by_name(options.input)


def voxels_text(extent: str, voxel_size: VoxelSize | None) -> str:
    """Return the extent of a run, and that its voxel size is not known if it is not."""
    return extent if voxel_size else f"{extent}, voxel size unknown (--voxel-size Z Y X, in nm)"


def check_folder(output: Path) -> None:
    """Refuse a file in a folder that does not exist."""
    if not output.parent.is_dir():
        raise UserError(f"output: the folder {output.parent} does not exist; make it or choose another one.")


def check_session(folder: Path) -> None:
    """Refuse a session that is there already, or is named otherwise."""
    check_new(folder)
    check_suffix(folder)


def check_suffix(folder: Path) -> None:
    """Refuse a session that is not named as one."""
    if folder.suffix != ".emcad":
        raise UserError(f"session: a name that ends in .emcad is needed, got {folder}.")


def check_model(output: Path) -> None:
    """Refuse a model file that cannot be written, or is there."""
    check_folder(output)
    if output.suffix not in (".pt", ".ckpt"):
        raise UserError(f"output: a name that ends in .ckpt or .pt is needed, got {output}.")
    if output.exists():
        raise UserError(f"output: {output} exists, and no model is overwritten; choose another name.")
