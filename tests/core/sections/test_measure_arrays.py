"""Measures of sections that go through arrays, as by-block runs keep them."""

from dataclasses import asdict

import numpy as np
import pytest
from drawings import neuropil

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.progress import drive
from napari_emcad.core.sections.judge import judge_sections
from napari_emcad.core.sections.measure_arrays import measures_of_arrays, measures_to_arrays
from napari_emcad.core.sections.measures import Grid, measure_section


@pytest.fixture(scope="module")
def stack():
    raw = neuropil((6, 96, 150), VoxelSize(30, 6, 6), seed=4)
    raw[2] = 0
    return raw


def test_measures_of_two_runs_of_sections_are_joined(tmp_path, stack):
    grid = Grid.of(stack.shape)
    measures = [measure_section(section, grid) for section in stack]
    for name, part in (("a", measures[:4]), ("b", measures[4:])):
        np.savez(tmp_path / name, **measures_to_arrays(part))
    with np.load(tmp_path / "a.npz", allow_pickle=False) as a, np.load(tmp_path / "b.npz", allow_pickle=False) as b:
        back = measures_of_arrays({name: np.concatenate([a[name], b[name]]) for name in a.files})
    for one, other in zip(measures, back, strict=True):
        for name, value in asdict(one).items():
            found = getattr(other, name)
            assert type(found) is type(value)
            np.testing.assert_array_equal(found, value)
    reports = [drive(judge_sections(stack.shape, grid, one)) for one in (back, measures)]
    assert reports[0].summary == reports[1].summary


def test_no_measures_are_refused():
    with pytest.raises(ValueError, match="one at least"):
        measures_to_arrays([])
