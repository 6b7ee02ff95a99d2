"""A run beside the window is that of the pipeline, and can be cut again."""

import numpy as np
import pytest
from drawings import tissue

from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.pipeline import segment
from napari_emcad.workers.segmentation import Cut, SegmentRequest, agglomerate_again, cut_neurons, segment_beside

SHAPE, BOX = (3, 40, 53), Box((0, 2, 3), (3, 40, 50))


@pytest.fixture
def result(model):
    affinities = np.zeros((3, *BOX.shape), np.uint8)
    request = SegmentRequest(tissue(SHAPE), model, BOX, SegmentParameters(device="cpu", min_size=9), affinities)
    return drive(segment_beside(request)), affinities


def test_a_run_is_that_of_the_pipeline(result, model):
    found, affinities = result
    expected = segment(tissue(SHAPE), str(model), BOX, device="cpu", min_size=9)
    np.testing.assert_array_equal(affinities, expected.affinities)
    np.testing.assert_array_equal(found.segmentation.fragments, expected.segmentation.fragments)
    np.testing.assert_array_equal(found.segmentation.labels(found.neurons.table), expected.labels)
    assert found.neurons.cut == Cut(0.45, 9, "strongest")  # the threshold of the model's card
    assert (found.device_kind, found.card.title) == ("cpu", "tiny")
    assert found.parameters.black == 0


def test_the_same_affinities_are_agglomerated_in_another_way(result):
    found, affinities = result
    parameters = SegmentParameters(agglomeration="multicut")
    segmentation, neurons = drive(agglomerate_again(affinities, parameters, Cut(0.64)))
    np.testing.assert_array_equal(segmentation.fragments, found.segmentation.fragments)
    np.testing.assert_array_equal(neurons.table, segmentation.table(0.64))


@pytest.mark.parametrize("crumbs", ["strongest", "background"])
def test_sizes_of_neurons_are_those_of_their_voxels(result, crumbs):
    segmentation = result[0].segmentation
    neurons = cut_neurons(segmentation, Cut(0.3, 20, crumbs))
    labels = neurons.table[segmentation.fragments]
    _, counts = np.unique(labels[labels > 0], return_counts=True)
    np.testing.assert_array_equal(neurons.sizes, counts)
    assert neurons.sizes.min() >= (20 if crumbs == "background" else 1)
