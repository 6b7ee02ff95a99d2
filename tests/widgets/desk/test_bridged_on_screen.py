"""A session with a section that is left out on screen, without a window."""

from dataclasses import replace

import bridged
import numpy as np
import pytest
import tifffile
from bridged import GAP

from napari_emcad.io.sessions.new_session import create_session
from napari_emcad.proofreading.state import State
from napari_emcad.widgets.desk.opening import facts_of
from napari_emcad.widgets.desk.session_stack import STAND_IN


@pytest.fixture
def stack(tmp_path):
    """The file of a stack whose third section, that in the middle, is blank."""
    grey = np.random.default_rng(3).integers(0, 255, bridged.PLAN.shape, np.uint8)
    grey[GAP] = 0
    tifffile.imwrite(tmp_path / "em.tif", grey, photometric="minisblack")
    return tmp_path / "em.tif"


@pytest.fixture
def at(desk, tmp_path, stack):
    facts = bridged.facts().model_copy(update={"source": str(stack)})
    desk.sessions.show(create_session(tmp_path / "a.emcad", bridged.segmentation(), bridged.affinities_of(), facts))
    return desk.sessions.current


def test_a_blank_section_in_the_middle_of_a_stack_does_not_look_like_labels(at):
    assert STAND_IN not in at.result.source.metadata and at.result.source.data.shape == bridged.PLAN.shape


def test_exports_and_new_sessions_on_it_say_what_was_done_with_the_sections(at):
    assert at.result.provenance()["sections"] == at.opened.facts.sections
    assert facts_of(at.result).sections == at.opened.facts.sections
    at.result.plan = None
    assert "sections" not in at.result.provenance() and facts_of(at.result).sections is None


def test_what_is_bridged_is_shown_and_edited_like_the_rest(at):
    neuron = at.neuron_at((GAP, 1, 1))
    assert neuron == at.layer.data[GAP, 1, 1] == at.layer.data[GAP - 1, 1, 1] == 3
    at.edit(lambda: at.session.merge(3, 5))
    assert at.layer.data[4, 1, 5] != at.layer.data[3, 1, 5] == at.layer.data[GAP, 1, 1]
    at.edit(lambda: at.session.split_fragment([(GAP, 1, 1)], [(GAP, 1, 4)]))
    assert at.layer.data[GAP, 1, 1] == at.layer.data[GAP - 1, 1, 1] != at.layer.data[GAP, 1, 4]
    at.edit(at.session.undo)
    at.edit(at.session.undo)
    assert (at.layer.data[GAP, 1, :6] == 3).all()


def test_a_neuron_is_gone_to_where_it_was_seen(at, monkeypatch):
    planned = at.session.state.planned
    more = replace(planned, plan=planned.plan.leaving_out(1).leaving_out(2).leaving_out(3))
    fragments = np.ones(bridged.PLAN.shape, np.uint32)
    fragments[0], fragments[4] = 0, 1
    state = State(replace(at.session.state.base, fragments=fragments), 0.0, planned=more)
    monkeypatch.setattr(at.session, "state", state)
    boxes = at.boxes.changed({1: bridged.Box((1, 0, 0), (5, 3, 12))})
    monkeypatch.setattr(type(at), "boxes", property(lambda _: boxes))
    assert at.voxel_of(1)[0] == 4
