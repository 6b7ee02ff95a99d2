"""Inputs and outputs that options name: opened, or refused before the work begins."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_emcad.cli.bar import tell, warn
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.pixel_size import OWN
from napari_emcad.io.sessions.new_session import check_new
from napari_emcad.io.stacks.stack import Stack, open_stack
from napari_emcad.io.stacks.stack_facts import stack_line, stack_notes
from napari_emcad.io.stacks.stack_selection import StackSelection

METHOD = ("threshold", "min_size", "seed_sigma", "agglomeration", "device", "black", "white")
"""Options that are parameters of the method for EM stacks."""


def box_of(options: argparse.Namespace, shape: Sequence[int]) -> Box:
    """Return the box asked for in a volume of this shape (z, y, x); all of it if none was."""
    return Box.parse(options.box, shape) if options.box else Box.whole(shape)


def open_input(options: argparse.Namespace, say: Callable[[str], None] = tell) -> Stack:
    """Open the stack asked for, and say what was read."""
    stack = open_stack(options.input, selection_of(options), size_of(options))
    tell_stack(stack, say)
    return stack


def selection_of(options: argparse.Namespace, of: str = "", dataset: str | None = None) -> str | None:
    """Return the stack that the options of `options.add_dataset` select, as `open_stack` takes it; None if any.

    Parameters
    ----------
    options : Namespace
    of : str
        Begins their names.
    dataset : str, optional
        Dataset that is taken if none is named.
    """
    begin = f"{of}_" if of else ""
    asked_for = {name: getattr(options, f"{begin}{name}") for name in ("axes", "channel", "time")}
    named = StackSelection.parse(getattr(options, f"{begin}dataset") or dataset)
    chosen = {name: value for name, value in asked_for.items() if value is not None}
    return replace(named, **chosen).named(named.dataset)


def size_of(options: argparse.Namespace) -> VoxelSize | None:
    """Return the voxel size that is given, in nm; None if none is."""
    return VoxelSize(*options.voxel_size) if options.voxel_size else None


def tell_stack(stack: Stack, say: Callable[[str], None] = tell) -> None:
    """Say what was read, and warn of what was guessed or left out."""
    say(stack_line(stack))
    for note in stack_notes(stack):
        warn(note)


def options_set(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Return the options that were set; the others keep the defaults of the parameters."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def requested_parameters(options: argparse.Namespace) -> SegmentParameters:
    """Return the parameters of the method for EM stacks that were asked for."""
    scale = {"scale": OWN} if options.resample == "off" else {}
    return SegmentParameters(**options_set(options, *METHOD), **scale)


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
