"""What a proofreader who knows the truth makes of a segmentation, by the review queue and by clicks.

python benchmarks/simulated_proofreader.py RAW LABELS --model FILE [--box ...] [--operations N] [--people CSV]

Orders: the questions of the queue by gain; the same, and clicks on the largest errors when the queue has nothing left;
clicks alone; the questions at random. --people takes a table with the column adapted_rand_error, such as that of the
28 people of Haehn et al., IEEE TVCG 20:2466, 2014, who had 30 minutes each and began from another segmentation.
"""

import argparse
import csv
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from labelled_volume import Segmented, parser, segmented

from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import Session
from napari_emcad.proofreading.simulated import Manner, Progress, operations_needed, proofread

SHOWN = (0, 5, 10, 25, 50, 100, 200, 400)
WANTED = (0.05, 0.03)
ORDERS = ("gain", "gain, then clicks", "clicks", "random")
PATIENCE = 300
"""Questions in a row without an edit after which somebody who can click leaves the queue."""


def main() -> None:
    options = _options()
    box = segmented(options)
    for order in ORDERS:
        manner = Manner(order, patience=PATIENCE if order == "gain, then clicks" else None)
        course = _course(box, manner, options.operations)
        print(f"\n{order}\noperations  answers  VOI split   + merge     = VOI     ARAND  kinds")
        for progress in course:
            if progress.operations in SHOWN or progress is course[-1]:
                print(_line(progress))
        for arand in WANTED:
            needed = operations_needed(course, arand)
            print(f"ARAND {arand}: {'not reached' if needed is None else f'{needed} operations'}")
        if options.people:
            print(_beside_people(options.people, course))


def _course(box: Segmented, manner: Manner, operations: int) -> list[Progress]:
    with TemporaryDirectory() as folder:
        log = EditLog(Path(folder) / "edits.db")
        used = box.parameters
        session = Session(box.segmentation, log, used.threshold, used.min_size, box.affinities)
        course = list(proofread(session, box.truth, operations, manner))
        for _ in range(len(session.in_force)):  # parted fragments are whole again for the next order
            session.undo()
        log.close()
    return course


def _line(progress: Progress) -> str:
    found = progress.scores
    kinds = ", ".join(f"{number} {kind}" for kind, number in progress.kinds.items())
    return (
        f"{progress.operations:>10}{progress.answers:>9}{found.voi_split:>11.3f}{found.voi_merge:>10.3f}"
        f"{found.voi:>10.3f}{found.arand:>10.4f}  {kinds}"
    )


def _beside_people(path: Path, course: list[Progress]) -> str:
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
    return made.parse_args()


if __name__ == "__main__":
    main()
