"""What a network says of a stack whose sections are used by a plan."""

from dataclasses import replace

import numpy as np
import pytest
from drawings import lively_student, lively_teacher, uneven
from plans import any_plan, holes_of, leaving_out, partner_of, usable_of

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.inference import predict_by_tiles
from napari_emcad.inference.engines import extras
from napari_emcad.inference.engines.device import Device
from napari_emcad.inference.engines.torch import TorchEngine
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.inference.predict import predict_by
from napari_emcad.inference.prediction import Prediction
from napari_emcad.networks.residual_unet import ResidualUNetConfig
from napari_emcad.networks.student import Student

SHAPE = (7, 33, 38)
CPU = Device("cpu", "CPU, 1 thread")
TEACHER = ResidualUNetConfig((3, 4), outputs=5)


@pytest.fixture(scope="module", params=["student", "teacher"])
def network(request):
    return lively_student() if request.param == "student" else lively_teacher(TEACHER)


def predicted(network, volume, plan=None, box=None, tile=None, levels=None, device=CPU):
    box = box or Box.whole(volume.shape)
    out = np.full((3, *box.shape), 7, np.uint8)
    prediction = Prediction(box, levels or Normalisation(0, 255), device, tile, plan)
    steps = list(predict_by(network, volume, out, prediction))
    assert [s.done for s in steps] == sorted(s.done for s in steps)
    assert (steps[0].done, steps[-1].done) == (0, box.shape[0])
    return out


def close(found, expected):
    """At most one level of 255 apart, which rounding gives."""
    np.testing.assert_allclose(found, expected, atol=1.01)


def test_a_plan_that_uses_all_as_it_is_changes_nothing(network):
    volume = uneven(SHAPE)
    found = predicted(network, volume)
    assert found.std() > 10, "a dull network shows nothing"
    np.testing.assert_array_equal(predicted(network, volume, SectionPlan.as_is(SHAPE)), found)


@pytest.mark.parametrize("left_out", [(3,), (3, 4), (2, 3, 4), (0,), (0, 1), (6,), (0, 2, 5, 6)])
def test_left_out_sections_are_skipped(network, left_out):
    volume = uneven(SHAPE)
    rest = predicted(network, np.delete(volume, left_out, 0))
    broken = volume.astype(np.float32)
    broken[list(left_out)] = np.nan
    found = predicted(network, broken, leaving_out(SHAPE, *left_out))
    assert not found[:, list(left_out)].any()
    np.testing.assert_array_equal(np.delete(found, left_out, 1), rest)


@pytest.mark.parametrize("left_out", [(), (2, 3), (0, 6)])
def test_a_prediction_goes_on_from_the_sections_that_are_finished(network, left_out):
    volume, plan = uneven(SHAPE), leaving_out(SHAPE, *left_out)
    whole = predicted(network, volume, plan)
    for done in (1, 4, SHAPE[0]):
        out = np.concatenate([whole[:, :done], np.full_like(whole[:, done:], 7)], axis=1)
        prediction = Prediction(Box.whole(SHAPE), Normalisation(0, 255), CPU, plan=plan, done=done)
        steps = list(predict_by(network, volume, out, prediction))
        np.testing.assert_array_equal(out, whole)
        assert (steps[0].done, steps[-1].done) == (done, SHAPE[0])


def test_gaps_that_are_too_long_part_the_stack(network):
    shape = (9, 20, 22)
    volume, gap = uneven(shape), [2, 3, 4, 5]
    found = predicted(network, volume, leaving_out(shape, *gap))
    np.testing.assert_array_equal(found[:, :2], predicted(network, volume[:2]))
    after = predicted(network, volume[6:])
    assert after[0, 0].any() and not found[0, 6].any(), "its first section has no partner"
    np.testing.assert_array_equal(found[1:, 6:], after[1:])
    np.testing.assert_array_equal(found[:, 7:], after[:, 1:])
    assert not found[:, gap].any()


