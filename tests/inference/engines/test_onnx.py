import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from drawings import STUDENTS, uneven

from napari_emcad.core.errors import UserError
from napari_emcad.inference.engines import extras, onnx
from napari_emcad.inference.engines.device import Device
from napari_emcad.inference.engines.folding import folded
from napari_emcad.inference.engines.onnx import PROVIDERS, OnnxEngine
from napari_emcad.inference.engines.torch import TorchEngine
from napari_emcad.networks.student import Window

pytestmark = pytest.mark.skipif(not extras.has_onnxruntime(), reason=extras.install_command("onnxruntime"))
DEVICE = Device("cpu", "CPU by ONNX Runtime", engine="onnxruntime")
SECTION = np.random.default_rng(0).random((32, 48), np.float32)


@pytest.fixture
def affinities(predicted):
    return partial(predicted, device=DEVICE)


@pytest.fixture(scope="module")
def export(student):
    """The part that is exported fastest."""
    return onnx._exported(folded(student), "encode")


@pytest.fixture
def exported(export, monkeypatch):
    """Parts that were exported; all are the one of the module."""
    parts = []
    monkeypatch.setattr(onnx, "_exported", lambda _, part: (parts.append(part), export)[1])
    return parts


@pytest.fixture
def encoded(student):
    """Features of one section, by a new engine each time, as arrays."""

    def encoded():
        return [values.numpy() for values in OnnxEngine(student, DEVICE).encode(SECTION)]

    return encoded


def close(levels, expected):
    """One level of 255 where rounding fell otherwise, which is rare."""
    differences = np.abs(levels.astype(int) - expected)
    assert expected.std() > 20
    assert differences.max() <= 1
    assert differences.mean() < 0.01


@pytest.mark.parametrize("student", STUDENTS, indirect=True)
@pytest.mark.parametrize(
    ("shape", "tile"), [((3, 17, 31), None), ((1, 160, 48), None), ((2, 33, 609), 61), ((1, 301, 323), 162)]
)
def test_it_gives_what_torch_gives(affinities, predicted, shape, tile):
    volume = uneven(shape)
    close(affinities(volume, tile=tile), predicted(volume, tile=tile))


@pytest.mark.parametrize("window", [None, Window(48, 16, (32, 48), (96, 112))])
def test_affinities_alone_come_back_to_main_memory(student, window):
    exact, engine = TorchEngine(student, Device("cpu", "")), OnnxEngine(student, DEVICE)
    levels = engine.affinities(engine.encode(SECTION), engine.encode(SECTION[::-1].copy()), window)
    assert levels.dtype == np.uint8
    expected = exact.affinities(exact.encode(SECTION), exact.encode(SECTION[::-1].copy()), window)
    close(levels, expected)


def test_features_stay_on_the_device(student):
    features = OnnxEngine(student, DEVICE).encode(SECTION)
    runtime = extras.import_onnxruntime()
    assert all(isinstance(values, runtime.OrtValue) and values.device_name() == DEVICE.kind for values in features)
    assert [values.shape() for values in features] == [[1, 4, 32, 48], [1, 8, 16, 24]]


def test_features_stay_valid(student):
    engine = OnnxEngine(student, DEVICE)
    first = engine.encode(np.zeros((16, 32), np.float32))
    kept = [values.numpy().copy() for values in first]
    engine.encode(np.ones((16, 32), np.float32))
    for values, before in zip(first, kept, strict=True):
        np.testing.assert_array_equal(values.numpy(), before)


def test_a_network_is_exported_once(encoded, exported, cache):
    expected = encoded()
    assert [p.suffix for p in (cache / "onnx").iterdir()] == [".onnx"]
    for values, before in zip(encoded(), expected, strict=True):
        np.testing.assert_array_equal(values, before)
    assert exported == ["encode"]


def test_a_damaged_export_is_made_again(encoded, exported, cache):
    expected = encoded()
    (file,) = (cache / "onnx").iterdir()
    whole = file.read_bytes()
    for content in (b"", b"<net", whole[: len(whole) // 2]):
        file.write_bytes(content)
        for values, before in zip(encoded(), expected, strict=True):
            np.testing.assert_array_equal(values, before)
        assert file.read_bytes() == whole
    assert exported == 4 * ["encode"]


def test_without_room_for_exports_it_works_all_the_same(encoded, exported, cache):
    cache.write_text("no folder")
    assert encoded()[0].any()
    assert cache.read_text() == "no folder"


def test_a_save_that_fails_leaves_nothing(encoded, exported, cache, monkeypatch):
    def full(path, _):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    assert encoded()[0].any()
    assert list((cache / "onnx").iterdir()) == []


def test_cuda_that_does_not_start_is_told(student, monkeypatch):
    engine = OnnxEngine(student, Device("cuda", "CUDA by ONNX Runtime", engine="onnxruntime"))
    monkeypatch.setitem(PROVIDERS, "cuda", "NoExecutionProvider")
    with (
        pytest.warns(UserWarning, match="NoExecutionProvider"),
        pytest.raises(UserError, match=r"^device: ONNX Runtime cannot start CUDA, most .*; choose auto or cuda\.$"),
    ):
        engine.encode(SECTION)


def test_where_it_is_missing_the_command_is_told(student, monkeypatch):
    monkeypatch.setattr(extras, "has_onnxruntime", lambda: False)
    with pytest.raises(UserError) as error:
        OnnxEngine(student, DEVICE)
    assert str(error.value) == (
        'device: ONNX Runtime is not installed; install it with: python -m pip install "napari-emcad[onnxruntime]", '
        "or choose auto or cpu."
    )


def test_it_tells_its_makers_nothing(tmp_path):
    """Left alone it keeps an id of the machine and what it wants to tell in the home folder, but not on CI."""
    env = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    env |= dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"), str(tmp_path))
    code = "from napari_emcad.inference.engines.extras import import_onnxruntime; import_onnxruntime().SessionOptions()"
    subprocess.run([sys.executable, "-c", code], check=True, env=env)
    assert list(tmp_path.iterdir()) == []


def test_its_events_are_switched_off(monkeypatch):
    calls = []
    monkeypatch.setattr(extras.import_onnxruntime(), "disable_telemetry_events", lambda: calls.append("off"))
    extras.import_onnxruntime()
    assert calls == ["off"]


def test_the_first_time_says_nothing_either(encoded, tmp_path, monkeypatch, capfd, recwarn):
    monkeypatch.setenv("NAPARI_EMCAD_CACHE", str(tmp_path))
    encoded()
    assert any(tmp_path.rglob("*.onnx"))
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
