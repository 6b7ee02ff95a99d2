"""What a proofreader who knows the truth makes of the review queue, by gain and at random.

python benchmarks/simulated_proofreader.py RAW LABELS --model FILE [--box ...] [--operations N] [--pieces]

A neuron that leaves the box and comes back is several pieces in it, which no contact joins: --pieces counts them as
several neurons.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from skimage.measure import label

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.inference.device import reuse_memory
from napari_emcad.io.volumes import open_volume
from napari_emcad.networks.checkpoint import load_student
from napari_emcad.networks.zoo import resolve
from napari_emcad.pipeline import SegmentParameters, run, settled
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import Session
from napari_emcad.proofreading.simulated import Order, Progress, operations_needed, proofread

SHOWN = (0, 5, 10, 25, 50, 100, 200, 400)
WANTED = (0.05, 0.03)


def main() -> None:
    options = _options()
    segmentation, truth, parameters = _segmented(options)
    print(f"{len(segmentation.sizes) - 1:,} fragments, {len(segmentation.graph):,} edges")
    for order in ("gain", "random"):
        course = _course(segmentation, truth, parameters, order, options.operations)
        print(f"\n{order} order\noperations  answers  VOI split   + merge     = VOI     ARAND")
        for progress in course:
            if progress.operations in SHOWN or progress is course[-1]:
                print(_line(progress))
        for arand in WANTED:
            needed = operations_needed(course, arand)
            print(f"ARAND {arand}: {'not reached' if needed is None else f'{needed} operations'}")


def _segmented(options: argparse.Namespace) -> tuple[Segmentation, np.ndarray, SegmentParameters]:
    reuse_memory()
    student, card = load_student(resolve(options.model))
    raw, truth = open_volume(options.raw, options.dataset), open_volume(options.labels, options.truth_dataset)
    parameters = settled(SegmentParameters(), raw.array, card)
    box = Box.parse(options.box, raw.array.shape) if options.box else Box.whole(raw.array.shape)
    affinities = np.zeros((3, *box.shape), np.uint8)
    segmentation = drive(run(raw.array, student, affinities, box, parameters))
    neurons = np.asarray(truth.array[box.slices])
    return segmentation, label(neurons, background=0, connectivity=1) if options.pieces else neurons, parameters


def _course(
    segmentation: Segmentation, truth: np.ndarray, parameters: SegmentParameters, order: Order, operations: int
) -> list[Progress]:
    with TemporaryDirectory() as folder:
        log = EditLog(Path(folder) / "edits.db")
        session = Session(segmentation, log, parameters.threshold, parameters.min_size)
        course = list(proofread(session, truth, operations, order))
        log.close()
    return course


def _line(progress: Progress) -> str:
    found = progress.scores
    return (
        f"{progress.operations:>10}{progress.answers:>9}{found.voi_split:>11.3f}{found.voi_merge:>10.3f}"
        f"{found.voi:>10.3f}{found.arand:>10.4f}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--dataset")
    parser.add_argument("--truth-dataset")
    parser.add_argument("--box")
    parser.add_argument("--operations", type=int, default=100)
    parser.add_argument("--pieces", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
