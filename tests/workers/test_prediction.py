import signal
import sys
import time

import numpy as np
import pytest
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import Progress, drive
from napari_emcad.inference import choice
from napari_emcad.inference.engines.device import Device
from napari_emcad.networks.checkpoint import inspect, load_model
from napari_emcad.pipeline import predict
from napari_emcad.workers import prediction, process
from napari_emcad.workers.prediction import Model, predict_beside

SHAPE = (4, 50, 70)
BOX = Box((1, 3, 5), (4, 50, 69))
PARAMETERS = SegmentParameters(device="cpu", black=10, white=200)


@pytest.fixture(params=["student", "teacher"])
def network(request, model, teacher):
    """What predicts: one of each role."""
    path = model if request.param == "student" else teacher
    return Model(path, inspect(path))


@pytest.fixture
def volume(monkeypatch):
    monkeypatch.setattr(prediction, "SMALL", 0)
    monkeypatch.setenv("OMP_NUM_THREADS", f"{torch.get_num_threads()}")  # of other processes: precision depends on it
    return np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)


@pytest.fixture
def tiny(model):
    return Model(model, inspect(model))


@pytest.fixture
def affinities():
    return np.zeros((3, *BOX.shape), np.uint8)


def test_beside_equals_here(volume, network, affinities, started):
    before, here = volume.copy(), np.zeros_like(affinities)
    drive(predict(volume, load_model(network.path)[0], here, BOX, PARAMETERS))
    steps = list(predict_beside(volume, network, affinities, BOX, PARAMETERS))
    np.testing.assert_allclose(affinities.astype(int), here, atol=1)
    done = [s.done for s in steps if s.stage == "affinities"]
    assert done == sorted(done) and set(done) == {0, 1, 2, 3}
    assert len(started) == 1 and started[0].poll() is not None
    np.testing.assert_array_equal(volume, before)


def test_small_boxes_are_predicted_here(volume, network, affinities, started, monkeypatch):
    monkeypatch.setattr(prediction, "SMALL", 10**6)
    drive(predict_beside(volume, network, affinities, BOX, PARAMETERS))
    assert affinities.any() and not started


@pytest.mark.parametrize(("kind", "processes"), [("cpu", 1), ("cuda", 0)])
def test_gpus_are_used_from_here_whatever_the_engine(volume, tiny, affinities, started, monkeypatch, kind, processes):
    monkeypatch.setattr(choice, "choose_device", lambda _: Device(kind, "", engine="onnxruntime"))
    monkeypatch.setattr(prediction, "_predict", lambda *_: iter([Progress("here", 0, 1)] * 2))

    job = predict_beside(volume, tiny, affinities, BOX, PARAMETERS)
    next(job), next(job)
    job.close()
    assert len(started) == processes


def test_a_box_that_is_small_for_a_student_is_large_for_a_teacher(volume, model, affinities, started, monkeypatch):
    monkeypatch.setattr(prediction, "SMALL", affinities[0].size)
    published = inspect(model).changed(role="teacher", architecture="residual U-Net", maps=28)
    for card, processes in ((inspect(model), 0), (published, 1)):
        job = predict_beside(volume, Model(model, card), affinities, BOX, PARAMETERS)
        next(job), next(job)
        job.close()
        assert len(started) == processes


def test_stopped_between_two_sections(volume, tiny, affinities, started):
    job = predict_beside(volume, tiny, affinities, BOX, PARAMETERS)
    while next(job).done < 1:
        pass
    start = time.monotonic()
    job.close()
    assert time.monotonic() - start < 5 and started[0].poll() is not None
    assert affinities[:, 0].any() and not affinities[:, 2].any()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot halt a process")
def test_stopped_in_the_middle_of_a_tile(volume, network, affinities, started, monkeypatch):
    """A process that says nothing for long: the job goes on telling where it is, and can be closed."""
    monkeypatch.setattr(process, "GLANCE", 0.05)
    job = predict_beside(volume, network, affinities, BOX, PARAMETERS)
    while next(job).stage != "affinities":
        pass
    started[0].send_signal(signal.SIGSTOP)
    for _ in range(20):
        step = next(job)
    assert step.stage == "affinities" and step.total == 3
    start = time.monotonic()
    job.close()
    assert time.monotonic() - start < 5 and started[0].poll() is not None


def test_killed_by_the_system(volume, tiny, affinities, started):
    job = predict_beside(volume, tiny, affinities, BOX, PARAMETERS)
    next(job), next(job)
    started[0].kill()
    with pytest.raises(UserError, match=r"^affinities: the system ended it, .* memory; choose a smaller box\.$"):
        drive(job)


def test_a_sentence_comes_across(network, affinities, volume):
    broken = volume.astype(np.float32)
    broken[2, 7, 7] = np.nan
    with pytest.raises(UserError, match=r"^grey levels: section 2 holds NaN or infinite values"):
        drive(predict_beside(broken, network, affinities, BOX, PARAMETERS))


def test_a_volume_of_another_kind_is_read_piece_by_piece(volume, network, affinities):
    """Such as dask's, or one that is read from a file only when somebody asks for it."""
    dask = pytest.importorskip("dask.array")
    whole = np.zeros_like(affinities)
    drive(predict_beside(volume, network, whole, BOX, PARAMETERS))
    drive(predict_beside(dask.from_array(volume, chunks=(1, 20, 30)), network, affinities, BOX, PARAMETERS))
    np.testing.assert_array_equal(affinities, whole)
