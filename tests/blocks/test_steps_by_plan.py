"""Runs by blocks with a plan for the sections give what the pipeline gives, with defects at the blocks' faces."""

from dataclasses import replace

import numpy as np
import pytest
from block_runs import BOX, SHAPE, Broken, Shuffled, digest, done, facts_of, partition, save_inputs, whole
from plans import any_plan, usable_of

from napari_emcad.blocks import steps as blockwise
from napari_emcad.blocks.steps import boxes_of_blocks, segment_by_blocks
from napari_emcad.core.bridging import bridge_fragments
from napari_emcad.core.fragment_boxes import find_fragment_boxes
from napari_emcad.core.gap_contacts import without_chance_contacts
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.core.swallowing import sections_and_sizes
from napari_emcad.io.section_plans import plan_to_json
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import begin_run

AS_IS = SectionPlan.as_is(SHAPE)
BLOCK = (3, 18, 24)
"""The first block ends before section 4 of the stack, row 20 and column 28."""


def half(which, z, columns=False):
    """Cells of 5 pixels: the upper or left half of a section."""
    cells = np.zeros((SHAPE[0], 8, 10), bool)
    cells[(z, slice(None), slice(0, 5)) if columns else (z, slice(0, 4))] = True
    return (
        replace(AS_IS, missing=np.zeros_like(cells), no_tissue=np.zeros_like(cells), cell=5)
        if not which
        else (
            replace(AS_IS, **{"missing": np.zeros_like(cells), "no_tissue": np.zeros_like(cells), which: cells}, cell=5)
        )
    )


PLANS = {
    "last of a block": AS_IS.leaving_out(3),
    "first of a block": AS_IS.leaving_out(4),
    "over a face": AS_IS.leaving_out(3).leaving_out(4),
    "outside the box": AS_IS.leaving_out(0).leaving_out(1),
    "too many": AS_IS.leaving_out(2).leaving_out(3).leaving_out(4).leaving_out(5),
    "slip": AS_IS.shifting(4, (5, -7), all_that_follow=True),
    "one shifted, one out": AS_IS.shifting(3, (-3, 9)).leaving_out(4),
    "half missing, twice": half("missing", slice(3, 5), columns=True),
    "missing over two faces": replace(
        half("missing", slice(0)), missing=np.pad(np.ones((2, 2, 3), bool), ((2, 3), (3, 3), (4, 3)))
    ),
    "first and last": AS_IS.leaving_out(0).leaving_out(1).leaving_out(6),
    "farther than a block": AS_IS.shifting(4, (19, -33), all_that_follow=True).leaving_out(3),
    "half bare": half("no_tissue", slice(None), columns=True),
    "any 2": any_plan(SHAPE, 2, largest_shift=9),
    "any 3": any_plan(SHAPE, 3, largest_shift=6, cell=7),
}


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    """(plan, size of a block) -> a run."""
    folder = tmp_path_factory.mktemp("by blocks")
    save_inputs(folder)
    return lambda plan, block=BLOCK, **other: facts_of(folder, block, **({"sections": plan_to_json(plan)} | other))


@pytest.fixture(autouse=True)
def plain_programs(monkeypatch):
    monkeypatch.setattr("napari_emcad.inference.engines.device._cpu_multiplies_bf16", lambda: False)


def same_graph(one, other, *names):
    for name in names:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("name", ["half missing, twice", "any 2", "any 3"])
def test_one_block_is_the_whole(tmp_path, run_of, name):
    affinities, expected = whole(PLANS[name])
    found = done(tmp_path / "a", run_of(PLANS[name], (16, 64, 64)))
    np.testing.assert_array_equal(BlockFiles(tmp_path / "a").affinities[:], affinities)
    np.testing.assert_array_equal(found.fragments[:], expected.fragments)
    np.testing.assert_array_equal(found.sizes, expected.sizes)
    same_graph(found.graph, expected.graph, "u", "v", "mean", "quantiles", "area", "contact")
    for threshold in (0.1, 0.5, 0.9):
        table, wanted = (partition(s.tree.cut(threshold)) for s in (found, expected))
        np.testing.assert_array_equal(table, wanted)


