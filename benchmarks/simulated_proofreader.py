"""What a proofreader who knows the truth makes of the review queue, by gain and at random.

python benchmarks/simulated_proofreader.py RAW LABELS --model FILE [--box ...] [--operations N] [--pieces]

A neuron that leaves the box and comes back is several pieces in it, which no contact joins: --pieces counts them as
several neurons.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from labelled_volume import parser, segmented
from skimage.measure import label

from napari_emcad.core.segmentation import Segmentation
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import Session
from napari_emcad.proofreading.simulated import Order, Progress, operations_needed, proofread

SHOWN = (0, 5, 10, 25, 50, 100, 200, 400)
WANTED = (0.05, 0.03)


def main() -> None:
    options = _options()
    segmentation, truth, parameters = segmented(options)
    if options.pieces:
        truth = label(truth, background=0, connectivity=1)
    for order in ("gain", "random"):
        course = _course(segmentation, truth, parameters, order, options.operations)
        print(f"\n{order} order\noperations  answers  VOI split   + merge     = VOI     ARAND")
        for progress in course:
            if progress.operations in SHOWN or progress is course[-1]:
                print(_line(progress))
        for arand in WANTED:
            needed = operations_needed(course, arand)
            print(f"ARAND {arand}: {'not reached' if needed is None else f'{needed} operations'}")


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
    made = parser(__doc__)
    made.add_argument("--operations", type=int, default=100)
    made.add_argument("--pieces", action="store_true")
    return made.parse_args()


if __name__ == "__main__":
    main()
