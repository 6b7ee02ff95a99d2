"""Numbers, sizes and times in words."""

import numpy as np
import pytest

from napari_emcad.core import wording
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import Progress
from napari_emcad.core.wording import count, shape_text, size_text


@pytest.mark.parametrize(
    ("words", "expected"),
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
def test_words(words, expected):
    assert words == expected
