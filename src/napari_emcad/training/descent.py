"""One step down a loss, whatever network learns, and its size over a run."""

import math

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from napari_emcad.core.errors import UserError
from napari_emcad.training.params import TrainingParameters

LEAST_RATE = 0.01
"""Share of the peak learning rate at which the cosine ends."""


def learning_rate(parameters: TrainingParameters, step: int, done: float) -> float:
    """Return the rate of a step: linear warm-up, then a cosine over the budget down to a hundredth of the peak."""
    rise = min(1.0, (step + 1) / parameters.warm_up) if parameters.warm_up else 1.0
    fall = LEAST_RATE + (1 - LEAST_RATE) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return parameters.learning_rate * rise * fall


def descend(optimiser: Optimizer, loss: Tensor, rate: float, clip: float, step: int) -> float:
    """Change the weights of an optimiser once.

    Parameters
    ----------
    optimiser : Optimizer
        Changed in place, with its weights.
    loss : scalar
    rate : float
        The learning rate.
    clip : float
        Norm of the gradient, at most.
    step : int
        0 = the first, for the error.

    Returns
    -------
    float
        The loss.

    Raises
    ------
    UserError
        If loss or gradient are not numbers any more; then no weight is changed.
    """
    _check_finite("loss", loss.detach(), step)
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_((p for group in optimiser.param_groups for p in group["params"]), clip)
    _check_finite("gradient", norm, step)
    optimiser.step()
    return float(loss.detach())


def _check_finite(what: str, value: Tensor, step: int) -> None:
    if not torch.isfinite(value):
        raise UserError(f"training: the {what} is {value.item()} at step {step + 1}; start again with a lower rate.")
