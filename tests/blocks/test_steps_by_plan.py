"""Runs by blocks with a plan for the sections give what the pipeline gives, with defects at the blocks' faces."""

from dataclasses import replace

import numpy as np
import pytest
from block_runs import BOX, SHAPE, done, facts_of, partition, save_inputs, whole
from plans import any_plan

from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.sections.pairing import PlannedBox
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.section_plans import plan_to_json
from napari_emcad.io.sessions.block_files import BlockFiles

AS_IS = SectionPlan.as_is(SHAPE)
BLOCK = (3, 16, 32)
"""The first block ends before section 4 of the stack, row 18 and column 36."""


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
    "three, up to the end": AS_IS.leaving_out(4).leaving_out(5).leaving_out(6),
    "outside the box": AS_IS.leaving_out(0).leaving_out(1),
    "too many": AS_IS.leaving_out(2).leaving_out(3).leaving_out(4).leaving_out(5),
    "slip": AS_IS.shifting(4, (5, -7), all_that_follow=True),
    "one shifted, one out": AS_IS.shifting(3, (-3, 9)).leaving_out(4),
    "break": replace(AS_IS, breaks=np.arange(7) == 4),
    "half missing": half("missing", 3),
    "half missing, twice": half("missing", slice(3, 5), columns=True),
    "half bare": half("no_tissue", slice(None), columns=True),
    "any 1": any_plan(SHAPE, 1),
    "any 2": any_plan(SHAPE, 2, largest_shift=9),
    "any 3": any_plan(SHAPE, 3, largest_shift=6, cell=7),
}


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    """(plan, size of a block) -> a run."""
    folder = tmp_path_factory.mktemp("by blocks")
    save_inputs(folder)
    return lambda plan, block=BLOCK, **other: facts_of(folder, block, sections=plan_to_json(plan), **other)


@pytest.fixture(autouse=True)
def plain_programs(monkeypatch):
    monkeypatch.setattr("napari_emcad.inference.engines.device._cpu_multiplies_bf16", lambda: False)


def same_graph(one, other, *names):
    for name in names:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize("name", PLANS)
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
    """Affinities of the whole; fragments where it has some; the region graph of these fragments."""
    plan = PLANS[name]
    found, (affinities, wanted) = done(tmp_path / "a", run_of(plan)), whole(replace(plan, interpolates=False))
    files = BlockFiles(tmp_path / "a")
    assert np.abs(files.affinities[:].astype(int) - affinities).max() <= 1
    seen = files.local[:]
    ids = np.where(seen > 0, found.fragments[:], 0)
    np.testing.assert_array_equal(seen > 0, wanted.fragments > 0)
    np.testing.assert_array_equal(np.unique(ids[ids > 0]), np.arange(1, ids.max() + 1))
    graph = drive(build_region_graph(files.affinities[:], ids, planned=PlannedBox.of(plan, BOX)))
    same_graph(found.graph, graph, "u", "v", "mean", "quantiles", "area")
    there = ids[tuple(found.graph.contact.T)]
    assert ((there == found.graph.u) | (there == found.graph.v)).all()
    np.testing.assert_array_equal(found.sizes, np.bincount(found.fragments[:].ravel(), minlength=len(found.sizes)))
