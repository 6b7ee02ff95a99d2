"""What the benchmarks on labelled volumes share: their options, and one run of the pipeline."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.inference.engines.device import reuse_memory
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.checkpoint import load_student
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.pipeline import resolve_parameters, run


@dataclass(frozen=True)
class Segmented:
    """A box and what was made of it; affinities (3, z, y, x) uint8, truth (z, y, x)."""

    segmentation: Segmentation
    affinities: NDArray[np.uint8]
    truth: NDArray
    parameters: SegmentParameters


def parser(description: str) -> argparse.ArgumentParser:
    """RAW LABELS [--model] [--dataset] [--truth-dataset] [--box]."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("raw", type=Path)
    made.add_argument("labels", type=Path)
    made.add_argument("--model", default="bundled")
    made.add_argument("--dataset")
    made.add_argument("--truth-dataset")
    made.add_argument("--box")
    return made


def segmented(options: argparse.Namespace) -> Segmented:
    """One run of the pipeline on the box."""
    reuse_memory()
    student, card = load_student(resolve_model(options.model))
    raw, truth = open_stack(options.raw, options.dataset), open_stack(options.labels, options.truth_dataset)
    parameters = resolve_parameters(SegmentParameters(), raw.array, card)
    box = Box.parse(options.box, raw.array.shape) if options.box else Box.whole(raw.array.shape)
    affinities = np.zeros((3, *box.shape), np.uint8)
    segmentation = drive(run(raw.array, student, affinities, box, parameters))
    print(f"{len(segmentation.sizes) - 1:,} fragments, {len(segmentation.graph):,} edges")
    return Segmented(segmentation, affinities, np.asarray(truth.array[box.slices]), parameters)
