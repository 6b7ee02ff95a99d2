"""Words, figures and what is remembered: no window."""

import json

import numpy as np
import pytest

from napari_emcad.core import wording
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.progress import Progress
from napari_emcad.core.wording import count, shape_text, size_text
from napari_emcad.widgets.kit.remembered import Remembered
from napari_emcad.workers.estimates import Planned


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (wording.progress_text(Progress("affinities", 34, 100, 41.2)), "affinities 34/100, 0:41 left"),
        (wording.progress_text(Progress("fragments", 3, 100)), "fragments 3/100"),
        (wording.progress_text(Progress("agglomeration", 0, 1)), "agglomeration ..."),
        (wording.clock_text(3723), "1:02:03"),
        (wording.about_text(50), "~ 50 s"),
        (wording.about_text(200), "~ 3 min"),
        (wording.about_text(6000), "~ 1.7 h"),
        (wording.duration_text(2.34), "2.3 s"),
        (wording.duration_text(185), "3 min 5 s"),
        (size_text(1_340_000_000), "1.3 GB"),
        (size_text(80_000_000), "80 MB"),
        (shape_text((100, 1024, 1024)), "100 x 1024 x 1024"),
        (count(1, "neuron"), "1 neuron"),
        (count(1200, "neuron"), "1,200 neurons"),
        (wording.voxel_size_text(VoxelSize(30, 6, 6.5)), "30 x 6 x 6.5 nm"),
        (wording.voxel_size_text(None), "voxel size not known"),
        (wording.neurons_text(np.array([1000, 1930, 5000])), "3 neurons, median 1,930 voxels"),
        (wording.neurons_text(np.array([], int)), "no neurons"),
    ],
)
def test_words(made, expected):
    assert made == expected


def test_pixels_unlike_those_trained_on_are_told():
    trained = VoxelSize(30, 6, 6)
    for alike in (None, trained, VoxelSize(45, 5, 5), VoxelSize(30, 8, 8)):
        assert wording.pixel_size_note(trained, alike) == wording.pixel_size_note(alike, trained) == ""
    for unlike in (VoxelSize(40, 4, 4), VoxelSize(30, 9, 9)):
        assert f"6 nm and this stack has {unlike.x:g} nm: try one section" in wording.pixel_size_note(trained, unlike)


def test_remembered_from_one_day_to_the_next(tmp_path):
    file, models = tmp_path / "deep" / "remembered.json", [tmp_path / f"{i}.pt" for i in range(9)]
    for model in models:
        model.touch()
        Remembered(file).used(model)
    Remembered(file).used(models[5])
    box = Box.whole((2, 1000, 1000))
    Remembered(file).measured("CPU", Planned(box, box.shape), 3.0)
    models[8].unlink()
    again = Remembered(file)
    assert again.models == [models[5], models[7], models[6], models[4], models[3]]
    assert again.seconds_per_megavoxel("CPU") == 1.5 and again.seconds_per_megavoxel("CUDA") is None


def test_a_small_run_says_how_fast_a_device_is_only_where_no_other_did():
    remembered, small, large = Remembered(None), Box.whole((1, 100, 100)), Box.whole((4, 1000, 1000))
    remembered.measured("CPU", Planned(small, small.shape), 1.0)
    assert remembered.seconds_per_megavoxel("CPU") == pytest.approx(100)
    remembered.measured("CPU", Planned(large, large.shape), 4.0)
    remembered.measured("CPU", Planned(small, small.shape), 1.0)
    assert remembered.seconds_per_megavoxel("CPU") == pytest.approx(1)


@pytest.mark.parametrize("content", ["{", "[1, 2]", json.dumps({"models": []})])
def test_a_damaged_memory_is_an_empty_one(tmp_path, content):
    (tmp_path / "remembered.json").write_text(content)
    assert Remembered(tmp_path / "remembered.json").models == []
