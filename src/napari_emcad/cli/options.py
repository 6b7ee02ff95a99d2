"""What several commands are asked for, read and checked in one way."""

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.io.sessions.new_session import check_new
from napari_emcad.io.stacks.stack import Stack, open_stack

STACKS = "TIFF stack, folder of section images, HDF5, Zarr or neuroglancer precomputed, or a URL of the last two"
"""What a command reads."""

METHOD = ("threshold", "min_size", "seed_sigma", "agglomeration", "device", "black", "white")
"""The options that are parameters of the method for EM stacks."""


def add_dataset(parser: argparse.ArgumentParser, option: str, metavar: str) -> None:
    """The option that names a stack in a file."""
    which = "in HDF5 or Zarr; a level of an OME-Zarr image by its path, of a precomputed volume by its key"
    parser.add_argument(option, metavar=metavar, help=f"{which}; default: the finest")


def add_box(parser: argparse.ArgumentParser) -> None:
    """The option that `box_of` reads."""
    parser.add_argument("--box", metavar="z0:z1,y0:y1,x0:x1", help="voxels, half open; default: the whole stack")


def box_of(options: argparse.Namespace, shape: Sequence[int]) -> Box:
    """The box asked for in a volume of this shape (z, y, x); all of it where none was."""
    return Box.parse(options.box, shape) if options.box else Box.whole(shape)


def add_voxel_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--voxel-size", type=positive, nargs=3, metavar=("Z", "Y", "X"), help="nm")


def opened(options: argparse.Namespace) -> Stack:
    """The stack asked for."""
    return open_stack(options.input, options.dataset, VoxelSize(*options.voxel_size) if options.voxel_size else None)


def given(options: argparse.Namespace, *names: str) -> dict:
    """The options that were given; the others keep the defaults of the parameters."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


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


def between(low: float, high: float) -> Callable[[str], float]:
    """What reads a number in this range."""

    def number(text: str) -> float:
        if not low <= float(text) <= high:
            raise argparse.ArgumentTypeError(f"a number from {low} to {high} is needed, got {text}")
        return float(text)

    return number


def at_least_zero(text: str) -> int:
    """Read a whole number from 0 on."""
    if int(text) < 0:
        raise argparse.ArgumentTypeError(f"0 or more is needed, got {text}")
    return int(text)


def positive(text: str) -> float:
    """Read a length in nm."""
    if not 0 < float(text) < math.inf:
        raise argparse.ArgumentTypeError(f"a length above 0 nm is needed, got {text}")
    return float(text)
