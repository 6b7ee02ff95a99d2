"""The step that comes next, without a window."""

import pytest
from hearing import heard

from napari_emcad.core.geometry import Box
from napari_emcad.widgets.blocks.block_session import BlockSession
from napari_emcad.widgets.desk.region import SECTION
from napari_emcad.widgets.next_step import DockStep, NextStep
from napari_emcad.widgets.proofread.from_labels import FromLabels
from napari_emcad.widgets.proofread.label_offer import LabelOffer
from napari_emcad.widgets.proofread.session_offer import SessionOffer


@pytest.fixture
def next_step(desk) -> NextStep:
    return NextStep(desk, SessionOffer(desk), LabelOffer(desk, FromLabels(desk)), BlockSession(desk))


def test_from_a_stack_to_a_session(desk, loop, open_stack, stack, next_step):
    steps = [next_step.step]
    next_step.changed.connect(lambda: steps.append(next_step.step))
    open_stack(stack)
    loop.settle()
    for act in (desk.runs.try_section, desk.runs.run, desk.sessions.start):
        act()
        loop.settle()
    steps = [step for step in steps if step is not None]
    assert steps == [DockStep.OPEN, DockStep.TRY, DockStep.RUN, DockStep.PROOFREAD]


def test_after_an_edit_and_after_an_export(desk, loop, session, next_step):
    at = desk.sessions.current
    neuron = int(at.session.state.table[1])
    assert next_step.step is DockStep.PROOFREAD
    at.edit(lambda: at.session.lock(neuron))
    loop.settle()
    assert next_step.step is DockStep.EXPORT
    changes = heard(next_step.changed)
    desk.exported.emit()
    loop.settle()
    assert next_step.step is None and changes
    at.edit(lambda: at.session.unlock(neuron))
    loop.settle()
    assert next_step.step is DockStep.EXPORT


def test_a_section_that_was_asked_for_is_no_trial(desk, loop, open_stack, stack, next_step):
    open_stack(stack)
    desk.region.kind = SECTION
    desk.runs.run()
    loop.settle()
    assert next_step.step is DockStep.PROOFREAD
    desk.region.kind = desk.region.kinds[0]
    loop.settle()
    assert next_step.step is DockStep.RUN


def test_a_box_that_was_clicked_is_proofread(desk, loop, open_stack, stack, next_step):
    open_stack(stack)
    desk.runs.segment_box(Box((0, 0, 0), (2, 48, 64)))
    loop.settle()
    assert desk.results.current.is_trial and next_step.step is DockStep.PROOFREAD


def test_another_stack_is_tried(desk, loop, open_stack, stack, next_step):
    open_stack(stack)
    desk.runs.run()
    loop.settle()
    desk.stack.layer = open_stack(stack[:, ::-1], name="other")
    loop.settle()
    assert next_step.step is DockStep.TRY
    desk.stack.layer = desk.viewer.layers["stack"]
    loop.settle()
    assert next_step.step is DockStep.PROOFREAD


def test_labels_that_are_opened_come_first_but_not_a_truth_of_the_file(desk, loop, open_stack, stack, next_step):
    source = open_stack(stack)
    source.metadata["source"] = "/data/both.h5"
    labels = desk.viewer.add_labels((stack > 99).astype(int), metadata={"source": "/data/both.h5"})
    loop.settle()
    assert next_step.step is DockStep.TRY
    desk.viewer.layers.remove(labels)
    desk.viewer.add_labels((stack > 99).astype(int), metadata={"source": "/data/mine.tif"})
    loop.settle()
    assert next_step.step is DockStep.LABELS


def test_a_stopped_run_is_gone_on_with(desk, loop, open_stack, stack, next_step):
    open_stack(stack)
    desk.runs.run()
    while desk.runs.sections_done < 1:
        desk.jobs.step()
    desk.runs.stop()
    loop.settle()
    assert next_step.step is DockStep.RUN


def test_what_blocks_have_made_is_opened(desk, loop, open_stack, stack, next_step):
    open_stack(stack)
    blocks = BlockSession(desk)
    other = NextStep(desk, SessionOffer(desk), LabelOffer(desk, FromLabels(desk)), blocks)
    blocks.has_finished = True
    blocks.changed.emit()
    loop.settle()
    assert (next_step.step, other.step) == (DockStep.TRY, DockStep.BLOCKS)
