"""Fit the odds that the review queue starts with: python benchmarks/review_odds.py RAW LABELS --model FILE --boxes ...

Every question that the queue could ask about each box is answered from the truth: whether the variation of information
falls when the two segments are joined, or when the segment is cut as the queue would cut it.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from labelled_volume import parser, segmented
from numpy.typing import NDArray

from napari_emcad.proofreading.known_truth import KnownTruth
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.review.odds import Odds, fit_odds
from napari_emcad.proofreading.review.questions import KINDS, QuestionKind, ReviewQuestion
from napari_emcad.proofreading.review.queue import ReviewQueue
from napari_emcad.proofreading.session import Session


def main() -> None:
    options = _options()
    lessons = [_lessons(argparse.Namespace(**{**vars(options), "box": box})) for box in options.boxes]
    for kind in KINDS:
        features, wrong = (np.concatenate(columns) for columns in zip(*(box[kind] for box in lessons), strict=True))
        print(f"{kind} {len(wrong):,} questions, {wrong.sum():,} errors\n{_rounded(fit_odds(features, wrong))}")


def _lessons(options: argparse.Namespace) -> dict[QuestionKind, tuple[NDArray, NDArray]]:
    """Features and errors of every question of a box, by kind."""
    box = segmented(options)
    segmentation, parameters = box.segmentation, box.parameters
    known = KnownTruth(segmentation.fragments[:], box.truth)
    with TemporaryDirectory() as folder:
        log = EditLog(Path(folder) / "edits.db")
        session = Session(segmentation, log, parameters.threshold, parameters.min_size)
        queue = ReviewQueue(session, learns=False)
        gains = [(question, _gain(session, queue, question, known)) for question in queue.questions()]
        log.close()
    return {kind: _columns([(t, gain) for t, gain in gains if t.kind == kind and gain is not None]) for kind in KINDS}


def _gain(session: Session, queue: ReviewQueue, question: ReviewQuestion, known: KnownTruth) -> float | None:
    """Bits that answering "join" to a "join?", or "apart" to a "part?", brings."""
    if question.kind == "join?":
        return known.gain_of_joining(*map(session.state.members, question.segments))
    cut = queue.cut(question)
    gain = known.gain_of_joining(cut.near, cut.far)
    return None if gain is None else -gain


def _columns(gains: list[tuple[ReviewQuestion, float]]) -> tuple[NDArray, NDArray]:
    return np.array([question.features for question, _ in gains]), np.array([gain > 0 for _, gain in gains])


def _rounded(odds: Odds) -> str:
    columns = (tuple(round(x, 3) for x in column) for column in (odds.weights, odds.mean, odds.spread))
    return "Odds({}, mean={}, spread={})".format(*columns)


def _options() -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("--boxes", nargs="+", default=("0:20,:,:", "20:40,:,:", "60:80,:,:"))
    return made.parse_args()


if __name__ == "__main__":
    main()
