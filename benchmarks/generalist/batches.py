"""Batches of labelled pairs of sections of many tissues, cut, bent and lit anew each time.

A pair is (2, SIDE, SIDE): two sections that follow each other in either order, greys in [0, 1] and labels with 0 for
borders. Only AC4[0:80], FIB-25[0:160] and the synthetic pool are read.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import IterableDataset

from napari_emcad.training.truth import without_borders

SIDE, PAIRS = 160, 8
SHARES = {"ac4": 0.38, "fib25": 0.32, "synthetic": 0.30}
SCALES = {"ac4": (0.5, 2.6), "fib25": (0.6, 2.6), "synthetic": (0.62, 2.0)}
"""Size of a pixel of the source in pixels of the batch. Where a window is larger than its source, the source is
mirrored at its rim; in small sources it is not made much larger."""

ANEW = 200
"""Batches after which the folder of synthetic stacks is looked at again: it may still be growing."""


@dataclass(frozen=True)
class Stack:
    """Sections (z, y, x) of greys uint8 and labels int32; `steps`: how far apart the sections of a pair may be."""

    raw: Tensor
    labels: Tensor
    steps: tuple[int, ...]


class Batches(IterableDataset):
    """Endless batches (greys (n, 2, y, x) float32, labels (n, 2, y, x) int32, names of the sources).

    Parameters
    ----------
    data : Path
        Folder of the data sets, `ac4` and `fib25`.
    synthetic : Path
        Folder of `synthetic_pool.py`.
    first : int
        Step to begin with. A step's batch is always drawn with the same seed, so that a run that goes on sees others.
    pairs : int
    """

    def __init__(self, data: Path, synthetic: Path, first: int = 0, pairs: int = PAIRS):
        self.data, self.synthetic, self.first, self.pairs = Path(data), Path(synthetic), first, pairs

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, list[str]]]:
        torch.set_num_threads(1)
        stacks, files = real_stacks(self.data), []
        step = self.first
        while True:
            if (step - self.first) % ANEW == 0:
                files = _synthetic_files(self.synthetic)
            rng = np.random.default_rng([step, 2701])
            names = [str(name) for name in rng.choice(list(SHARES), self.pairs, p=list(SHARES.values()))]
            pairs = []
            for name in names:
                stack = _synthetic_stack(files[rng.integers(len(files))]) if name == "synthetic" else None
                pairs.append(pair_of(rng, name, stack or stacks[name][rng.integers(len(stacks[name]))]))
            yield torch.stack([p[0] for p in pairs]), torch.stack([p[1] for p in pairs]), names
            step += 1


def real_stacks(data: Path) -> dict[str, list[Stack]]:
    """The parts of the real volumes that may be learnt from; of the isotropic one, all three directions."""
    ac4 = _volume(data / "ac4", 80)
    fib = _volume(data / "fib25", 160)
    turned = [tuple(v.permute(axes).contiguous() for v in fib) for axes in ((0, 1, 2), (1, 0, 2), (2, 0, 1))]
    return {"ac4": [Stack(*ac4, (1,))], "fib25": [Stack(*volume, (1, 2, 3, 4)) for volume in turned]}


def pair_of(rng: Generator, name: str, stack: Stack) -> tuple[Tensor, Tensor]:
    """One pair of a stack: greys (2, SIDE, SIDE) in [0, 1] and labels."""
    step = int(rng.choice(stack.steps))
    z = int(rng.integers(len(stack.raw) - step))
    sections = [z, z + step] if rng.random() < 0.5 else [z + step, z]
    scale = _log_uniform(rng, *SCALES[name])
    grids = _grids(rng, scale, stack.raw.shape[1:])
    greys, labels = zip(*(_cut(stack, s, grid, scale) for s, grid in zip(sections, grids, strict=True)), strict=True)
    labels = without_borders(torch.stack(labels))
    if name == "fib25" and scale > 1.6:  # its membranes have no label of their own: their border grows with the picture
        labels = _with_wider_borders(labels)
    return lit(rng, torch.stack(greys)), labels


def lit(rng: Generator, greys: Tensor) -> Tensor:
    """Another microscope: lens, film and levels; some changes for both sections, others for each."""
    if rng.random() < 0.5:
        greys = _local_light(rng, greys)
    for z in range(2):
        if rng.random() < 0.25:
            greys[z] = _blurred(greys[z], rng.uniform(0.3, 1.8))
        if rng.random() < 0.12:  # sharpened
            greys[z] = greys[z] + rng.uniform(0.3, 1.5) * (greys[z] - _blurred(greys[z], 1.2))
    if rng.random() < 0.8:
        both = rng.random() < 0.6
        for z in range(2):
            if z == 0 or not both:
                contrast, brightness = np.exp(rng.uniform(-0.7, 0.5)), rng.uniform(-0.2, 0.2)
                gamma = np.exp2(rng.uniform(-0.9, 0.9))
            greys[z] = ((greys[z] - 0.5) * contrast + 0.5 + brightness).clamp(0, 1) ** gamma
    if rng.random() < 0.5:
        grain = torch.from_numpy(rng.standard_normal(greys.shape, np.float32))
        if rng.random() < 0.3:
            grain = 2.5 * torch.stack([_blurred(g, 0.8) for g in grain])
        greys = greys + rng.uniform(0, 0.11) * min(1.0, float(greys.std()) / 0.17) * grain
    if rng.random() < 0.03:
        greys = 1 - greys
    if rng.random() < 0.03:
        greys = _lost_strip(rng, greys)
    return greys.clamp(0, 1)


def _grids(rng: Generator, scale: float, size: torch.Size) -> list[Tensor]:
    """Where in the source each pixel of the two sections lies, (SIDE, SIDE, 2) as (y, x): turned, flipped, bent."""
    half = SIDE / 2 / scale
    centre = [rng.uniform(half, n - half) if n > 2 * half else n / 2 + rng.uniform(-0.1, 0.1) * n for n in size]
    angle = rng.integers(4) * np.pi / 2 if rng.random() < 0.5 else rng.uniform(0, 2 * np.pi)
    stretch = np.exp(rng.normal(0, 0.08))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([stretch, 1 / stretch])
    turn = turn @ np.diag([1, rng.choice([-1, 1])]) / scale
    row = torch.arange(SIDE, dtype=torch.float32) - (SIDE - 1) / 2
    plane = torch.stack(torch.meshgrid(row, row, indexing="ij"), -1)
    if rng.random() < 0.6:
        plane = plane + _bend(rng, rng.uniform(0, 6))
    slips = np.zeros((2, 2))
    if rng.random() < 0.35:
        slips[1] = rng.normal(0, rng.uniform(0, 3), 2)
    planes = [plane + torch.tensor(slip, dtype=torch.float32) for slip in slips]
    if rng.random() < 0.15:
        planes[1] = planes[1] + _bend(rng, rng.uniform(0, 1.5))
    matrix = torch.tensor(turn.T, dtype=torch.float32)
    return [p @ matrix + torch.tensor(centre, dtype=torch.float32) - 0.5 for p in planes]


def _bend(rng: Generator, spread: float) -> Tensor:
    """A smooth random field of displacements, (SIDE, SIDE, 2)."""
    nodes = torch.from_numpy(rng.normal(0, spread, (1, 2, 6, 6)).clip(-2 * spread, 2 * spread).astype(np.float32))
    return F.interpolate(nodes, size=(SIDE, SIDE), mode="bicubic", align_corners=True)[0].permute(1, 2, 0)


def _cut(stack: Stack, z: int, grid: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Greys and labels at these places of a section; where the picture gets smaller, greys are smoothed before."""
    flat = grid.reshape(-1, 2)
    low = [max(0, int(v) - 3) for v in flat.amin(0)]
    high = [min(n, int(v) + 5) for n, v in zip(stack.raw.shape[1:], flat.amax(0), strict=True)]
    place = z, slice(low[0], high[0]), slice(low[1], high[1])
    greys, labels = stack.raw[place].float() / 255, stack.labels[place].float()
    if scale < 0.9:
        greys = _blurred(greys, 0.45 * (1 / scale**2 - 1) ** 0.5)
    size = torch.tensor(greys.shape) - 1
    where = ((grid - torch.tensor(low)) / size * 2 - 1).flip(-1)[None]
    told = {"padding_mode": "reflection", "align_corners": True}
    greys = F.grid_sample(greys[None, None], where, mode="bilinear", **told)[0, 0]
    return greys, F.grid_sample(labels[None, None], where, mode="nearest", **told)[0, 0].int()


