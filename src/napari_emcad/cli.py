"""The command line: a thin shell over the pipeline and the sessions.

Exit codes: 0 done, 1 failed with one sentence on standard error, 2 wrong use; demo and proofread end with that of
their window.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from napari_emcad import __version__, optical
from napari_emcad.cli_bar import follow
from napari_emcad.cli_benchmark import add_benchmark_command
from napari_emcad.cli_optical import add_optical_command
from napari_emcad.cli_training import add_training_commands
from napari_emcad.core.agglomeration import DEFAULT_THRESHOLDS
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.scores import score
from napari_emcad.core.wording import count, shape_text, size_text
from napari_emcad.from_labels import LabelFiles, session_of_labels
from napari_emcad.inference.kind_warning import kind_warning
from napari_emcad.inference.wishes import WISHES
from napari_emcad.io.affinities import new_affinities
from napari_emcad.io.export_tables import time_text
from napari_emcad.io.labels import writing_labels
from napari_emcad.io.paper_datasets import neurons_in
from napari_emcad.io.paper_layouts import voxel_size_by_name
from napari_emcad.io.session_copy import copying_session
from napari_emcad.io.session_export import EXPORTS, exporting
from napari_emcad.io.session_facts import SessionFacts, read_facts
from napari_emcad.io.session_replay import replaying
from napari_emcad.io.sessions import check_new, create_session, open_session
from napari_emcad.io.volumes import Volume, open_volume
from napari_emcad.networks.zoo import BUNDLED, NO_MODEL, available, resolve
from napari_emcad.pipeline import SegmentParameters, check_volume, memory_needed, provenance, run, settled
from napari_emcad.proofreading.replay import OUTCOMES, summary

_LEVELS = "default: the model's own grey level, or that of the data"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except UserError as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        return _failed("stopped: nothing was written.")


def _segment(options: argparse.Namespace) -> int:
    """By the method that the model is for."""
    from napari_emcad.inference.device import reuse_memory
    from napari_emcad.networks.checkpoint import inspect

    reuse_memory()
    _check_outputs(options)
    role = inspect(resolve(options.model)).role
    return _segment_optical(options) if role == "foreground" else _segment_em(options)


def _segment_em(options: argparse.Namespace) -> int:
    from napari_emcad.networks.checkpoint import load_model

    names = ("threshold", "min_size", "seed_sigma", "agglomeration", "device", "black", "white")
    wished = SegmentParameters(**_given(options, *names))
    network, card = load_model(resolve(options.model))
    with ExitStack() as stack:
        volume = stack.enter_context(_opened(options))
        voxel_size = volume.voxel_size or voxel_size_by_name(options.input)
        check_volume(volume.array)
        _warn(kind_warning(card, volume.array, voxel_size))
        box = _box(options, volume.array.shape)
        parameters = settled(wished, volume.array, card)
        memory = memory_needed(box, volume.array.shape[1:], card=card, seed_sigma=parameters.seed_sigma)
        _say(f"{shape_text(box.shape)} voxels, at most {size_text(memory)}, {card.line()}")
        made = provenance(card, parameters, box, source=str(options.input), fingerprint=volume.fingerprint)
        if options.affinities:
            affinities = stack.enter_context(new_affinities(options.affinities, box.shape, voxel_size, made))
        else:
            affinities = np.zeros((3, *box.shape), np.uint8)
        start = time.monotonic()
        segmentation = follow(run(volume.array, network, affinities, box, parameters))
        seconds = time.monotonic() - start
        table = segmentation.table(parameters.threshold, parameters.min_size, parameters.crumbs)
        labels = segmentation.labels(table)
        follow(writing_labels(options.output, labels, voxel_size, made, int(table.max())))
        if options.session:
            facts = SessionFacts.of(made | {"source": str(options.input.absolute())}, voxel_size)
            create_session(options.session, segmentation, affinities, facts).close()
    neurons = len(segmentation.neuron_sizes(table))
    megavoxels = labels.size / 1e6
    _say(
        f"{count(neurons, 'neuron')} in {seconds:.1f} s, {seconds / megavoxels:.2f} s per megavoxel -> {options.output}"
    )
    return 0


def _segment_optical(options: argparse.Namespace) -> int:
    from napari_emcad.networks.checkpoint import load_foreground

    _refuse_em_options(options)
    wished = optical.OpticalParameters(**_given(options, "threshold", "min_size", "device", "black", "white"))
    network, card = load_foreground(resolve(options.model))
    with _opened(options) as volume:
        check_volume(volume.array, smallest=1)
        _warn(kind_warning(card, volume.array, volume.voxel_size))
        box = _box(options, volume.array.shape)
        parameters = optical.settled(wished, volume.array, card)
        memory = optical.memory_needed(box, volume.array.shape, card)
        _say(f"{shape_text(box.shape)} voxels, at most {size_text(memory)}, {card.line()}")
        made = provenance(card, parameters, box, source=str(options.input), fingerprint=volume.fingerprint)
        start = time.monotonic()
        labels = follow(optical.run(volume.array, network, np.zeros(box.shape, np.uint8), box, parameters))
        seconds, found = time.monotonic() - start, int(labels.max())
        follow(writing_labels(options.output, labels, volume.voxel_size, made, found))
    per_megavoxel = f"{seconds / labels.size * 1e6:.2f} s per megavoxel"
    _say(f"{count(found, 'neurite')} in {seconds:.1f} s, {per_megavoxel} -> {options.output}")
    return 0


def _opened(options: argparse.Namespace) -> Volume:
    return open_volume(options.input, options.dataset, VoxelSize(*options.voxel_size) if options.voxel_size else None)


def _evaluate(options: argparse.Namespace) -> int:
    dataset = options.dataset or neurons_in(options.truth)
    with (
        open_volume(options.labels, neurons_in(options.labels)) as labels,
        open_volume(options.truth, dataset) as truth,
    ):
        box = _box(options, truth.array.shape)
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
        _say(json.dumps(figures))
    else:
        _say(
            f"VOI split {scores.voi_split:.4f} bits\nVOI merge {scores.voi_merge:.4f} bits\n"
            f"VOI       {scores.voi:.4f} bits\nARAND     {scores.arand:.4f}\nsegments  {scores.segments}"
        )
    return 0


def _models(options: argparse.Namespace) -> int:
    from napari_emcad.networks.checkpoint import inspect

    if options.show:
        _say(inspect(resolve(options.show)).model_dump_json(indent=2))
    else:
        for name, path in available().items():
            _say(f"{name}: {_line(path)}")
    return 0


def _line(path: Path) -> str:
    """What a model's card says in one line, or why it cannot be used: one broken file does not hide the others."""
    from napari_emcad.networks.checkpoint import inspect

    try:
        return inspect(path).line()
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
    _check_folder(options.output)
    with open_session(options.session, to_read=True) as opened:
        _warn(opened.session.log.damage)
        follow(exporting(options.what, options.output, opened, options.at))
    _say(f"{options.what} -> {options.output}")
    return 0


