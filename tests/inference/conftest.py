import numpy as np
import pytest
import torch
from drawings import STUDENTS
from torch.nn import functional as F

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.inference.engines import device as device_module
from napari_emcad.inference.engines.device import Device
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.inference.predict_student import predict_affinities
from napari_emcad.inference.prediction import Prediction
from napari_emcad.networks.embedding import pair_affinities

CPU = Device("cpu", "CPU, 1 thread")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Networks as small as these gain nothing from more threads, and lose much where other programs want the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def fp32(monkeypatch):
    """The probe for bf16 measures time: its answer may differ from run to run."""
    monkeypatch.setattr(device_module, "_cpu_multiplies_bf16", lambda: False)


@pytest.fixture(scope="session")
def student(request):
    """A published one; another one of `STUDENTS` where a test asks for it."""
    return STUDENTS[getattr(request, "param", "published")]()


@pytest.fixture
def predicted(student):
    """(volume, box, tile) -> affinities (3, z, y, x) uint8 of the box."""

    def predicted(volume, box=None, tile=None, normalisation=None, device=CPU):
        box = box or Box.whole(volume.shape)
        out = np.full((3, *box.shape), 7, np.uint8)
        drive(predict_affinities(student, volume, out, prediction(volume, box, tile, normalisation, device)))
        return out

    return predicted


def prediction(volume, box=None, tile=None, normalisation=None, device=CPU):
    return Prediction(box or Box.whole(volume.shape), normalisation or Normalisation.of(volume), device, tile)


@pytest.fixture(name="prediction")
def prediction_fixture():
    return prediction


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty one."""
    monkeypatch.setenv("NAPARI_EMCAD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def whole(student):
    """(volume in [0, 1]) -> affinities (3, z, y, x) float32: pairs of whole sections, one after the other."""

    def whole(volume):
        depth, height, width = volume.shape
        sections = torch.from_numpy(volume.astype(np.float32))
        padded = F.pad(sections[:, None], (0, -width % 16, 0, -height % 16), mode="reflect")[:, 0]
        result = np.zeros((3, *volume.shape), np.float32)
        with torch.no_grad():
            for z in range(depth):
                pair = torch.stack([padded[max(0, z - 1)], padded[z]])[None]
                result[:, z] = pair_affinities(*student(pair))[0, :, :height, :width].clamp(0, 1)
        result[1, :, 0], result[2, :, :, 0] = result[1, :, 1], result[2, :, :, 1]
        return result

    return whole
