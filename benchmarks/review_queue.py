"""How long the review queue takes to ask and to take an answer: python benchmarks/review_queue.py [--sides 46 100].

The fragments are those of proofreading.py, with as many logged decisions as told: as they are, with a neuron of 5,000
fragments and, where they are enough, with one of 100,000. An answer is timed with the next question after it, as the
panel waits for both.
"""

import argparse
import tempfile
import time
from itertools import cycle
from pathlib import Path

import numpy as np
from proofreading import _cube, _neuron

from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.review.queue import ReviewQueue, both_sides
from napari_emcad.proofreading.session import Session

NEURONS = (0, 5_000, 100_000)

ANSWERS = {"join?": cycle(("join", "apart", "apart", "unknown")), "part?": cycle(("apart", "join", "join", "later"))}


def main() -> None:
    options = _options()
    for side in options.sides:
        base = _cube(side)
        with tempfile.TemporaryDirectory() as folder:
            session = Session(base, EditLog(Path(folder) / "edits.db"), 0.02)
            for size in NEURONS[: 2 + (side**3 > NEURONS[-1])]:
                if size:
                    _neuron(session, size)
                _decide(session, options.rows)
                _report(session, size, options.answers)
            session.log.close()


def _report(session: Session, neuron: int, answers: int) -> None:
    start = time.perf_counter()
    queue = ReviewQueue(session)
    question, took = queue.next(), {"join?": [], "part?": []}
    ranked = time.perf_counter() - start
    fragments, rows = len(session.state.base.sizes) - 1, len(session.log.rows)
    print(f"{fragments:,} fragments, {rows:,} rows, a neuron of {neuron:,}: ranked in {ranked:.1f} s")
    for _ in range(answers):
        start, kind = time.perf_counter(), question.kind
        queue.answer(question, next(ANSWERS[kind]))
        question = queue.next()
        took[kind].append(1e3 * (time.perf_counter() - start))
    for kind, times in took.items():
        if times:
            median, slow = np.quantile(times, (0.5, 0.95))
            print(f"  {kind:<8}{len(times):>5} answers, ms: median {median:.1f}, 95 % {slow:.1f}")


def _decide(session: Session, rows: int) -> None:
    """Decisions about as many edges of neurons that touch."""
    graph, table = session.state.graph, session.state.table
    apart = np.flatnonzero(table[graph.u] != table[graph.v])
    for edge in np.random.default_rng(0).choice(apart, max(0, rows - len(session.log.rows)), replace=False):
        a, b = int(graph.u[edge]), int(graph.v[edge])
        voxels = both_sides(session.state.base.fragments, a, b, graph.contact[edge])
        session.decide(a, b, "apart", voxels=voxels, question="join?", features=[0.1, 0.1, 4.0, 5.0, 8.0])


def _options() -> argparse.Namespace:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--sides", type=int, nargs="+", default=(46, 100))
    made.add_argument("--rows", type=int, default=10_000)
    made.add_argument("--answers", type=int, default=200)
    return made.parse_args()


if __name__ == "__main__":
    main()
