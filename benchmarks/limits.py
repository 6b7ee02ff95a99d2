"""Where the time goes from raw to neurons, and what this machine could do at most.

    python benchmarks/limits.py RAW [--model FILE] [--box 80:90,:,:]

Peak: the fp32 product of two large matrices on all cores. Bandwidth: a copy of a large array, bytes read and written.
The network's limit is its multiply-adds at that peak (two operations each); that of the other stages is to read what
they are given and to write what they give once, at that bandwidth.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_emcad.core.fragments import find_fragments
from napari_emcad.core.geometry import Box
from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.segmentation import fragment_sizes
from napari_emcad.inference.engines.device import reuse_memory
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.checkpoint import load_student
from napari_emcad.networks.student import Student
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.pipeline import predict, resolve_parameters

BYTES = {"fragments": 2 + 4, "region graph": 3 + 4, "agglomeration": 3 + 4}
"""A voxel: affinities read as uint8, fragments read or written as uint32."""


def main() -> None:
    options = _options()
    reuse_memory()
    peak, bandwidth = _peak(), _bandwidth()
    print(f"{torch.get_num_threads()} threads: {peak / 1e9:.0f} GFLOP/s, {bandwidth / 1e9:.1f} GB/s")
    student, card = load_student(resolve_model(options.model))
    with open_stack(options.raw) as opened:
        raw = np.asarray(opened.array[Box.parse(options.box, opened.array.shape).slices])
    seconds = _stages(raw, student, resolve_parameters(SegmentParameters(), raw, card))
    limits = {"affinities": _operations(student) / peak, **{s: n / bandwidth for s, n in BYTES.items()}}
    print(f"{'a voxel':<16}{'ns':>10}{'limit, ns':>12}{'of limit':>10}{'of total':>10}")
    total = sum(seconds.values())
    for stage, time_taken in seconds.items():
        measured, limit = time_taken / raw.size, limits[stage]
        shares = f"{limit / measured:>10.1%}{time_taken / total:>10.1%}"
        print(f"{stage:<16}{measured * 1e9:>10.1f}{limit * 1e9:>12.2f}{shares}")


def _stages(raw, student: Student, parameters: SegmentParameters) -> dict[str, float]:
    """Seconds of each stage."""
    affinities, found = np.zeros((3, *raw.shape), np.uint8), {}

    def timed(stage: str, work: Callable[[], object]) -> object:
        start = time.perf_counter()
        result = work()
        found[stage] = time.perf_counter() - start
        return result

    timed("affinities", lambda: drive(predict(raw, student, affinities, Box.whole(raw.shape), parameters)))
    fragments = timed("fragments", lambda: drive(find_fragments(affinities, parameters.seed_sigma)))
    graph = timed("region graph", lambda: drive(build_region_graph(affinities, fragments)))
    sizes = fragment_sizes(fragments)
    timed("agglomeration", lambda: merge_tree(graph, sizes, parameters.scoring))
    return found


def _operations(student: Student, side: int = 256) -> float:
    """A pixel of a section that is encoded once: those of its features, and of its pair."""
    section = torch.zeros(1, 1, side, side)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        features = student.eval().encode(section)
        student.embed(features, features)
    return counter.get_total_flops() / side**2


def _peak(side: int = 2048, times: int = 8) -> float:
    """Operations a second, the best of some."""
    a, b = torch.rand(side, side), torch.rand(side, side)
    return 2 * side**3 / _best(lambda: a @ b, times)


def _bandwidth(size: int = 1 << 28, times: int = 8) -> float:
    """Bytes a second, read and written."""
    source, target = torch.rand(size // 4), torch.empty(size // 4)
    return 2 * size / _best(lambda: target.copy_(source), times)


def _best(work: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--box", default="80:90,:,:")
    return parser.parse_args()


if __name__ == "__main__":
    main()
