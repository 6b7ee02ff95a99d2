"""The rows of a model, without a viewer."""

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.networks.card import ModelCard
from napari_emcad.widgets.choices.model import CardDialog, ModelChoice, card_text
from napari_emcad.widgets.desk.model import ModelPick
from napari_emcad.widgets.kit.remembered import Remembered


@pytest.fixture
def pick(loop) -> ModelPick:
    return ModelPick(loop, Remembered(None))


@pytest.fixture
def show(qtbot):
    """Show a choice of a model."""

    def show(pick) -> ModelChoice:
        choice = ModelChoice(pick)
        qtbot.addWidget(choice)
        return choice

    return show


def test_a_file_is_opened_and_its_card_shown(show, pick, loop, model, monkeypatch):
    choice = show(pick)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(model), ""))
    choice.open_button.click()
    assert pick.path == model and choice.combo.currentData() == model
    assert choice._line.text() == "reading ..." and not choice._info.isEnabled()
    assert choice._info.toolTip() == "The model has not been read yet."
    loop.work()
    assert choice._line.text() == pick.card.summary() and choice._info.isEnabled()
    assert "Title: tiny" in choice._info.toolTip() and choice.combo.toolTip() == str(model)


def test_no_file_is_chosen_in_the_dialog(show, pick, monkeypatch):
    choice, before = show(pick), pick.path
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    choice.open_button.click()
    assert pick.path == before


def test_another_model_is_chosen(show, pick, loop, model):
    choice = show(pick)
    pick.open_file(model)
    choice.combo.setCurrentIndex(0)
    assert pick.path == next(iter(pick.offers.values())) != model
    assert choice.combo.count() == len(pick.offers)


def test_no_model_at_all_hides_the_card(show, loop):
    choice = show(ModelPick(loop, Remembered(None), roles=("teacher",), nothing="none: the student alone"))
    assert choice.combo.currentText() == "none: the student alone"
    assert choice._line.isHidden() and choice._info.isHidden()


def test_every_fact_of_a_card_is_a_line():
    card = ModelCard(
        title="tiny", parameters=1_234, voxel_size=VoxelSize(40, 6, 6), scores={"VOI on AC4": 0.9}, threshold=0.45
    )
    assert card_text(card).splitlines() == [
        "Role: student",
        "Values: 1,234",
        "Title: tiny",
        "Voxel size: 40 x 6 x 6 nm",
        "Scores: VOI on AC4 0.9",
        "Threshold: 0.45",
    ]
    assert card_text(None) == ""


def test_the_dialog_shows_the_card(qtbot):
    dialog = CardDialog(ModelCard(title="tiny"))
    qtbot.addWidget(dialog)
    assert dialog.windowTitle() == "tiny"
