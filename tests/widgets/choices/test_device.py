"""The row of the device, without a viewer."""

import pytest

from napari_emcad.core.choices import WISHES
from napari_emcad.widgets.choices.device import DeviceChoice
from napari_emcad.widgets.desk.device import DevicePick


@pytest.fixture
def pick(loop) -> DevicePick:
    return DevicePick(loop)


@pytest.fixture
def choice(pick, qtbot) -> DeviceChoice:
    choice = DeviceChoice(pick)
    qtbot.addWidget(choice)
    return choice


def test_auto_says_what_it_means_once_devices_are_known(choice, pick, loop):
    assert choice.count() == len(WISHES) and choice.toolTip() == '"auto" takes the fastest device there is.'
    pick.ask()
    loop.work()
    assert choice.itemText(0) == f"auto: {pick.auto.name}" and choice.toolTip()


def test_devices_that_are_missing_cannot_be_chosen(choice, pick, loop):
    pick.ask()
    loop.work()
    for wish, why_not in pick.missing.items():
        item = choice.model().item(choice.findData(wish))
        assert not item.isEnabled() and item.toolTip() == why_not
    assert choice.model().item(choice.findData("cpu")).isEnabled()


def test_a_choice_goes_both_ways(choice, pick):
    choice.setCurrentIndex(choice.findData("cpu"))
    assert pick.wish == "cpu"
    pick.wish = "auto"
    assert choice.currentData() == "auto"
