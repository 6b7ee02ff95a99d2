"""What a few painted profiles teach: two sections of AC4 on which somebody painted thirty neurites each, nothing else.

    python benchmarks/painting.py --data FOLDER --student FILE [--minutes 2 | --steps 300] [--seeds 0 1 2]
        [--without twins rim]

FOLDER holds `ac4`. Painted are profiles of more than 150 pixels, drawn at random, in sections 4 and 11 of
AC4[0:16, 256:768, 256:768]; scored is AC4[80:90, 256:768, 256:768], more than 60 sections away, at the best of all
thresholds and at 0.5. `--without` leaves out what makes painting teach: "twins", a copy of a painted section standing
for its neighbour, or "rim", that the pixels around a profile are its boundary.
"""

import argparse
import copy
import time
from pathlib import Path
from unittest import mock

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray

from napari_emcad.core.crop import Crop
from napari_emcad.core.geometry import Box
from napari_emcad.core.painted import painted_known
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.scores import score
from napari_emcad.inference.choice import choose_device
from napari_emcad.inference.engines.device import multiplies_bf16, reuse_memory
from napari_emcad.networks.checkpoint import load_student
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.pipeline import run
from napari_emcad.training import loop
from napari_emcad.training.params import TrainingParameters
from napari_emcad.training.saved_state import TrainingState

SECTIONS, PROFILES, SMALLEST = (4, 11), 30, 150
PLANE = slice(256, 768), slice(256, 768)
TEST = Box((80, 256, 256), (90, 768, 768))
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def main() -> None:
    options = _options()
    reuse_memory()
    raw, truth = (tifffile.imread(options.data / "ac4" / f"{what}.tif") for what in ("raw", "neuron_ids"))
    student, _ = load_student(resolve_model(options.student))
    print(f"untouched: {_scores(student, raw, truth)}", flush=True)
    for seed in options.seeds:
        labels = _painted(truth[(slice(0, 16), *PLANE)], seed)
        known = labels > 0 if "rim" in options.without else painted_known(labels)
        crop = Crop(raw[(slice(0, 16), *PLANE)], labels, known, "painted")
        began = time.monotonic()
        network, steps = _trained(student, crop, options, seed)
        told = f"seed {seed}, {steps} steps in {time.monotonic() - began:.0f} s, without {options.without or 'nothing'}"
        print(f"{told}: {_scores(network, raw, truth)}", flush=True)


def _painted(truth: NDArray, seed: int) -> NDArray:
    """The labels of a painter: whole profiles in two sections, 0 elsewhere."""
    rng = np.random.default_rng(seed)
    labels = np.zeros_like(truth, np.int32)
    for z in SECTIONS:
        ids, sizes = np.unique(truth[z][truth[z] > 0], return_counts=True)
        for neuron in rng.choice(ids[sizes > SMALLEST], PROFILES, replace=False):
            labels[z][truth[z] == neuron] = neuron
    return labels


def _trained(student: torch.nn.Module, crop: Crop, options: argparse.Namespace, seed: int) -> tuple:
    half = multiplies_bf16(choose_device("cpu"))
    budget = {"steps": options.steps} if options.steps else {"minutes": options.minutes}
    parameters = TrainingParameters(mode="student", seed=seed, half=half, augmentation=options.augmentation, **budget)
    torch.manual_seed(seed)
    state = TrainingState({"student": copy.deepcopy(student)}, parameters, "cpu")
    with mock.patch.object(loop, "TWINS", 0.0 if "twins" in options.without else loop.TWINS):
        for _ in loop.train(state, [crop], parameters):
            pass
    return state.averaged("student"), state.step


def _scores(network: torch.nn.Module, raw: NDArray, truth: NDArray) -> str:
    parameters = SegmentParameters()
    affinities = np.zeros((3, *TEST.shape), np.uint8)
    segmentation = drive(run(raw, network, affinities, TEST, parameters))
    found = {}
    for threshold in THRESHOLDS:
        table = segmentation.table(threshold, parameters.min_size, parameters.crumbs)
        found[threshold] = score(segmentation.labels(table), truth[TEST.slices])
    best = min(found, key=lambda t: found[t].voi)
    return ", ".join(f"VOI {found[t].voi:.3f} ARAND {found[t].arand:.3f} at {t}" for t in (best, 0.5))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--student", required=True)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--augmentation", choices=("light", "full"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--without", nargs="+", choices=("twins", "rim"), default=[])
    return parser.parse_args()


if __name__ == "__main__":
    main()
