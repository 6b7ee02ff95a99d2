"""The method by blocks gives what the method gives, whatever is done where and in what order."""

import shutil
from functools import partial

import numpy as np
import pytest
from block_runs import BOX, PARAMETERS, SHAPE, Broken, Shuffled, digest, done, facts_of, partition, save_inputs, whole
from drawings import lively_student, uneven

from napari_emcad.blocks import steps as blockwise
from napari_emcad.blocks.pool import InTurn
from napari_emcad.blocks.steps import STEPS_OF_BLOCKS, assemble, segment_by_blocks
from napari_emcad.core.blocks import Blocks
from napari_emcad.core.errors import UserError
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import begin_run
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model
from napari_emcad.networks.residual_unet import ResidualUNetConfig
from napari_emcad.networks.teacher import build_teacher
from napari_emcad.pipeline import predict


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("by blocks")
    save_inputs(folder)
    return folder


@pytest.fixture
def run_of(files):
    """(size of a block) -> a run."""
    return partial(facts_of, files)


@pytest.fixture(autouse=True)
def plain_programs(monkeypatch):
    monkeypatch.setattr("napari_emcad.inference.engines.device._cpu_multiplies_bf16", lambda: False)
    blockwise._load_inputs.cache_clear()


def test_one_block_is_the_whole(tmp_path, run_of):
    affinities, expected = whole()
    found = done(tmp_path / "a", run_of((16, 64, 64)))
    np.testing.assert_array_equal(BlockFiles(tmp_path / "a").affinities[:], affinities)
    np.testing.assert_array_equal(found.fragments[:], expected.fragments)
    np.testing.assert_array_equal(found.sizes, expected.sizes)
    for name in ("u", "v", "mean", "quantiles", "area", "contact"):
        np.testing.assert_array_equal(getattr(found.graph, name), getattr(expected.graph, name))
    for threshold in (0.1, 0.3, 0.5, 0.7, 0.9):
        table, wanted = (partition(s.tree.cut(threshold)) for s in (found, expected))
        np.testing.assert_array_equal(table, wanted)


@pytest.mark.parametrize("block", [(3, 64, 64), (6, 16, 64), (4, 16, 32), (1, 36, 46)])
def test_blocks_fit_together(tmp_path, run_of, block):
    """Affinities of the whole; fragments within blocks; the region graph of these fragments."""
    run = run_of(block)
    found, (affinities, _) = done(tmp_path / "a", run), whole()
    difference = BlockFiles(tmp_path / "a").affinities[:].astype(int) - affinities
    assert np.abs(difference).max() <= 1
    fragments, blocks = found.fragments[:], Blocks(BOX.shape, block)
    ids = [np.unique(fragments[blocks.box(k).slices]) for k in range(len(blocks))]
    np.testing.assert_array_equal(np.concatenate(ids), np.arange(1, fragments.max() + 1))
    np.testing.assert_array_equal(found.sizes[1:], np.bincount(fragments.ravel())[1:])
    seen = BlockFiles(tmp_path / "a").affinities[:]
    graph = drive(build_region_graph(seen, fragments))
    for name in ("u", "v", "mean", "quantiles", "area"):
        np.testing.assert_array_equal(getattr(found.graph, name), getattr(graph, name))
    assert ((found.graph.contact >= 0) & (found.graph.contact < BOX.shape)).all()
    there = fragments[tuple(found.graph.contact.T)]
    assert ((there == found.graph.u) | (there == found.graph.v)).all()


@pytest.mark.parametrize("scale", [[2.0, 1.5], [0.6, 0.5]])
def test_blocks_see_pixels_of_another_size_as_the_whole_does(tmp_path, run_of, scale):
    parameters = PARAMETERS.model_dump(mode="json") | {"scale": scale}
    affinities = np.zeros((3, *BOX.shape), np.uint8)
    drive(predict(uneven(SHAPE, seed=1), lively_student(), affinities, BOX, SegmentParameters(**parameters)))
    run = run_of((3, 16, 32), parameters=parameters)
    done(tmp_path / "a", run)
    difference = BlockFiles(tmp_path / "a").affinities[:].astype(int) - affinities
    assert np.abs(difference).max() <= 1
    begin_run(tmp_path / "a", run)  # as it is read back
    with pytest.raises(UserError, match="begun with another scale"):
        begin_run(tmp_path / "a", run_of((3, 16, 32), parameters=parameters | {"scale": [1.0, 1.0]}))


def test_more_fragments_than_4_bytes_can_number(tmp_path, run_of, monkeypatch):
    """They have 8 bytes in the files, and in memory, and nothing else changes."""
    expected = done(tmp_path / "few", run_of((3, 20, 24)))
    monkeypatch.setattr("napari_emcad.core.ids.LARGEST_OF_4_BYTES", expected.graph.v.max())
    found = done(tmp_path / "many", run_of((3, 20, 24)))
    assert (found.fragments.dtype, found.tree.leaves.dtype, found.graph.u.dtype) == (np.uint64, np.int64, np.int64)
    np.testing.assert_array_equal(found.fragments[:], expected.fragments[:])
    for name in ("u", "v", "mean", "quantiles", "area", "contact"):
        np.testing.assert_array_equal(getattr(found.graph, name), getattr(expected.graph, name))
    for threshold in (0, 0.3, 0.5, 1):
        np.testing.assert_array_equal(found.table(threshold, min_size=5), expected.table(threshold, min_size=5))


