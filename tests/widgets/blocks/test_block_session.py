"""A session made by blocks, without a window: named, started, stopped, resumed, watched and opened."""

import subprocess
import sys

import numpy as np
import psutil
import pytest
import tifffile

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Progress
from napari_emcad.io.sessions.block_run_facts import read_unfinished_run
from napari_emcad.io.sessions.file_names import RUN_FILE
from napari_emcad.io.sessions.lock import SessionLock
from napari_emcad.io.sessions.open_session import open_session
from napari_emcad.widgets.blocks.block_session import BlockSession
from napari_emcad.widgets.blocks.stage import Stage
from napari_emcad.widgets.desk.region import BOX

FACTS = "large.tif, 18 x 48 x 64 voxels in 2 blocks, with tiny.pt"


@pytest.fixture
def begun(blocks, loop):
    """A run that has been begun and stopped before its first block was done."""
    blocks.go_on()
    step_until(loop, blocks, lambda: (blocks.folder / RUN_FILE).exists())
    blocks.go_on()
    loop.work()
    assert blocks.stage is Stage.UNFINISHED
    return blocks


def step_until(loop, blocks, ready):
    """Drive the run of a session until something is ready, or its end."""
    jobs = blocks._jobs
    while jobs.running and not ready():
        jobs.step()
    assert ready()


class Changes:
    """Counts the signals of a session."""

    def __init__(self, blocks):
        self.number = 0
        blocks.changed.connect(self._on_change)

    def _on_change(self):
        self.number += 1


# ---- names -----------------------------------------------------------------------------------------------------


def test_a_name_beside_the_stack_is_proposed(blocks, file):
    assert blocks.folder == file.with_suffix(".emcad")
    assert blocks.stage is Stage.NEW and not blocks.why_not


def test_a_name_that_somebody_chose_stays(blocks, open_stack, tmp_path, stack):
    changes = Changes(blocks)
    blocks.folder = tmp_path / "mine.emcad"
    assert changes.number == 1
    blocks._desk.stack.layer = open_stack(stack, "other")
    assert blocks.folder == tmp_path / "mine.emcad"


