"""The commands that train: finetune, train-teacher, distill and pretrain; a thin shell over `finetune`."""

import argparse
import json
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from tqdm import tqdm

from napari_emcad.cli.bar import tell
from napari_emcad.cli.options import add_dataset, check_folder, given
from napari_emcad.core.crop import Crop
from napari_emcad.core.errors import UserError
from napari_emcad.core.hold_out import hold_out
from napari_emcad.core.wishes import TO_TRAIN
from napari_emcad.finetuning.crops import CropFiles, CropPlaces, read_crops, read_session_crops
from napari_emcad.finetuning.events import Event
from napari_emcad.finetuning.folder import TrainingOrder, read_order, teacher_beside, write_run
from napari_emcad.finetuning.run import fine_tune
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.networks.zoo import BUNDLED, resolve_model
from napari_emcad.training.params import NEEDS_LABELS, Augmentation, Consistency, Loss, Mode, TrainingParameters

DEFAULT_MINUTES = 2.0
SCRATCH = "new"
"""Instead of a model's name: random weights."""


def add_training_commands(commands) -> None:
    """Add the commands to the parser's subcommands."""
    finetune = commands.add_parser("finetune", help="fine-tune a student on labelled crops, or on a session")
    source = finetune.add_mutually_exclusive_group(required=True)
    source.add_argument("--labels", type=parse_location, help="neurons of RAW, 0 = boundary")
    source.add_argument("--session", type=Path, metavar="SESSION", help="its done neurons and edits, or the boxes")
    finetune.add_argument("--mask", type=parse_location, help="of LABELS: 0 = not verified there")
    finetune.add_argument("--student", default=BUNDLED, metavar="NAME|FILE", help=f"default: {BUNDLED}; or {SCRATCH}")
    finetune.add_argument("--teacher", metavar="NAME|FILE")
    finetune.add_argument("--mode", choices=get_args(Mode), help="default: frozen-teacher with a teacher, else student")
    finetune.set_defaults(modes=("student", "frozen-teacher"))
    _add_common(finetune)
    teacher = commands.add_parser("train-teacher", help="train a 3D teacher on labelled crops")
    teacher.add_argument("--labels", type=parse_location, required=True, help="neurons of RAW, 0 = boundary")
    teacher.add_argument("--mask", type=parse_location, help="of LABELS: 0 = not verified there")
    teacher.add_argument("--teacher", metavar="NAME|FILE", help="go on with this one; default: random weights")
    teacher.add_argument("--maps", type=_maps, metavar="N,N,...", help="of a new teacher, full resolution first")
    teacher.set_defaults(mode="teacher", student=None, session=None)
    _add_common(teacher)
    distill = commands.add_parser("distill", help="let a student learn from a teacher on a stack without labels")
    distill.add_argument("--student", default=BUNDLED, metavar="NAME|FILE", help=f"default: {BUNDLED}; or {SCRATCH}")
    distill.add_argument("--teacher", required=True, metavar="NAME|FILE")
    distill.set_defaults(mode="distil", labels=None, mask=None, session=None)
    _add_common(distill)
    pretrain = commands.add_parser("pretrain", help="let a network restore perturbed sections of an unlabelled stack")
    learner = pretrain.add_mutually_exclusive_group(required=True)
    learner.add_argument("--student", metavar="NAME|FILE", help=f"or {SCRATCH}")
    learner.add_argument("--teacher", metavar="NAME|FILE", help=f"or {SCRATCH}")
    pretrain.add_argument("--maps", type=_maps, metavar="N,N,...", help="of a new teacher, full resolution first")
    pretrain.set_defaults(mode=None, modes=("restore", "restore-teacher"), labels=None, mask=None, session=None)
    _add_common(pretrain)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--raw", type=parse_location, help="EM stack; of a session, where it is now")
    add_dataset(parser, "--dataset", "PATH_IN_RAW")
    parser.add_argument("--box", action="append", metavar="z0:z1,y0:y1,x0:x1", help="to train in; may be repeated")
    parser.add_argument("--unlabelled", action="append", metavar="z0:z1,y0:y1,x0:x1", help="to distil in too")
    parser.add_argument("--hold-out", action="append", metavar="z0:z1,y0:y1,x0:x1", help="to score in; default: chosen")
    parser.add_argument("--minutes", type=float, help=f"time for all of it; default: {DEFAULT_MINUTES:g}")
    parser.add_argument("--steps", type=int)
    for name in ("learning-rate", "ema"):
        parser.add_argument(f"--{name}", type=float, metavar="R")
    for name in ("batch", "sections", "size", "seed", "warm-up"):
        parser.add_argument(f"--{name}", type=int, metavar="N")
    parser.add_argument("--consistency", choices=get_args(Consistency), help="unlabelled boxes teach by two views, too")
    parser.add_argument("--loss", choices=get_args(Loss), help="against labels; malis = mse and MALIS; default: mse")
    parser.add_argument("--augmentation", choices=get_args(Augmentation), help="default: light for short budgets")
    parser.add_argument("--device", choices=TO_TRAIN, default="auto")
    parser.add_argument("--about", type=json.loads, default={}, metavar="JSON", help="fields of the new model's card")
    parser.add_argument("--json", action="store_true", help="what happens, one JSON object a line")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="NEW.ckpt",
        help="or .pt; a teacher that learns too: NEW_teacher.ckpt",
    )
    parser.set_defaults(command=_train)