def test_a_break_parts_the_stack(network):
    volume = uneven(SHAPE)
    breaks = np.arange(7) == 4
    found = predicted(network, volume, replace(SectionPlan.as_is(SHAPE), breaks=breaks))
    after = predicted(network, volume[4:])
    np.testing.assert_array_equal(found[:, :4], predicted(network, volume[:4]))
    np.testing.assert_array_equal(found[1:, 4:], after[1:])
    assert not found[0, 4].any()


BOXES = [
    Box((0, 0, 0), (1, 33, 38)),
    Box((2, 3, 5), (3, 30, 20)),
    Box((3, 0, 0), (4, 33, 38)),
    Box((3, 8, 0), (7, 20, 38)),
    Box((4, 0, 7), (7, 33, 38)),
]


@pytest.mark.parametrize("box", BOXES)
def test_a_box_equals_that_part_of_the_whole(network, box):
    volume, plan = uneven(SHAPE), defective()
    expected = predicted(network, volume, plan)
    close(predicted(network, volume, plan, box), expected[(slice(None), *box.slices)])


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_engines_agree(engine, cache):
    if not (extras.has_openvino() if engine == "openvino" else extras.has_onnxruntime()):
        pytest.skip(extras.install_command(engine))
    student, volume, plan = lively_student(), uneven(SHAPE), defective()
    expected = predicted(student, volume, plan)
    close(predicted(student, volume, plan, device=Device("cpu", engine, engine=engine)), expected)


def defective():
    """Section 3 is left out, 2 and all from 4 on are shifted, 1 and 5 lack a part, 6 is inverted."""
    plan = cells(SHAPE, 8).leaving_out(3).shifting(2, (3, -5)).shifting(4, (-2, 4), all_that_follow=True)
    missing = np.zeros((2, 5, 5), bool)
    missing[0, :2], missing[1, 1:4, 2:] = True, True
    return plan.masking(1, missing[0]).masking(5, missing[1]).inverting(6)


