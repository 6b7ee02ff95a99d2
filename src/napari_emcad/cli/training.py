"""The commands that train networks for EM stacks: finetune, train-teacher, distill and pretrain."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from tqdm import tqdm

from napari_emcad.cli.bar import tell, warn
from napari_emcad.cli.inputs import check_model, options_set, selection_of, size_of
from napari_emcad.cli.options import DEFAULT_MINUTES, SCRATCH
from napari_emcad.cli.section_choice import choose_plan
from napari_emcad.core.errors import UserError
from napari_emcad.core.hold_out import hold_out
from napari_emcad.finetuning.crops import CropFiles, CropPlaces, TrainAndHeldOut, read_crops, read_session_crops
from napari_emcad.finetuning.events import Event, FinishedEvent, ScoreEvent
from napari_emcad.finetuning.folder import TrainingOrder, read_order, teacher_beside, write_run
from napari_emcad.finetuning.optical import OpticalEvent
from napari_emcad.finetuning.run import fine_tune
from napari_emcad.inference.normalisation import trained_greys
from napari_emcad.io.atomic import discard
from napari_emcad.io.sessions.facts import read_facts
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.checkpoint import inspect, load_model, save_model
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.training.params import NEEDS_LABELS, Mode, TrainingParameters

PARAMETERS = (
    *("minutes", "steps", "learning_rate", "ema", "batch", "sections", "size", "seed", "warm_up"),
    *("loss", "consistency", "augmentation", "defects"),
)
"""Options that are parameters of training."""

AnyEvent = TypeVar("AnyEvent", Event, OpticalEvent)


def train(options: argparse.Namespace) -> int:
    """Train, or go on with a run that was stopped, and write the best network."""
    folder, order = options.output.with_suffix(".run"), _order(options)
    check_model(options.output)
    if order.parameters.mode == "joint":
        check_model(teacher_beside(options.output))
    if folder.exists():
        _resume_run(folder, order)
    else:
        write_run(folder, order, *_crops(options, order.parameters.mode))
    with stoppable() as stopped:
        last = follow_training(fine_tune(folder, lambda: not stopped()), options.json, _score_line)
    if last is None or last["event"] != "finished":
        raise RuntimeError(f"{folder}: the run has ended without saying how")
    written = _write_best(folder, last, options.output)
    discard(folder)
    if not options.json:
        tell(f"{_outcome(last)} -> {', '.join(map(str, written))}")
    return 0


def with_budget(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters of training with the default time, if neither time nor steps are among them."""
    return parameters if {"minutes", "steps"} & set(parameters) else {"minutes": DEFAULT_MINUTES, **parameters}


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl+C end the training in good order, and the second at once.

    Yields
    ------
    callable
        True once Ctrl+C was pressed.
    """
    pressed: list[bool] = []

    def press(_number: int, _frame: FrameType | None) -> None:
        pressed.append(True)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stderr.write("\nstopping after this step; press Ctrl+C again to end at once\n")

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def follow_training(events: Iterator[AnyEvent], as_json: bool, line_of: Callable[[AnyEvent], str]) -> AnyEvent | None:
    """Tell what happens, as JSON or as a bar, and return the last event; None if nothing happens.

    Parameters
    ----------
    events : iterator of Event or OpticalEvent
    as_json : bool
    line_of : callable
        Returns the line that an event is worth beside the bar; empty for most.
    """
    event = None
    line_format = "{l_bar}{bar}| {elapsed}<{remaining}{postfix}"
    with tqdm(total=100, unit="%", disable=as_json, bar_format=line_format) as bar:
        for event in events:
            if as_json:
                tell(json.dumps(event))
            if event["event"] == "step":
                bar.set_postfix_str(f"step {event['step']}, loss {event['loss']:.4f}", refresh=False)
                bar.update(100 * event["done"] - bar.n)
            elif event["event"] == "stage":
                bar.set_postfix_str(event["text"])
            elif not as_json and (line := line_of(event)):
                bar.write(line, file=sys.stderr)
    return event


def _order(options: argparse.Namespace) -> TrainingOrder:
    if options.session and options.plan:
        raise UserError("plan: a session has its own plan for its sections; leave --plan out.")
    mode = options.mode or options.modes[options.teacher is not None]
    return TrainingOrder(
        student=_model_file(options.student),
        teacher=_model_file(options.teacher),
        teacher_maps=getattr(options, "maps", None),
        parameters=TrainingParameters.of(mode=mode, **with_budget(options_set(options, *PARAMETERS))),
        device=options.device,
        about={**_voxel_size(options), **options.about},
    )


def _voxel_size(options: argparse.Namespace) -> dict[str, list[float]]:
    """Return the field of the new card with the voxel size of the crops, if it is known: pixels are not resampled."""
    size = size_of(options)
    if options.raw and size is None:
        with open_stack(options.raw, selection_of(options)) as raw:
            size = raw.voxel_size
    if size is None and options.session:
        size = read_facts(options.session).voxel_size
    return {"voxel_size": list(size)} if size else {}


def _model_file(name: str | None) -> Path | None:
    """Return the file of a model; None for random weights."""
    return None if name is None or name == SCRATCH else resolve_model(name).absolute()


def _resume_run(folder: Path, order: TrainingOrder) -> None:
    """Let a run go on with another budget; refuse one that differs in anything else."""
    budget = {"steps": None, "minutes": 1.0}
    old, new = (
        o.model_copy(update={"parameters": o.parameters.model_copy(update=budget)}) for o in (read_order(folder), order)
    )
    if old != new:
        raise UserError(f"{folder}: another run is kept there; remove the folder, or choose another output.")
    order.write(folder)


def _crops(options: argparse.Namespace, mode: Mode) -> TrainAndHeldOut:
    """Read the crops to train on and to hold out."""
    places = CropPlaces(options.box or (), options.hold_out or (), options.unlabelled or ())
    files = _files(options) if options.raw else None
    if options.session:
        train, held_out = read_session_crops(options.session, files, places, warn if options.json else tell)
    elif files is None:
        raise UserError("raw: a stack is needed; name it with --raw.")
    else:
        student = _model_file(getattr(options, "student", None))
        trained = trained_greys(inspect(student) if student else None)
        asked_for = argparse.Namespace(sections=options.plan, bridged=None)
        choose = partial(choose_plan, asked_for, say=warn if options.json else tell)
        train, held_out = read_crops(files, places, trained, choose, warn)
    return (train, held_out) if held_out or mode not in NEEDS_LABELS else hold_out(train)


def _files(options: argparse.Namespace) -> CropFiles:
    labels_dataset = selection_of(options, "labels") if options.labels else None
    mask_dataset = selection_of(options, "mask") if options.mask else None
    dataset = selection_of(options)
    painted = getattr(options, "painted", False)
    return CropFiles(options.raw, dataset, options.labels, options.mask, labels_dataset, mask_dataset, painted)


def _write_best(folder: Path, last: FinishedEvent, output: Path) -> list[Path]:
    """Write the best network of a run, and the teacher that learnt beside it. Return their files.

    Raises
    ------
    UserError
        If no step has helped.
    """
    if last["model"] is None:
        before = f" from {last['before']['voi']:.3f} bits" if last["before"] else ""
        raise UserError(
            f"{output}: not written, as no step lowered the VOI on the held-out crops{before}; "
            "run it again with more time, or with another --learning-rate."
        )
    best, written = folder / last["model"], [output]
    _copy_model(best, output)
    if teacher_beside(best).exists():
        written.append(teacher_beside(output))
        _copy_model(teacher_beside(best), written[-1])
    return written


def _copy_model(best: Path, output: Path) -> None:
    network, card = load_model(best)
    save_model(network, output, card)


def _score_line(event: Event) -> str:
    return f"step {event['step']}: {_score_text(event)}" if event["event"] == "score" else ""


def _score_text(score: ScoreEvent) -> str:
    return f"VOI {score['voi']:.3f} bits, ARAND {score['arand']:.4f} at threshold {score['threshold']:g}"


def _outcome(last: FinishedEvent) -> str:
    done = f"{last['steps']} steps, {last['seconds']:.0f} s"
    if not last["before"] or not last["after"]:
        return done
    return f"{done}: held out, before {_score_text(last['before'])}; after {_score_text(last['after'])}"
