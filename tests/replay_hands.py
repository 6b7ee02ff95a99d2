"""Edits on the six columns of `proofreading_hands`, and other neurons of the same stack to make them again on.

There the columns lie two pixels further right and are one neuron at 0.5; nothing is where the sixth was.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from graphs import segmentation
from proofreading_hands import CUT, WIDTH, column

from napari_emcad.core.segmentation import Segmentation
from napari_emcad.workers.segmentation import SegmentResult, cut_neurons

OUTCOMES = ["right", "applied", "lost", "conflict"]
"""Of the edits of `make_edits` on the other neurons."""

LINE = "4 edits: 1 already right, 1 applied again, 1 in conflict, 1 lost."


def make_edits(window) -> None:
    """Merge both neurons, detach the first and the last column, and tick the first as done."""
    at = window.desk.sessions.current
    session = at.session
    at.edit(lambda: session.merge(2, 5, confirmed=True, voxels=[list(column(2)), list(column(5))]))
    at.edit(lambda: session.detach(1, voxels=[list(column(1))]))
    at.edit(lambda: session.detach(6, voxels=[list(column(6))]))
    at.edit(lambda: session.lock(at.neuron_at(column(1)), voxels=[list(column(1))]))


def other_neurons() -> Segmentation:
    fragments = np.zeros((3, 48, 64), np.uint32)
    for fragment in range(1, 6):
        fragments[:, 4:44, (fragment - 1) * WIDTH + 2 : fragment * WIDTH + 2] = fragment
    fragments[:, :, 5 * WIDTH :] = 0
    sizes = np.bincount(fragments.ravel())[1:].tolist()
    edges = [(1, 2, 0.9), (2, 3, 0.9), (3, 4, 0.9), (4, 5, 0.9)]
    return replace(segmentation(edges, sizes), fragments=fragments)


def give_other_neurons(monkeypatch, card) -> list:
    """Let every run give the other neurons; the list of its requests."""
    asked = []

    def drawn_run(request):
        asked.append(request)
        made = other_neurons()
        request.affinities[:] = 200
        parameters = request.parameters.model_copy(update={"threshold": CUT.threshold, "min_size": CUT.min_size})
        return SegmentResult(parameters, made, card, cut_neurons(made, CUT), "CPU", "cpu", 0.1)
        yield

    monkeypatch.setattr("napari_emcad.widgets.desk.stopped_run.segment_beside", drawn_run)
    return asked


def content(folder: Path) -> dict[str, bytes]:
    """Of a session, all but its lock, and what SQLite leaves beside a log that was read."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.endswith(("-shm", "-wal", "lock")))
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}
