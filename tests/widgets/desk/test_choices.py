"""Everything that is chosen before a run, without a window: stack, device, region, threshold, settings."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.widgets.desk.device import DevicePick
from napari_emcad.widgets.desk.message import Message
from napari_emcad.widgets.desk.region import BOX, SECTION, WHOLE, Region
from napari_emcad.widgets.desk.settings import Settings
from napari_emcad.widgets.desk.stack import NO_STACK, StackPick
from napari_emcad.widgets.desk.threshold import Threshold
from napari_emcad.widgets.kit.layers import voxel_size_of

VALUES = np.random.default_rng(5).integers(0, 255, (4, 40, 50), np.uint8)
NM = {"scale": (40, 5, 6), "units": ("nm",) * 3}


def heard(signal) -> list:
    """What a signal says from now on."""
    said = []
    signal.connect(lambda *values: said.append(values))
    return said


@pytest.fixture
def viewer():
    return ViewerModel()


class TestStack:
    def test_the_first_image_is_chosen_and_another_when_it_goes(self, viewer):
        stack = StackPick(viewer)
        assert stack.layer is None and stack.why_not == NO_STACK and stack.facts == ""
        changes = heard(stack.changed)
        first = viewer.add_image(VALUES, name="first", **NM)
        stack.follow_layers()
        second = viewer.add_image(VALUES[:3], name="second", **NM)
        stack.follow_layers()
        assert stack.layer is first and len(changes) == 1
        assert stack.facts == "4 x 40 x 50 voxels, 40 x 5 x 6 nm"
        viewer.layers.remove(first)
        stack.follow_layers()
        assert stack.layer is second and len(changes) == 2

    def test_layers_of_other_kinds_are_not_offered(self, viewer):
        stack = StackPick(viewer)
        viewer.add_labels(np.zeros((4, 40, 50), np.uint8))
        viewer.add_image(VALUES, metadata={"napari_emcad": "affinities"})
        stack.follow_layers()
        assert stack.pick.offers == []
        stack.layer = viewer.layers[0]
        assert stack.layer is None

    @pytest.mark.parametrize(
        ("data", "sentence"),
        [
            (np.zeros((48, 64), np.uint8), "2D image"),
            (np.zeros((2, 3, 48, 64), np.uint8), "4 axes"),
            (np.zeros((3, 48, 64, 3), np.uint8), "colour"),
            (np.zeros((3, 48, 8), np.uint8), "48 x 8"),
        ],
        ids=["2d", "4d", "rgb", "small"],
    )
    def test_what_is_no_stack_is_said(self, viewer, data, sentence):
        stack = StackPick(viewer)
        viewer.add_image(data, rgb=data.ndim == 4 and data.shape[-1] == 3)
        stack.follow_layers()
        assert sentence in stack.why_unusable and stack.why_not == stack.why_unusable
        assert stack.why_unusable.count(". ") == 0

    def test_another_voxel_size_for_all_layers_on_the_grid(self, viewer):
        stack = StackPick(viewer)
        source = viewer.add_image(VALUES, translate=(400, 50, 60), **NM)
        other = viewer.add_labels(np.zeros(VALUES.shape, np.uint8), translate=(400, 50, 60), **NM)
        elsewhere = viewer.add_image(VALUES, name="elsewhere", scale=(7, 7, 7), units=("nm",) * 3)
        stack.follow_layers()
        changes = heard(stack.changed)
        stack.voxel_size = VoxelSize(30, 4, 4)
        assert voxel_size_of(source) == stack.voxel_size == (30, 4, 4) and len(changes) == 1
        for layer in (source, other):
            np.testing.assert_allclose(layer.translate, (300, 40, 40))
        np.testing.assert_allclose(elsewhere.scale, (7, 7, 7))

    def test_a_level_of_a_pyramid(self, viewer):
        stack = StackPick(viewer)
        pyramid = viewer.add_image([VALUES, VALUES[:, ::2, ::2]], multiscale=True, **NM)
        stack.follow_layers()
        assert stack.levels == ["Level 0: 40 x 5 x 6 nm", "Level 1: 40 x 10 x 12 nm"] and stack.level == 0
        stack.level = 1
        assert stack.layer is not pyramid and stack.level == 1
        assert stack.facts == "4 x 20 x 25 voxels, 40 x 10 x 12 nm"
        stack.level = 0
        assert stack.layer is pyramid


class TestRegion:
    @pytest.fixture
    def region(self, viewer):
        region = Region(viewer)
        region.follow(viewer.add_image(VALUES, **NM))
        return region

    def test_all_and_one_section(self, viewer, region):
        assert region.kind == WHOLE and region.box() == Box.whole(VALUES.shape)
        viewer.dims.set_current_step(0, 2)
        region.kind = SECTION
        assert region.box() == region.section_box() == Box((2, 0, 0), (3, 40, 50))

    def test_a_box_with_its_sections(self, viewer, region):
        changes = heard(region.changed)
        region.kind = BOX
        with pytest.raises(UserError, match="Draw"):
            region.box()
        assert 'press "Draw"' in region.facts
        region.draw()
        assert viewer.layers["box"].mode == "add_rectangle"
        before = len(changes)
        viewer.layers["box"].add_rectangles(np.array([[1, 3, 4], [1, 3, 20], [1, 12, 20], [1, 12, 4]]))
        assert len(changes) > before
        region.sections = (1, 2)
        assert region.box() == Box((1, 3, 4), (3, 13, 21)) and region.facts == "2 x 10 x 17 voxels"
        region.sections = (3, 1)
        assert region.sections == (3, 3)
        viewer.dims.set_current_step(0, 0)
        assert region.section_box() == Box((0, 3, 4), (1, 13, 21))

    def test_another_stack_has_all_its_sections(self, viewer, region):
        region.sections = (1, 2)
        region.follow(viewer.add_image(VALUES[:3], **NM))
        assert region.sections == (0, 2) and region.last_section == 2

    def test_a_kind_that_is_not_offered(self, viewer):
        with pytest.raises(ValueError, match="one of box is needed"):
            Region(viewer, kinds=(BOX,)).kind = WHOLE


class TestThreshold:
    def test_it_follows_the_recommendation_until_somebody_moves_it(self):
        threshold = Threshold()
        threshold.recommend(0.3)
        assert threshold.value == 0.3 and threshold.touched is None and "0.30" in threshold.tip
        moves = heard(threshold.moved)
        threshold.move(0.4567)
        assert threshold.value == threshold.touched == 0.46 and moves == [(0.46,)]
        threshold.recommend(0.2)
        assert threshold.value == 0.46 and "0.20" in threshold.tip
        threshold.forget()
        threshold.recommend(0.2)
        assert threshold.value == 0.2 and threshold.touched is None

    def test_what_is_put_moves_nothing(self):
        threshold = Threshold()
        moves, changes = heard(threshold.moved), heard(threshold.changed)
        threshold.put(0.61)
        threshold.move(0.61)
        assert moves == [] and len(changes) == 1 and threshold.touched is None

    @pytest.mark.parametrize(("wanted", "value"), [(-1, 0.0), (7, 1.0)])
    def test_it_stays_between_0_and_1(self, wanted, value):
        threshold = Threshold()
        threshold.move(wanted)
        assert threshold.value == value


class TestSettings:
    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"min_size": 7}, ["cut"]),
            ({"crumbs": "background"}, ["cut"]),
            ({"seed_sigma": 3.0}, ["fragments"]),
            ({"agglomeration": "multicut"}, ["agglomeration", "fragments"]),
            ({"scoring": "mean"}, ["fragments"]),
            ({"min_size": SegmentParameters().min_size}, []),
        ],
    )
    def test_who_hears_of_what(self, change, says):
        settings, said = Settings(), []
        for name in ("cut", "agglomeration", "fragments"):
            getattr(settings, f"{name}_changed").connect(lambda name=name: said.append(name))
        settings.change(**change)
        assert said == says
        assert (
            settings.parameters(0.4, "cpu").model_dump().items()
            >= {**change, "threshold": 0.4, "device": "cpu"}.items()
        )

    def test_what_is_out_of_range_is_refused_and_changes_nothing(self):
        settings = Settings()
        with pytest.raises(UserError, match="min_size"):
            settings.change(min_size=-1)
        assert settings.values.min_size == SegmentParameters().min_size

    def test_grey_levels_count_only_where_somebody_chose_them(self):
        settings = Settings()
        settings.put_levels(3, 200)
        assert settings.parameters(None, "auto").black is None
        settings.change_levels(5, 190)
        assert settings.parameters(None, "auto").white == 190
        settings.put_levels(*settings.levels_of_data)
        assert settings.parameters(None, "auto").white is None

    def test_a_foreground_network_knows_its_grey_levels(self):
        settings, card = Settings(), ModelCard(role="foreground", black=11.0, white=99.0)
        settings.follow(card)
        assert (settings.black, settings.white) == (11, 99)
        settings.change_levels(1, 2)
        settings.follow(card)
        assert (settings.black, settings.white) == (1, 2)


class TestDevice:
    def test_devices_are_found_in_a_job(self, loop):
        pick = DevicePick(loop)
        changes = heard(pick.changed)
        assert pick.device is None and pick.missing == {}
        pick.ask()
        pick.ask()
        loop.work()
        assert pick.device is pick.auto and pick.device.kind == "cpu" and len(changes) == 1
        assert "CUDA is not available" in pick.missing["cuda"]
        pick.wish = "cpu"
        assert pick.device.name.startswith("CPU") and len(changes) == 2

    def test_a_wish_that_is_not_known(self, loop):
        with pytest.raises(ValueError, match="device: one of"):
            DevicePick(loop).wish = "abacus"


class TestFirstLook:
    def test_pixels_unlike_the_model_s_are_said_before_the_run(self, desk, open_stack):
        open_stack(VALUES)
        assert desk.message.text.startswith("Ready")
        desk.stack.voxel_size = VoxelSize(30, 20, 20)
        assert "trained on pixels of 6 nm and this stack has 20 nm" in desk.message.text

    @pytest.mark.parametrize(
        ("data", "sentence"),
        [
            (np.full((3, 48, 64), np.nan, np.float32), "NaN"),
            (np.full((3, 48, 64), 7, np.uint16), "nothing but 7"),
            (np.zeros((48, 64), np.uint8), "2D image"),
        ],
        ids=["nan", "flat", "2d"],
    )
    def test_what_cannot_be_segmented_is_said_at_once(self, desk, loop, data, sentence):
        desk.viewer.add_image(data)
        loop.work()
        assert sentence in desk.message.text and desk.message.kind == "error"

    def test_grey_levels_come_from_the_data(self, desk, open_stack):
        open_stack(VALUES.astype(np.uint16) * 100)
        low, high = desk.settings.levels_of_data
        assert 0 < low < high < 25_500
        assert desk.choices.parameters().black is None

    def test_a_file_that_is_no_model(self, desk, loop, open_stack, tmp_path):
        open_stack(VALUES)
        (tmp_path / "wrong.pt").write_text("no weights")
        desk.model.open_file(tmp_path / "wrong.pt")
        loop.work()
        assert "wrong.pt" in desk.message.text and "no model" in desk.choices.why_not


class TestMessage:
    def test_hints_results_and_errors(self):
        message = Message()
        changes = heard(message.changed)
        message.say("Press Run.")
        assert (message.text, message.kind) == ("Press Run.", "hint")
        message.result("Done.")
        assert (message.kind, message.details) == ("result", "Done.")
        message.error(UserError("box: nothing is drawn; draw one."))
        assert (message.text, message.details) == ("box: nothing is drawn; draw one.",) * 2
        assert len(changes) == 3

    def test_an_unforeseen_error_has_details(self):
        message = Message()
        try:
            raise KeyError("inner.weight\nand more")
        except KeyError as error:
            message.error(error)
        assert "KeyError: 'inner.weight" in message.text and "\n" not in message.text
        assert "Traceback" in message.details
