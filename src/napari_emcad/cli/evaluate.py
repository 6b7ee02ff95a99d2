"""The command that scores labels against the truth."""

import argparse
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_emcad.cli.bar import tell, warn
from napari_emcad.cli.inputs import box_of, selection_of, tell_stack
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.label_contents import KnownLabels, highest_id
from napari_emcad.core.scores import Scores, score
from napari_emcad.io.labels.place import box_in_stack
from napari_emcad.io.stacks.label_stacks import open_labels
from napari_emcad.io.stacks.stack import Stack, holds_datasets
from napari_emcad.io.stacks.stack_selection import StackSelection, errors_of


def evaluate(options: argparse.Namespace) -> int:
    """Score labels, of all of the truth or of a box of it."""
    with ExitStack() as opened:
        labels = opened.enter_context(open_labels(options.labels, _labels_asked_for(options)))
        truth = opened.enter_context(_open_truth(options))
        for stack in (labels, truth):
            tell_stack(stack, warn)
        box = _scored_box(options, labels, truth)
        mine = _part_of_labels(labels, truth, box)
        known = KnownLabels(truth.array, _ignored(options, truth))
        scores = score(mine, known[box.slices])
    warn(known.note and f"{truth.path.name}: {known.note}")
    if "max" in options.ignore and highest_id(truth.array.dtype) not in known.found:
        warn(f"{truth.path.name}: {highest_id(truth.array.dtype)} is not in it, --ignore max leaves nothing out.")
    _tell_scores(scores, options.json)
    return 0


def _labels_asked_for(options: argparse.Namespace) -> str | None:
    """Return what is selected of the labels; a dataset can only be that of the truth where a file has none."""
    asked_for = StackSelection.parse(selection_of(options))
    if options.truth_dataset is None and not holds_datasets(options.labels):
        asked_for = replace(asked_for, dataset=None)
    return asked_for.named(asked_for.dataset)


def _scored_box(options: argparse.Namespace, labels: Stack, truth: Stack) -> Box:
    """Return the box of the truth that is asked for, else that in which the labels say that they lie."""
    if options.box or labels.array.shape == truth.array.shape:
        return box_of(options, truth.array.shape)
    try:
        box = box_in_stack(labels, truth)
    except UserError:
        return Box.whole(truth.array.shape)  # refused below, with the option that helps
    warn(f"{labels.path.name}: lies in the truth from voxel {box.start} on (z, y, x), and is scored there.")
    return box


@contextmanager
def _open_truth(options: argparse.Namespace) -> Iterator[Stack]:
    asked_for = selection_of(options, "truth", options.dataset if holds_datasets(options.truth) else None)
    with errors_of("truth"):
        truth = open_labels(options.truth, asked_for)
    with truth:
        yield truth


def _part_of_labels(labels: Stack, truth: Stack, box: Box) -> NDArray[np.integer]:
    """Return the labels in the box that is scored."""
    whole = labels.array.shape == truth.array.shape
    if not whole and labels.array.shape != box.shape:
        raise UserError(
            f"evaluate: labels of the truth's shape {truth.array.shape} or of the box's are needed, "
            f"got {labels.array.shape}; name the box that was segmented with --box."
        )
    return labels.array[box.slices] if whole else labels.array[:]


def _ignored(options: argparse.Namespace, truth: Stack) -> list[int]:
    """Return the values of the truth that are asked to be left out."""
    return [highest_id(truth.array.dtype) if value == "max" else value for value in options.ignore]


def _tell_scores(scores: Scores, as_json: bool) -> None:
    figures = {
        "voi_split": scores.voi_split,
        "voi_merge": scores.voi_merge,
        "voi": scores.voi,
        "arand": scores.arand,
        "segments": scores.segments,
    }
    if as_json:
        tell(json.dumps(figures))
        return
    tell(
        f"VOI split {scores.voi_split:.4f} bits\nVOI merge {scores.voi_merge:.4f} bits\n"
        f"VOI       {scores.voi:.4f} bits\nARAND     {scores.arand:.4f}\nsegments  {scores.segments}"
    )
