"""Seconds per megavoxel of the student and of 3D teachers, side by side on the same box; prediction alone.

python benchmarks/teacher_speed.py RAW [--box 80:98,256:768,256:768] [--runs 2] [--teacher FILE ...]

Speed does not depend on the weights: without a file the published residual U-Net is measured with random ones.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.inference.engines.device import reuse_memory
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.cad_student import CadStudent
from napari_emcad.networks.checkpoint import load_teacher
from napari_emcad.networks.residual_unet import ResidualUNet
from napari_emcad.pipeline import predict


def main() -> None:
    options = _options()
    reuse_memory()
    with open_stack(options.raw) as volume:
        raw = np.asarray(volume.array[Box.parse(options.box, volume.array.shape).slices])
    networks = {"student": CadStudent().eval(), "residual U-Net, published size": ResidualUNet().eval()}
    networks |= {file.name: load_teacher(file)[0] for file in options.teacher}
    seconds = {name: [] for name in networks}
    for _ in range(options.runs):
        for name, network in networks.items():
            seconds[name].append(_seconds(network, raw))
    student = statistics.median(seconds["student"])
    print(f"{'network':<34}{'s per megavoxel':>16}{'ratio':>8}")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:<34}{median / raw.size * 1e6:>16.2f}{median / student:>8.1f}")


def _seconds(network, raw: np.ndarray) -> float:
    affinities, start = np.zeros((3, *raw.shape), np.uint8), time.perf_counter()
    parameters = SegmentParameters(black=0, white=255, device="cpu")  # "auto" would first measure OpenVINO
    drive(predict(raw, network, affinities, Box.whole(raw.shape), parameters))
    return time.perf_counter() - start


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("--box", default="80:98,256:768,256:768")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--teacher", type=Path, nargs="*", default=[])
    return parser.parse_args()


if __name__ == "__main__":
    main()
