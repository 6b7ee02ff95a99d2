"""What --sections and --bridged do to a segmentation."""

import argparse
import json

import numpy as np
import pytest
import tifffile
from drawings import lively_student, neuropil

from napari_emcad.cli import segment as cli_segment
from napari_emcad.cli.main import main
from napari_emcad.cli.section_choice import choose_plan
from napari_emcad.core.geometry import Box
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.labels.provenance import read_provenance
from napari_emcad.io.section_plans import plan_to_json, write_plan
from napari_emcad.io.sessions.facts import read_facts
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import save_model

SHAPE = (6, 96, 112)
LOST = 3


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    save_model(lively_student(), folder / "small.pt", ModelCard(title="small"))
    raw = neuropil(SHAPE, seed=2)
    tifffile.imwrite(folder / "clean.tif", raw, photometric="minisblack")
    raw[LOST] = 0
    tifffile.imwrite(folder / "raw.tif", raw, photometric="minisblack")
    tifffile.imwrite(folder / "black.tif", np.zeros_like(raw), photometric="minisblack")
    return folder


@pytest.fixture
def segment(files, tmp_path, monkeypatch):
    """Segment a stack; returns the exit code and the plan that the method got."""
    plans = []
    really = cli_segment.run

    def run(volume, network, affinities, box, parameters, plan):
        plans.append(plan)
        return really(volume, network, affinities, box, parameters, plan)

    monkeypatch.setattr(cli_segment, "run", run)

    def segment(*words, stack="raw.tif"):
        output = ("-o", str(tmp_path / "labels.tif"), "--model", str(files / "small.pt"), "--overwrite")
        code = main(["segment", str(files / stack), *output, *map(str, words)])
        return code, plans.pop() if plans else None

    return segment


def test_by_default_sections_are_looked_at_and_bridged(segment, tmp_path, capsys):
    code, plan = segment()
    assert code == 0
    assert np.flatnonzero(plan.left_out).tolist() == [LOST]
    assert plan.interpolates
    said = capsys.readouterr().out.splitlines()
    assert said[1:3] == ["6 sections: 3 blank", "by plan: section 3 is left out and bridged."]
    assert read_provenance(tmp_path / "labels.tif")["sections"] == plan_to_json(plan)


def test_a_good_stack_is_used_as_it_is_and_nothing_is_said(segment, tmp_path, capsys):
    assert segment(stack="clean.tif") == (0, None)
    assert "sections" not in read_provenance(tmp_path / "labels.tif")
    assert "by plan" not in capsys.readouterr().out


def test_as_is(segment, tmp_path):
    assert segment("--sections", "as-is") == (0, None)
    assert "sections" not in read_provenance(tmp_path / "labels.tif")


@pytest.mark.parametrize(("bridged", "interpolates"), [("interpolate", True), ("background", False)])
def test_labels_of_what_is_bridged(segment, bridged, interpolates):
    assert segment("--bridged", bridged)[1].interpolates is interpolates


def test_a_plan_from_a_file(segment, tmp_path):
    write_plan(tmp_path / "plan.json", SectionPlan.as_is(SHAPE).shifting(4, (0, 2)))
    code, plan = segment("--sections", tmp_path / "plan.json")
    assert code == 0
    assert plan.offset[:, 1].tolist() == [0, 0, 0, 0, 2, 0]
    assert not plan.left_out.any()


def test_the_session_keeps_the_plan(segment, tmp_path):
    code, plan = segment("--session", tmp_path / "own.emcad")
    assert code == 0
    assert plan_to_json(read_facts(tmp_path / "own.emcad").plan) == plan_to_json(plan)


def test_what_inspect_says_is_a_plan(segment, files, tmp_path, capsys):
    assert main(["inspect", str(files / "raw.tif"), "--json"]) == 0
    (tmp_path / "report.json").write_text(capsys.readouterr().out, "utf-8")
    assert np.flatnonzero(segment("--sections", tmp_path / "report.json")[1].left_out).tolist() == [LOST]


def test_of_a_box_only_the_sections_around_it_are_looked_at(tmp_path, files, capsys):
    deep = np.concatenate([tifffile.imread(files / "raw.tif"), tifffile.imread(files / "clean.tif")] * 3)
    deep = deep.reshape(36, 96, 112)[6:]  # sections 6 + 12 n + 3 are black
    options = argparse.Namespace(sections=None, bridged=None)
    plan = choose_plan(options, deep, Box((8, 0, 0), (12, 96, 112)))
    assert plan.shape == deep.shape
    assert np.flatnonzero(plan.left_out).tolist() == [9]
    assert "9 blank" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "there is no file"),
        ("{", "is damaged, or no JSON"),
        (json.dumps({"shape": [6, 96, 111]}), "the plan is for a stack of (6, 96, 111), this one has (6, 96, 112)"),
        (json.dumps({"shape": SHAPE, "section": {}}), "section: Extra inputs are not permitted"),
    ],
)
def test_a_file_that_is_no_plan_ends_in_a_sentence(segment, tmp_path, capsys, content, told):
    if content:
        (tmp_path / "plan.json").write_text(content, "utf-8")
    assert segment("--sections", tmp_path / "plan.json") == (1, None)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(("stack", "more"), [("black.tif", ()), ("raw.tif", ("--box", "3:4,:,:"))])
def test_where_nothing_shows_tissue_a_sentence_says_so(segment, tmp_path, capsys, stack, more):
    assert segment(*more, stack=stack) == (1, None)
    assert "shows tissue that could be used" in capsys.readouterr().err
    assert not (tmp_path / "labels.tif").exists()
