"""The mode Review without a window: questions, their two sides, answers, and the search for what to ask."""

import bridged
import numpy as np
import pytest
from proofreading_hands import groups, sides

from napari_emcad.widgets.desk.sides import FAR_SIDE, NEAR_SIDE
from napari_emcad.widgets.proofread import review_tool
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.review_tool import LOOKING, NOTHING_LEFT, unseen_side_text

APART, JOINED = [[1, 2, 3], [4, 5, 6]], [[1, 2, 3, 4, 5, 6]]


@pytest.fixture
def tool(editing):
    return editing.editor.review


# ---- questions and answers -------------------------------------------------------------------------------------------


def test_it_asks_shows_both_sides_and_takes_answers_by_key(editing, tool):
    asked = []
    editing.press("R")
    assert editing.editor.mode is Mode.REVIEW and "one neuron" in editing.editor.words.lower()
    assert "left" in tool.facts and "millibits" in tool.facts
    while tool.question is not None:
        asked.append((tool.question.kind, {tool.question.a, tool.question.b}))
        assert {NEAR_SIDE, FAR_SIDE} <= set(np.unique(sides(editing)).tolist())
        editing.press("K" if tool.question.kind == "join?" else "J")
        assert len(editing.rows) == len(asked)
    assert ("join?", {3, 4}) in asked and groups(editing) == APART
    assert editing.editor.words == NOTHING_LEFT
    editing.press("J")
    assert editing.said("nothing is left to ask")
    editing.editor.leave()
    editing.enter(Mode.REVIEW)
    assert tool.question is None  # decisions are remembered
    editing.editor.edits.undo()
    assert tool.question is not None  # and undone


def test_an_answer_is_an_edit(editing, tool):
    editing.enter(Mode.REVIEW)
    while tool.question.kind != "join?":
        editing.press("N")
    assert "1 answer" in tool.facts or "answers" in tool.facts
    editing.press("J")
    assert groups(editing) == JOINED
    editing.press("Control-Z")
    assert groups(editing) == APART


def test_the_canvas_goes_to_the_question_and_back_to_it(editing, tool):
    editing.enter(Mode.REVIEW)
    camera = editing.viewer.scene.camera
    there = camera.center
    np.testing.assert_allclose(there, editing.result.neuron_layer.data_to_world(tool.question.voxel))
    camera.center = (0, 0, 0)
    editing.press("C")
    assert camera.center == there


def test_a_mark_leaves_the_question_on_the_canvas(editing, tool):
    editing.enter(Mode.REVIEW)
    question, before = tool.question, sides(editing).copy()
    editing.point_at(question.voxel)
    editing.press("O")
    assert editing.rows == ["note"] and tool.question is question
    np.testing.assert_array_equal(sides(editing), before)


# ---- many fragments --------------------------------------------------------------------------------------------------


@pytest.fixture
def reviewing(editing, monkeypatch):
    """The mode Review, as it looks for questions; the loop drives the search."""
    monkeypatch.setattr(review_tool, "AT_ONCE", 0)
    editing.enter(Mode.REVIEW)
    return editing


def step(editing) -> None:
    """Let the search go one step."""
    next(jobs for jobs in editing.loop._jobs if jobs.running).step()


def test_it_tells_that_it_looks_and_how_far_it_is(reviewing, tool):
    heard = []
    reviewing.editor.changed.connect(lambda: heard.append(tool.facts))
    assert reviewing.editor.words == LOOKING and tool.question is None
    for done in (0, 1):
        step(reviewing)
        assert tool.facts.startswith(f"questions {done}/4") and heard[-1] == tool.facts
    reviewing.loop.work()
    assert "one neuron" in reviewing.editor.words and "left" in tool.facts and heard[-1] == tool.facts


def test_edits_made_meanwhile_are_taken_in(reviewing, tool):
    step(reviewing)
    reviewing.at.edit(lambda: reviewing.session.merge(1, 4, confirmed=True))
    reviewing.loop.work()
    assert groups(reviewing) == JOINED and tool.question.kind == "part?"


def test_a_fragment_divided_meanwhile_is_asked_about_by_its_parts(reviewing, tool):
    step(reviewing)
    reviewing.at.edit(lambda: reviewing.session.split_fragment([(1, 5, 5)], [(1, 40, 5)]))
    assert reviewing.session.state.table[1] == 0
    reviewing.loop.work()
    assert tool.question is not None
    for question in tool._queue.questions():
        assert reviewing.session.state.table[question.a] and reviewing.session.state.table[question.b]


def test_at_another_threshold_it_looks_again(reviewing, tool):
    reviewing.loop.work()
    assert tool.question is not None
    reviewing.at.edit(lambda: reviewing.session.set_threshold(0.05))
    assert tool.question is None and reviewing.editor.words == LOOKING
    reviewing.loop.work()
    assert set(tool.question.segments) <= set(reviewing.session.state.table.tolist())


def test_a_threshold_moved_meanwhile_is_looked_at_then(reviewing, tool):
    step(reviewing)
    reviewing.at.edit(lambda: reviewing.session.set_threshold(0.05))
    reviewing.loop.work()
    assert tool.question is not None and tool._queue.is_ranked


def test_leaving_the_mode_stops_it(reviewing, tool):
    step(reviewing)
    reviewing.editor.leave()
    assert not any(jobs.running for jobs in reviewing.loop._jobs) and tool.question is None and tool.facts == ""
    reviewing.enter(Mode.REVIEW)
    reviewing.loop.work()
    assert tool.question is not None


def test_a_search_that_fails_is_made_again_here(reviewing, tool, monkeypatch):
    step(reviewing)
    failing = tool._queue.rank

    def fail():
        raise ValueError("parted meanwhile")
        yield

    monkeypatch.setattr(tool._queue, "rank", fail)
    tool._ranker.start(tool._queue.rank(), tool._on_ranked)
    monkeypatch.setattr(tool._queue, "rank", failing)
    reviewing.loop.work()
    assert tool.question is not None


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
def test_the_side_that_is_not_seen_in_the_section_is_said(voxel, expected):
    """3 lies over 1 2, which touch in their section; nothing of the sides touches the last section."""
    fragments = np.zeros((4, 3, 9), np.uint32)
    fragments[0], fragments[1, :, :5], fragments[1, :, 5:] = 3, 1, 2
    blue, orange = (np.array([1], np.uint32), np.array([2 if voxel[2] == 4 else 3], np.uint32))
    assert unseen_side_text(fragments, voxel, blue, orange) == expected


def test_the_side_beyond_what_is_bridged_is_named():
    plan = bridged.planned()
    fragments = bridged.segmentation().fragments
    sides = np.array([3]), np.array([5])
    assert unseen_side_text(fragments, (3, 1, 7), *sides, plan) == (
        " Blue is 2 sections before, as what lies between is bridged."
    )
    assert unseen_side_text(fragments, (3, 1, 7), np.array([4]), np.array([5]), plan) == ""
