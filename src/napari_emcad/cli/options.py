"""Options that several commands have, and how they are read. Light: help is shown without the code behind commands."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.locations import parse_location

if TYPE_CHECKING:  # it brings NumPy
    from napari_emcad.core.affinities import Offset

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The place that commands are added to."""

STACKS = "TIFF stack, folder of section images, HDF5, Zarr or neuroglancer precomputed, or a URL of the last two"
"""Kinds of stacks that a command reads."""

BY_BLOCKS = ("workers", "scheduler", "memory", "block")
"""Options that make `segment` work by blocks."""

OF_AFFINITIES = (
    *("offsets", "boundaries", "affinities_range"),
    *("affinities_dataset", "affinities_axes", "affinities_channel", "affinities_time"),
)
"""Options of `segment` that are about affinities in a file."""

SCRATCH = "new"
"""Word that stands for random weights where a model is named."""

DEFAULT_MINUTES = 2.0
"""Budget of a training run if neither time nor steps are given."""


def add_dataset(parser: "argparse.ArgumentParser | argparse._ArgumentGroup", name: str, of: str = "") -> None:
    """Add the options that select the stack in a file, for `inputs.selection_of`.

    Parameters
    ----------
    parser : ArgumentParser
    name : str
        Stands for the file in the help, such as "INPUT".
    of : str
        Begins the options, such as "stack" in --stack-dataset, --stack-axes and so on; empty for the main file.
    """
    begin = f"--{of}-" if of else "--"
    which = "in HDF5 or Zarr; a level of an OME-Zarr image by its path, of a precomputed volume by its key"
    parser.add_argument(f"{begin}dataset", metavar=f"PATH_IN_{name}", help=f"{which}; default: the finest")
    parser.add_argument(
        f"{begin}axes", type=axis_names, metavar="zyxc", help="in the order of the array; default: as the file says"
    )
    parser.add_argument(f"{begin}channel", type=whole_number, metavar="N", help="of several, from 0")
    parser.add_argument(f"{begin}time", type=whole_number, metavar="N", help="time point of several, from 0")


def add_box(parser: argparse.ArgumentParser) -> None:
    """Add the option that `inputs.box_of` reads."""
    parser.add_argument("--box", metavar="z0:z1,y0:y1,x0:x1", help="voxels, half open; default: the whole stack")


def add_voxel_size(parser: argparse.ArgumentParser, more: str = "", is_needed: bool = False) -> None:
    """Add the option for a voxel size, three lengths in nm; `more` goes on with its help."""
    parser.add_argument(
        "--voxel-size", type=length, nargs=3, metavar=("Z", "Y", "X"), help=f"nm{more}", required=is_needed
    )


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


def add_alone(parser: "argparse.ArgumentParser | argparse._ArgumentGroup") -> None:
    """Add the option to edit a session on a disk without file locks."""
    parser.add_argument(
        "--alone", action="store_true", help="nobody else edits the session: for disks that have no file locks"
    )


def add_stack_of_session(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the stack of a session."""
    parser.add_argument(
        "--stack",
        type=parse_location,
        metavar="FILE|URL",
        help="its stack, if that was moved; default: where it was, or what holds the same voxels near the session",
    )


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


def ignored_id(text: str) -> int | Literal["max"]:
    """Read an id of labels, or the word "max"."""
    try:
        return "max" if text == "max" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a whole number or max is needed, got {text}") from None


def axis_names(text: str) -> str:
    """Read the names of axes, one letter each: "zyxc" or "z,y,x,c"."""
    names = text.replace(",", "").replace(" ", "").lower()
    if not (names.isalpha() and len(set(names)) == len(names) and set("yx") <= set(names)):
        raise argparse.ArgumentTypeError(f"a letter for each axis, y and x among them, is needed, got {text}")
    return names


def offsets(text: str) -> "tuple[Offset, ...]":
    """Read the offsets of affinities: "-1,0,0 0,-1,0 0,0,-1"."""
    from napari_emcad.core.affinity_channels import parse_offsets

    try:
        return parse_offsets(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("offsets: ")) from None


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
