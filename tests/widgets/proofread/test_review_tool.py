"""Of many fragments the questions of the review are sought in a thread, and people go on meanwhile."""

import threading

import numpy as np
import pytest
from proofreading_hands import groups

from napari_emcad.proofreading.review.shortlists import Shortlists
from napari_emcad.widgets.proofread import review_tool
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.review_tool import _beside


@pytest.fixture
def held(monkeypatch):
    """What lets a search go on that has begun."""
    go_on, looked = threading.Event(), Shortlists._find_joins

    def find_joins(shortlists, edges):
        assert threading.current_thread() is threading.main_thread() or go_on.wait(20)
        return looked(shortlists, edges)

    monkeypatch.setattr(Shortlists, "_find_joins", find_joins)
    monkeypatch.setattr(review_tool, "AT_ONCE", 0)
    yield go_on
    go_on.set()


@pytest.fixture
def reviewing(held, proofreading):
    """The mode Review, as it looks for questions."""
    proofreading.dock.proofread.editor.enter(Mode.REVIEW)
    return proofreading


def tool(window):
    return window.dock.proofread.editor.tools[Mode.REVIEW]


def test_it_tells_that_it_looks_and_how_far_it_is(reviewing, held):
    body = reviewing.dock.proofread.body
    assert "Looking for what is most worth asking" in body.words.text() and not body.answers["join"].isEnabled()
    reviewing.wait(lambda: body.facts.text().startswith("questions 1/4"))
    held.set()
    reviewing.wait(lambda: tool(reviewing).question is not None)
    assert "one neuron" in body.words.text() and "left" in body.facts.text() and body.answers["join"].isEnabled()


def test_edits_made_meanwhile_are_taken_in(reviewing, held):
    session = reviewing.dock.desk.sessions.current.session
    reviewing.dock.desk.sessions.current.edit(lambda: session.merge(1, 4, confirmed=True))
    held.set()
    reviewing.wait(lambda: tool(reviewing).question is not None)
    assert groups(reviewing) == [[1, 2, 3, 4, 5, 6]] and tool(reviewing).question.kind == "part?"


def test_a_fragment_divided_meanwhile_is_asked_about_by_its_parts(reviewing, held):
    at = reviewing.dock.desk.sessions.current
    at.edit(lambda: at.session.split_fragment([(1, 5, 5)], [(1, 40, 5)]))
    assert not len(at.session.state.members(0)) and at.session.state.table[1] == 0
    held.set()
    reviewing.wait(lambda: tool(reviewing).question is not None)
    for question in tool(reviewing)._queue.questions():
        assert at.session.state.table[question.a] and at.session.state.table[question.b]


def test_at_another_threshold_it_looks_again(reviewing, held):
    held.set()
    reviewing.wait(lambda: tool(reviewing).question is not None)
    at = reviewing.dock.desk.sessions.current
    at.edit(lambda: at.session.set_threshold(0.05))
    assert tool(reviewing).question is None
    reviewing.wait(lambda: tool(reviewing).question is not None)
    assert set(tool(reviewing).question.segments) <= set(at.session.state.table.tolist())


def test_a_threshold_moved_meanwhile_is_looked_at_then(reviewing, held):
    at = reviewing.dock.desk.sessions.current
    at.edit(lambda: at.session.set_threshold(0.05))
    held.set()
    reviewing.wait(lambda: tool(reviewing).question is not None)
    assert tool(reviewing)._queue.is_ranked


def test_leaving_the_mode_stops_it(reviewing, held):
    panel = reviewing.dock.proofread
    panel.editor.enter(Mode.SELECT)
    held.set()
    reviewing.idle()
    assert tool(reviewing).question is None and panel.editor.mode is Mode.SELECT and not panel.body.facts.isVisible()
    panel.editor.enter(Mode.REVIEW)
    reviewing.wait(lambda: tool(reviewing).question is not None)


@pytest.mark.parametrize(
    ("voxel", "expected"),
    [
        ((1, 1, 1), " Orange is in the section before."),
        ((0, 1, 1), " Blue is in the section after."),
        ((1, 1, 4), ""),
        ((2, 1, 1), " Blue is in the section before."),
        ((3, 1, 1), ""),
    ],
)
def test_the_side_that_is_not_seen_in_the_section_is_told(voxel, expected):
    """3 lies over 1 2, which touch in their section; nothing of the sides touches the last section."""
    fragments = np.zeros((4, 3, 9), np.uint32)
    fragments[0], fragments[1, :, :5], fragments[1, :, 5:] = 3, 1, 2
    blue, orange = (np.array([1], np.uint32), np.array([2 if voxel[2] == 4 else 3], np.uint32))
    assert _beside(fragments, voxel, blue, orange) == expected
