"""The look at the sections of the stack chosen, without a window."""

import numpy as np
import pytest
from drawings import neuropil

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.widgets.desk.section_use import LEAVE_OUT

SHAPE = (8, 120, 130)
WHOLE = Box.whole(SHAPE)
SCALE, NM = (40, 5, 6), ("nm",) * 3


@pytest.fixture(scope="module")
def good():
    return neuropil(SHAPE, seed=3)


@pytest.fixture
def holed(good):
    """A stack whose section 4 is blank."""
    data = good.copy()
    data[4] = 0
    return data


@pytest.fixture
def add(desk):
    """Open an image; nothing else happens."""
    return lambda data, **more: desk.viewer.add_image(data, **{"name": "stack", "scale": SCALE, "units": NM} | more)


@pytest.fixture
def inspection(desk):
    return desk.inspection


def look_on(inspection, steps=1):
    for _ in range(steps):
        inspection._jobs.step()


def left_out(plan):
    return np.flatnonzero(plan.left_out).tolist()


def test_without_a_stack_there_is_nothing_to_say(inspection):
    assert inspection.line == "" and inspection.choices is None and inspection.plan is None
    assert inspection.section_shown is None and drive(inspection.plan_job(WHOLE)) is None
    inspection.look()
    inspection.stop()


def test_a_stack_is_looked_at_by_itself(inspection, add, holed, loop):
    add(holed)
    assert inspection.is_looking and inspection.line == "Looking at sections ..."
    look_on(inspection, 3)
    assert inspection.line.startswith("Looking at sections 2/8")
    loop.work()
    assert inspection.line == "8 sections: 4 blank." and left_out(inspection.plan) == [4]
    assert not inspection.is_looking and inspection.look_words == "Look again"


def test_it_can_be_stopped_and_goes_on_from_there(inspection, add, holed, loop):
    add(holed)
    look_on(inspection, 4)
    inspection.stop()
    loop.work()
    assert inspection.line == "Sections have not been looked at." and inspection.look_words == "Look at sections"
    assert inspection.plan is None
    inspection.look()
    look_on(inspection, 1)
    assert inspection.line.startswith("Looking at sections 4/8")
    loop.work()
    assert left_out(inspection.plan) == [4]


def test_looking_again_begins_anew(inspection, add, holed, good, loop):
    add(holed)
    loop.work()
    inspection.choices.choose([2], LEAVE_OUT)
    holed[:] = good
    inspection.look()
    loop.work()
    assert inspection.line == "8 sections: all good (1 changed by you)." and left_out(inspection.plan) == [2]


@pytest.mark.parametrize("source", ["https://host/em.zarr", "s3://bucket/em.zarr"])
def test_a_volume_behind_a_url_is_looked_at_when_asked(inspection, add, holed, loop, source):
    add(holed, metadata={"source": source})
    assert not inspection.is_looking and inspection.line == "Sections have not been looked at."
    assert (
        "at full resolution: there is no lower level" in inspection.look_tip
        and drive(inspection.plan_job(WHOLE)) is None
    )
    inspection.look()
    loop.work()
    assert left_out(inspection.plan) == [4]


def test_of_a_huge_stack_a_run_looks_at_what_lies_around_its_box(inspection, add, good, loop, monkeypatch):
    data = np.concatenate([good, good, good])
    data[12], data[2] = 0, 0
    section = data[0].size
    monkeypatch.setattr("napari_emcad.widgets.desk.inspection.BY_ITSELF", 12 * section)
    add(data)
    assert not inspection.is_looking and inspection.plan is None
    plan = drive(inspection.plan_job(Box((11, 10, 10), (14, 90, 90))))
    assert plan.shape == data.shape and left_out(plan) == [12]
    assert drive(inspection.plan_job(Box((4, 0, 0), (20, 90, 90)))) is None
    assert inspection.plan is None and not inspection.is_looking


def test_a_stack_of_several_resolutions_is_looked_at_in_a_lower_one(inspection, desk, add, good, loop):
    fine = np.full((5, 2048, 2048), 7, np.uint8)
    coarse = np.tile(good[:5, :, :128], (1, 9, 8))[:, :1024]
    add([fine, coarse, coarse[:, ::2, ::2]], multiscale=True)
    assert inspection._current.read is not fine and inspection.look_tip == "Reads 1 million voxels."
    assert inspection._current.volume is fine
    desk.stack.level = 1
    assert inspection.choices.shape == (5, 1024, 1024) and inspection._current.levels[0] is coarse
    desk.inspection.stop()


@pytest.mark.parametrize("data", [np.zeros((40, 50), np.uint8), np.zeros((4, 40, 50, 3), np.uint8)], ids=["2d", "rgb"])
def test_what_is_no_stack_is_not_looked_at(inspection, desk, data):
    desk.viewer.add_image(data)
    assert inspection.line == "" and inspection.choices is None


