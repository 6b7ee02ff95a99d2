"""Scores at every threshold, from one run.

python benchmarks/threshold_curve.py RAW LABELS --model FILE [--dataset PATH --truth-dataset PATH] [--box ...]
"""

import argparse
from pathlib import Path

import numpy as np

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.core.scores import score
from napari_emcad.inference.device import reuse_memory
from napari_emcad.io.volumes import open_volume
from napari_emcad.networks.checkpoint import load_student
from napari_emcad.networks.zoo import resolve
from napari_emcad.pipeline import SegmentParameters, run, settled

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def main() -> None:
    options = _options()
    reuse_memory()
    student, card = load_student(resolve(options.model))
    raw, truth = open_volume(options.raw, options.dataset), open_volume(options.labels, options.truth_dataset)
    parameters = settled(SegmentParameters(), raw.array, card)
    box = Box.parse(options.box, raw.array.shape) if options.box else Box.whole(raw.array.shape)
    affinities = np.zeros((3, *box.shape), np.uint8)
    segmentation = drive(run(raw.array, student, affinities, box, parameters))
    neurons = truth.array[box.slices]
    print(f"{len(segmentation.sizes) - 1:,} fragments, {len(segmentation.graph):,} edges")
    print("threshold  VOI split   + merge     = VOI     ARAND  segments")
    for threshold in THRESHOLDS:
        found = score(segmentation.labels(segmentation.table(threshold, parameters.min_size)), neurons)
        print(
            f"{threshold:>9.2f}{found.voi_split:>11.3f}{found.voi_merge:>10.3f}{found.voi:>10.3f}"
            f"{found.arand:>10.4f}{found.segments:>10}{'  <- default' if threshold == parameters.threshold else ''}"
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--dataset")
    parser.add_argument("--truth-dataset")
    parser.add_argument("--box")
    return parser.parse_args()


if __name__ == "__main__":
    main()
