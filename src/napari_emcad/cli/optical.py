"""The command that trains a network for optical volumes; a thin shell over `train_optical`."""

import argparse
from pathlib import Path

import numpy as np

from napari_emcad.cli.bar import tell
from napari_emcad.cli.options import add_box, box_of, given
from napari_emcad.cli.training import (
    DEFAULT_MINUTES,
    SCRATCH,
    check_output,
    follow_training,
    stoppable,
    with_budget,
)
from napari_emcad.core.errors import UserError
from napari_emcad.core.wishes import TO_TRAIN
from napari_emcad.finetuning.optical import OpticalLesson, train_optical
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.training.params import TrainingParameters

NUMBERS = ("minutes", "steps", "learning_rate", "batch", "size", "seed")


def add_optical_command(commands) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "train-optical", help="train a foreground network (SDASN) on a labelled optical volume"
    )
    parser.add_argument("--raw", type=parse_location, required=True, help="optical volume")
    parser.add_argument("--labels", type=parse_location, required=True, help="of RAW; above 0 = neurite")
    parser.add_argument("--dataset", metavar="PATH_IN_RAW", help="in HDF5 or Zarr")
    add_box(parser)
    parser.add_argument("--model", default=SCRATCH, metavar="NAME|FILE", help=f"to begin with; default: {SCRATCH}")
    parser.add_argument("--minutes", type=float, help=f"time for all of it; default: {DEFAULT_MINUTES:g}")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--learning-rate", type=float, metavar="R")
    for name in ("batch", "size", "seed"):
        parser.add_argument(f"--{name}", type=int, metavar="N")
    parser.add_argument("--device", choices=TO_TRAIN, default="auto")
    parser.add_argument("--json", action="store_true", help="what happens, one JSON object a line")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="NEW.ckpt")
    parser.set_defaults(command=_train)


def _train(options: argparse.Namespace) -> int:
    check_output(options.output)
    parameters = TrainingParameters.of(mode="teacher", **with_budget(given(options, *NUMBERS)))
    network = _network(options.model, parameters.seed)
    lesson = _lesson(options)
    with stoppable() as stopped:
        events = train_optical(lesson, network, parameters, options.output, options.device)
        last = follow_training(_until(events, stopped), options, _score_text)
    best = last.get("after")
    if best is None:
        raise UserError(f"{options.output}: not written, as the run ended before its first score; give it more time.")
    if not options.json:
        tell(f"{_score_text(best)} on what was held out -> {options.output}")
    return 0


def _network(model: str, seed: int):
    import torch

    from napari_emcad.networks.checkpoint import load_foreground
    from napari_emcad.networks.sdasn import Sdasn

    torch.manual_seed(seed)
    return (Sdasn(), ModelCard()) if model == SCRATCH else load_foreground(resolve_model(model))


def _lesson(options: argparse.Namespace) -> OpticalLesson:
    with open_stack(options.raw, options.dataset) as raw, open_stack(options.labels) as labels:
        if raw.array.shape != labels.array.shape or labels.array.dtype.kind not in "bui":
            raise UserError(
                f"{options.labels}: whole-number labels of the volume's shape {tuple(raw.array.shape)} are needed, got "
                f"{labels.array.dtype} of shape {tuple(labels.array.shape)}; choose those that belong to it."
            )
        box = box_of(options, raw.array.shape)
        name = f"{options.raw.stem}[{box.text}]"
        return OpticalLesson(np.asarray(raw.array[box.slices]), np.asarray(labels.array[box.slices]), name)


def _until(events, stopped):
    """The events, up to the first step after a person wants no more; the best so far is said to be the end."""
    best = None
    for event in events:
        best = event if event["event"] == "score" and event["best"] else best
        yield event
        if stopped() and event["event"] == "step":
            yield {"event": "finished", "seconds": event["seconds"], "after": best}
            return


def _score_text(score: dict) -> str:
    return f"Dice {score['dice']:.3f} at threshold {score['threshold']:g}"
