"""Options that several commands have, and how they are read. Light: help is shown without the code behind commands."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The place that commands are added to."""

STACKS = "TIFF stack, folder of section images, HDF5, Zarr or neuroglancer precomputed, or a URL of the last two"
"""Kinds of stacks that a command reads."""

BY_BLOCKS = ("workers", "scheduler", "memory", "block")
"""Options that make `segment` work by blocks."""

SCRATCH = "new"
"""Word that stands for random weights where a model is named."""

DEFAULT_MINUTES = 2.0
"""Budget of a training run if neither time nor steps are given."""


def add_dataset(parser: argparse.ArgumentParser, option: str, metavar: str) -> None:
    """Add the option that names a stack in a file."""
    which = "in HDF5 or Zarr; a level of an OME-Zarr image by its path, of a precomputed volume by its key"
    parser.add_argument(option, metavar=metavar, help=f"{which}; default: the finest")


def add_box(parser: argparse.ArgumentParser) -> None:
    """Add the option that `inputs.box_of` reads."""
    parser.add_argument("--box", metavar="z0:z1,y0:y1,x0:x1", help="voxels, half open; default: the whole stack")


def add_voxel_size(parser: argparse.ArgumentParser) -> None:
    """Add the option for a voxel size, three lengths in nm."""
    parser.add_argument("--voxel-size", type=length, nargs=3, metavar=("Z", "Y", "X"), help="nm")


def add_sections(parser: argparse.ArgumentParser, bridges: bool = True) -> None:
    """Add the options on defective sections that `section_choice.choose_plan` reads.

    Parameters
    ----------
    parser : ArgumentParser
    bridges : bool
        True if labels are written, and those of what is bridged can be chosen.
    """
    how = "auto: look at them first, and leave out, shift and bridge what is defective (the default); as-is: use all"
    parser.add_argument("--sections", metavar="auto|as-is|FILE.json", help=f"{how}; FILE.json: of inspect --plan")
    if not bridges:
        parser.set_defaults(bridged=None)
        return
    what = "labels of what is bridged, interpolated (the default) or 0"
    parser.add_argument("--bridged", choices=("interpolate", "background"), help=what)


def add_session(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a session."""
    parser.add_argument("session", type=Path, metavar="SESSION", help="folder NAME.emcad")


def number_reader(low: float, high: float) -> Callable[[str], float]:
    """Return a reader of numbers in this range."""

    def number(text: str) -> float:
        if not low <= float(text) <= high:
            raise argparse.ArgumentTypeError(f"a number from {low} to {high} is needed, got {text}")
        return float(text)

    return number


def whole_number(text: str) -> int:
    """Read a whole number from 0 on."""
    if int(text) < 0:
        raise argparse.ArgumentTypeError(f"0 or more is needed, got {text}")
    return int(text)


def length(text: str) -> float:
    """Read a length in nm."""
    if not 0 < float(text) < math.inf:
        raise argparse.ArgumentTypeError(f"a length above 0 nm is needed, got {text}")
    return float(text)


def feature_maps(text: str) -> tuple[int, ...]:
    """Read the feature maps of a network, full resolution first: "28,36,48"."""
    maps = tuple(int(n) for n in text.split(","))
    if len(maps) < 2 or min(maps) < 1:
        raise argparse.ArgumentTypeError(f"two numbers above 0 or more are needed, got {text}")
    return maps
