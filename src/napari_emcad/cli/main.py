"""The command line: a thin shell over the pipeline and the sessions.

Exit codes: 0 done, 1 failed with one sentence on standard error, 2 wrong use; demo and proofread end with that of
their window.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from napari_emcad import __version__
from napari_emcad.cli.bar import follow, tell, warn
from napari_emcad.cli.benchmark import add_benchmark_command
from napari_emcad.cli.blocks import add_resume_command
from napari_emcad.cli.optical import add_optical_command
from napari_emcad.cli.options import (
    STACKS,
    add_box,
    add_dataset,
    add_voxel_size,
    at_least_zero,
    box_of,
    check_folder,
    check_session,
)
from napari_emcad.cli.segment import add_segment_command
from napari_emcad.cli.training import add_training_commands
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.scores import score
from napari_emcad.core.wording import count
from napari_emcad.io.sessions.copy import copy_session_job
from napari_emcad.io.sessions.export import EXPORTS, export_session
from napari_emcad.io.sessions.export_tables import time_text
from napari_emcad.io.sessions.facts import read_facts
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.io.sessions.replay import replay_session
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.io.stacks.paper_datasets import neuron_dataset
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.zoo import BUNDLED, NO_MODEL, available_models, resolve_model
from napari_emcad.proofreading.replay.outcomes import OUTCOMES, summary
from napari_emcad.session_of_labels import LabelFiles, session_of_labels


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        options = _parser().parse_args(arguments)
        return options.command(options)
    except UserError as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        return _failed("stopped: nothing was written.")


def _evaluate(options: argparse.Namespace) -> int:
    dataset = options.dataset or neuron_dataset(options.truth)
    with (
        open_stack(options.labels, neuron_dataset(options.labels)) as labels,
        open_stack(options.truth, dataset) as truth,
    ):
        box = box_of(options, truth.array.shape)
        whole = labels.array.shape == truth.array.shape
        if not whole and labels.array.shape != box.shape:
            raise UserError(
                f"evaluate: labels of the truth's shape {truth.array.shape} or of the box's are needed, "
                f"got {labels.array.shape}; name the box that was segmented with --box."
            )
        mine = labels.array[box.slices] if whole else labels.array[:]
        scores = score(mine, truth.array[box.slices])
    figures = {
        "voi_split": scores.voi_split,
        "voi_merge": scores.voi_merge,
        "voi": scores.voi,
        "arand": scores.arand,
        "segments": scores.segments,
    }
    if options.json:
        tell(json.dumps(figures))
    else:
        tell(
            f"VOI split {scores.voi_split:.4f} bits\nVOI merge {scores.voi_merge:.4f} bits\n"
            f"VOI       {scores.voi:.4f} bits\nARAND     {scores.arand:.4f}\nsegments  {scores.segments}"
        )
    return 0


def _models(options: argparse.Namespace) -> int:
    from napari_emcad.networks.checkpoint import inspect

    if options.show:
        tell(inspect(resolve_model(options.show)).model_dump_json(indent=2))
    else:
        for name, path in available_models().items():
            tell(f"{name}: {_line(path)}")
    return 0


def _line(path: Path) -> str:
    """What a model's card says in one line, or why it cannot be used: one broken file does not hide the others."""
    from napari_emcad.networks.checkpoint import inspect

    try:
        return inspect(path).summary()
    except UserError as error:
        return str(error)


def _demo(options: argparse.Namespace) -> int:
    """The demo needs windows, which only the `widgets` room opens: it runs as a program of its own."""
    from napari_emcad.desktop import has_screen, virtual_screen

    hidden = options.no_window or not has_screen()
    command = [sys.executable, "-m", "napari_emcad.widgets.demo", *(["--no-window"] if hidden else [])]
    with virtual_screen() if hidden else ExitStack():
        return subprocess.run(command, check=False).returncode


def _export(options: argparse.Namespace) -> int:
    check_folder(options.output)
    with open_session(options.session, to_read=True) as opened:
        warn(opened.session.log.damage)
        follow(export_session(options.what, options.output, opened, options.at))
    tell(f"{options.what} -> {options.output}")
    return 0


def _session(options: argparse.Namespace) -> int:
    check_folder(options.output)
    check_session(options.output)
    if options.model and not options.stack:
        raise UserError("model: a stack is needed to predict affinities from; name it with --stack.")
    wish = VoxelSize(*options.voxel_size) if options.voxel_size else None
    model = None if options.model == NO_MODEL else options.model or BUNDLED
    files = LabelFiles(
        labels=options.labels,
        dataset=options.dataset,
        stack=options.stack,
        stack_dataset=options.stack_dataset,
        model=model,
        affinities=options.affinities,
        voxel_size=wish,
    )
    pieces, segmentation = follow(session_of_labels(files, options.output))
    sizes = (len(segmentation.sizes) - 1, "fragment"), (len(segmentation.graph), "edge")
    counts = ", ".join(count(*of) for of in ((len(pieces.labels), "neuron"), *sizes))
    tell(f"{counts}; {pieces.ids_text} -> {options.output}")
    return 0


