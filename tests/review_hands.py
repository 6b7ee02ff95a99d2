"""Hands for the tests of the review: sessions on fragments in a row of voxels, 1111111111 2222222222 3333333333 ..."""

from dataclasses import replace

import numpy as np
from graphs import segmentation

from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import Session

WEAK_LINE = [(1, 2, 0.9), (2, 3, 0.55), (3, 4, 0.9)]
"""One segment at 0.5."""


def session(edges, folder, sizes=None) -> Session:
    """Ten voxels for each fragment unless told; the contact of neighbours in the row is where they touch."""
    base = segmentation(edges, sizes)
    graph = base.graph
    x = np.where(graph.v == graph.u + 1, np.cumsum(base.sizes)[graph.u], 0)
    graph = replace(graph, contact=np.stack([0 * x, 0 * x, x], axis=1).astype(np.int32))
    return Session(replace(base, graph=graph), EditLog(folder / "edits.db"), 0.5)


def kinds(queue) -> list[tuple[str, int, int]]:
    return [(question.kind, question.a, question.b) for question in queue.questions()]


def asked(queue, kind):
    return next(question for question in queue.questions() if question.kind == kind)
