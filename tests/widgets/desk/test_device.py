"""The device to compute on, without a window."""

import pytest
from hearing import heard

from napari_emcad.widgets.desk.device import DevicePick


def test_devices_are_found_in_a_job(loop):
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


def test_a_wish_that_is_not_known(loop):
    with pytest.raises(ValueError, match="device: one of"):
        DevicePick(loop).wish = "abacus"