def test_a_teacher_goes_by_blocks(tmp_path, run_of, files):
    teacher = build_teacher(ResidualUNetConfig(maps=(4, 6, 8, 10, 12))).eval()
    card = save_model(teacher, tmp_path / "teacher.pt", ModelCard(title="small"))
    run = run_of((3, 16, 64), model=str(tmp_path / "teacher.pt"), model_sha256=card.sha256)
    done(tmp_path / "a", run)
    expected = np.zeros((3, *BOX.shape), np.uint8)
    drive(predict(uneven(SHAPE, seed=1), teacher, expected, BOX, PARAMETERS))
    np.testing.assert_allclose(BlockFiles(tmp_path / "a").affinities[:], expected, atol=1)


def test_blocks_see_around_them(tmp_path, run_of, monkeypatch):
    """With enough of it seen, the fragments of blocks are those of the sections, cut at the blocks' sides."""
    monkeypatch.setattr(blockwise, "SEEN", 64)
    found, (_, expected) = done(tmp_path / "a", run_of((6, 16, 64))), whole()
    pairs = np.unique(np.stack([found.fragments[:].ravel(), expected.fragments.ravel()]), axis=1)
    assert len(np.unique(pairs[0])) == pairs.shape[1]  # none reaches into two of the whole's
    assert pairs.shape[1] > expected.fragments.max()  # some were cut


def test_order_and_repetition_do_not_show(tmp_path, run_of):
    run = run_of((3, 16, 32))
    one, other = done(tmp_path / "a", run), done(tmp_path / "b", run, Shuffled())
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    for name in ("leaves", "gaps"):
        np.testing.assert_array_equal(getattr(one.tree, name), getattr(other.tree, name))


@pytest.mark.parametrize("tasks", [0, 3, 9, 14, 20, 22])
def test_a_run_goes_on_where_it_was_stopped(tmp_path, run_of, tasks):
    run, counted = run_of((3, 16, 64)), []
    done(tmp_path / "a", run)
    begin_run(tmp_path / "b", run)
    with pytest.raises(KeyboardInterrupt):
        drive(segment_by_blocks(tmp_path / "b", run, Broken(tasks)))

    class Counting(InTurn):
        def run(self, step, task, folder, numbers):
            counted.extend(numbers)
            yield from super().run(step, task, folder, numbers)

    done(tmp_path / "b", run, Counting())
    total = 3 * len(run.blocks) + len(run.groups)
    assert len(counted) == total - tasks
    if tasks < 6:  # what was spoilt is written again in any case
        assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_progress_goes_by_blocks(tmp_path, run_of):
    run = run_of((3, 64, 64))
    begin_run(tmp_path / "a", run)
    steps = [(p.stage, p.done, p.total) for p in segment_by_blocks(tmp_path / "a", run, InTurn())]
    assert steps == [(stage, k, 2) for stage in STEPS_OF_BLOCKS for k in range(3)]


def test_groups_are_of_whole_blocks(run_of):
    assert run_of((3, 16, 32), group=(4, 40, 10)).groups.size == (6, 48, 32)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"fingerprint": "x"}, "stack.tif: the stack has changed since the run was begun; "),
        ({"model_sha256": "x"}, "small.pt: the model is not the one that the run was begun with; "),
    ],
)
def test_what_has_changed_is_refused(tmp_path, run_of, other, sentence):
    with pytest.raises(UserError, match=sentence):
        done(tmp_path / "a", run_of((16, 64, 64), **other))


def test_a_worker_that_lives_on_does_not_mix_up_runs(tmp_path, run_of):
    """The same folder, removed and begun anew with something else."""
    done(tmp_path / "a", run_of((3, 16, 64)))
    shutil.rmtree(tmp_path / "a")
    parameters = PARAMETERS.model_copy(update={"seed_sigma": 4.0}).model_dump(mode="json")
    other = done(tmp_path / "a", run_of((3, 16, 64), parameters=parameters))
    blockwise._load_inputs.cache_clear()
    expected = done(tmp_path / "b", run_of((3, 16, 64), parameters=parameters))
    np.testing.assert_array_equal(other.fragments[:], expected.fragments[:])


def test_a_damaged_table_is_told(tmp_path, run_of):
    run = run_of((16, 64, 64))
    done(tmp_path / "a", run)
    table = tmp_path / "a" / "blocks" / "region_graph.0.npz"
    table.write_bytes(table.read_bytes()[:100])
    with pytest.raises(UserError, match=r"region_graph.0.npz: missing or damaged; remove this file "):
        assemble(tmp_path / "a", run)
