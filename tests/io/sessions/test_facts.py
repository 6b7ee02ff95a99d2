import json

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.io.section_plans import plan_facts
from napari_emcad.io.sessions.facts import SessionFacts, read_facts, write_facts


def test_facts_of_a_provenance():
    parameters = {"threshold": 0.25, "min_size": 7, "scoring": "mean"}
    provenance = {
        "program": "p",
        "model": "m",
        "model_sha256": "s",
        "parameters": parameters,
        "box": [[0, 1, 2], [3, 4, 5]],
    }
    facts = SessionFacts.of({**provenance, "source": "stack.tif"}, None)
    assert (facts.threshold, facts.min_size, facts.parameters, facts.model) == (0.25, 7, parameters, "m")
    assert (facts.box, facts.source, facts.voxel_size) == (((0, 1, 2), (3, 4, 5)), "stack.tif", None)


SHAPE = (9, 40, 60)
BOX = Box((2, 5, 8), (8, 35, 58))


def with_plan(**more):
    plan = SectionPlan.as_is(SHAPE).leaving_out(4).shifting(6, (2, -3), all_that_follow=True)
    provenance = {"parameters": {"threshold": 0.5, "min_size": 0}, "box": (BOX.start, BOX.stop)}
    return SessionFacts.of({**provenance, **plan_facts(plan), **more}, None)


def test_the_plan_of_the_fragments_is_that_of_their_box_in_the_stack(tmp_path):
    write_facts(tmp_path, with_plan())
    facts = read_facts(tmp_path)
    assert facts.plan is not None and facts.plan.shape == SHAPE
    planned = facts.planned(BOX.shape)
    assert planned is not None and planned.bridged()[:, 0, 0].tolist() == [False, False, True, False, False, False]
    assert planned.voxels_before([[4, 9, 9]]).tolist() == [[3, 7, 12]]
    assert json.loads((tmp_path / "session.json").read_text())["format_version"] == 3


def test_sessions_whose_sections_are_used_as_they_are_say_nothing_of_them(tmp_path):
    write_facts(tmp_path, SessionFacts(threshold=0.5))
    written = json.loads((tmp_path / "session.json").read_text())
    assert written["format_version"] == 2 and "sections" not in written
    facts = read_facts(tmp_path)
    assert facts.plan is None and facts.planned((2, 3, 4)) is None


ODD_FACTS = [
    {"voxel_size_nm": [0, 5, 5]},
    {"voxel_size_nm": [-40, 5, 5]},
    {"voxel_size_nm": [1e300, 5, 5]},
    {"voxel_size_nm": [40, 5, 1e-9]},
    {"box": [[0, 0, 0], [0, 3, 3]]},
    {"box": [[-1, 0, 0], [3, 3, 3]]},
    {"box": [[0, 0, 0], [3, 3, 2**60]]},
    {"origin": [0, 0, 1e300]},
    {"threshold": 1e300},
    {"min_size": 2**70},
    {"source": "x" * 100_000},
    {"program": "x" * (1 << 25)},
    {"format_version": 3, "sections": {"shape": [10**9, 5, 5]}},
    {"format_version": 3, "sections": {"shape": [10, 10**6, 10**6], "cell": 1, "cells": [10**6, 10**6]}},
]


@pytest.mark.parametrize("odd", ODD_FACTS)
def test_numbers_and_texts_that_nobody_wrote_are_damage(tmp_path, odd):
    facts = {"format_version": 2, "threshold": 0.5, **odd}
    (tmp_path / "session.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match=r"session.json: the file is damaged; copy the session again from where it is"):
        read_facts(tmp_path)
