"""The list of crops and the plan that follows from it, without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_emcad.core.geometry import Box
from napari_emcad.widgets.finetune.crop_places import Place, Role
from napari_emcad.widgets.finetune.crops import NO_CROPS, Crops, facts_of, percent_text, voxels_text
from napari_emcad.widgets.finetune.outline import OUTLINED, CropOutline, outline_of
from napari_emcad.widgets.finetune.truth import LayerTruth, NoTruth

SHAPE = (5, 80, 96)
LEFT, RIGHT = Box((0, 0, 0), (5, 80, 40)), Box((0, 0, 40), (5, 80, 96))


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def stack(viewer):
    return viewer.add_image(np.zeros(SHAPE, np.uint8), name="stack", scale=(40, 5, 6), translate=(400, 50, 60))


@pytest.fixture
def truth(viewer, stack):
    """Known at the right of column 20 only."""
    labels = np.zeros(SHAPE, int)
    labels[:, :, 20:] = 7
    return LayerTruth(viewer.add_labels(labels, name="truth"), Box.whole(SHAPE))


@pytest.fixture
def crops(stack, truth):
    """A crop that is known half, and one that is known wholly."""
    crops = Crops()
    assert crops.add([Place("left", stack, LEFT, truth), Place("right", stack, RIGHT, truth)]) == 2
    return crops


def names(crops) -> list[str]:
    return [place.name for place in crops.places]


def test_a_crop_is_listed_once(crops, stack, truth):
    assert crops.add([Place("again", stack, LEFT, truth)]) == 0
    assert crops.add([Place("left", stack, Box.whole(SHAPE), truth), Place("left", stack, LEFT)]) == 2
    assert names(crops) == ["left", "right", "left 2", "left 3"]
    crops.remove(1)
    assert names(crops) == ["left", "left 2", "left 3"]


def test_crops_go_with_their_stack_or_labels(crops, stack, truth, viewer):
    crops.add([Place("unknown", stack, LEFT)])
    assert not crops.remove_in(viewer.add_image(np.zeros(SHAPE)))
    assert crops.remove_in(truth.layer)
    assert names(crops) == ["unknown"]
    assert crops.remove_in(stack)
    assert crops.places == ()


def test_roles_are_chosen_automatically_until_a_person_chooses(crops):
    assert crops.roles == (Role.HOLD_OUT, Role.TRAIN)  # the left one is nearer to a fifth
    crops.choose_role(0, Role.BOTH)
    assert not crops.automatic and crops.roles == (Role.BOTH, Role.TRAIN)
    assert len(crops.plan.train) == 2 and len(crops.plan.held_out) == 1
    crops.automatic = True
    assert crops.roles == (Role.HOLD_OUT, Role.TRAIN)


def test_what_is_checked_is_known_wholly(crops):
    assert facts_of(crops.places[0]) == "5 x 80 x 40, 52 % verified"
    crops.set_checked(0, True)
    assert facts_of(crops.places[0]) == "5 x 80 x 40, 100 % verified"
    assert crops.plan.voxels == (5 * 80 * 56, 5 * 80 * 40)


def test_the_plan_in_words(crops, stack):
    assert Crops().facts == "No crops yet: add places where the neurons are right."
    facts = "1 crop to learn from with 22,400 voxels verified, 1 held out with 8,400 voxels"
    assert crops.facts == f"{facts}."
    crops.uncorrected = Place("uncorrected sections", stack, Box.whole(SHAPE))
    assert crops.facts == f"{facts}; uncorrected sections teach, too."
    assert len(crops.plan.train) == 2
    crops.uncorrected = None
    assert crops.facts == f"{facts}." and len(crops.plan.train) == 1


def test_why_nothing_can_be_trained(crops, stack):
    assert Crops().why_not("student") == NO_CROPS
    assert crops.why_not("student") == ""
    crops.choose_role(0, Role.TRAIN)
    assert "Nothing verified is held out" in crops.why_not("student")
    crops.choose_role(0, Role.HOLD_OUT)
    crops.choose_role(1, Role.HOLD_OUT)
    assert "All crops are held out" in crops.why_not("student")


def test_a_crop_of_which_nothing_is_known_needs_another_teacher(crops, stack):
    crops.add([Place("blank", stack, Box.whole(SHAPE))])
    assert 'Nothing is verified in "blank"' in crops.why_not("student")
    assert crops.why_not("frozen-teacher") == ""
    assert crops.why_not("distil") == ""
    crops.uncorrected = Place("uncorrected sections", stack, Box.whole(SHAPE))
    assert crops.why_not("student") == ""
    crops.uncorrected = None
    crops.remove(0)
    crops.remove(0)
    assert 'Nothing is verified in "blank"' in crops.why_not("frozen-teacher")
    assert crops.why_not("distil") == ""


def test_a_plan_that_cannot_be_made(stack):
    crops = Crops()
    crops.add([Place("a", stack, Box((0, 0, 0), (2, 32, 32)), all_checked=True, truth=_all_known(stack))])
    assert crops.plan is None
    assert crops.facts == crops.why_not("student") == crops.why_no_plan
    assert "choose a larger crop or a second one" in crops.why_no_plan


def _all_known(stack):
    from napari.layers import Labels

    return LayerTruth(Labels(np.ones(SHAPE, int)), Box.whole(SHAPE))


def test_another_truth_is_planned_with_when_asked(crops):
    heard = []
    crops.changed.connect(lambda: heard.append(crops.facts))
    crops.put_truths([NoTruth(), NoTruth()])
    assert not heard
    crops.refresh()
    assert heard == ["2 crops to learn from with 0 voxels verified, 0 held out with 0 voxels."]


@pytest.mark.parametrize(("share", "words"), [(0, "0"), (0.001, "< 1"), (0.43, "43"), (1, "100")])
def test_shares_in_words(share, words):
    assert percent_text(share) == f"{words} % verified"


def test_voxels_in_words():
    assert [voxels_text(n) for n in (1, 999_999, 1_234_567)] == ["1 voxel", "999,999 voxels", "1.2 million voxels"]


# ---- the outline ---------------------------------------------------------------------------------------------------


def test_an_outline_is_drawn_on_each_section(viewer, stack, crops):
    outline = CropOutline(viewer, crops)
    box = Box((1, 4, 5), (3, 44, 45))
    crops.add([Place("box", stack, box)])
    outline.show(crops.places[-1])
    layer = viewer.layers["crop box"]
    assert [int(shape[0, 0]) for shape in layer.data] == [1, 2]
    np.testing.assert_array_equal(np.unique(layer.data[0][:, 1:], axis=0), [[4, 5], [4, 44], [43, 5], [43, 44]])
    np.testing.assert_allclose(layer.translate, (400, 50, 60))
    assert viewer.dims.point[0] == 400 + 40 * 1 and viewer.layers.selection.active is stack


def test_one_outline_at_a_time_and_none_without_its_crop(viewer, crops):
    outline = CropOutline(viewer, crops)
    for place in crops.places:
        outline.show(place)
    assert [layer.name for layer in viewer.layers if layer.name.startswith("crop ")] == ["crop right"]
    crops.set_checked(1, True)
    crops.remove(0)
    assert "crop right" in viewer.layers
    crops.remove(0)
    assert "crop right" not in viewer.layers


def test_the_outline_of_a_deep_crop_is_spread_evenly(viewer):
    deep = viewer.add_image(np.broadcast_to(np.uint8(0), (1000, 40, 40)))
    layer = outline_of(Place("deep", deep, Box.whole((1000, 40, 40))))
    sections = [int(shape[0, 0]) for shape in layer.data]
    assert len(sections) == OUTLINED and sections[0] == 0 and sections[-1] == 999