def _local_light(rng: Generator, greys: Tensor) -> Tensor:
    """Uneven light and contrast, other in each section."""
    nodes = torch.from_numpy(rng.normal(0, 1, (2, 2, 4, 4)).astype(np.float32))
    field = F.interpolate(nodes, size=(SIDE, SIDE), mode="bilinear", align_corners=True)
    contrast, brightness = 1 + rng.uniform(0, 0.2) * field[:, 0], rng.uniform(0, 0.06) * field[:, 1]
    return (greys - 0.5) * contrast + 0.5 + brightness


def _lost_strip(rng: Generator, greys: Tensor) -> Tensor:
    """A fold or a tear: one band of one section is black or white."""
    greys = greys.clone()
    start, width, z = int(rng.integers(SIDE - 4)), int(rng.integers(3, 25)), int(rng.integers(2))
    band = greys[z, start : start + width] if rng.random() < 0.5 else greys[z, :, start : start + width]
    band[:] = float(rng.choice([0.0, 1.0]))
    return greys


def _with_wider_borders(labels: Tensor) -> Tensor:
    """Borders a pixel wider on each side."""
    border = (labels == 0).float()
    return labels.masked_fill(F.max_pool2d(border[:, None], 3, 1, 1)[:, 0] > 0, 0)


def _blurred(image: Tensor, sigma: float) -> Tensor:
    """A Gaussian of a (y, x) image, mirrored at its rim."""
    reach = min(max(1, round(3 * sigma)), *(n - 1 for n in image.shape))
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    weights = weights / weights.sum()
    padded = F.pad(image[None, None], (reach,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, weights[None, None, None]), weights[None, None, :, None])[0, 0]


def _volume(folder: Path, sections: int) -> tuple[Tensor, Tensor]:
    """The first sections of a data set."""
    raw = tifffile.imread(folder / "raw.tif")[:sections]
    labels = tifffile.imread(folder / "neuron_ids.tif")[:sections]
    return torch.from_numpy(np.ascontiguousarray(raw)), torch.from_numpy(labels.astype(np.int32))


def _synthetic_files(folder: Path) -> list[Path]:
    """The stacks that are there; waits for the first."""
    while not (files := sorted(folder.glob("*.npy"))):
        time.sleep(1)
    return files


def _synthetic_stack(path: Path) -> Stack:
    raw, labels = np.load(path, mmap_mode="r")
    return Stack(
        torch.from_numpy(np.asarray(raw).astype(np.uint8)), torch.from_numpy(np.asarray(labels).astype(np.int32)), (1,)
    )


def _log_uniform(rng: Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
