import subprocess
import time

import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import drive
from napari_emcad.pipeline import SegmentParameters, agglomerate
from napari_emcad.workers import agglomeration
from napari_emcad.workers.agglomeration import agglomerate_beside


@pytest.fixture
def affinities(monkeypatch):
    monkeypatch.setattr(agglomeration, "SMALL", 0)
    return np.random.default_rng(0).integers(0, 255, (3, 4, 40, 50), np.uint8)


def test_beside_equals_here(affinities):
    parameters = SegmentParameters(seed_sigma=1.0, scoring="mean")
    here, beside = drive(agglomerate(affinities, parameters)), drive(agglomerate_beside(affinities, parameters))
    np.testing.assert_array_equal(here.fragments, beside.fragments)
    np.testing.assert_array_equal(here.sizes, beside.sizes)
    for threshold in (0.2, 0.5, 0.8):
        np.testing.assert_array_equal(here.table(threshold, 20), beside.table(threshold, 20))
    assert beside.fragments.dtype == np.uint32 and beside.graph.contact.dtype == np.int32


def test_stopped_at_any_moment(affinities, monkeypatch):
    started = []
    monkeypatch.setattr(agglomeration.subprocess, "Popen", _noted(started))
    job = agglomerate_beside(affinities, SegmentParameters())
    next(job)
    start = time.monotonic()
    job.close()
    assert time.monotonic() - start < 5
    assert started[0].poll() is not None


def test_the_folder_goes_with_the_job(affinities, tmp_path, monkeypatch):
    monkeypatch.setattr(agglomeration.tempfile, "tempdir", str(tmp_path))
    job = agglomerate_beside(affinities, SegmentParameters())
    next(job)
    assert list(tmp_path.iterdir())
    job.close()
    assert not list(tmp_path.iterdir())


def test_a_sentence_comes_across(affinities, monkeypatch, tmp_path):
    (tmp_path / "error.txt").write_text("region graph: too many fragments.")
    assert str(agglomeration._failure(tmp_path, 1)) == "region graph: too many fragments."


def test_killed_for_memory(tmp_path):
    assert isinstance(agglomeration._failure(tmp_path, -9), UserError)
    assert isinstance(agglomeration._failure(tmp_path, 1), RuntimeError)


def test_no_room_for_temporary_files(affinities, monkeypatch):
    monkeypatch.setattr(agglomeration.tempfile, "tempdir", "/nowhere")
    with pytest.raises(UserError, match="temporary files"):
        drive(agglomerate_beside(affinities, SegmentParameters()))


def _noted(started):
    original = subprocess.Popen

    def popen(*arguments, **options):
        started.append(original(*arguments, **options))
        return started[-1]

    return popen
