"""A session on neurons that the multicut made is a session like any other."""

from dataclasses import replace

import pytest
from graphs import LADDER, segmentation

from napari_emcad.core.agglomeration import agglomerate_fragments
from napari_emcad.core.choices import DEFAULT_THRESHOLDS
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import Session


@pytest.mark.parametrize("way", ["multicut", "mutex watershed"])
def test_every_edit_and_its_undoing(way, tmp_path):
    base = segmentation(LADDER)
    base = replace(base, tree=agglomerate_fragments(base.graph, base.sizes, way))
    session = Session(base, EditLog(tmp_path / "edits.db"), DEFAULT_THRESHOLDS[way])
    table, states = session.state.table.copy(), [session.state.digest()]
    assert table[1] == table[2] == table[3] == table[4]
    assert table[5] == table[6] == table[7] == table[8]
    edits = (
        lambda: session.set_threshold(0.02),
        lambda: session.merge(1, 2, confirmed=True),
        lambda: session.walk(int(session.state.table[1]), upwards=True),
        lambda: session.split(session.propose([1], [2])[0]),
        lambda: session.set_threshold(0.98),
    )
    for edit in edits:
        edit()
        states.append(session.state.digest())
    assert len(set(states)) == len(states)
    for before in reversed(states[:-1]):
        session.undo()
        assert session.state.digest() == before
    assert (session.state.table == table).all()
