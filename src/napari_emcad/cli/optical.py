"""The command that trains a network for optical volumes."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np

from napari_emcad.cli.bar import tell, warn
from napari_emcad.cli.inputs import box_of, check_model, options_set, selection_of, size_of, tell_stack
from napari_emcad.cli.options import SCRATCH
from napari_emcad.cli.training import follow_training, stoppable, with_budget
from napari_emcad.core.errors import UserError
from napari_emcad.core.label_contents import KnownLabels
from napari_emcad.finetuning.optical import OpticalEvent, OpticalLesson, OpticalScoreEvent, train_optical
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.io.stacks.stack_selection import errors_of
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import load_foreground
from napari_emcad.networks.sdasn import Sdasn
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.training.params import TrainingParameters

PARAMETERS = ("minutes", "steps", "learning_rate", "batch", "size", "seed")
"""Options that are parameters of training."""


def train(options: argparse.Namespace) -> int:
    """Train until the budget is spent or Ctrl+C is pressed; the best network is written as soon as it is found."""
    check_model(options.output)
    parameters = TrainingParameters.of(mode="teacher", **with_budget(options_set(options, *PARAMETERS)))
    start, lesson = _start(options.model, parameters.seed), _lesson(options)
    with stoppable() as stopped:
        events = train_optical(lesson, start, parameters, options.output, options.device)
        last = follow_training(_until_stopped(events, stopped), options.json, _score_line)
    best = last["after"] if last is not None and last["event"] == "finished" else None
    if best is None:
        raise UserError(f"{options.output}: not written, as the run ended before its first score; give it more time.")
    if not options.json:
        tell(f"{_score_text(best)} on what was held out -> {options.output}")
    return 0


def _start(model: str, seed: int) -> tuple[Sdasn, ModelCard]:
    """Return the network to begin with, and its card."""
    import torch

    torch.manual_seed(seed)
    return (Sdasn(), ModelCard()) if model == SCRATCH else load_foreground(resolve_model(model))


def _lesson(options: argparse.Namespace) -> OpticalLesson:
    with ExitStack() as opened:
        raw = opened.enter_context(open_stack(options.raw, selection_of(options), size_of(options)))
        with errors_of("labels"):
            labels = opened.enter_context(open_stack(options.labels, selection_of(options, "labels")))
        for stack in (raw, labels):
            tell_stack(stack, warn)
        if raw.array.shape != labels.array.shape or labels.array.dtype.kind not in "bui":
            raise UserError(
                f"{options.labels}: whole-number labels of the volume's shape {tuple(raw.array.shape)} are needed, got "
                f"{labels.array.dtype} of shape {tuple(labels.array.shape)}; choose those that belong to it."
            )
        box = box_of(options, raw.array.shape)
        name = f"{options.raw.stem}[{box.text}]"
        known = KnownLabels(labels.array)
        lesson = OpticalLesson(np.asarray(raw.array[box.slices]), known[box.slices], name, raw.voxel_size)
    warn(known.note)
    return lesson


def _until_stopped(events: Iterator[OpticalEvent], stopped: Callable[[], bool]) -> Iterator[OpticalEvent]:
    """Yield the events up to the first step after Ctrl+C, and then that the run has finished with the best so far."""
    best: OpticalScoreEvent | None = None
    for event in events:
        if event["event"] == "score" and event["best"]:
            best = event
        yield event
        if stopped() and event["event"] == "step":
            yield {"event": "finished", "seconds": event["seconds"], "after": best}
            return


def _score_line(event: OpticalEvent) -> str:
    return f"step {event['step']}: {_score_text(event)}" if event["event"] == "score" else ""


def _score_text(score: OpticalScoreEvent) -> str:
    return f"Dice {score['dice']:.3f} at threshold {score['threshold']:g}"
