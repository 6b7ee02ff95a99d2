import numpy as np
import pytest
from graphs import segmentation

from napari_emcad.core.geometry import Box
from napari_emcad.proofreading.effects import Effect, Move, Parting, parted_boxes
from napari_emcad.proofreading.part import Patch

NOTHING = segmentation([(1, 2, 0.9)]).graph.chosen(np.empty(0, int))


def moved(*fragments: int) -> Effect:
    return Effect(moves=(Move(np.array(fragments, np.uint32), 1, 2, True),))


def parted(fragment: int, parts: tuple[int, int], *edges: tuple[int, int]) -> Effect:
    """A fragment of 2 x 3 voxels that is parted in two columns and one; its edges are removed."""
    patch = Patch((4, 5, 6), np.array([[[1, 1, 2], [1, 1, 2]]], np.uint8))
    removed = segmentation([(*edge, 0.9) for edge in edges]).graph if edges else NOTHING
    return Effect(partings=(Parting(fragment, parts, True, patch, removed, NOTHING),))


@pytest.mark.parametrize(
    ("one", "other", "touches"),
    [
        (moved(1, 2), moved(2, 3), True),
        (moved(1, 2), moved(3, 4), False),
        (Effect(threshold=(0.1, 0.2)), Effect(threshold=(0.2, 0.3)), True),
        (Effect(threshold=(0.1, 0.2)), moved(1), False),
        (parted(7, (8, 9)), moved(9), True),
        (parted(7, (8, 9), (5, 7)), parted(5, (10, 11)), True),  # each has edges of the other
        (parted(7, (8, 9), (5, 7)), moved(5), False),
        (Effect(bridges=((1, 2),)), moved(1), False),
    ],
)
def test_effects_that_touch_cannot_be_undone_one_without_the_other(one, other, touches):
    assert one.touches(other) == other.touches(one) == touches


def test_boxes_of_a_fragment_and_its_parts():
    assert parted_boxes([moved(1), parted(7, (8, 9))]) == {
        7: Box((4, 5, 6), (5, 7, 9)),
        8: Box((4, 5, 6), (5, 7, 8)),
        9: Box((4, 5, 8), (5, 7, 9)),
    }
