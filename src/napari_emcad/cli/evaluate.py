"""The command that scores labels against the truth."""

import argparse
import json

from napari_emcad.cli.bar import tell
from napari_emcad.cli.inputs import box_of
from napari_emcad.core.errors import UserError
from napari_emcad.core.scores import score
from napari_emcad.io.stacks.paper_datasets import neuron_dataset
from napari_emcad.io.stacks.stack import open_stack


def evaluate(options: argparse.Namespace) -> int:
    """Score labels, of all of the truth or of a box of it."""
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
