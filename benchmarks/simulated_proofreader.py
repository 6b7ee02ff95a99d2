"""What a proofreader who knows the truth makes of a segmentation, by the review queue and by clicks.

python benchmarks/simulated_proofreader.py RAW LABELS --model FILE [--box BOX] [--operations N] [--people CSV]
    [--pieces] [--shipped-odds]

Orders: the questions of the queue by gain; the same, and clicks on the largest errors once the queue brings nothing for
a while; clicks alone; the questions at random, five times. --people takes a table with the column adapted_rand_error,
such as that of the 28 people of Haehn et al., IEEE TVCG 20:2466, 2014, who had 30 minutes each and began from another
segmentation. A neuron that leaves the box and comes back is several pieces in it: --pieces counts them as several
neurons. With --shipped-odds the queue learns nothing from the answers.
"""

import argparse
import csv
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from labelled_volume import Segmented, parser, segmented
from skimage.measure import label

from napari_emcad.proofreading.known_truth import KnownTruth
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.review.clicks import SimulatedClicks
from napari_emcad.proofreading.review.simulated import CoursePoint, SimulatedProofreader, operations_needed, proofread
from napari_emcad.proofreading.session import Session

SHOWN = (0, 5, 10, 25, 50, 100, 200, 400)
WANTED = (0.05, 0.03)
ORDERS = ("gain", "gain, then clicks", "clicks", *["random"] * 5)
PATIENCE = 20
"""Questions in a row without an edit after which somebody who can click leaves the queue."""

LARGEST = 10
"""Mistakes that are listed."""


def main() -> None:
    options = _options()
    box = segmented(options)
    if options.pieces:
        box = replace(box, truth=label(box.truth, background=0, connectivity=1))
    _list_mistakes(box)
    for seed, order in enumerate(ORDERS):
        patience = PATIENCE if order == "gain, then clicks" else None
        proofreader = SimulatedProofreader(order, patience, not options.shipped_odds, seed)
        course = _course(box, proofreader, options.operations)
        print(f"\n{order}\noperations  answers  VOI split   + merge     = VOI     ARAND  kinds")
        for progress in course:
            if progress.operations in SHOWN or progress is course[-1]:
                print(_line(progress))
        for arand in WANTED:
            needed = operations_needed(course, arand)
            print(f"ARAND {arand}: {'not reached' if needed is None else f'{needed} operations'}")
        if options.people:
            print(_beside_people(options.people, course))


def _list_mistakes(box: Segmented) -> None:
    with session_of(box) as session:
        known = KnownTruth(session.state.base.fragments[:], box.truth)
        print("\nlargest errors, in bits if mended perfectly")
        for mistake in SimulatedClicks(session, known).mistakes()[:LARGEST]:
            print(f"{mistake.kind:>8}{mistake.gain:>9.4f}", "", *mistake.ids)


def _course(box: Segmented, proofreader: SimulatedProofreader, operations: int) -> list[CoursePoint]:
    with session_of(box) as session:
        course = list(proofread(session, box.truth, operations, proofreader))
        for _ in range(len(session.in_force)):  # parted fragments are whole again for the next order
            session.undo()
    return course


@contextmanager
def session_of(box: Segmented) -> Iterator[Session]:
    with TemporaryDirectory() as folder, closing(EditLog(Path(folder) / "edits.db")) as log:
        yield Session(box.segmentation, log, box.parameters.threshold, box.parameters.min_size, box.affinities)


def _line(progress: CoursePoint) -> str:
    found = progress.scores
    kinds = ", ".join(f"{number} {kind}" for kind, number in progress.kinds.items())
    return (
        f"{progress.operations:>10}{progress.answers:>9}{found.voi_split:>11.3f}{found.voi_merge:>10.3f}"
        f"{found.voi:>10.3f}{found.arand:>10.4f}  {kinds}"
    )


def _beside_people(path: Path, course: list[CoursePoint]) -> str:
    """How many of the people end with a smaller error than each stage of a course."""
    with path.open(newline="") as file:
        errors = np.sort([float(row["adapted_rand_error"]) for row in csv.DictReader(file)])
    better = [f"{p.operations}: {int((errors < p.scores.arand).sum())}" for p in course if p.operations in SHOWN]
    people = f"{len(errors)} people, ARAND best {errors[0]:.3f}, median {np.median(errors):.3f}"
    return f"{people}; people with less error after so many operations: {', '.join(better)}"


def _options() -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("--operations", type=int, default=100)
    made.add_argument("--people", type=Path, help="CSV with the column adapted_rand_error")
    made.add_argument("--pieces", action="store_true")
    made.add_argument("--shipped-odds", action="store_true")
    return made.parse_args()


if __name__ == "__main__":
    main()
