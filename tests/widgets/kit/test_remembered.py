"""Facts that outlive the dock."""

import json

import pytest

from napari_emcad.core.geometry import Box
from napari_emcad.widgets.kit.remembered import Remembered
from napari_emcad.workers.estimates import Planned


def test_remembered_from_one_day_to_the_next(tmp_path):
    file, models = tmp_path / "deep" / "remembered.json", [tmp_path / f"{i}.pt" for i in range(9)]
    for model in models:
        model.touch()
        Remembered(file).remember_model(model)
    Remembered(file).remember_model(models[5])
    box = Box.whole((2, 1000, 1000))
    Remembered(file).remember_speed("CPU", Planned(box, box.shape), 3.0)
    models[8].unlink()
    again = Remembered(file)
    assert again.models == [models[5], models[7], models[6], models[4], models[3]]
    assert again.seconds_per_megavoxel("CPU") == 1.5 and again.seconds_per_megavoxel("CUDA") is None


def test_a_small_run_says_how_fast_a_device_is_only_where_no_other_did():
    remembered, small, large = Remembered(None), Box.whole((1, 100, 100)), Box.whole((4, 1000, 1000))
    remembered.remember_speed("CPU", Planned(small, small.shape), 1.0)
    assert remembered.seconds_per_megavoxel("CPU") == pytest.approx(100)
    remembered.remember_speed("CPU", Planned(large, large.shape), 4.0)
    remembered.remember_speed("CPU", Planned(small, small.shape), 1.0)
    assert remembered.seconds_per_megavoxel("CPU") == pytest.approx(1)


@pytest.mark.parametrize("content", ["{", "[1, 2]", json.dumps({"models": []})])
def test_a_damaged_memory_is_an_empty_one(tmp_path, content):
    (tmp_path / "remembered.json").write_text(content)
    assert Remembered(tmp_path / "remembered.json").models == []