def _session(options: argparse.Namespace) -> int:
    _check_folder(options.output)
    _check_session(options.output)
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
    _say(f"{counts}; {pieces.ids_text} -> {options.output}")
    return 0


def _log(options: argparse.Namespace) -> int:
    with open_session(options.session, to_read=True) as opened:
        session = opened.session
        live = set(session.in_force)
        for row in session.log.rows:
            undone = row.kind not in ("undo", "redo") and row.seq not in live
            what = ", ".join(f"{name} {json.dumps(value)}" for name, value in row.input.items())
            _say(f"{row.seq}  {time_text(row.time)}  {row.user}  {row.kind}  {what}{'  (undone)' if undone else ''}")
        _warn(session.log.damage)
    return 0


def _replay(options: argparse.Namespace) -> int:
    with open_session(options.old, to_read=True) as old, open_session(options.new) as new:
        _warn(old.session.log.damage)
        try:
            found = follow(replaying(old, new))
        except KeyboardInterrupt:
            return _failed(f"stopped: the edits made again until then are in {options.new}.")
        start = new.facts.box_of(new.session.state.base.fragments.shape).start
    for edit in found:
        place = ",".join(str(v + a) for v, a in zip(edit.voxel, start, strict=True)) if edit.voxel else "-"
        _say(f"{edit.seq}  {edit.kind}  {place}  {OUTCOMES[edit.outcome]}{'  ' if edit.why else ''}{edit.why}")
    _say(summary(found))
    return 0


def _copy(options: argparse.Namespace) -> int:
    copied = follow(copying_session(options.session, options.new))
    _warn(copied.damage)
    _say(f"{count(copied.edits, 'edit')} -> {options.new}")
    return 0


def _proofread(options: argparse.Namespace) -> int:
    """As the demo, a program of its own: only the `widgets` room opens windows."""
    read_facts(options.session)
    command = [sys.executable, "-m", "napari_emcad.widgets.proofread_window", str(options.session)]
    return subprocess.run(command, check=False).returncode


def _box(options: argparse.Namespace, shape: Sequence[int]) -> Box:
    return Box.parse(options.box, shape) if options.box else Box.whole(shape)


def _check_outputs(options: argparse.Namespace) -> None:
    """Before the work, not after it."""
    for output in filter(None, (options.output, options.affinities, options.session)):
        _check_folder(output)
    if options.output.suffix.lower() not in (".tif", ".tiff"):
        raise UserError(f"output: a name that ends in .tif is needed, got {options.output}.")
    if options.session:
        _check_session(options.session)