def test_a_name_that_nobody_chose_follows_the_stack(blocks, open_stack, stack, file, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_emcad.widgets.blocks.block_session.session_folder", lambda _: tmp_path / "b.emcad")
    blocks._desk.stack.layer = open_stack(stack, "other")
    assert blocks.folder == tmp_path / "b.emcad"


# ---- runs ------------------------------------------------------------------------------------------------------


def test_from_a_stack_to_a_session(blocks, loop, desk, file, model, tmp_path):
    """Started, stopped after its first block, resumed and opened; the result is that of the command line."""
    assert "on the disk" in blocks.plan and blocks.seen is None
    blocks.go_on()
    assert blocks.is_running and blocks.stage is Stage.UNDER_WAY
    step_until(loop, blocks, lambda: any((blocks.folder / "blocks").glob("affinities.*.npz")))
    assert blocks.plan == FACTS and blocks.sections == "They are used as they are."
    assert blocks.seen.progress.reached.shape == (2, 1, 1) and blocks.seen.is_at_work
    blocks.go_on()
    assert blocks.why_not == "Stopping."
    loop.work()
    assert not _children()
    assert desk.message.text == 'Stopped: finished blocks are kept; press "Resume" to go on.'
    assert blocks.stage is Stage.UNFINISHED and blocks.plan == FACTS
    assert (
        not blocks.seen.is_at_work
        and blocks.seen.progress.reached.any()
        and blocks.sections == "They are used as they are."
    )
    blocks.go_on()
    loop.work()
    assert desk.message.text == 'large.emcad is finished: press "Open".'
    assert blocks.stage is Stage.FINISHED and blocks.seen is None and not blocks.plan
    opened = []
    blocks.open_wanted.connect(opened.append)
    blocks.go_on()
    assert opened == [blocks.folder]
    assert_same_session(blocks.folder, segment_whole(file, model, tmp_path / "whole.emcad"))


def segment_whole(file, model, folder):
    """Segment a file by the command line, not by blocks."""
    command = (sys.executable, "-m", "napari_emcad.cli.main", "segment", str(file))
    options = (*("--model", str(model)), *("--session", str(folder)), *("--memory", "8"), *("--device", "cpu"))
    subprocess.run([*command, *options, "--voxel-size", "40", "5", "6"], check=True)
    return folder


def assert_same_session(folder, expected):
    with open_session(folder, to_read=True) as one, open_session(expected, to_read=True) as other:
        assert one.facts == other.facts
        np.testing.assert_array_equal(one.session.state.base.fragments, other.session.state.base.fragments)


def test_only_the_region_is_segmented(blocks, loop, desk):
    desk.region.kind = BOX
    desk.region.draw()
    desk.region.shapes.layer.add_rectangles(np.array([[0, 8, 8], [0, 8, 56], [0, 40, 56], [0, 40, 8]]))
    desk.region.sections = (3, 5)
    blocks.go_on()
    step_until(loop, blocks, lambda: (blocks.folder / RUN_FILE).exists())
    assert read_unfinished_run(blocks.folder).place == desk.region.box() == Box((3, 8, 8), (6, 41, 57))


def test_closing_ends_the_processes(blocks, loop):
    blocks.go_on()
    step_until(loop, blocks, lambda: bool(_children()))
    blocks.close()
    assert not _children() and not blocks.is_running


def test_a_session_from_another_day_is_seen_and_resumed(begun, new_desk, loop):
    other = BlockSession(new_desk())
    assert "Open a stack first" in other.why_not
    other.folder = begun.folder
    assert other.stage is Stage.UNFINISHED and not other.why_not  # though no stack is open
    assert other.plan == FACTS and other.seen.progress.reached.shape == (2, 1, 1)
    other.go_on()
    step_until(loop, other, lambda: bool(_children()))
    assert other.stage is Stage.UNDER_WAY
    other.close()


def test_another_program_at_it_is_watched(begun, loop, desk, monkeypatch):
    monkeypatch.setattr("napari_emcad.workers.blocks.GLANCE", 0)
    lock = SessionLock(begun.folder)
    assert not lock.why_not
    begun.go_on()
    assert "has the session open" in desk.message.text
    begun._jobs.step()
    assert begun.is_running and begun.seen.is_at_work
    lock.release()
    loop.work()
    assert begun.stage is Stage.UNFINISHED and not begun.is_running


# ---- a stack that moved ------------------------------------------------------------------------------------------


@pytest.fixture
def lost(begun, loop, file, tmp_path_factory):
    """A run whose stack lies elsewhere now, under another name."""
    place = tmp_path_factory.mktemp("far") / "deep"
    place.mkdir()
    moved = file.rename(place / "mine.tif")
    begun.go_on()
    assert begun.stage is Stage.UNDER_WAY and not begun.lacks_stack
    loop.work()
    return begun, moved


def test_a_run_whose_stack_moved_asks_for_it_and_goes_on(lost, loop, desk):
    blocks, moved = lost
    assert blocks.lacks_stack and 'press "Find the stack..."' in desk.message.text and desk.message.kind == "error"
    blocks.take_stack(moved)
    assert desk.message.text.startswith("Looking for the stack")
    step_until(loop, blocks, lambda: bool(_children()))
    assert f"The stack is {moved}." in desk.message.text and not blocks.lacks_stack
    assert read_unfinished_run(blocks.folder).source == str(moved)
    blocks.close()


def test_another_stack_is_not_taken(lost, loop, desk, tmp_path):
    blocks, moved = lost
    tifffile.imwrite(tmp_path / "other.tif", 255 - tifffile.imread(moved), photometric="minisblack")
    blocks.take_stack(tmp_path / "other.tif")
    loop.work()
    assert "holds other voxels than were segmented" in desk.message.text and blocks.lacks_stack
    blocks.folder = tmp_path / "another.emcad"
    assert not blocks.lacks_stack


def test_the_search_can_be_stopped(begun, loop, desk):
    begun.go_on()
    begun._jobs.step()
    assert begun.words == "looking for the stack ..."
    begun.go_on()
    loop.work()
    assert begun.stage is Stage.UNFINISHED and not begun.lacks_stack and "Stopped" in desk.message.text


# ---- what cannot be done -----------------------------------------------------------------------------------------


def test_a_press_without_a_stack_says_what_is_missing(desk):
    BlockSession(desk).go_on()
    assert "Open a stack first" in desk.message.text and desk.message.kind == "error"


def test_a_name_that_is_taken(blocks, loop, desk):
    blocks.folder.mkdir()
    (blocks.folder / "notes.txt").write_text("not of a run")
    blocks.go_on()
    loop.work()
    assert "this name is taken; choose another name for the new session." in desk.message.text


def test_a_budget_that_does_not_suffice(blocks, loop, desk):
    blocks.means.memory = 0.5
    blocks.go_on()
    loop.work()
    assert desk.message.text.startswith("memory: ") and "take fewer workers" in desk.message.text
    assert not blocks.folder.exists()


def test_a_file_that_is_another_one_now(blocks, loop, desk, file):
    tifffile.imwrite(file, np.zeros((2, 64, 64), np.uint8), photometric="minisblack")
    blocks.go_on()
    loop.work()
    assert "the file has changed since it was opened" in desk.message.text


def test_a_damaged_run(begun, loop, desk, tmp_path):
    (tmp_path / "bad.emcad").mkdir()
    (tmp_path / "bad.emcad" / RUN_FILE).write_text("{")
    begun.folder = tmp_path / "bad.emcad"
    assert "missing or damaged" in desk.message.text
    assert begun.seen is None and not begun.plan
    begun.go_on()
    loop.work()
    assert "missing or damaged" in desk.message.text


# ---- sight -------------------------------------------------------------------------------------------------------


def test_the_middle_of_a_block_is_shown(begun, desk):
    begun.centre_block((1, 0, 0))
    assert desk.viewer.dims.current_step[0] == 17
    begun.centre_block((0, 0, 0))
    assert desk.viewer.dims.current_step[0] == 8


def test_before_a_run_there_are_no_blocks_to_show(blocks, desk):
    before = desk.viewer.dims.current_step
    blocks.centre_block((1, 0, 0))
    assert desk.viewer.dims.current_step == before


def test_a_stage_that_is_not_counted_in_blocks(blocks):
    blocks._on_progress(Progress("looking at the stack", 0, 1))
    assert blocks.words == "looking at the stack ..."


def _children() -> list[psutil.Process]:
    """The processes that do blocks."""
    found = []
    for one in psutil.Process().children(recursive=True):
        try:
            if "napari_emcad.workers" in one.cmdline() and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except psutil.Error:
            continue
    return found
