"""Runs by blocks whose folder, stack or model was moved go on."""

import shutil

import numpy as np
import pytest
import tifffile
from block_runs import Broken, done, facts_of, save_inputs

from napari_emcad.blocks.moved_run import find_run
from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions.block_run_facts import begin_run, read_run
from napari_emcad.io.sessions.lock import SessionLock

BLOCK = (4, 512, 512)


@pytest.fixture
def begun(tmp_path):
    """A run that was stopped after its first block, in a folder with its stack and its model."""
    (tmp_path / "before").mkdir()
    save_inputs(tmp_path / "before")
    run = facts_of(tmp_path / "before", BLOCK)
    with pytest.raises(KeyboardInterrupt):
        done(tmp_path / "before" / "run.emcad", run, Broken(1, spoils=False))
    return tmp_path / "before"


def test_nothing_is_said_or_written_where_nothing_moved(begun):
    written = (begun / "run.emcad" / "run.json").stat().st_mtime_ns
    assert find_run(begun / "run.emcad").notes == ()
    assert (begun / "run.emcad" / "run.json").stat().st_mtime_ns == written


def test_a_project_that_was_moved_goes_on(begun, tmp_path):
    after = begun.rename(tmp_path / "after")
    run, notes = find_run(after / "run.emcad")
    assert (run.source, run.model) == (str(after / "stack.tif"), str(after / "small.pt"))
    assert "at the same place relative" in notes[0] and "was found by its hash" in notes[1]
    assert read_run(after / "run.emcad").source == run.source
    whole = done(tmp_path / "whole.emcad", facts_of(after, BLOCK))
    gone_on = done(after / "run.emcad", run)
    np.testing.assert_array_equal(gone_on.fragments[:], whole.fragments[:])


def test_only_the_folder_was_moved(begun, tmp_path):
    folder = (begun / "run.emcad").rename(tmp_path / "run.emcad")
    assert find_run(folder).notes == ()


def test_the_same_command_goes_on_elsewhere(begun, tmp_path):
    after = begun.rename(tmp_path / "after")
    begin_run(after / "run.emcad", facts_of(after, BLOCK))
    assert read_run(after / "run.emcad").source == str(after / "stack.tif")
    assert (after / "run.emcad" / "blocks" / "affinities.0.npz").exists()


def test_another_stack_is_refused_even_if_it_is_named(begun, tmp_path):
    stack = tifffile.imread(begun / "stack.tif")
    tifffile.imwrite(begun / "stack.tif", 255 - stack, photometric="minisblack")
    for named in (None, begun / "stack.tif"):
        with pytest.raises(UserError, match=r"stack\.tif holds other voxels than were segmented; .*--stack FILE"):
            find_run(begun / "run.emcad", named)


def test_a_model_that_is_another_one_is_refused(begun):
    shutil.move(begun / "small.pt", begun / "renamed.pt")
    assert find_run(begun / "run.emcad").run.model == str(begun / "renamed.pt")
    (begun / "renamed.pt").write_bytes(b"other")
    with pytest.raises(UserError, match=r"its model .* is not there any more, .* name it with --model"):
        find_run(begun / "run.emcad")
    with pytest.raises(UserError, match="this is another one"):
        find_run(begun / "run.emcad", model=begun / "renamed.pt")


def test_a_run_that_another_program_is_at_is_not_moved(begun, tmp_path):
    after = begun.rename(tmp_path / "after")
    lock = SessionLock(after / "run.emcad")
    with pytest.raises(UserError, match="it is open for reading only"):
        find_run(after / "run.emcad")
    lock.release()