def _refuse_em_options(options: argparse.Namespace) -> None:
    """What only the method for EM stacks knows."""
    for name in ("seed_sigma", "agglomeration", "affinities", "session"):
        if getattr(options, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise UserError(
                f"{option}: a model for EM stacks is needed for this, {options.model} finds the foreground of optical "
                "volumes; leave the option out."
            )


def _check_session(folder: Path) -> None:
    check_new(folder)
    if folder.suffix != ".emcad":
        raise UserError(f"session: a name that ends in .emcad is needed, got {folder}.")


def _check_folder(output: Path) -> None:
    if not output.parent.is_dir():
        raise UserError(f"output: the folder {output.parent} does not exist; make it or choose another one.")


def _given(options: argparse.Namespace, *names: str) -> dict:
    """The options that were given; the others keep the defaults of the method's parameters."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _warn(sentence: str) -> None:
    if sentence:
        sys.stderr.write(f"napari-emcad: {sentence}\n")


def _failed(sentence: str) -> int:
    _warn(sentence)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="napari-emcad", description="EM stacks or optical volumes -> neurons.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_segment(
        commands.add_parser(
            "segment", help="segment a stack into a label TIFF; an SDASN finds neurites of optical volumes"
        )
    )
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


def _add_segment(parser: argparse.ArgumentParser) -> None:
    field = SegmentParameters.model_fields
    parser.add_argument("input", type=Path, help="TIFF stack, folder of section images, HDF5 or Zarr")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="LABELS.tif")
    parser.add_argument("--model", default=BUNDLED, metavar="NAME|FILE", help=f"default: {BUNDLED}")
    parser.add_argument("--threshold", type=_between(0, 1), metavar="T", help=field["threshold"].description)
    parser.add_argument("--min-size", type=_at_least_zero, metavar="VOXELS", help=field["min_size"].description)
    parser.add_argument("--seed-sigma", type=_between(0, 20), metavar="PX", help=field["seed_sigma"].description)
    parser.add_argument("--agglomeration", choices=tuple(DEFAULT_THRESHOLDS), help=field["agglomeration"].description)
    parser.add_argument("--black", type=float, metavar="GREY", help=f"becomes 0; {_LEVELS}")
    parser.add_argument("--white", type=float, metavar="GREY", help=f"becomes 1; {_LEVELS}")
    parser.add_argument("--device", choices=tuple(WISHES))
    parser.add_argument("--dataset", metavar="PATH_IN_FILE", help="in HDF5 or Zarr")
    _add_voxel_size(parser)
    _add_box(parser)
    parser.add_argument("--affinities", type=Path, metavar="OUT.zarr", help="keep the affinities, too")
    parser.add_argument("--session", type=Path, metavar="OUT.emcad", help="write a session to proofread, too")
    parser.set_defaults(command=_segment)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("labels", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--dataset", metavar="PATH_IN_TRUTH", help="in HDF5 or Zarr; default in CREMI: the neurons")
    _add_box(parser)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.set_defaults(command=_evaluate)


def _add_from_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("labels", type=Path, help="TIFF, HDF5 or Zarr; 0 = none")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.emcad")
    parser.add_argument("--dataset", metavar="PATH_IN_LABELS", help="in HDF5 or Zarr")
    parser.add_argument("--stack", type=Path, help="what was labelled: shown, and affinities are predicted from it")
    parser.add_argument("--stack-dataset", metavar="PATH_IN_STACK", help="in HDF5 or Zarr")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--model", metavar="NAME|FILE", help=f"that predicts, or {NO_MODEL}; default: {BUNDLED}")
    source.add_argument("--affinities", type=Path, metavar="FILE.zarr", help="take these, predict none")
    _add_voxel_size(parser)
    parser.set_defaults(command=_session)


def _add_export(parser: argparse.ArgumentParser) -> None:
    _add_session(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="LABELS.tif", help="or .zarr, .csv, .npz")
    parser.add_argument("--what", choices=EXPORTS, default="labels", help="default: labels")
    parser.add_argument("--at", type=_at_least_zero, metavar="SEQ", help="as it was after this edit; 0 = before any")
    parser.set_defaults(command=_export)


def _add_session(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", type=Path, metavar="SESSION", help="folder NAME.emcad")


def _add_voxel_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--voxel-size", type=_positive, nargs=3, metavar=("Z", "Y", "X"), help="nm")


def _add_box(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--box", metavar="z0:z1,y0:y1,x0:x1", help="voxels, half open; default: the whole stack")


def _between(low: float, high: float):
    def number(text: str) -> float:
        if not low <= float(text) <= high:
            raise argparse.ArgumentTypeError(f"a number from {low} to {high} is needed, got {text}")
        return float(text)

    return number


def _at_least_zero(text: str) -> int:
    if int(text) < 0:
        raise argparse.ArgumentTypeError(f"0 or more is needed, got {text}")
    return int(text)


def _positive(text: str) -> float:
    if not 0 < float(text) < np.inf:
        raise argparse.ArgumentTypeError(f"a length above 0 nm is needed, got {text}")
    return float(text)


if __name__ == "__main__":
    sys.exit(main())
