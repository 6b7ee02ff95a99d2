"""Options of the command that looks at the sections of a stack."""

import argparse
from pathlib import Path

from napari_emcad.cli.options import STACKS, Commands, add_dataset, add_voxel_size
from napari_emcad.io.stacks.locations import parse_location


def add_inspect_command(commands: Commands) -> None:
    """Add the command that says which sections of a stack are defective."""
    parser = commands.add_parser("inspect", help="say which sections of a stack are defective, or where neurons end")
    parser.add_argument("stack", type=parse_location, metavar="STACK|SESSION.emcad", help=STACKS)
    add_dataset(parser, "STACK")
    add_voxel_size(parser)
    parser.add_argument("--json", action="store_true", help="a JSON object: summary, findings and plan")
    parser.add_argument("--plan", type=Path, metavar="FILE.json", help="write the plan, to edit for segment --sections")
    parser.set_defaults(command=_inspect)


def _inspect(options: argparse.Namespace) -> int:
    from napari_emcad.cli.inspect import inspect_stack

    return inspect_stack(options)