def cells(shape, cell):
    """A plan with cells of so many pixels, all as it is."""
    none = np.zeros((shape[0], *(-(-n // cell) for n in shape[1:])), bool)
    as_is = SectionPlan.as_is(shape)
    return SectionPlan(shape, as_is.left_out, as_is.offset, as_is.inverted, as_is.breaks, none, none.copy(), cell=cell)


@pytest.mark.parametrize("seed", range(4))
def test_every_network_tells_of_the_same_voxels(network, seed):
    plan = any_plan(SHAPE, seed, cell=8)
    usable, holes = usable_of(plan), holes_of(plan)
    tells = np.stack([usable] * 3)
    for z, y, x in np.argwhere(usable).tolist():
        tells[0, z, y, x] = z == plan.used[0] or partner_of(plan, holes, (z, y, x)) is not None
    assert usable.any() and not usable.all()
    found = predicted(network, uneven(SHAPE), plan)
    assert not found[~tells].any()
    assert (found[tells] > 0).mean() > 0.5


def test_memory_that_runs_out_amid_a_plan_costs_no_section(network, monkeypatch):
    shape = (7, 20, 300)
    plan = any_plan(shape, 3, cell=8)
    expected, calls = predicted(network, uneven(shape), plan, tile=128), []
    where, name = (TorchEngine, "encode") if isinstance(network, Student) else (predict_by_tiles._Ready, "values")
    compute = getattr(where, name)

    def troubled(self, grey):
        calls.append(grey.shape)
        if len(calls) == 2:
            raise MemoryError
        return compute(self, grey)

    monkeypatch.setattr(where, name, troubled)
    close(predicted(network, uneven(shape), plan, tile=256), expected)
    assert len(calls) > 2


# ---- shifts --------------------------------------------------------------------------------------------------------

MARGIN = 20
"""Pixels of tissue around the sections that are cut out of it."""


def shifted(tissue, plan):
    """Sections cut out of tissue (z, y, x) where a plan says that they lie."""
    (_, height, width), origin = plan.shape, MARGIN - plan.offset
    return np.stack([tissue[z, y : y + height, x : x + width] for z, (y, x) in enumerate(origin)])


def seen_through(frame, section, shift):
    """What section (y, x) shows of another one that lies (y, x) pixels further on; elsewhere the other one, `frame`."""
    padded, seen = np.pad(section.astype(int), MARGIN, constant_values=-1), frame.copy()
    y, x = (MARGIN + n for n in shift)
    window = padded[y : y + frame.shape[0], x : x + frame.shape[1]]
    seen[window >= 0] = window[window >= 0]
    return seen, window >= 0


SHIFTS = [(16, 0), (0, -16), (-5, 9), (11, 2)]


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_jump_is_made_up_for(shift):
    student, plan = lively_student(), SectionPlan.as_is(SHAPE).shifting(4, shift, all_that_follow=True)
    volume = shifted(uneven((7, 33 + 2 * MARGIN, 38 + 2 * MARGIN)), plan)
    found, as_is = predicted(student, volume, plan), predicted(student, volume)
    np.testing.assert_array_equal(np.delete(found, 4, 1), np.delete(as_is, 4, 1))
    before, there = seen_through(volume[4], volume[3], [-n for n in shift])
    expected = predicted(student, np.stack([before, volume[4]]))[:, 1]
    expected[0, ~there] = 0
    np.testing.assert_array_equal(found[:, 4], expected)
    assert (found[:, 4] != as_is[:, 4]).any()


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_shifted_section_is_put_back(shift):
    student, plan = lively_student(), SectionPlan.as_is(SHAPE).shifting(4, shift)
    volume = shifted(uneven((7, 33 + 2 * MARGIN, 38 + 2 * MARGIN)), plan)
    found, as_is = predicted(student, volume, plan), predicted(student, volume)
    np.testing.assert_array_equal(np.delete(found, [4, 5], 1), np.delete(as_is, [4, 5], 1))
    before, there = seen_through(volume[4], volume[3], [-n for n in shift])
    expected = predicted(student, np.stack([before, volume[4]]))[:, 1]
    expected[0, ~there] = 0
    np.testing.assert_array_equal(found[:, 4], expected)
    before, _ = seen_through(volume[3], volume[4], shift)  # section 3 shows what 4 does not
    np.testing.assert_array_equal(found[:, 5], predicted(student, np.stack([before, volume[5]]))[:, 1])


@pytest.mark.parametrize("shift", [(8, -8), (5, 0)])
def test_a_teacher_sees_shifted_sections_as_they_lie(shift):
    """Farther from what some section does not show than its receptive field reaches."""
    shape, reach = (4, 70, 72), 20
    teacher, plan = lively_teacher(TEACHER), SectionPlan.as_is(shape).shifting(2, shift, all_that_follow=True)
    tissue = uneven((4, 70 + 2 * MARGIN, 72 + 2 * MARGIN))
    found = predicted(teacher, shifted(tissue, plan), plan)
    canvas = [slice(MARGIN - max(0, n), MARGIN + side + max(0, -n)) for n, side in zip(shift, shape[1:], strict=True)]
    expected = predicted(teacher, tissue[:, *canvas])
    for z, (y, x) in enumerate(plan.offset):
        y, x = max(0, shift[0]) - y, max(0, shift[1]) - x  # of the section in the canvas
        inside = np.s_[:, z, reach + 8 : 70 - reach - 8, reach + 8 : 72 - reach - 8]
        there = np.s_[:, z, y + reach + 8 : y + 70 - reach - 8, x + reach + 8 : x + 72 - reach - 8]
        close(found[inside], expected[there])
        assert found[inside].std() > 10


def test_sections_that_drift_are_no_larger(monkeypatch):
    student, plan, sizes, encode = lively_student(), SectionPlan.as_is((5, 64, 80)), [], TorchEngine.encode
    for z in range(1, 5):
        plan = plan.shifting(z, (7, -7), all_that_follow=True)
    monkeypatch.setattr(TorchEngine, "encode", lambda self, grey: sizes.append(grey.shape) or encode(self, grey))
    predicted(student, uneven((5, 64, 80)), plan)
    assert sizes == [(64, 80)] * 9, "each section, and the one before it once more"


# ---- grey levels, parts and tissue ---------------------------------------------------------------------------------


def test_an_inverted_section_is_inverted(network):
    volume = uneven(SHAPE)
    found = predicted(network, volume, SectionPlan.as_is(SHAPE).inverting(2))
    volume[2] = 255 - volume[2]
    np.testing.assert_array_equal(found, predicted(network, volume))


def test_inverted_between_grey_levels_of_the_run(network):
    volume = uneven(SHAPE, np.uint16)
    levels = Normalisation(20_000, 50_000)
    found = predicted(network, volume, SectionPlan.as_is(SHAPE).inverting(0), levels=levels)
    volume = volume.astype(np.float32)
    volume[0] = 70_000 - volume[0]
    np.testing.assert_array_equal(found, predicted(network, volume, levels=levels))


@pytest.mark.parametrize("left_out", [(), (2,)])
def test_a_missing_part_is_filled_from_the_section_before(network, left_out):
    shape = (5, 33, 40)
    volume, plan = uneven(shape, np.float32) * 255, cells(shape, 8)
    missing = np.zeros((5, 5), bool)
    missing[:, 3:] = True
    plan = plan.masking(3, missing)
    for z in left_out:
        plan = plan.leaving_out(z)
    broken, filled = volume.copy(), volume.copy()
    broken[3, :, 24:] = np.nan
    filled[3, :, 24:] = volume[1 if left_out else 2, :, 24:]
    found, rest = predicted(network, broken, plan), predicted(network, np.delete(filled, left_out, 0))
    rest[:, 3 - len(left_out), :, 24:] = 0
    np.testing.assert_array_equal(np.delete(found, left_out, 1), rest)


def test_a_part_missing_at_the_beginning_is_filled_from_what_follows(network):
    volume, missing = uneven(SHAPE), np.zeros((5, 5), bool)
    missing[2:] = True
    found = predicted(network, volume, cells(SHAPE, 8).masking(0, missing).masking(1, missing))
    volume[:2, 16:] = volume[2, 16:]
    expected = predicted(network, volume)
    expected[:, :2, 16:] = 0
    expected[0, 2, 16:] = 0  # no partner
    np.testing.assert_array_equal(found, expected)


def test_what_no_section_shows_is_grey(network):
    volume = uneven(SHAPE)
    missing = np.zeros((5, 5), bool)
    missing[0, 0] = True
    plan = cells(SHAPE, 8)
    for z in range(7):
        plan = plan.masking(z, missing)
    found = predicted(network, volume, plan)
    grey = volume.astype(np.float32)
    grey[:, :8, :8] = 127.5
    expected = predicted(network, grey)
    expected[:, :, :8, :8] = 0
    np.testing.assert_array_equal(found, expected)


def test_nan_that_is_used_is_named_by_its_place_in_the_stack(network):
    volume = uneven(SHAPE, np.float32)
    volume[5, 3, 3] = np.nan
    with pytest.raises(UserError, match=r"^grey levels: section 5 holds NaN"):
        predicted(network, volume, leaving_out(SHAPE, 2, 3), levels=Normalisation(0, 1))


def bare_plan(shape, cell, bare):
    """All as it is, but for cells without tissue, (z, y, x) or (y, x) bool."""
    return replace(cells(shape, cell), no_tissue=np.broadcast_to(bare, cells(shape, cell).no_tissue.shape))


def test_what_has_no_tissue_anywhere_might_as_well_be_cut_off():
    shape, student = (3, 40, 60), lively_student()
    volume, bare = uneven(shape), np.zeros((5, 8), bool)
    bare[:1], bare[:, 5:], bare[2, 3] = True, True, True
    found = predicted(student, volume, bare_plan(shape, 8, bare))
    expected = np.zeros_like(found)
    expected[:, :, 8:, :40] = predicted(student, volume[:, 8:, :40])
    expected[:, :, 16:24, 24:32] = 0
    np.testing.assert_array_equal(found, expected)


def test_a_teacher_sees_what_is_beside_tissue():
    shape, teacher = (3, 40, 60), lively_teacher(TEACHER)
    volume, bare = uneven(shape), np.zeros((5, 8), bool)
    bare[:, 5:] = True
    found, expected = predicted(teacher, volume, bare_plan(shape, 8, bare)), predicted(teacher, volume)
    expected[..., 40:] = 0
    np.testing.assert_array_equal(found, expected)


class Spy:
    """A volume that remembers what is read of each section."""

    def __init__(self, values):
        self.values, self.read = values, []
        self.shape, self.dtype = values.shape, values.dtype

    def __getitem__(self, key):
        self.read.append((key[0], *[(s.start, s.stop) for s in key[1:]]))
        return self.values[key]


def test_a_section_without_tissue_is_not_looked_at():
    shape, student = (4, 40, 48), lively_student()
    bare = np.zeros((4, 5, 6), bool)
    bare[2:] = True
    spy = Spy(uneven(shape))
    found = predicted(student, spy, bare_plan(shape, 8, bare))
    assert {z for z, *_ in spy.read} == {0, 1}
    assert found[:, :2].any() and not found[:, 2:].any()


def test_half_without_tissue_costs_half():
    shape, student = (2, 64, 640), lively_student()
    bare = np.zeros((2, 4, 40), bool)
    bare[:, :, 20:] = True
    spy = Spy(uneven(shape))
    predicted(student, spy, bare_plan(shape, 16, bare))
    assert spy.read == [(0, (0, 64), (0, 320)), (1, (0, 64), (0, 320))]


def test_tissue_in_a_corner_or_two_is_cut_out():
    shape, student = (1, 1024, 1024), lively_student()
    bare = np.ones((1, 64, 64), bool)
    bare[0, :4, :4] = bare[0, -4:, -4:] = False
    spy, plan = Spy(uneven(shape)), bare_plan(shape, 16, bare)
    found = predicted(student, spy, plan)
    seen = sum((b - a) * (d - c) for _, (a, b), (c, d) in spy.read)
    assert seen < 0.25 * 1024**2
    assert found[:, 0, :64, :64].any() and found[:, 0, -64:, -64:].any()
    assert not found[:, 0, 64:, :960].any()


def test_tiles_of_a_teacher_without_tissue_are_not_predicted(monkeypatch):
    shape, teacher, calls = (3, 40, 160), lively_teacher(TEACHER), []
    bare = np.zeros((3, 5, 20), bool)
    bare[:, :, 8:] = True
    volume, values = uneven(shape), predict_by_tiles._Ready.values
    monkeypatch.setattr(
        predict_by_tiles._Ready, "values", lambda self, grey: calls.append(grey.shape) or values(self, grey)
    )
    predicted(teacher, volume, tile=40)
    full, found = len(calls), predicted(teacher, volume, bare_plan(shape, 8, bare), tile=40)
    assert len(calls) - full < 0.6 * full
    assert found[..., :64].any() and not found[..., 64:].any()


def test_boxes_agree_where_there_is_no_tissue(network):
    shape = (3, 40, 320)
    volume, bare = uneven(shape), np.zeros((3, 5, 40), bool)
    bare[:, :, :10], bare[1, :2], bare[2, :, 30:] = True, True, True
    plan = bare_plan(shape, 8, bare)
    expected = predicted(network, volume, plan)
    for box in (Box((0, 0, 0), (3, 20, 90)), Box((1, 10, 70), (3, 40, 250)), Box((2, 0, 200), (3, 40, 320))):
        close(predicted(network, volume, plan, box), expected[(slice(None), *box.slices)])


def test_a_box_of_left_out_sections_is_zero(network):
    found = predicted(network, uneven(SHAPE), leaving_out(SHAPE, 2, 3), Box((2, 0, 0), (4, 33, 38)))
    assert not found.any()


def test_a_plan_for_another_stack_is_refused(network):
    with pytest.raises(UserError, match=r"^sections: the plan is for a stack \(7, 33, 38\), got \(7, 33, 40\)"):
        predicted(network, uneven((7, 33, 40)), leaving_out(SHAPE, 2))
