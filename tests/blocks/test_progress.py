"""How far a run by blocks is, told from the files it has written."""

import numpy as np
import pytest

from napari_emcad.blocks import progress as block_progress
from napari_emcad.blocks.progress import SHARES, Watch
from napari_emcad.blocks.sections import SECTIONS
from napari_emcad.blocks.steps import AFFINITIES, AGGLOMERATION, FRAGMENTS, REGION_GRAPH, STEPS, STEPS_OF_BLOCKS
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts

SHAPE, BLOCK, GROUP = (4, 100, 100), (2, 50, 50), (4, 100, 1)
"""Eight blocks in two groups, which lie beside each other on x."""


@pytest.fixture
def clock(monkeypatch):
    """(seconds) -> that many have passed."""
    now = [0.0]
    monkeypatch.setattr(block_progress.time, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


@pytest.fixture
def run():
    return BlockRunFacts(
        program="test",
        source="stack.tif",
        dataset=None,
        fingerprint="",
        voxel_size_nm=None,
        model="model.pt",
        model_sha256="",
        parameters={},
        precision="fp32",
        box=((0, 0, 0), SHAPE),
        block=BLOCK,
        group=GROUP,
    )


@pytest.fixture
def files(tmp_path):
    files = BlockFiles(tmp_path)
    files.create(SHAPE, None)
    return files


def do(files, step, numbers):
    for number in numbers:
        files.save_table(step, number)


def test_nothing_is_done_and_no_time_is_known(files, run):
    found = Watch(files, run).look()
    assert (found.stage, found.done, found.total) == (AFFINITIES, 0, 8)
    assert found.reached.shape == (2, 2, 2)
    assert not found.reached.any()
    assert found.seconds_left is found.seconds_per_megavoxel is None


def test_a_folder_without_tables_is_a_run_that_has_not_begun(tmp_path, run):
    assert Watch(BlockFiles(tmp_path), run).look().done == 0


def test_the_map_counts_the_steps_of_each_block(files, run):
    do(files, AFFINITIES, range(8))
    do(files, FRAGMENTS, [0, 7])
    found = Watch(files, run).look()
    assert (found.stage, found.done) == (FRAGMENTS, 2)
    expected = np.ones((2, 2, 2))
    expected[0, 0, 0] = expected[1, 1, 1] = 2
    np.testing.assert_array_equal(found.reached, expected)


def test_a_group_stands_for_its_blocks(files, run):
    for step in (AFFINITIES, FRAGMENTS, REGION_GRAPH):
        do(files, step, range(8))
    do(files, AGGLOMERATION, [1])
    found = Watch(files, run).look()
    assert (found.stage, found.done, found.total) == (AGGLOMERATION, 1, 2)
    np.testing.assert_array_equal(found.reached[..., 0], 3)
    np.testing.assert_array_equal(found.reached[..., 1], 4)


def test_tables_that_are_no_step_do_not_count(files, run):
    files.save_table("numbers", 0)
    (files.folder / "blocks" / "affinities.0.npz.abc.part").touch()
    assert not Watch(files, run).look().reached.any()


def test_time_is_told_by_what_was_done_since_the_watch_began(files, run, clock):
    do(files, AFFINITIES, range(4))  # before
    watch = Watch(files, run)
    do(files, AFFINITIES, range(4, 8))
    clock(30)
    found = watch.look()
    whole = 30 / (SHARES[AFFINITIES] / 2)
    assert found.seconds_left == pytest.approx(whole * (1 - SHARES[AFFINITIES] - SHARES[SECTIONS]))
    assert found.seconds_per_megavoxel == pytest.approx(whole / 0.04)


def test_all_done(files, run):
    for step in STEPS_OF_BLOCKS:
        do(files, step, range(2 if step == AGGLOMERATION else 8))
    found = Watch(files, run).look()
    assert (found.stage, found.done, found.total) == (AGGLOMERATION, 2, 2)
    assert (found.reached == len(STEPS_OF_BLOCKS)).all()


def test_the_shares_are_those_of_the_steps_and_leave_some_for_the_end():
    assert list(SHARES) == list(STEPS)
    assert 0.9 < sum(SHARES.values()) < 1


def test_slabs_of_sections_come_first(tmp_path, run):
    """They are no step of a block; a run that uses its sections as they are has none."""
    looking = run.model_copy(update={"sections": "auto", "stack_shape": (9, 100, 100)})
    files = BlockFiles(tmp_path)
    files.create(SHAPE, None)
    do(files, SECTIONS, [0, 2])
    found = Watch(files, looking).look()
    assert (found.stage, found.done, found.total) == (SECTIONS, 2, 4)
    assert not found.reached.any()
