"""A network that sees pixels of another size: what it reads, and where its affinities come to lie."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from drawings import uneven

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.pixel_size import seen_shape
from napari_emcad.core.progress import drive
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.inference.engines.device import Device
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.inference.predict import predict_by
from napari_emcad.inference.prediction import Prediction
from napari_emcad.inference.resampled import AffinitiesBack, ResampledVolume
from napari_emcad.networks.residual_unet import ResidualUNetConfig
from napari_emcad.networks.teacher import build_teacher

CPU = Device("cpu", "CPU, 1 thread")
BOXES = [Box((1, 5, 60), (3, 6, 90)), Box((0, 0, 17), (2, 33, 150)), Box((2, 32, 0), (3, 33, 1))]
SCALES = [(2.0, 2.0), (1.3, 1.6), (0.5, 0.5), (0.6, 2.0)]


def tiny_teacher():
    torch.manual_seed(0)
    teacher = build_teacher(ResidualUNetConfig((2, 3, 4, 5, 6), outputs=3, affinities=True)).eval()
    with torch.no_grad():
        teacher.out_put[0].weight *= 30
    return teacher


@pytest.fixture
def predicted_at(student):
    """(volume, scale, box, network) -> affinities (3, z, y, x) uint8 of the box."""

    def predicted_at(volume, scale, box=None, network=student, tile=None, plan=None):
        box = box or Box.whole(volume.shape)
        out = np.full((3, *box.shape), 7, np.uint8)
        prediction = Prediction(box, Normalisation(0, 255), CPU, tile, plan, scale)
        drive(predict_by(network, volume, out, prediction))
        return out

    return predicted_at


def test_a_stack_that_was_enlarged_is_seen_as_it_was(predicted_at):
    small = uneven((3, 30, 41))
    large = small.repeat(2, 1).repeat(3, 2)
    seen = ResampledVolume(large, (2.0, 3.0))
    assert seen.shape == small.shape
    np.testing.assert_allclose(seen[1, 3:20, 5:41], small[1, 3:20, 5:41], rtol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("box", BOXES)
def test_a_box_equals_that_part_of_the_whole(predicted_at, scale, box):
    volume = uneven((3, 33, 150))
    whole = predicted_at(volume, scale)
    assert whole.std() > 20
    np.testing.assert_allclose(predicted_at(volume, scale, box, tile=40), whole[(slice(None), *box.slices)], atol=1.01)


@pytest.mark.parametrize("role", ["student", "teacher"])
def test_affinities_are_those_of_the_pixels_that_are_seen(predicted_at, student, role):
    network = student if role == "student" else tiny_teacher()
    small, shape = uneven((4, 20, 24)), (4, 40, 72)
    large = small.repeat(2, 1).repeat(3, 2)
    found, own = (predicted_at(v, scale, None, network) for v, scale in ((large, (2.0, 3.0)), (small, (1.0, 1.0))))
    back = AffinitiesBack(Box.whole(shape), shape, (2.0, 3.0))
    assert len(np.unique(own)) > 20
    for z in range(4):
        np.testing.assert_allclose(found[:, z], back.section(own[:, z]), atol=1.01)


@pytest.mark.parametrize("scale", [(2.0, 2.0), (4.0, 4.0), (0.5, 0.5)])
def test_a_membrane_stays_where_it_is(scale):
    """The edge between pixels 23 and 24 of 48, on y and on x, at the size that the network sees."""
    shape = (1, 48, 48)
    seen = np.full((3, *seen_shape(shape, scale)[1:]), 255, np.uint8)
    middle = seen.shape[1] // 2
    seen[1, middle], seen[2, :, middle] = 0, 0
    back = AffinitiesBack(Box.whole(shape), shape, scale).section(seen)
    assert back[1].mean(1).argmin() == back[2].mean(0).argmin() == 24
    np.testing.assert_array_equal(back[1, 23], back[1, 25])  # and it lies in the middle of what is dark
    np.testing.assert_array_equal(back[0], 255)


def test_affinities_that_are_all_alike_stay_so():
    shape = (1, 31, 45)
    for scale in SCALES:
        seen = np.full((3, *seen_shape(shape, scale)[1:]), 77, np.uint8)
        np.testing.assert_array_equal(AffinitiesBack(Box.whole(shape), shape, scale).section(seen), 77)


def test_only_what_is_needed_is_read():
    class Spy:
        shape, dtype = (2, 100, 120), np.dtype(np.uint8)

        def __getitem__(self, key):
            assert key == (1, slice(20, 40), slice(60, 90))
            return np.zeros((20, 30), np.uint8)

    assert ResampledVolume(Spy(), (2.0, 3.0))[1, 10:20, 20:30].shape == (10, 10)
    with pytest.raises(TypeError, match="one section is read at a time"):
        ResampledVolume(Spy(), (2.0, 3.0))[:, 10:20, 20:30]


def test_nan_is_refused_there_too(predicted_at):
    volume = uneven((2, 40, 40), np.float32)
    volume[1, 20, 20] = np.nan
    with pytest.raises(UserError, match="section 1 holds NaN"):
        predicted_at(volume, (2.0, 2.0))


@pytest.mark.parametrize(("role", "shift"), [("student", 0), ("teacher", 2)])
def test_a_plan_for_the_sections_holds_at_any_pixel_size(predicted_at, student, role, shift):
    """Section 2 is left out, and from section 3 on the tissue lies further by some pixels of those that are seen."""
    network = student if role == "student" else tiny_teacher()
    small = uneven((5, 30, 40))
    large = small.repeat(2, 1).repeat(2, 2)
    own = predicted_at(small, (1.0, 1.0), None, network, plan=plan_of(small, shift))
    found = predicted_at(large, (2.0, 2.0), None, network, plan=plan_of(large, 2 * shift))
    assert not found[:, 2].any()
    back, inside = AffinitiesBack(Box.whole(large.shape), large.shape, (2.0, 2.0)), (..., slice(8, -8), slice(8, -8))
    for z in (0, 1, 3, 4):
        np.testing.assert_allclose(found[:, z][inside], back.section(own[:, z])[inside], atol=1.01)


@pytest.mark.parametrize("scale", SCALES)
def test_a_box_equals_that_part_of_the_whole_with_a_plan_too(predicted_at, scale):
    volume = uneven((5, 60, 80))
    plan = plan_of(volume, 5)
    bare = np.zeros((5, 6, 8), bool)
    bare[1:, 2:, :3] = True
    plan = replace(plan, no_tissue=bare, missing=np.zeros_like(bare), cell=10)
    whole = predicted_at(volume, scale, plan=plan)
    assert not whole[:, 1:, 20:, :30].any()
    assert whole[:, 1, 20:, 30:].std() > 20
    for box in (Box((1, 7, 9), (5, 50, 71)), Box((3, 15, 25), (4, 25, 40))):
        np.testing.assert_allclose(predicted_at(volume, scale, box, plan=plan), whole[:, *box.slices], atol=1.01)


def plan_of(volume, shift):
    left_out, moved = np.arange(5) == 2, np.array([[0, 0]] * 3 + [[0, shift]] * 2, np.int32)
    return replace(SectionPlan.as_is(volume.shape), left_out=left_out, offset=moved)
