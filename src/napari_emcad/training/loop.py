"""The training loop of the student, from top to bottom."""

import math
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_emcad.core.errors import UserError
from napari_emcad.networks.embedding import pair_affinities
from napari_emcad.networks.student import Student
from napari_emcad.training.crops import LabelledVolume, pair_batches
from napari_emcad.training.losses import balanced_mse
from napari_emcad.training.params import TrainingParameters


class Step(NamedTuple):
    """What one step of training reports."""

    step: int
    loss: float
    learning_rate: float


class TrainingState:
    """Everything a run needs to go on where it stopped: student, its running mean, optimiser, step."""

    def __init__(self, student: Student, parameters: TrainingParameters):
        self.student = student.to(memory_format=torch.channels_last)
        self.mean = AveragedModel(student, multi_avg_fn=get_ema_multi_avg_fn(parameters.ema), use_buffers=True)
        self.optimiser = torch.optim.AdamW(student.parameters(), weight_decay=parameters.weight_decay)
        self.step = 0

    def save(self, path: Path) -> None:
        """Write beside, then rename: a killed run leaves the previous state."""
        beside = path.with_suffix(".part")
        torch.save(
            {
                "student": self.student.state_dict(),
                "mean": self.mean.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
            },
            beside,
        )
        beside.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a state that `save` wrote.

        Raises
        ------
        UserError
            Where the file is damaged or of another run.
        """
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
            self.student.load_state_dict(saved["student"])
            self.mean.load_state_dict(saved["mean"])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.step = saved["step"]
        except (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise UserError(f"{path}: this is no state of such a run; move it away to start anew.") from error

    def averaged(self) -> Student:
        """A copy of the student with the running mean of its weights: what is kept of a run."""
        student = Student(self.student.config)
        student.load_state_dict(self.mean.module.state_dict())
        return student.eval()


def train(state: TrainingState, volumes: Sequence[LabelledVolume], parameters: TrainingParameters) -> Iterator[Step]:
    """Supervised training of the student, one `Step` at a time; stop by not asking for the next.

    Parameters
    ----------
    state : TrainingState
        Changed in place.
    volumes : sequence of LabelledVolume
    parameters : TrainingParameters

    Raises
    ------
    UserError
        Where a volume is smaller than a crop.
    """
    rng = np.random.default_rng((parameters.seed, state.step))  # a resumed run draws new crops, reproducibly
    batches = pair_batches(rng, volumes, parameters.batch, parameters.size)
    state.student.train()
    while state.step < parameters.steps:
        sections, target, known = next(batches)
        predicted = pair_affinities(*state.student(sections))  # (n, 3, y, x)
        loss = balanced_mse(predicted, target, known)
        rate = learning_rate(state.step, parameters)
        for group in state.optimiser.param_groups:
            group["lr"] = rate
        state.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(state.student.parameters(), parameters.clip)
        state.optimiser.step()
        state.mean.update_parameters(state.student)
        state.step += 1
        yield Step(state.step, float(loss.detach()), rate)


def learning_rate(step: int, parameters: TrainingParameters) -> float:
    """Linear warm-up, then a cosine down to one hundredth of the peak."""
    if step < parameters.warm_up:
        return parameters.learning_rate * (step + 1) / parameters.warm_up
    done = (step - parameters.warm_up) / max(1, parameters.steps - parameters.warm_up)
    return parameters.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