def _log(options: argparse.Namespace) -> int:
    with open_session(options.session, to_read=True) as opened:
        session = opened.session
        live = set(session.in_force)
        for row in session.log.rows:
            undone = row.kind not in ("undo", "redo") and row.seq not in live
            what = ", ".join(f"{name} {json.dumps(value)}" for name, value in row.input.items())
            tell(f"{row.seq}  {time_text(row.time)}  {row.user}  {row.kind}  {what}{'  (undone)' if undone else ''}")
        warn(session.log.damage)
    return 0


def _replay(options: argparse.Namespace) -> int:
    with open_session(options.old, to_read=True) as old, open_session(options.new) as new:
        warn(old.session.log.damage)
        try:
            found = follow(replay_session(old, new))
        except KeyboardInterrupt:
            return _failed(f"stopped: the edits made again until then are in {options.new}.")
        start = new.facts.box_of(new.session.state.base.fragments.shape).start
    for edit in found:
        place = ",".join(str(v + a) for v, a in zip(edit.voxel, start, strict=True)) if edit.voxel else "-"
        tell(f"{edit.seq}  {edit.kind}  {place}  {OUTCOMES[edit.outcome]}{'  ' if edit.why else ''}{edit.why}")
    tell(summary(found))
    return 0


def _copy(options: argparse.Namespace) -> int:
    copied = follow(copy_session_job(options.session, options.new))
    warn(copied.damage)
    tell(f"{count(copied.edits, 'edit')} -> {options.new}")
    return 0


def _proofread(options: argparse.Namespace) -> int:
    """As the demo, a program of its own: only the `widgets` room opens windows."""
    read_facts(options.session)
    command = [sys.executable, "-m", "napari_emcad.widgets.proofread_window", str(options.session)]
    return subprocess.run(command, check=False).returncode


def _failed(sentence: str) -> int:
    warn(sentence)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="napari-emcad", description="EM stacks or optical volumes -> neurons.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_segment_command(commands)
    add_resume_command(commands)
    _add_evaluate(commands.add_parser("evaluate", help="score labels against the truth: VOI and ARAND"))
    add_benchmark_command(commands)
    models = commands.add_parser("models", help="list the models, the package's and your own, or show one's card")
    models.add_argument("--show", metavar="NAME|FILE", help="the whole card of a model or checkpoint")
    models.set_defaults(command=_models)
    _add_from_labels(commands.add_parser("session", help="make a session of labels that are there already"))
    _add_export(commands.add_parser("export", help="write the labels, or a table, of a session"))
    for name, command, text in (
        ("log", _log, "list the edits of a session"),
        ("proofread", _proofread, "open a session in napari"),
    ):
        one = commands.add_parser(name, help=text)
        _add_session(one)
        one.set_defaults(command=command)
    copy = commands.add_parser("copy", help="copy a session; a damaged one up to its last good edit")
    _add_session(copy)
    copy.add_argument("new", type=Path, metavar="NEW.emcad")
    copy.set_defaults(command=_copy)
    replay = commands.add_parser("replay", help="make the edits of a session again in one segmented anew")
    replay.add_argument("old", type=Path, metavar="OLD.emcad", help="stays as it is")
    replay.add_argument("new", type=Path, metavar="NEW.emcad", help="of the same region; gets the edits")
    replay.set_defaults(command=_replay)
    add_training_commands(commands)
    add_optical_command(commands)
    demo = commands.add_parser("demo", help="segment the synthetic sample in napari")
    demo.add_argument("--no-window", action="store_true", help="in a virtual screen; leaves its results in demo/")
    demo.set_defaults(command=_demo)
    return parser


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("labels", type=parse_location)
    parser.add_argument("truth", type=parse_location)
    parser.add_argument("--dataset", metavar="PATH_IN_TRUTH", help="in HDF5 or Zarr; default in CREMI: the neurons")
    add_box(parser)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.set_defaults(command=_evaluate)


def _add_from_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("labels", type=parse_location, metavar="LABELS|URL", help=f"{STACKS}; 0 = none")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.emcad")
    add_dataset(parser, "--dataset", "PATH_IN_LABELS")
    parser.add_argument(
        "--stack", type=parse_location, help="what was labelled: shown, and affinities are predicted from it"
    )
    add_dataset(parser, "--stack-dataset", "PATH_IN_STACK")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--model", metavar="NAME|FILE", help=f"that predicts, or {NO_MODEL}; default: {BUNDLED}")
    source.add_argument("--affinities", type=Path, metavar="FILE.zarr", help="take these, predict none")
    add_voxel_size(parser)
    parser.set_defaults(command=_session)


def _add_export(parser: argparse.ArgumentParser) -> None:
    _add_session(parser)
    formats = "labels and fragments: .tif, .zarr, .ome.zarr, .precomputed, or a folder of one TIFF a section"
    tables = "tables: .csv, graph and table also .npz; equivalences: .json; meshes: a folder"
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help=f"its end says the format; {formats}; {tables}"
    )
    parser.add_argument("--what", choices=EXPORTS, default="labels", help="default: labels")
    parser.add_argument("--at", type=at_least_zero, metavar="SEQ", help="as it was after this edit; 0 = before any")
    parser.set_defaults(command=_export)


def _add_session(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", type=Path, metavar="SESSION", help="folder NAME.emcad")


if __name__ == "__main__":
    sys.exit(main())
