"""Volumes drawn in letters: what a test is about can be seen in it.

A digit or letter is an id (a = 10 ... z = 35), a point is 0; sections are parted by an empty line.
"""

from functools import cache
from textwrap import dedent

import numpy as np
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray
from scipy import ndimage

from napari_emcad.core.synthetic import synthetic_stack

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For tests with hypothesis: where other programs want the cores, an example may take its time."""


def drawn(text: str, dtype: type = np.uint32) -> NDArray:
    """(z, y, x) of a drawing."""
    sections = dedent(text).strip().split("\n\n")
    ids = [[[0 if sign == "." else int(sign, 36) for sign in row.strip()] for row in s.split("\n")] for s in sections]
    return np.array(ids, dtype)


def uneven(shape: tuple[int, ...], dtype: type = np.uint8, seed: int = 0) -> NDArray:
    """Random values over the whole range of an integer dtype; [0, 1) for floats."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.random(shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def tissue(shape: tuple[int, ...], dtype: type = np.uint8, seed: int = 0) -> NDArray:
    """A stack (z, y, x) over the range of a dtype, [0, 1) for floats, whose sections go on from each other."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), (2, 3, 3))
    grey = np.clip(0.5 + 0.16 * smooth / smooth.std() + rng.normal(0, 0.03, shape), 0.01, 0.99)
    return (grey if np.dtype(dtype).kind == "f" else grey * np.iinfo(dtype).max).astype(dtype)


def neuropil(shape: tuple[int, int, int], *voxel_size: tuple[float, float, float], seed: int = 0) -> NDArray:
    """The grey levels of `synthetic_stack`, (z, y, x) uint8, as an array of one's own: each is drawn once for all."""
    return _neuropil(shape, *voxel_size, seed=seed).copy()


_neuropil = cache(lambda *place, seed: synthetic_stack(*place, seed=seed).raw)


def membranes(labels: NDArray, dtype: type = np.uint8) -> NDArray:
    """(3, z, y, x) affinities of a drawing, to the previous voxel: full inside a neuron, none across its border."""
    affinities = np.zeros((3, *labels.shape), dtype)
    full = 255 if dtype == np.uint8 else 1
    for axis in range(3):
        same = np.zeros(labels.shape, bool)
        ids = np.moveaxis(labels, axis, 0)
        np.moveaxis(same, axis, 0)[1:] = (ids[1:] == ids[:-1]) & (ids[1:] > 0)
        affinities[axis][same] = full
    return affinities


def lively_student(seed: int = 0):
    """A published student of few maps, made lively."""
    import torch

    from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig

    torch.manual_seed(seed)
    student = CadStudent(CadStudentConfig(maps=4, embedding_channels=4))
    return _enlivened(student, [student.outc_t.conv, student.outc_tn.conv])


def lively_small_student(seed: int = 0):
    """A small student of few maps, made lively."""
    import torch

    from napari_emcad.networks.small_student import SmallStudent, SmallStudentConfig

    torch.manual_seed(seed)
    student = SmallStudent(SmallStudentConfig((4, 6, 7, 8), (6, 5, 4), embedding_channels=3))
    return _enlivened(student, [student.outc_t, student.outc_tn])


def _enlivened(student, last_layers):
    """A student in eval mode with drawn weights, whose affinities go from 0 to 1 and change with every pixel."""
    import torch

    student.train()
    pairs = torch.rand(4, 2, 64, 64)
    for module in student.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # so that the running means are those of one batch
    with torch.no_grad():
        student(pairs)
        outputs = student.eval()(pairs)
        for layer, embedding in zip(last_layers, outputs, strict=True):
            mean = embedding.mean((0, 2, 3))
            layer.bias -= mean.repeat_interleave(len(layer.bias) // len(mean))
    return student


STUDENTS = {"published": lively_student, "small": lively_small_student}
"""A student of each kind."""


def lively_sdasn(seed: int = 0):
    """A small foreground network in eval mode with drawn weights, whose probability changes with every voxel."""
    import torch

    from napari_emcad.networks.sdasn import Sdasn, SdasnConfig

    torch.manual_seed(seed)
    network = Sdasn(SdasnConfig((3, 4, 5))).train()
    crops = torch.rand(2, 1, 32, 32, 32)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.momentum = 1.0  # so that the running means are those of one batch
    with torch.no_grad():
        network(crops)
        logits = network.eval()(crops).sum(1)
        for head in (network.clc1, network.clc2, network.clc3):
            head.conv.weight *= 1.5 / logits.std()
            head.conv.bias.zero_()
        network.clc1.conv.bias -= network(crops).sum(1).mean()
    return network


def lively_teacher(config, seed: int = 0):
    """A teacher in eval mode with drawn weights, whose affinities go from 0 to 1 and change with every voxel."""
    import torch

    from napari_emcad.networks.mala import MalaUNetConfig
    from napari_emcad.networks.teacher import build_teacher

    torch.manual_seed(seed)
    teacher = build_teacher(config).train()
    crop = torch.rand(1, 1, *((29, 214, 214) if isinstance(config, MalaUNetConfig) else (6, 32, 32)))
    for part in teacher.modules():
        if isinstance(part, torch.nn.BatchNorm3d):
            part.momentum = 1.0  # so that the running means are those of one batch
        elif isinstance(part, torch.nn.Conv3d) and part.kernel_size != (1, 1, 1) and part.bias is not None:
            part.bias.data.zero_()
    with torch.no_grad():
        teacher(crop)
        outputs = teacher.eval()(crop)
        last = teacher.conv18 if isinstance(config, MalaUNetConfig) else teacher.out_put[0]
        if config.affinities:
            outputs = outputs.logit()
        spread = outputs.std((0, 2, 3, 4)) / (2 if config.affinities else 1)
        last.weight /= spread[:, None, None, None, None]
        last.bias.copy_((last.bias - outputs.mean((0, 2, 3, 4))) / spread)
    return teacher
