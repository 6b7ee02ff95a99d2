"""Affinities of other networks in Python: neurons are those that our own affinities of the same values give."""

import numpy as np
import pytest
from drawings import tissue
from foreign_hands import SHAPE, cells

from napari_emcad.core.affinities import NEAREST
from napari_emcad.core.errors import UserError
from napari_emcad.core.foreign_affinities import foreign_affinities_of
from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.sections.plan import SectionPlan
from napari_emcad.from_affinities import segment_affinities
from napari_emcad.pipeline import agglomerate

OURS = cells()
WAYS = {"threshold": 0.5, "min_size": 5, "seed_sigma": 1.0}


@pytest.fixture(scope="module")
def neurons():
    segmentation = drive(agglomerate(OURS, SegmentParameters(**WAYS)))
    labels = segmentation.labels(segmentation.table(0.5, 5))
    assert labels.max() > 3
    return labels


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("layout", ["czyx", "zyxc", "zcyx", "bczyx"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_any_layout_type_and_order_gives_the_same_neurons(neurons, dtype, layout, order):
    values = OURS[list(order)] if dtype == np.uint8 else (OURS[list(order)] / 255).astype(dtype)
    turned = np.transpose(values[None], ["bczyx".index(axis) for axis in (layout if "b" in layout else "b" + layout)])
    given = turned if "b" in layout else turned[0]
    found = segment_affinities(given, [NEAREST[n] for n in order], **WAYS)
    assert np.array_equal(found.affinities, OURS)
    assert np.array_equal(found.labels, neurons)


def test_what_is_said_of_the_result():
    found = segment_affinities(OURS)
    assert found.threshold == 0.2
    assert found.provenance["model"] == "affinities"
    assert found.provenance["model_sha256"] == ""
    assert found.plan.is_as_is
    with_source = segment_affinities(foreign_affinities_of(OURS, name="nnunet.npy"))
    assert with_source.provenance["model"] == "nnunet.npy"


def test_boundaries():
    boundaries = 255 - OURS.min(0)
    found = segment_affinities(boundaries, boundaries=True, **WAYS)
    assert found.labels.max() > 3
    with pytest.raises(UserError, match="map of boundaries"):
        segment_affinities(OURS, boundaries=True)
    with pytest.raises(UserError, match="four axes"):
        segment_affinities(boundaries)


def test_a_plan_is_followed_in_the_place_of_the_box(neurons):
    volume = tissue((7, 50, 60))
    box = Box.whole(SHAPE).moved((1, 4, 6))
    shape = volume.shape
    plan = SectionPlan.as_is(shape)
    left_out = plan.left_out.copy()
    left_out[3] = True
    plan = SectionPlan(**{**vars(plan), "left_out": left_out})
    found = segment_affinities(OURS, volume=volume, box=box, sections=plan, **WAYS)
    same = drive(agglomerate(OURS, SegmentParameters(**WAYS), plan, box))
    assert np.array_equal(found.labels, same.labels(same.table(0.5, 5)))
    assert np.array_equal(segment_affinities(OURS, volume=volume, box=box, sections="as-is", **WAYS).labels, neurons)


def test_affinities_of_another_shape_than_their_box_are_refused():
    with pytest.raises(UserError, match=r"got \(5, 40, 48\) for a volume of shape \(5, 41, 48\)"):
        segment_affinities(OURS, volume=tissue((5, 41, 48)))
    with pytest.raises(UserError, match='"auto", "as-is" or a SectionPlan'):
        segment_affinities(OURS, sections="all")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"axes": "zyx"}, "axes c, z, y and x"),
        ({"axes": "zzyx"}, "axes c, z, y and x"),
        ({"offsets": NEAREST[:2]}, "axis of 2 channels"),
        ({"value_range": (1, 1)}, "two different values"),
        ({"threshold": 2}, "threshold"),
    ],
)
def test_what_cannot_be_used_is_refused(options, words):
    with pytest.raises(UserError, match=words):
        segment_affinities(OURS, **options)
