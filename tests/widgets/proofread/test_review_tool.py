"""The mode Review without a window: questions, their two sides, answers, and the search for what to ask."""

import bridged
import numpy as np
import pytest
from proofreading_hands import groups, sides

from napari_emcad.proofreading.review.outlook import Outlook
from napari_emcad.widgets.desk.sides import FAR_SIDE, NEAR_SIDE
from napari_emcad.widgets.proofread import review_tool
from napari_emcad.widgets.proofread.modes import Mode
from napari_emcad.widgets.proofread.pair_pictures import take_pictures, touching_voxels
from napari_emcad.widgets.proofread.review_tool import LOOKING, NOTHING_LEFT, outlook_text, unseen_side_text

APART, JOINED = [[1, 2, 3], [4, 5, 6]], [[1, 2, 3, 4, 5, 6]]


@pytest.fixture
def tool(editing):
    return editing.editor.review


# ---- questions and answers -------------------------------------------------------------------------------------------


def test_it_asks_shows_both_sides_and_takes_answers_by_key(editing, tool):
    asked = []
    editing.press("R")
    assert editing.editor.mode is Mode.REVIEW and "one neuron" in editing.editor.words.lower()
    assert "matter" in tool.facts and "voxels" in tool.facts
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
    viewer, camera, layer = editing.viewer, editing.viewer.scene.camera, editing.result.neuron_layer
    there, z = camera.center, tool.question.voxel[0]
    first, last = (layer.data_to_world(voxel) for voxel in ((0, 0, 0), np.array(layer.data.shape) - 1))
    np.testing.assert_allclose(there[1:], (np.array(first) + last)[1:] / 2)  # all of it is seen, and nothing twice
    assert viewer.dims.point[0] == layer.data_to_world((z, 0, 0))[0]
    camera.center = (0, 0, 0)
    editing.press("C")
    assert camera.center == there


@pytest.mark.parametrize(("voxel", "moved"), [((1, 0, 0), True), ((1, 24, 30), False), ((1, 47, 59), True)])
def test_at_the_rim_the_view_is_moved_inwards(editing, voxel, moved):
    editing.viewer.canvas.size = (40, 40)
    editing.editor.camera.go_to_pair(voxel, (4, 4))
    layer, camera = editing.result.neuron_layer, editing.viewer.scene.camera
    half = 20 / camera.zoom
    first, last = (layer.data_to_world(end)[1:] for end in ((0, 0, 0), np.array(layer.data.shape) - 1))
    assert (np.array(camera.center[1:]) - half >= np.array(first) - 1e-6).all()
    assert (np.array(camera.center[1:]) + half <= np.array(last) + 1e-6).all()
    assert (np.abs(np.array(camera.center[1:]) - layer.data_to_world(voxel)[1:]).max() > 1e-6) == moved


def test_a_mark_leaves_the_question_on_the_canvas(editing, tool):
    editing.enter(Mode.REVIEW)
    question, before = tool.question, sides(editing).copy()
    editing.point_at(question.voxel)
    editing.press("O")
    assert editing.rows == ["note"] and tool.question is question
    np.testing.assert_array_equal(sides(editing), before)


def test_sides_stay_on_screen_over_an_edit_and_go_with_the_mode(editing, tool):
    editing.enter(Mode.REVIEW)
    layer, seen = editing.viewer.layers["sides"], []
    layer.events.visible.connect(lambda: seen.append(layer.visible))
    editing.press("N")
    editing.at.edit(lambda: editing.session.note((1, 5, 5)))
    assert layer.visible and not seen
    editing.editor.leave()
    assert not layer.visible
    editing.at.show_sides(np.array([1]), np.array([2]))
    editing.at.edit(lambda: editing.session.note((1, 5, 5)))
    assert not layer.visible


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
    assert "one neuron" in reviewing.editor.words and "matter" in tool.facts and heard[-1] == tool.facts


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
    tool._planner.start(tool._prepare(), tool._on_planned)
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


def test_sections_are_shown_side_by_side_with_both_sides_and_the_contact(editing, tool):
    """A cap lies over a column, and they touch between sections only: each is seen in its own section."""
    result, fragments = editing.result, np.zeros((3, 48, 60), np.uint32)
    fragments[0], fragments[1:] = 1, 2
    near, far = np.array([1], np.uint32), np.array([2], np.uint32)
    voxels = touching_voxels(fragments, (1, 20, 30), near, far)
    assert voxels == ((0, 20, 30), (1, 20, 30))
    first, second = take_pictures(result, fragments, voxels, near, far)
    assert (first.section, second.section) == tuple(z + result.box.start[0] for z in (0, 1))
    assert first.colours.shape == second.colours.shape == (48, 60, 3)
    assert first.colours[0, 0, 2] > first.colours[0, 0, 0] and second.colours[0, 0, 0] > second.colours[0, 0, 2]
    assert (first.colours[20, 36] == 255).all() and (second.colours[20, 36] == 255).all()  # the ring
    assert touching_voxels(fragments, (1, 20, 30), near, np.array([1])) == ((0, 20, 30), (1, 20, 30))


def test_the_words_count_what_matters_and_say_what_an_answer_puts_right():
    assert outlook_text(Outlook(57, 900, 1e-3, 1e6)) == (
        "About 57 more matter; after that each is likely to put less than 0.1 % of the voxels right."
    )
    assert outlook_text(Outlook(1, 900, 1e-4, 1e6)).startswith("1 more matters; after that each is likely to put less")
    assert outlook_text(Outlook(1234, 9000, 1e-3, 1e6)).startswith("About 1,200 more")
    assert outlook_text(Outlook(0, 0, 0.0, 1e6)) == ""