@pytest.mark.parametrize("name", PLANS)
def test_blocks_fit_together(tmp_path, run_of, name):
    """Affinities of the whole; the region graph and the bridges of the blocks' fragments, wherever they lie."""
    plan = PLANS[name]
    found, (affinities, _) = done(tmp_path / "a", run_of(plan)), whole(plan)
    files = BlockFiles(tmp_path / "a")
    assert np.abs(files.affinities[:].astype(int) - affinities).max() <= 1
    expected, planned = np.where(files.local[:] > 0, found.fragments[:], 0), PlannedBox.of(plan, BOX)
    np.testing.assert_array_equal(np.unique(expected[expected > 0]), np.arange(1, expected.max() + 1))
    graph = drive(build_region_graph(files.affinities[:], expected, planned=planned))
    kept = without_chance_contacts(graph, sections_and_sizes(expected)[0])
    if plan.offset.any():  # outlines that a shift moves over a block's face are seen in part
        of_blocks = set(zip(found.graph.u.tolist(), found.graph.v.tolist(), strict=True))
        assert of_blocks.issuperset(zip(kept.u.tolist(), kept.v.tolist(), strict=True))
        pairs = zip(graph.u.tolist(), graph.v.tolist(), strict=True)
        kept = graph.chosen(np.array([pair in of_blocks for pair in pairs]))
    same_graph(found.graph, kept, "u", "v", "mean", "quantiles", "area")
    there = expected[tuple(found.graph.contact.T)]
    assert ((there == found.graph.u) | (there == found.graph.v)).all()
    drive(bridge_fragments(expected, found.sizes, planned))
    np.testing.assert_array_equal(found.fragments[:], expected)
    np.testing.assert_array_equal(files.local[:] > 0, usable_of(plan)[BOX.slices])
    np.testing.assert_array_equal(found.sizes, np.bincount(expected.ravel()))
    boxes, sought = boxes_of_blocks(tmp_path / "a", run_of(plan)), drive(find_fragment_boxes(expected))
    np.testing.assert_array_equal(boxes.start[1:], sought.start[1:])
    np.testing.assert_array_equal(boxes.stop[1:], sought.stop[1:])


def test_bridged_labels_may_be_background(tmp_path, run_of):
    plan = replace(PLANS["any 2"], interpolates=False)
    found = done(tmp_path / "a", run_of(plan))
    np.testing.assert_array_equal(found.fragments[:] > 0, usable_of(plan)[BOX.slices])
    np.testing.assert_array_equal(found.sizes, np.bincount(found.fragments[:].ravel()))
    assert "bridged" not in BlockFiles(tmp_path / "a").finished_blocks()


def test_what_is_not_seen_takes_no_room(tmp_path, run_of):
    """Left-out sections, and blocks without tissue, have no files of affinities and fragments of their own."""
    plan = AS_IS.leaving_out(3)
    found = done(tmp_path / "a", run_of(plan, (3, 36, 46)))
    for name, axis in (("affinities.zarr", 1), ("local.zarr", 0)):
        folder = tmp_path / "a" / name
        chunks = [file.relative_to(folder).parts for file in folder.rglob("*") if file.is_file()]
        assert {int(chunk[axis]) for chunk in chunks if len(chunk) > 1} == {0, 1, 3, 4, 5}
    assert (found.fragments[2] > 0).all()


def test_a_block_without_tissue_is_not_predicted(tmp_path, run_of, monkeypatch):
    predicted, predict = [], blockwise._predict

    def counted(run, files, box, plan):
        predicted.append(box)
        return predict(run, files, box, plan)

    monkeypatch.setattr(blockwise, "_predict", counted)
    bare, box = np.zeros((SHAPE[0], 2, 2), bool), Box((1, 2, 4), SHAPE)
    bare[:4, 0, 0], bare[1:, 1, 1] = True, True
    plan = replace(AS_IS, no_tissue=bare, missing=np.zeros_like(bare), cell=20).leaving_out(4)
    run = run_of(plan, (3, 18, 16), box=(box.start, box.stop))
    found = done(tmp_path / "a", run)
    seen = [block for block in run.blocks if usable_of(plan)[block.moved(box.start).slices].any()]
    assert predicted == seen
    assert len(seen) < len(run.blocks)
    assert not found.fragments[:3, :18, :16].any()


def test_order_and_repetition_do_not_show(tmp_path, run_of):
    run = run_of(PLANS["any 2"])
    one, other = done(tmp_path / "a", run), done(tmp_path / "b", run, Shuffled())
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    same_graph(one.tree, other.tree, "leaves", "gaps")


@pytest.mark.parametrize("tasks", [12, 20])
def test_a_run_goes_on_where_it_was_stopped(tmp_path, run_of, tasks):
    run = run_of(PLANS["any 2"])
    expected = done(tmp_path / "a", run)
    begin_run(tmp_path / "b", run)
    with pytest.raises(KeyboardInterrupt):
        drive(segment_by_blocks(tmp_path / "b", run, Broken(tasks, spoils=False)))
    found = done(tmp_path / "b", run)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    np.testing.assert_array_equal(found.sizes, expected.sizes)


def test_blocks_that_are_lost_are_done_again(tmp_path, run_of):
    run = run_of(PLANS["any 2"])
    done(tmp_path / "a", run)
    before = digest(tmp_path / "a")
    for lost in ("affinities.1", "fragments.4", "region_graph.7", "region_graph.2", "agglomeration.0"):
        (tmp_path / "a" / "blocks" / f"{lost}.npz").unlink()
    done(tmp_path / "a", run)
    assert digest(tmp_path / "a") == before


def test_a_plan_that_changes_nothing_leaves_what_was_there_before(tmp_path, run_of):
    done(tmp_path / "a", run_of(AS_IS))
    done(tmp_path / "b", run_of(AS_IS, sections="as-is"))
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
