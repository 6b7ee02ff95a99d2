"""Options of the commands on sessions, from session and export to safe-fixes and merge-sessions."""

import argparse
from pathlib import Path
from typing import get_args

from napari_emcad.cli.options import (
    STACKS,
    Commands,
    add_alone,
    add_dataset,
    add_session,
    add_stack_of_session,
    add_voxel_size,
    whole_number,
)
from napari_emcad.cli.output_options import VOLUMES, add_format
from napari_emcad.core.choices import Export
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.networks.zoo import BUNDLED, NO_MODEL


def add_session_commands(commands: Commands) -> None:
    """Add the commands that make, write, show and change sessions."""
    _add_from_labels(commands.add_parser("session", help="make a session of labels that are there already"))
    _add_export(commands.add_parser("export", help="write the labels, or a table, of a session"))
    for name, command, text in (
        ("log", _log, "list the edits of a session"),
        ("proofread", _proofread, "open a session in napari"),
    ):
        parser = commands.add_parser(name, help=text)
        add_session(parser)
        if name == "proofread":
            add_voxel_size(parser, "; kept in the session")
            add_stack_of_session(parser)
            add_alone(parser)
        parser.set_defaults(command=command)
    change = commands.add_parser("set", help="give a session another voxel size")
    add_session(change)
    add_voxel_size(change, is_needed=True)
    add_alone(change)
    change.set_defaults(command=_set)
    copy = commands.add_parser("copy", help="copy a session; a damaged one up to its last good edit")
    add_session(copy)
    copy.add_argument("new", type=Path, metavar="NEW.emcad")
    add_voxel_size(copy, " of the copy; default: as it is")
    copy.set_defaults(command=_copy)
    replay = commands.add_parser("replay", help="make the edits of a session again in one segmented anew")
    replay.add_argument("old", type=Path, metavar="OLD.emcad", help="stays as it is")
    replay.add_argument("new", type=Path, metavar="NEW.emcad", help="of the same region; gets the edits")
    add_voxel_size(replay, "; kept in NEW.emcad")
    add_alone(replay)
    replay.set_defaults(command=_replay)
    _add_fixes(
        commands.add_parser("safe-fixes", help="list merges and splits that are nearly always right, or make them")
    )
    merge = commands.add_parser("merge-sessions", help="merge what people did in sessions of the same fragments")
    merge.add_argument("sessions", type=Path, nargs="+", metavar="SESSION.emcad", help="two or more; stay as they are")
    merge.add_argument("-o", "--output", type=Path, required=True, metavar="NEW.emcad")
    merge.set_defaults(command=_merge)


def _add_fixes(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    parser.add_argument(
        "--precision",
        type=float,
        default=98,
        metavar="PERCENT",
        help="the share of such fixes that were right where the truth is known; default: 98",
    )
    parser.add_argument("--make", action="store_true", help="make them, as one edit; without it they are only listed")
    add_alone(parser)
    parser.set_defaults(command=_safe_fixes)


def _add_from_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("labels", type=parse_location, metavar="LABELS|URL", help=f"{STACKS}; 0 = none")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.emcad")
    add_dataset(parser, "LABELS")
    parser.add_argument(
        "--stack", type=parse_location, help="what was labelled: shown, and affinities are predicted from it"
    )
    add_dataset(parser, "STACK", of="stack")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--model", metavar="NAME|FILE", help=f"that predicts, or {NO_MODEL}; default: {BUNDLED}")
    source.add_argument("--affinities", type=Path, metavar="FILE.zarr", help="take these, predict none")
    how = "auto: look at the sections of the stack before it predicts, or take the plan of the affinities (the default)"
    parser.add_argument(
        "--sections", metavar="auto|as-is|FILE.json", help=f"{how}; as-is; FILE.json: of inspect --plan"
    )
    add_voxel_size(parser)
    parser.set_defaults(command=_session)


def _add_export(parser: argparse.ArgumentParser) -> None:
    add_session(parser)
    formats = f"volumes: {VOLUMES}"
    tables = "tables: .csv, .npz, .parquet; equivalences: .json; meshes: a folder, or .ply, .obj, .stl, .glb"
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help=f"its end says the format; {formats}; {tables}"
    )
    parser.add_argument(
        "--what",
        choices=get_args(Export),
        default="labels",
        help="default: labels; interpolated: a mask, 1 where sections are bridged and labels were not seen",
    )
    add_format(parser, "ply", "obj", "stl", "glb")
    parser.add_argument("--at", type=whole_number, metavar="SEQ", help="as it was after this edit; 0 = before any")
    add_voxel_size(parser, " in what is written; default: that of the session")
    parser.set_defaults(command=_export)


def _session(options: argparse.Namespace) -> int:
    from napari_emcad.cli.sessions import make_session

    return make_session(options)


def _export(options: argparse.Namespace) -> int:
    from napari_emcad.cli.sessions import export

    return export(options)


def _log(options: argparse.Namespace) -> int:
    from napari_emcad.cli.sessions import list_edits

    return list_edits(options)


def _copy(options: argparse.Namespace) -> int:
    from napari_emcad.cli.sessions import copy

    return copy(options)


def _set(options: argparse.Namespace) -> int:
    from napari_emcad.cli.sessions import set_facts

    return set_facts(options)


def _replay(options: argparse.Namespace) -> int:
    from napari_emcad.cli.sessions import replay

    return replay(options)


def _merge(options: argparse.Namespace) -> int:
    from napari_emcad.cli.sessions import merge

    return merge(options)


def _safe_fixes(options: argparse.Namespace) -> int:
    from napari_emcad.cli.safe_fixes import safe_fixes

    return safe_fixes(options)


def _proofread(options: argparse.Namespace) -> int:
    from napari_emcad.cli.windows import proofread

    return proofread(options)
