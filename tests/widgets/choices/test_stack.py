"""The head of the dock, without a window."""

import numpy as np
import pytest
from hearing import heard
from napari.components import ViewerModel
from qtpy.QtWidgets import QDialog, QInputDialog

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.widgets.choices.stack import SAMPLES, USUAL, StackChoice, VoxelSizeDialog
from napari_emcad.widgets.desk.stack import StackPick
from napari_emcad.widgets.kit.layers import voxel_size_of

VALUES = np.random.default_rng(5).integers(0, 255, (4, 40, 50), np.uint8)
NM = {"scale": (40, 5, 6), "units": ("nm",) * 3}


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def stack(viewer) -> StackPick:
    return StackPick(viewer)


@pytest.fixture
def choice(stack, qtbot) -> StackChoice:
    choice = StackChoice(stack)
    qtbot.addWidget(choice)
    return choice


def test_without_a_stack_samples_and_urls_are_offered(choice, stack, viewer, monkeypatch):
    assert choice.sample.isVisibleTo(choice) and not choice.combo.isVisibleTo(choice)
    samples, urls = [], []
    choice.sample_wanted.connect(samples.append)
    choice.url_wanted.connect(urls.append)
    for action in choice.sample.menu().actions():
        action.trigger()
    for answer in ((" s3://bucket/em.zarr ", True), ("s3://bucket", False), ("  ", True)):
        monkeypatch.setattr(QInputDialog, "getText", lambda *_, answer=answer: answer)
        choice.url.click()
    assert samples == list(SAMPLES) and urls == ["s3://bucket/em.zarr"]
    viewer.add_image(VALUES, **NM)
    stack.follow_layers()
    assert not choice.sample.isVisibleTo(choice) and choice.combo.isVisibleTo(choice)


def test_facts_of_the_stack_chosen(choice, stack, viewer):
    viewer.add_image(VALUES, name="em", **NM)
    stack.follow_layers()
    assert choice.combo.currentText() == "em" and choice._facts.text() == "4 x 40 x 50 voxels, uint8, 40 x 5 x 6 nm"
    assert not choice.level.isVisibleTo(choice)
    stack.voxel_size = VoxelSize(30, 4, 4)
    assert choice._facts.text() == "4 x 40 x 50 voxels, uint8, 30 x 4 x 4 nm (given)"


def test_a_level_is_chosen(choice, stack, viewer):
    viewer.add_image([VALUES, VALUES[:, ::2, ::2]], multiscale=True, **NM)
    stack.follow_layers()
    changes = heard(stack.changed)
    assert choice.level.isVisibleTo(choice) and choice.level.count() == 2
    choice.level.setCurrentIndex(1)
    assert stack.level == 1 and choice.level.currentText() == "Level 1: 40 x 10 x 12 nm" and changes
    stack.layer = viewer.add_image(VALUES, name="of one level", **NM)
    assert not choice.level.isVisibleTo(choice)


@pytest.mark.parametrize(("answer", "expected"), [("Accepted", (30, 7, 6)), ("Rejected", None)])
def test_another_voxel_size(choice, stack, viewer, monkeypatch, answer, expected):
    layer = viewer.add_image(VALUES)
    stack.follow_layers()
    assert voxel_size_of(layer) is None

    def answered(dialog) -> int:
        assert dialog.size_chosen == USUAL
        dialog._fields[1].setValue(7)
        return QDialog.DialogCode[answer]

    monkeypatch.setattr(VoxelSizeDialog, "exec", answered)
    choice._edit.click()
    assert voxel_size_of(layer) == expected


def test_the_dialog_gives_back_its_lengths(qtbot):
    dialog = VoxelSizeDialog(VoxelSize(29, 4, 5))
    qtbot.addWidget(dialog)
    assert dialog.size_chosen == (29, 4, 5)
