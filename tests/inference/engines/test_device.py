import itertools
from types import SimpleNamespace

import pytest
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.inference.engines import device as module
from napari_emcad.inference.engines import extras
from napari_emcad.inference.engines.device import Device, choose_device, fastest_precision, release_memory, reuse_memory

PAIR = torch.rand(1, 2, 32, 32)


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
    monkeypatch.setattr(module, "openvino_module", lambda: None)
    device = choose_device("openvino")
    assert (device.kind, device.engine, device.wish) == ("cpu", "openvino", "openvino")
    assert (device.name, device.note) == ("CPU by OpenVINO, 3 threads", "")
    assert choose_device("cpu").wish == "cpu"


def test_auto_is_openvino_where_that_gains_and_there_is_no_gpu(machine, monkeypatch):
    monkeypatch.setattr(module, "openvino_module", lambda: None)
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
        monkeypatch.setattr(module, "onnxruntime_module", lambda: runtime)

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
    monkeypatch.setattr(module, "openvino_module", lambda: None)
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
def clock(tmp_path, monkeypatch):
    """A clock that goes faster for bf16 by some factor, on a machine of which nothing is known."""
    monkeypatch.setenv("NAPARI_EMCAD_CACHE", str(tmp_path))

    def clock(factor):
        monkeypatch.setattr(module, "_cpu_multiplies_bf16", lambda: True)
        ticks = itertools.count()

        def probe(network, device, example):
            next(ticks)
            assert {p.dtype for p in network.parameters()} == {example.dtype}
            return 1.0 if example.dtype == torch.float32 else 1 / factor

        monkeypatch.setattr(module, "_probe", probe)
        return ticks

    return clock


@pytest.mark.parametrize(("factor", "expected"), [(3, torch.bfloat16), (1.1, torch.float32), (0.5, torch.float32)])
def test_half_precision_is_taken_where_it_is_faster(clock, student, factor, expected):
    clock(factor)
    assert fastest_precision(student, Device("cpu", ""), PAIR) == expected


def test_the_probe_is_made_once(clock, student):
    ticks = clock(3)
    assert [fastest_precision(student, Device("cpu", ""), PAIR) for _ in range(2)] == [torch.bfloat16] * 2
    assert next(ticks) == 2
    assert fastest_precision(torch.nn.Conv2d(2, 3, 3), Device("cpu", ""), PAIR) == torch.bfloat16
    assert next(ticks) == 5  # another network is another question


def test_no_probe_where_half_precision_is_emulated(clock, student, monkeypatch):
    ticks = clock(10)
    monkeypatch.setattr(module, "_cpu_multiplies_bf16", lambda: False)
    assert fastest_precision(student, Device("cpu", ""), PAIR) == torch.float32
    assert next(ticks) == 0


def test_the_probe_leaves_the_weights_alone(tmp_path, monkeypatch):
    """Weights that have been in bf16 have lost two thirds of their digits for good."""
    monkeypatch.setenv("NAPARI_EMCAD_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "_cpu_multiplies_bf16", lambda: True)
    network = torch.nn.Conv2d(2, 3, 3)
    before = {name: values.clone() for name, values in network.state_dict().items()}
    fastest_precision(network, Device("cpu", ""), PAIR)
    for name, values in network.state_dict().items():
        assert values.dtype == torch.float32
        assert torch.equal(values, before[name])


def test_memory_can_be_reused_and_released_anywhere(monkeypatch):
    for platform in (module.sys.platform, "win32", "darwin"):
        monkeypatch.setattr(module.sys, "platform", platform)
        reuse_memory()
        release_memory(Device("cpu", ""))


def test_a_linux_without_glibc_is_no_error(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(module.sys, "platform", "linux")
    monkeypatch.setattr(module.ctypes, "CDLL", missing)
    reuse_memory()
    release_memory(Device("cpu", ""))
