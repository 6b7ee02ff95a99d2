import sys
import time

import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.pipeline import agglomerate
from napari_emcad.workers import agglomeration
from napari_emcad.workers.agglomeration import agglomerate_beside

PARAMETERS = SegmentParameters(seed_sigma=1.0, scoring="mean")


@pytest.fixture
def affinities(monkeypatch):
    monkeypatch.setattr(agglomeration, "SMALL", 0)
    return np.random.default_rng(0).integers(0, 255, (3, 4, 40, 50), np.uint8)


def test_beside_equals_here(affinities, started):
    before = affinities.copy()
    here, beside = drive(agglomerate(affinities, PARAMETERS)), drive(agglomerate_beside(affinities, PARAMETERS))
    np.testing.assert_array_equal(here.fragments, beside.fragments)
    np.testing.assert_array_equal(here.sizes, beside.sizes)
    for threshold in (0.2, 0.5, 0.8):
        np.testing.assert_array_equal(here.table(threshold, 20), beside.table(threshold, 20))
    assert beside.fragments.dtype == here.fragments.dtype and beside.graph.contact.dtype == np.int32
    assert len(started) == 1
    np.testing.assert_array_equal(affinities, before)


def test_stages_are_those_of_the_pipeline(affinities):
    here = [step.stage for step in agglomerate(affinities, PARAMETERS)]
    beside = [step.stage for step in agglomerate_beside(affinities, PARAMETERS)]
    assert list(dict.fromkeys(beside)) == list(dict.fromkeys(here))


def test_what_is_small_is_done_here(affinities, started, monkeypatch):
    monkeypatch.setattr(agglomeration, "SMALL", affinities[0].size)
    drive(agglomerate_beside(affinities, PARAMETERS))
    assert not started


def test_closed_it_ends_its_child_at_once(affinities, started):
    job = agglomerate_beside(affinities, PARAMETERS)
    next(job), next(job)
    start = time.monotonic()
    job.close()
    assert time.monotonic() - start < 5 and started[0].poll() is not None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_killed_by_the_system(affinities, started):
    job = agglomerate_beside(affinities, PARAMETERS)
    next(job), next(job)
    started[0].kill()
    with pytest.raises(UserError, match=r"^agglomeration: the system ended it, .* memory; choose a smaller box\.$"):
        drive(job)
