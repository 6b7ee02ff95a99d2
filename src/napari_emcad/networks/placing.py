"""Networks on devices, in the memory format that their convolutions like best."""

from typing import TypeVar

import torch
from torch import nn

N = TypeVar("N", bound=nn.Module)


def placed(network: N, device: str, memory_format: torch.memory_format) -> N:
    """Return the network moved, in place, to a device and a memory format."""
    network.to(device)
    network.to(memory_format=memory_format)  # type: ignore[call-overload]  # missing in torch's types
    return network
