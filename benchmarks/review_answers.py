"""What answers of the review bring, with the second opinion and with the odds alone, from the same start.

python benchmarks/review_answers.py RAW LABELS [--model FILE] [--box BOX] [--answers N] [--pieces]

A person who knows the truth answers the questions in the order of the queue. Every question counts that is answered,
also one that changes nothing. --pieces counts a neuron that leaves the box and comes back as several.
"""

import argparse
from dataclasses import replace
from itertools import takewhile

from labelled_volume import Segmented, parser, segmented
from simulated_proofreader import session_of
from skimage.measure import label

from napari_emcad.proofreading.review.simulated import CoursePoint, SimulatedProofreader, proofread

SHOWN = (0, 10, 25, 50, 100, 200)
WANTED = 0.03
"""The adapted Rand error of which it is said after how many answers it is reached."""


def main() -> None:
    options = _options()
    box = segmented(options)
    if options.pieces:
        box = replace(box, truth=label(box.truth, background=0, connectivity=1))
    for name, hears in (("odds", False), ("second opinion", True)):
        course = _course(box, hears, options.answers)
        print(f"\n{name}\nanswers       VOI     ARAND  kinds")
        for answers in (n for n in SHOWN if n <= options.answers):
            print(_line(answers, [point for point in course if point.answers <= answers][-1]))
        first = next((point.answers for point in course if point.scores.arand <= WANTED), None)
        print(f"ARAND {WANTED}: {'not reached' if first is None else f'after {first} answers'}", flush=True)


def _course(box: Segmented, hears: bool, answers: int) -> list[CoursePoint]:
    with session_of(box) as session:
        course = proofread(session, box.truth, answers, SimulatedProofreader(hears=hears))
        return list(takewhile(lambda point: point.answers <= answers, course))


def _line(answers: int, point: CoursePoint) -> str:
    kinds = ", ".join(f"{number} {kind}" for kind, number in point.kinds.items())
    return f"{answers:>7}{point.scores.voi:>10.3f}{point.scores.arand:>10.4f}  {kinds}"


def _options() -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("--answers", type=int, default=200)
    made.add_argument("--pieces", action="store_true")
    return made.parse_args()


if __name__ == "__main__":
    main()
