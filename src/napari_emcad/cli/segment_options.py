"""Options of the commands that segment: in one go, or by blocks."""

import argparse
from pathlib import Path

from napari_emcad.cli.options import (
    STACKS,
    Commands,
    add_alone,
    add_box,
    add_dataset,
    add_sections,
    add_session,
    add_stack_of_session,
    add_voxel_size,
    number_reader,
    offsets,
    whole_number,
)
from napari_emcad.cli.output_options import VOLUMES, add_format
from napari_emcad.core.choices import DEFAULT_BLOCK, DEFAULT_THRESHOLDS, WISHES
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.networks.zoo import BUNDLED

_LEVELS = "default: the model's own grey level, or that of the data"


def add_segment_command(commands: Commands) -> None:
    """Add the command that segments."""
    parser = commands.add_parser(
        "segment", help="segment a stack into labels; an SDASN finds neurites of optical volumes"
    )
    field = SegmentParameters.model_fields
    parser.add_argument("input", nargs="?", type=parse_location, metavar="INPUT|URL", help=STACKS)
    where = f"its end says the format: {VOLUMES}; not by blocks: export the session after"
    parser.add_argument("-o", "--output", type=Path, metavar="LABELS", help=where)
    add_format(parser)
    parser.add_argument("--model", metavar="NAME|FILE", help=f"default: {BUNDLED}")
    parser.add_argument("--threshold", type=number_reader(0, 1), metavar="T", help=field["threshold"].description)
    parser.add_argument("--min-size", type=whole_number, metavar="VOXELS", help=field["min_size"].description)
    parser.add_argument("--seed-sigma", type=number_reader(0, 20), metavar="PX", help=field["seed_sigma"].description)
    parser.add_argument("--agglomeration", choices=tuple(DEFAULT_THRESHOLDS), help=field["agglomeration"].description)
    parser.add_argument(
        "--black", type=float, metavar="GREY", help=f"becomes 0; above --white for bright membranes; {_LEVELS}"
    )
    parser.add_argument("--white", type=float, metavar="GREY", help=f"becomes 1; {_LEVELS}")
    parser.add_argument("--device", choices=tuple(WISHES))
    parser.add_argument(
        "--resample",
        choices=("auto", "off"),
        help="auto: the network sees pixels of the size that it was trained on, if those of the stack are unlike; "
        "off: it sees them as they are; neurons have all pixels either way; default: auto",
    )
    add_dataset(parser, "INPUT")
    add_voxel_size(parser)
    add_box(parser)
    add_sections(parser)
    parser.add_argument("--affinities", type=Path, metavar="OUT.zarr", help="keep the affinities, too")
    parser.add_argument("--session", type=Path, metavar="OUT.emcad", help="write a session to proofread, too")
    _add_foreign_affinities(parser)
    group = parser.add_argument_group("stacks larger than memory, by blocks into a session (with --session)")
    _add_means(group)
    sizes = ",".join(map(str, DEFAULT_BLOCK))
    group.add_argument("--block", metavar="Z,Y,X", help=f"voxels; default: {sizes}, smaller ones take less memory")
    parser.set_defaults(command=_segment)


def _add_foreign_affinities(parser: argparse.ArgumentParser) -> None:
    what = "affinities of any other network, in the place of --model; INPUT, their stack, may then be left out"
    group = parser.add_argument_group(what)
    formats = "NPY, NPZ, HDF5, Zarr, N5 or TIFF; float 0 to 1 or uint8, channels first or last"
    group.add_argument("--from-affinities", type=parse_location, metavar="FILE|URL", help=formats)
    group.add_argument(
        "--offsets",
        type=offsets,
        metavar='"z,y,x ..."',
        help="step of each channel in voxels; default: as the file says, of three channels -1,0,0 0,-1,0 0,0,-1",
    )
    group.add_argument("--boundaries", action="store_true", help="FILE is a map of boundaries, 1 = boundary")
    group.add_argument(
        "--affinities-range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="values that mean a boundary and the same neuron; default: 0 1 of float, 0 255 of uint8, of boundaries "
        "the other way round",
    )
    add_dataset(group, "FILE", of="affinities")


def add_resume_command(commands: Commands) -> None:
    """Add the command that goes on with a run by blocks."""
    parser = commands.add_parser("resume", help="go on with a session that was begun by blocks")
    add_session(parser)
    _add_means(parser)
    add_stack_of_session(parser)
    add_voxel_size(parser, " of the session; pixels are shown to the model as when it was begun")
    parser.add_argument("--model", metavar="FILE", help="its model, if that was moved; default: found by its hash")
    parser.set_defaults(command=_resume)


def _add_means(parser: "argparse.ArgumentParser | argparse._ArgumentGroup") -> None:
    add_alone(parser)
    parser.add_argument("--workers", type=int, metavar="N", help="processes on this machine; default: this one")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://host:8786")
    parser.add_argument(
        "--memory", type=float, metavar="GB", help="for all processes here; default: half of what is free"
    )


def _segment(options: argparse.Namespace) -> int:
    from napari_emcad.cli.segment import segment

    return segment(options)


def _resume(options: argparse.Namespace) -> int:
    from napari_emcad.cli.blocks import resume

    return resume(options)
