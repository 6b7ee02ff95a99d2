import itertools

import pytest
import torch

from napari_emcad.inference.engines import device as device_module
from napari_emcad.inference.engines import precision as module
from napari_emcad.inference.engines.device import Device
from napari_emcad.inference.engines.precision import fastest_precision

PAIR = torch.rand(1, 2, 32, 32)


@pytest.fixture
def clock(tmp_path, monkeypatch):
    """A clock that goes faster for bf16 by some factor, on a machine of which nothing is known."""
    monkeypatch.setenv("NAPARI_EMCAD_CACHE", str(tmp_path))

    def clock(factor):
        monkeypatch.setattr(device_module, "_cpu_multiplies_bf16", lambda: True)
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
    monkeypatch.setattr(device_module, "_cpu_multiplies_bf16", lambda: False)
    assert fastest_precision(student, Device("cpu", ""), PAIR) == torch.float32
    assert next(ticks) == 0


def test_the_probe_leaves_the_weights_alone(tmp_path, monkeypatch):
    """Weights that have been in bf16 have lost two thirds of their digits for good."""
    monkeypatch.setenv("NAPARI_EMCAD_CACHE", str(tmp_path))
    monkeypatch.setattr(device_module, "_cpu_multiplies_bf16", lambda: True)
    network = torch.nn.Conv2d(2, 3, 3)
    before = {name: values.clone() for name, values in network.state_dict().items()}
    fastest_precision(network, Device("cpu", ""), PAIR)
    for name, values in network.state_dict().items():
        assert values.dtype == torch.float32
        assert torch.equal(values, before[name])
