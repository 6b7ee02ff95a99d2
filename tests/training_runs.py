"""Runs of training with tiny networks."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from toy_crops import squares

from napari_emcad.core.crop import unlabelled_crop
from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.mala import MalaUNet, MalaUNetConfig
from napari_emcad.networks.residual_unet import ResidualUNet, ResidualUNetConfig
from napari_emcad.training.loop import train
from napari_emcad.training.params import NEEDS_STUDENT, NEEDS_TEACHER, TrainingParameters
from napari_emcad.training.saved_state import TrainingState

MODES = ("student", "frozen-teacher", "joint", "teacher", "distil", "restore", "restore-teacher")
TINY = TrainingParameters(steps=24, batch=2, sections=3, size=32, learning_rate=1e-2, warm_up=5, ema=0.8, seed=3)
EMBEDDINGS = ResidualUNetConfig(maps=(4, 6), outputs=4)
AFFINITIES = ResidualUNetConfig(maps=(4, 6), outputs=3, affinities=True)
MALA = MalaUNetConfig(maps=(1, 1, 1, 1), outputs=4)
FULL = Path("/dev/full")


def chosen(mode="student", **changes):
    """`TINY` with another mode and other changes."""
    return TINY.model_copy(update={"mode": mode, **changes})


def fresh(parameters=TINY, teacher=EMBEDDINGS):
    """The state of a run before its first step, with the networks that its mode needs."""
    torch.manual_seed(0)
    networks = {}
    if parameters.mode in NEEDS_STUDENT:
        networks["student"] = CadStudent(CadStudentConfig(maps=4, embedding_channels=4))
    if parameters.mode in NEEDS_TEACHER:
        networks["teacher"] = MalaUNet(teacher) if isinstance(teacher, MalaUNetConfig) else ResidualUNet(teacher)
    return TrainingState(networks, parameters)


def weights(state, name="student"):
    """Copies of a network's weights, with the running means of its BatchNorms."""
    return {key: values.clone() for key, values in state.networks[name].state_dict().items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def run(state, steps, parameters=TINY, crops=None):
    return list(islice(train(state, crops or [squares()], parameters), steps))


def timeless(steps):
    return [step._replace(seconds=0) for step in steps]


def half_known():
    """Verified on the left, and the same with other neurons on the right; a gap of 14 pixels lies between."""
    crop = squares()
    known = np.zeros(crop.raw.shape, bool)
    known[:, :, :36] = True
    other = crop.labels.copy()
    other[:, :, 50:] = other[:, :, 50:] // 3 + 500
    other[:, 30:40, 60:] = 0
    return replace(crop, known=known), replace(crop, known=known, labels=other)


def uncorrected():
    """A labelled crop, and one of which nothing is known."""
    return [squares(), unlabelled_crop(squares((6, 90, 90)).raw, "uncorrected")]
