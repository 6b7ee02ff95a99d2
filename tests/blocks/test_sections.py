"""The look at a stack's sections before its blocks: slab by slab, judged once, and the same for whoever goes on."""

import json

import numpy as np
import pytest
import tifffile
from drawings import lively_student, neuropil

from napari_emcad.blocks import sections as looking
from napari_emcad.blocks.sections import is_seen, judge_slabs, parameters_of, placed, plan_of, sections_text
from napari_emcad.blocks.steps import look_at_slab
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.progress import drive
from napari_emcad.core.sections import inspect_sections
from napari_emcad.core.sections import look as core_look
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.inference.normalisation import EM_GREYS, choose_normalisation
from napari_emcad.io.section_plans import plan_to_json
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts, begin_run
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model

SHAPE, BLANK = (12, 96, 128), [5, 8]


@pytest.fixture(scope="module")
def volume():
    volume = neuropil(SHAPE, VoxelSize(40, 6, 6), seed=3)
    volume[BLANK] = 0
    return volume


@pytest.fixture(scope="module")
def stack(volume, tmp_path_factory):
    path = tmp_path_factory.mktemp("stack") / "stack.tif"
    tifffile.imwrite(path, volume, photometric="minisblack")
    return path


@pytest.fixture
def begun(stack, tmp_path):
    """(fields of a run) -> a run that was begun, and its files."""

    def begun(name="a.emcad", **other):
        with open_stack(stack) as opened:
            facts = {
                "program": "test",
                "source": str(stack),
                "dataset": None,
                "fingerprint": opened.fingerprint,
                "voxel_size_nm": None,
                "model": "",
                "model_sha256": "",
                "parameters": {},
                "precision": "fp32",
                "box": ((0, 0, 0), SHAPE),
                "block": (5, 64, 64),
                "group": (1, 1, 1),
                "sections": "auto",
                "stack_shape": SHAPE,
            }
        run = BlockRunFacts(**(facts | other))
        begin_run(tmp_path / name, run)
        files = BlockFiles(tmp_path / name)
        files.create(run.place.shape, None)
        return run, files

    return begun


def looked(run, files, slabs=None):
    for number in range(len(run.slabs)) if slabs is None else slabs:
        look_at_slab(str(files.folder), number)
    drive(judge_slabs(files, run))
    return files.found_sections


def same(one: SectionPlan, other: SectionPlan) -> bool:
    return plan_to_json(one) == plan_to_json(other)


def test_slabs_are_judged_as_the_whole(begun, volume):
    report = drive(inspect_sections(volume))
    found = looked(*begun())
    assert found.summary == report.summary
    assert f"{BLANK[0]}, {BLANK[1]} blank" in found.summary
    assert same(found.plan, SectionPlan.of_report(report))
    assert np.flatnonzero(found.plan.left_out).tolist() == BLANK


def test_each_section_is_read_once_and_whole(begun, volume, monkeypatch):
    read = []

    def measured(section, grid, inner=core_look.measure_section):
        read.append(section.shape)
        return inner(section, grid)

    monkeypatch.setattr(core_look, "measure_section", measured)
    looked(*begun())
    assert read == [SHAPE[1:]] * SHAPE[0]


def test_order_does_not_matter(begun):
    expected = looked(*begun("a.emcad"))
    found = looked(*begun("b.emcad"), slabs=[2, 0, 1, 0])
    assert (found.summary, plan_to_json(found.plan)) == (expected.summary, plan_to_json(expected.plan))


def test_what_was_judged_stays(begun):
    """Whoever goes on with a run has the plan that it was begun with."""
    run, files = begun()
    found = looked(run, files)
    judged = (files.folder / "sections.json").read_bytes()
    looked(run, files)
    assert (files.folder / "sections.json").read_bytes() == judged
    files.write_found_sections(looking.FoundSections("edited", found.plan.leaving_out(0)))
    assert looked(run, files).summary == "edited"
    assert plan_of(run, files).left_out[0]


def test_only_sections_around_the_box_are_read(begun, monkeypatch):
    """Their numbers are those of the stack; all others are used as they are."""
    read = []
    measure = core_look.measure_section
    monkeypatch.setattr(core_look, "measure_section", lambda s, g: read.append(0) or measure(s, g))
    monkeypatch.setattr("napari_emcad.core.sections.plan.LOOKED_AROUND", 2)
    run, files = begun(box=((4, 10, 10), (7, 50, 60)))
    found = looked(run, files)
    assert len(read) == 7
    assert found.summary == "7 sections: 5, 8 blank"
    assert found.plan.shape == SHAPE
    assert np.flatnonzero(found.plan.left_out).tolist() == BLANK


