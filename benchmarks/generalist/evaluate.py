"""Scores of a checkpoint on three tissues: VOI and ARAND at several thresholds, the best marked.

python evaluate.py CHECKPOINT [ac4 fib25 cremi_b] --data FOLDER [--quantile 50]

CHECKPOINT is one of `train.py`, or any student's that the package knows. Everything is the package's own, in fp32, with
its defaults; sections are seen whole, so that AC4's box has its surroundings, as in the dock. CREMI B is of tissue
that was never trained on; AC4[80:90] and FIB-25[180:200] are of sections that were not.
"""

import argparse
import time
from pathlib import Path

import h5py
import numpy as np
import tifffile
import torch
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.core.scores import score
from napari_emcad.inference.engines.device import Device
from napari_emcad.inference.normalisation import Normalisation
from napari_emcad.inference.predict_student import predict_affinities
from napari_emcad.inference.prediction import Prediction
from napari_emcad.networks.checkpoint import load_student
from napari_emcad.networks.small_student import SmallStudent
from napari_emcad.pipeline import SegmentParameters, agglomerate

THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
BOXES = {
    "ac4": Box((80, 256, 256), (90, 768, 768)),
    "fib25": Box((180, 0, 0), (200, 250, 250)),
    "cremi_b": Box((0, 0, 0), (5, 500, 500)),
}


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    network = _network(options.checkpoint)
    for name in options.volumes or BOXES:
        began = time.process_time()
        raw, truth = _volume(options.data, name)
        box = BOXES[name]
        affinities = np.zeros((3, *box.shape), np.uint8)
        device = Device("cpu", "CPU", precision="fp32")
        drive(predict_affinities(network, raw, affinities, Prediction(box, Normalisation.of(raw), device)))
        parameters = SegmentParameters.of(scoring=f"quantile {options.quantile}")
        segmentation = drive(agglomerate(affinities, parameters))
        found = {}
        for threshold in THRESHOLDS:
            labels = segmentation.labels(segmentation.table(threshold, parameters.min_size))
            found[threshold] = score(labels, truth[box.slices])
        best = min(found, key=lambda t: found[t].voi)
        curve = " ".join(f"{t:g}:{found[t].voi:.3f}" for t in THRESHOLDS)
        s = found[best]
        print(
            f"{name}: best at {best:g}: VOI {s.voi_split:.3f} + {s.voi_merge:.3f} = {s.voi:.3f}, ARAND {s.arand:.3f}, "
            f"{len(segmentation.sizes) - 1} fragments, {time.process_time() - began:.0f} s\n    {curve}",
            flush=True,
        )


def _network(path: Path):
    """The running mean of a run's weights, or a model that the package knows."""
    kept = torch.load(path, map_location="cpu", weights_only=True)
    if "raw_weights" not in kept:
        return load_student(path)[0]
    print(f"step {kept['current_iter']}")
    network = SmallStudent()
    network.load_state_dict(kept["model_weights"])
    return network.eval()


def _volume(data: Path, name: str) -> tuple[NDArray, NDArray]:
    if name == "cremi_b":
        with h5py.File(data / name / "sample_B_46_50.hdf") as file:
            return file["volumes/raw"][:], file["volumes/labels/neuron_ids"][:]
    return tuple(tifffile.imread(data / name / f"{what}.tif") for what in ("raw", "neuron_ids"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("volumes", nargs="*", choices=(*BOXES, []))
    parser.add_argument("--data", type=Path, required=True, help="folder with ac4, fib25 and cremi_b")
    parser.add_argument("--quantile", type=int, default=50)
    return parser.parse_args()


if __name__ == "__main__":
    main()
