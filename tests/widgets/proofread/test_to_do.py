"""Places to come back to, as points of a layer."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.proofread.to_do import ToDoPoints


def note(seq: int) -> LogRow:
    return LogRow.of(seq, 0.0, "me", 0.0, "note", "", {"voxels": [(seq, 2, 3)], "text": "look"}, Effect())


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_labels(np.zeros((9, 9, 9), np.uint8), name="neurons")
    return viewer


@pytest.fixture
def points(viewer):
    return ToDoPoints(viewer)


def places(viewer) -> list[list[float]]:
    return viewer.layers["to do"].data.tolist()


def test_places_follow_the_notes(viewer, points):
    neurons = viewer.layers["neurons"]
    points.show([note(1), note(4)], neurons)
    assert places(viewer) == [[1, 2, 3], [4, 2, 3]] and viewer.layers.selection.active is neurons
    points.show([note(4), note(6)], neurons)
    assert places(viewer) == [[4, 2, 3], [6, 2, 3]]
    points.show([], neurons)
    assert "to do" not in viewer.layers
    points.show([note(4)], neurons)
    assert places(viewer) == [[4, 2, 3]]


def test_a_note_is_unpacked_once(viewer, points, monkeypatch):
    neurons, rows, unpacked = viewer.layers["neurons"], [note(n) for n in range(1, 6)], []
    of_row = LogRow.input.fget
    monkeypatch.setattr(LogRow, "input", property(lambda row: unpacked.append(row.seq) or of_row(row)))
    points.show(rows[:4], neurons)
    points.show(rows, neurons)
    points.show(rows[1:], neurons)
    assert unpacked == [1, 2, 3, 4, 5] and len(places(viewer)) == 4