def _train(options: argparse.Namespace) -> int:
    folder = options.output.with_suffix(".run")
    order = _order(options)
    check_output(options.output)
    if order.parameters.mode == "joint":
        check_output(teacher_beside(options.output))
    if folder.exists():
        _go_on(folder, order)
    else:
        write_run(folder, order, *_crops(options, order.parameters.mode))
    with stoppable() as stopped:
        last = follow_training(fine_tune(folder, lambda: not stopped()), options, _score_text)
    if last["model"] is None:
        raise UserError(
            f"{options.output}: not written, as no step lowered the VOI on the held-out crops from "
            f"{last['before']['voi']:.3f} bits; run it again with more time, or with another --learning-rate."
        )
    best, written = folder / last["model"], [options.output]
    _copy_model(best, options.output)
    if teacher_beside(best).exists():
        written.append(teacher_beside(options.output))
        _copy_model(teacher_beside(best), written[-1])
    shutil.rmtree(folder)
    if not options.json:
        tell(f"{_outcome(last)} -> {', '.join(map(str, written))}")
    return 0


def _order(options: argparse.Namespace) -> TrainingOrder:
    mode = options.mode or options.modes[options.teacher is not None]
    numbers = ("minutes", "steps", "learning_rate", "ema", "batch", "sections", "size", "seed", "warm_up")
    names = (*numbers, "loss", "consistency", "augmentation")
    return TrainingOrder(
        student=_model(options.student),
        teacher=_model(options.teacher),
        teacher_maps=getattr(options, "maps", None),
        parameters=TrainingParameters.of(mode=mode, **with_budget(given(options, *names))),
        device=options.device,
        about=options.about,
    )


def with_budget(wished: dict) -> dict:
    """What was asked for, in the default time where neither time nor steps were."""
    return wished if {"minutes", "steps"} & set(wished) else {"minutes": DEFAULT_MINUTES, **wished}


def _model(name: str | None) -> Path | None:
    return None if name in (None, SCRATCH) else resolve_model(name).absolute()


def _go_on(folder: Path, order: TrainingOrder) -> None:
    """The run there is resumed if it is the same but for its budget."""
    budget = {"steps": None, "minutes": 1.0}
    old = read_order(folder)
    same = (o.model_copy(update={"parameters": o.parameters.model_copy(update=budget)}) for o in (old, order))
    if next(same) != next(same):
        raise UserError(f"{folder}: another run is kept there; remove the folder, or choose another output.")
    order.write(folder)


def _crops(options: argparse.Namespace, mode: Mode) -> tuple[list[Crop], list[Crop]]:
    """Crops to train on and to hold out."""
    places = CropPlaces(options.box or (), options.hold_out or (), options.unlabelled or ())
    files = options.raw and CropFiles(options.raw, options.dataset, options.labels, options.mask)
    if options.session:
        train, held_out = read_session_crops(options.session, files, places)
    elif files is None:
        raise UserError("raw: a stack is needed; name it with --raw.")
    else:
        train, held_out = read_crops(files, places)
    return (train, held_out) if held_out or mode not in NEEDS_LABELS else hold_out(train)


def check_output(output: Path) -> None:
    """Refuse a file that cannot be written, or is there.

    Raises
    ------
    UserError
    """
    check_folder(output)
    if output.suffix not in (".pt", ".ckpt"):
        raise UserError(f"output: a name that ends in .ckpt or .pt is needed, got {output}.")
    if output.exists():
        raise UserError(f"output: {output} exists, and no model is overwritten; choose another name.")


def _copy_model(best: Path, output: Path) -> None:
    from napari_emcad.networks.checkpoint import load_model, save_model

    network, card = load_model(best)
    save_model(network, output, card)


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """The first Ctrl+C ends the training in good order, the second at once."""
    pressed = []

    def press(*_) -> None:
        pressed.append(True)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stderr.write("\nstopping after this step; press Ctrl+C again to end at once\n")

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def follow_training(events: Iterator[Event], options: argparse.Namespace, score_text: Callable[[Event], str]) -> Event:
    """Tell what happens, as JSON or as a bar; the last event."""
    event: Event = {}
    with tqdm(
        total=100, unit="%", disable=options.json, bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}"
    ) as bar:
        for event in events:
            if options.json:
                tell(json.dumps(event))
            if event["event"] == "step":
                bar.set_postfix_str(f"step {event['step']}, loss {event['loss']:.4f}", refresh=False)
                bar.update(100 * event["done"] - bar.n)
            elif event["event"] == "score" and not options.json:
                bar.write(f"step {event['step']}: {score_text(event)}", file=sys.stderr)
            elif event["event"] == "stage":
                bar.set_postfix_str(event["text"])
    return event


def _score_text(score: Event) -> str:
    return f"VOI {score['voi']:.3f} bits, ARAND {score['arand']:.4f} at threshold {score['threshold']:g}"


def _outcome(last: Event) -> str:
    done = f"{last['steps']} steps, {last['seconds']:.0f} s"
    if not last["before"]:
        return done
    return f"{done}: held out, before {_score_text(last['before'])}; after {_score_text(last['after'])}"


def _maps(text: str) -> tuple[int, ...]:
    maps = tuple(int(n) for n in text.split(","))
    if len(maps) < 2 or min(maps) < 1:
        raise argparse.ArgumentTypeError(f"two numbers above 0 or more are needed, got {text}")
    return maps
