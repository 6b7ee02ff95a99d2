"""The precision that a network is fastest in."""

import copy

import torch
from torch import Tensor, nn

from napari_emcad.inference.engines.device import Device, multiplies_bf16
from napari_emcad.inference.engines.probe import best_of_three, gains


def fastest_precision(network: nn.Module, device: Device, example: Tensor) -> torch.dtype:
    """Return the device's own precision if it has one; else bf16 if a short probe of the network gains from it.

    The answer of the probe is remembered. bf16 costs no score: tests/published compares VOI and ARAND on CREMI. On
    MPS, where nobody has measured it, the answer is fp32.

    Parameters
    ----------
    network : nn.Module
        In eval mode, fp32, on the device; not modified.
    device : Device
    example : Tensor
        A small input of the network.
    """
    if device.precision:
        return {"fp32": torch.float32, "bf16": torch.bfloat16}[device.precision]
    if not multiplies_bf16(device):
        return torch.float32

    def gain() -> float:
        fast = _probe(copy.deepcopy(network).bfloat16(), device, example.bfloat16())
        return _probe(network, device, example) / fast

    weights = sum(p.numel() for p in network.parameters())
    return torch.bfloat16 if gains(f"bf16 for {weights} weights, {device.name}", gain) else torch.float32


def _probe(network: nn.Module, device: Device, example: Tensor) -> float:
    """Measure the seconds for the example, the best of three."""
    example = example.to(device.kind)

    def run() -> None:
        network(example)
        _wait(device)

    with torch.inference_mode():
        return best_of_three(run)


def _wait(device: Device) -> None:
    if device.kind != "cpu":
        getattr(torch, device.kind).synchronize()