def test_as_is_nothing_is_looked_at(begun):
    run, files = begun(sections="as-is")
    drive(judge_slabs(files, run))
    assert len(run.slabs) == 0
    assert files.found_sections is plan_of(run, files) is None


def test_a_plan_that_is_given_is_followed(begun):
    plan = SectionPlan.as_is(SHAPE).leaving_out(3).shifting(6, (4, -2))
    run, files = begun(sections=plan_to_json(plan))
    drive(judge_slabs(files, run))
    assert len(run.slabs) == 0
    assert same(plan_of(run, files), plan)
    run, files = begun("b.emcad", sections=plan_to_json(SectionPlan.as_is(SHAPE)))
    assert plan_of(run, files) is None


def test_words_on_the_sections_of_a_run(begun):
    run, files = begun()
    assert sections_text(run, files) == "They are looked at first."
    looked(run, files)
    assert sections_text(run, files) == "12 sections: 5, 8 blank. By plan: sections 5, 8 are left out and bridged."
    plan = plan_to_json(SectionPlan.as_is(SHAPE).leaving_out(3))
    assert sections_text(*begun("b.emcad", sections=plan)) == "By plan: section 3 is left out and bridged."
    assert sections_text(*begun("c.emcad", sections="as-is")) == "They are used as they are."


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"summary": "", "plan": {"shape": [1, 2]}}'])
def test_a_damaged_plan_is_told(begun, content):
    run, files = begun()
    (files.folder / "sections.json").write_text(content)
    with pytest.raises(UserError, match=r"sections\.json: damaged; remove this file and resume the run\."):
        plan_of(run, files)


def test_a_missing_plan_is_told(begun):
    run, files = begun()
    with pytest.raises(UserError, match=r"sections\.json: missing; resume the run\."):
        plan_of(run, files)


def test_labels_of_what_is_bridged_may_be_background(begun):
    assert looked(*begun("a.emcad")).plan.interpolates
    assert not looked(*begun("b.emcad", interpolates=False)).plan.interpolates


def test_a_block_is_seen_where_anything_is_left_of_it():
    none = np.zeros((2, 2, 2), bool)
    plan = SectionPlan.as_is((2, 64, 64)).leaving_out(0)
    bare, missing = none.copy(), none.copy()
    bare[1, 0], missing[1, 1, 0] = True, True
    plan = looking.replace(plan, no_tissue=bare, missing=missing, cell=32)
    assert is_seen(plan, Box((0, 0, 0), (2, 64, 64)))
    assert is_seen(plan, Box((1, 63, 32), (2, 64, 33)))
    assert not is_seen(plan, Box((0, 0, 0), (1, 64, 64)))
    assert not is_seen(plan, Box((0, 0, 0), (2, 32, 64)))
    assert not is_seen(plan, Box((1, 0, 0), (2, 64, 32)))


def test_a_plan_for_a_part_is_placed_in_the_stack():
    part = SectionPlan.as_is((4, 20, 20)).leaving_out(1).shifting(2, (3, 1), all_that_follow=True).inverting(3)
    plan = placed(part, 2, (9, 20, 20))
    assert plan.shape == (9, 20, 20)
    assert np.flatnonzero(plan.left_out).tolist() == [3]
    assert np.flatnonzero(plan.inverted).tolist() == [5]
    assert plan.offset.tolist() == [[0, 0]] * 4 + [[3, 1]] * 5
    assert plan.missing.shape == plan.no_tissue.shape == (9, 1, 1)
    assert json.dumps(plan_to_json(plan))


def test_grey_levels_are_those_of_the_tissue_that_is_used(begun, volume, stack, tmp_path):
    path, model, levels = tmp_path / "deep.tif", tmp_path / "small.pt", {"black": 1.0, "white": 2.0}
    deep = volume.astype(np.uint16) * 20 + 1000
    deep[BLANK] = np.where(np.indices(SHAPE[1:]).sum(0) % 2, 100, 60_000)
    tifffile.imwrite(path, deep, photometric="minisblack")
    save_model(lively_student(), model, ModelCard(title="small"))
    with open_stack(path) as opened:
        asked = {"source": str(path), "fingerprint": opened.fingerprint, "model": str(model)}
    asked["parameters"] = {"threshold": 0.5, **levels}
    run, files = begun(**asked, asked_levels=(None, None))
    found = looked(run, files)
    assert found.plan.left_out[BLANK].all()
    expected = choose_normalisation(deep, None, None, EM_GREYS, found.plan)
    used = parameters_of(run, files)
    assert (used.black, used.white) == found.levels == (expected.low, expected.high)
    assert expected.high < 10_000
    run, files = begun("given.emcad", **asked)
    looked(run, files)
    assert (parameters_of(run, files).black, parameters_of(run, files).white) == (1, 2)
