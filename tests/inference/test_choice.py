from types import SimpleNamespace

import pytest
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.inference import choice as module
from napari_emcad.inference.choice import choose_device, openvino_gains
from napari_emcad.inference.engines import extras
from napari_emcad.inference.engines.extras import has_openvino, install_command


@pytest.fixture
def machine(monkeypatch):
    """Say what the machine has."""

    def machine(cuda=False, mps=False, built_for=None):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "GPU 9000")
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch.version, "cuda", built_for)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 3)

    return machine


@pytest.mark.parametrize(
    ("has", "wish", "kind", "name"),
    [
        ({"cuda": True, "mps": True}, "auto", "cuda", "CUDA, GPU 9000"),
        ({"cuda": True}, "cuda", "cuda", "CUDA, GPU 9000"),
        ({"cuda": True, "mps": True}, "mps", "mps", "MPS, Apple GPU"),
        ({"mps": True}, "auto", "mps", "MPS, Apple GPU"),
        ({"cuda": True, "mps": True}, "cpu", "cpu", "CPU, 3 threads"),
        ({}, "auto", "cpu", "CPU, 3 threads"),
    ],
)
def test_the_device_wished_for(machine, has, wish, kind, name):
    machine(**has)
    device = choose_device(wish)
    assert (device.kind, device.name) == (kind, name)
    assert bool(device.note) == (wish == "auto" and kind == "cpu")


CPU_BUILD = "CUDA is not available: this torch is the CPU build (pytorch.org tells how to install the CUDA build)"
NO_GPU = "CUDA is not available: no NVIDIA GPU or driver was found"


@pytest.mark.parametrize(("built_for", "why"), [(None, CPU_BUILD), ("12.8", NO_GPU)])
def test_the_note_says_why_it_is_the_cpu(machine, built_for, why):
    machine(built_for=built_for)
    assert choose_device("auto").note == why
    with pytest.raises(UserError) as error:
        choose_device("cuda")
    assert str(error.value) == f"device: {why}; choose auto or cpu."


def test_openvino_is_another_way_to_use_the_cpu(machine, monkeypatch):
    machine()
    monkeypatch.setattr(extras, "has_openvino", lambda: True)
    monkeypatch.setattr(module, "import_openvino", lambda: None)
    device = choose_device("openvino")
    assert (device.kind, device.engine, device.wish) == ("cpu", "openvino", "openvino")
    assert (device.name, device.note) == ("CPU by OpenVINO, 3 threads", "")
    assert choose_device("cpu").wish == "cpu"


def test_auto_is_openvino_where_that_gains_and_there_is_no_gpu(machine, monkeypatch):
    monkeypatch.setattr(module, "import_openvino", lambda: None)
    for gains, engine in ((True, "openvino"), (False, "torch")):
        monkeypatch.setattr(module, "openvino_gains", lambda gains=gains: gains)
        machine()
        assert choose_device("auto").engine == engine
        assert choose_device("auto").note == CPU_BUILD
        machine(cuda=True)
        assert choose_device("auto").wish == "cuda"


@pytest.fixture
def onnxruntime(monkeypatch):
    """Say what ONNX Runtime brings."""

    def onnxruntime(*providers):
        runtime = SimpleNamespace(get_available_providers=lambda: list(providers))
        monkeypatch.setattr(module, "import_onnxruntime", lambda: runtime)

    return onnxruntime


BOTH = ("CUDAExecutionProvider", "CPUExecutionProvider")
NO_PROVIDER = "CUDA is not available: this onnxruntime is the CPU build (onnxruntime-gpu is the CUDA build)"


@pytest.mark.parametrize(
    ("providers", "has", "kind", "name", "note"),
    [
        (BOTH, {"cuda": True}, "cuda", "CUDA by ONNX Runtime, GPU 9000", ""),
        (BOTH, {"built_for": "12.8"}, "cpu", "CPU by ONNX Runtime, 3 threads", NO_GPU),
        (BOTH[1:], {"cuda": True}, "cpu", "CPU by ONNX Runtime, 3 threads", NO_PROVIDER),
        (BOTH[1:], {}, "cpu", "CPU by ONNX Runtime, 3 threads", CPU_BUILD),
    ],
)
def test_onnxruntime_takes_cuda_where_both_it_and_torch_have_that(
    machine, onnxruntime, providers, has, kind, name, note
):
    machine(**has)
    onnxruntime(*providers)
    device = choose_device("onnxruntime")
    assert (device.kind, device.engine, device.wish) == (kind, "onnxruntime", "onnxruntime")
    assert (device.name, device.note) == (name, note)
    assert choose_device("onnxruntime", trains=True) == device.for_training
    assert (device.for_training.wish, device.for_training.name) == (kind, name.replace(" by ONNX Runtime", ""))


def test_auto_is_never_onnxruntime(machine, onnxruntime):
    onnxruntime(*BOTH)
    for cuda in (False, True):
        machine(cuda=cuda)
        assert choose_device("auto").engine == "torch"


def test_training_is_by_torch(machine, monkeypatch):
    machine()
    monkeypatch.setattr(module, "import_openvino", lambda: None)
    monkeypatch.setattr(module, "openvino_gains", lambda: True)
    for wish in ("auto", "openvino"):
        assert choose_device(wish, trains=True).wish == "cpu"
        assert choose_device(wish, trains=True).name == "CPU, 3 threads"
        assert choose_device(wish).for_training == choose_device(wish, trains=True)


@pytest.mark.parametrize(("wish", "name"), [("openvino", "OpenVINO"), ("onnxruntime", "ONNX Runtime")])
def test_without_the_library_it_is_told_how_to_install_it(monkeypatch, wish, name):
    monkeypatch.setattr(extras, f"has_{wish}", lambda: False)
    with pytest.raises(UserError, match=rf"^device: {name} is not installed; install it with: python -m pip install"):
        choose_device(wish)


def test_mps_needs_a_mac(machine):
    machine(cuda=True)
    with pytest.raises(UserError, match=r"^device: MPS is not available: it needs a Mac with an Apple GPU; choose"):
        choose_device("mps")


def test_other_devices_are_refused():
    known = "auto, cpu, openvino, onnxruntime, cuda, mps"
    with pytest.raises(UserError, match=rf'^device: one of {known} is needed, got "tpu"\.$'):
        choose_device("tpu")


@pytest.fixture
def openvino_speed(cache, monkeypatch):
    """(gain) -> the gains that were measured so far; on a machine of which nothing is known."""
    monkeypatch.setattr(module, "has_openvino", lambda: True)
    calls = []

    def openvino_speed(gain):
        monkeypatch.setattr(module, "_openvino_gain", lambda: calls.append(gain) or gain)
        return calls

    return openvino_speed


def test_openvino_is_measured_once(openvino_speed):
    calls = openvino_speed(2.0)
    assert [openvino_gains(), openvino_gains()] == [True, True]
    assert calls == [2.0]


def test_without_openvino_nothing_is_measured(openvino_speed, monkeypatch):
    calls = openvino_speed(2.0)
    monkeypatch.setattr(module, "has_openvino", lambda: False)
    assert not openvino_gains()
    assert calls == []


@pytest.mark.skipif(not has_openvino(), reason=install_command("openvino"))
def test_the_measurement_itself(monkeypatch):
    monkeypatch.setattr(module, "SIDE", 32)
    assert 0 < module._openvino_gain() < 1000