def test_light_microscopy_is_not_looked_at(inspection, desk, add, holed, sdasn, loop, model):
    desk.model.open_file(sdasn)
    loop.work()
    add(holed)
    assert inspection.choices is None and inspection.line == ""
    desk.model.open_file(model)
    loop.work()
    assert left_out(inspection.plan) == [4]


def test_a_stack_that_is_removed_is_forgotten(inspection, desk, add, holed, loop):
    layer = add(holed)
    look_on(inspection, 3)
    desk.viewer.layers.remove(layer)
    assert inspection.line == "" and inspection.choices is None
    loop.work()
    assert inspection.line == "" and inspection._looks == []


def test_a_layer_that_is_given_other_voxels_is_looked_at_anew(inspection, add, holed, good, loop):
    layer = add(holed)
    look_on(inspection, 3)
    layer.data = good
    assert inspection.line == "Looking at sections ..."
    loop.work()
    assert inspection.line == "8 sections: all good."
    layer.data = holed
    assert inspection.plan is None, "a report is of the voxels that it was made of"
    loop.work()
    assert left_out(inspection.plan) == [4]


def test_a_stack_that_was_not_chosen_is_forgotten_too(inspection, desk, add, holed, good, loop):
    first, second = add(holed), add(good, name="other")
    desk.stack.layer = second
    desk.viewer.layers.remove(first)
    assert [look.layer for look in inspection._looks] == [second]


def test_two_stacks_in_turn_keep_what_is_known_of_each(inspection, desk, add, holed, good, loop):
    first = add(holed)
    loop.work()
    inspection.choices.choose([1], LEAVE_OUT)
    second = add(good, name="other")
    desk.stack.layer = second
    look_on(inspection, 3)
    desk.stack.layer = first
    assert left_out(inspection.plan) == [1, 4] and not inspection.is_looking
    loop.work()
    desk.stack.layer = second
    assert inspection.is_looking
    loop.work()
    assert inspection.line == "8 sections: all good."


def test_another_voxel_size_changes_nothing(inspection, desk, add, holed, loop):
    add(holed)
    loop.work()
    inspection.choices.choose([1], LEAVE_OUT)
    desk.stack.voxel_size = (30, 4, 4)
    assert left_out(inspection.plan) == [1, 4]


def test_the_plan_of_a_session_counts(inspection, add, holed, loop):
    layer = add(holed)
    look_on(inspection, 3)
    inspection.take_plan(layer, SectionPlan.as_is(SHAPE).leaving_out(2))
    loop.work()
    assert left_out(inspection.plan) == [2] and inspection.line.startswith("From the session: section 2 is left out")
    assert left_out(drive(inspection.plan_job(WHOLE))) == [2]
    inspection.look()
    loop.work()
    assert left_out(inspection.plan) == [4]


def test_a_session_of_another_shape_says_nothing_of_this_stack(inspection, add, holed, loop):
    layer = add(holed)
    inspection.take_plan(layer, SectionPlan.as_is((3, 120, 130)))
    loop.work()
    assert left_out(inspection.plan) == [4]


def test_a_run_waits_for_the_look_and_goes_on_with_it(inspection, add, holed, loop):
    add(holed)
    look_on(inspection, 3)
    job = inspection.plan_job(WHOLE)
    assert next(job).done == 3
    assert left_out(drive(job)) == [4]
    loop.work()
    assert left_out(inspection.plan) == [4]


def test_a_run_looks_where_the_look_was_stopped(inspection, add, holed, loop):
    add(holed)
    inspection.stop()
    loop.work()
    job = inspection.plan_job(WHOLE)
    assert inspection.is_looking and left_out(drive(job)) == [4]


def test_a_look_that_fails_is_one_sentence_and_blocks_no_run(inspection, add, holed, loop):
    class Broken:
        shape, dtype, ndim = holed.shape, holed.dtype, 3

        def __getitem__(self, key):
            if key[0] == slice(0, 8):
                raise RuntimeError("out of luck")
            return holed[key]

    add(Broken(), contrast_limits=(0, 255))
    loop.work()
    assert inspection.line.startswith("The sections could not be looked at: ") and "out of luck" in inspection.line
    assert drive(inspection.plan_job(WHOLE)) is None and inspection.look_words == "Look again"


def test_sections_on_screen(inspection, desk, add, holed, loop):
    add(holed, translate=(400, 50, 60))
    loop.work()
    inspection.show(6)
    assert inspection.section_shown == 6 and desk.viewer.dims.point[0] == 400 + 6 * 40
    assert inspection.add_shown() == 6 and inspection.choices.sections == [4, 6]


def test_one_section_and_three(inspection, add, good, loop):
    add(good[:1])
    loop.work()
    assert inspection.line == "1 section: all good."
    add(good[:3], name="three")


def test_nothing_is_heard_after_the_end(inspection, desk, add, holed, loop):
    layer = add(holed)
    look_on(inspection, 2)
    desk.close()
    layer.data = holed.copy()
    loop.work()
    assert inspection.line == "" and inspection.choices is None
