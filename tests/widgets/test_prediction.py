import subprocess
import time

import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.networks.checkpoint import load_student
from napari_emcad.pipeline import SegmentParameters, predict
from napari_emcad.widgets import prediction
from napari_emcad.widgets.prediction import predict_beside

SHAPE = (4, 50, 70)
BOX = Box((1, 3, 5), (4, 50, 69))
PARAMETERS = SegmentParameters(device="cpu", black=10, white=200)


@pytest.fixture
def volume(monkeypatch):
    monkeypatch.setattr(prediction, "SMALL", 0)
    return np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)


@pytest.fixture
def affinities():
    return np.zeros((3, *BOX.shape), np.uint8)


@pytest.fixture
def started(monkeypatch):
    """The processes that are started."""
    processes, original = [], subprocess.Popen

    def popen(*arguments, **options):
        processes.append(original(*arguments, **options))
        return processes[-1]

    monkeypatch.setattr(prediction.subprocess, "Popen", popen)
    return processes


def test_beside_equals_here(volume, model, affinities, started):
    before, here = volume.copy(), np.zeros_like(affinities)
    drive(predict(volume, load_student(model)[0], here, BOX, PARAMETERS))
    steps = list(predict_beside(volume, model, affinities, BOX, PARAMETERS))
    np.testing.assert_allclose(affinities.astype(int), here, atol=1)
    assert [s.done for s in steps if s.stage == "affinities"] == [0, 1, 2, 3]
    assert len(started) == 1 and started[0].poll() is not None
    np.testing.assert_array_equal(volume, before)


def test_small_boxes_are_predicted_here(volume, model, affinities, started, monkeypatch):
    monkeypatch.setattr(prediction, "SMALL", 10**6)
    drive(predict_beside(volume, model, affinities, BOX, PARAMETERS))
    assert affinities.any() and not started


def test_stopped_between_two_sections(volume, model, affinities, started):
    job = predict_beside(volume, model, affinities, BOX, PARAMETERS)
    while next(job).done < 1:
        pass
    start = time.monotonic()
    job.close()
    assert time.monotonic() - start < 5 and started[0].poll() is not None
    assert affinities[:, 0].any() and not affinities[:, 2].any()


def test_killed_by_the_system(volume, model, affinities, started):
    job = predict_beside(volume, model, affinities, BOX, PARAMETERS)
    next(job)
    started[0].kill()
    with pytest.raises(UserError, match="the system ended the prediction, most likely for want of memory"):
        drive(job)


def test_a_sentence_comes_across(model, affinities, volume):
    broken = volume.astype(np.float32)
    broken[2, 7, 7] = np.nan
    with pytest.raises(UserError, match=r"^grey levels: section 2 holds NaN or infinite values"):
        drive(predict_beside(broken, model, affinities, BOX, PARAMETERS))


def test_an_unforeseen_error_comes_with_where_it_happened(volume, model, affinities):
    with pytest.raises(RuntimeError, match="Traceback"):
        drive(predict_beside(volume, model, affinities, BOX, PARAMETERS.model_copy(update={"black": "a"})))


def test_a_volume_that_cannot_be_read_any_more(model, affinities, started, volume):
    class Gone:
        shape, dtype = SHAPE, np.dtype(np.uint8)

        def __getitem__(self, key):
            raise UserError("stack.tif: the file is not there any more; open it again.")

    with pytest.raises(UserError, match="not there any more"):
        drive(predict_beside(Gone(), model, affinities, BOX, PARAMETERS))
    assert started[0].poll() is not None
