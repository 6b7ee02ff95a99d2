"""Raw to neurons: the published recipe and ours on the same volume, in alternating runs.

    python benchmarks/pipeline.py RAW.tif --model FILE [--labels TRUTH.tif] [--box z0:z1,y0:y1,x0:x1] [--runs 3]

Published: fp32, one pair of sections at a time (each section is encoded twice), contiguous layout, BatchNorm apart,
seeds unsmoothed, waterz to the published threshold 0.5. Ours: `pipeline.run`, region graph included, and the table at
the default threshold. Each run is a process of its own, so that its peak memory is its own; seconds are counted
inside it, after the imports and with the model loaded.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

RECIPES = ("published", "ours")


def main() -> None:
    options = _options()
    if options.recipe:
        print(json.dumps(_measure(options)))
        return
    runs = {recipe: [] for recipe in RECIPES}
    for _ in range(options.runs):
        for recipe in RECIPES:
            command = [sys.executable, *sys.argv, "--recipe", recipe]
            runs[recipe].append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    _print_table(runs)


def _measure(options: argparse.Namespace) -> dict:
    from napari_emcad.core.geometry import Box
    from napari_emcad.core.scores import score
    from napari_emcad.inference.device import reuse_memory
    from napari_emcad.io.volumes import open_volume
    from napari_emcad.networks.checkpoint import load_student
    from napari_emcad.networks.zoo import resolve

    if options.recipe == "ours":
        reuse_memory()
    student, card = load_student(resolve(options.model))
    with open_volume(options.raw) as opened:
        box = Box.parse(options.box, opened.array.shape) if options.box else Box.whole(opened.array.shape)
        volume = np.asarray(opened.array[box.slices])
    idle = _peak_memory()
    seconds, labels = (_published if options.recipe == "published" else _ours)(volume, student, card)
    result = {"voxels": volume.size, "seconds": seconds, "peak": _peak_memory() - idle}
    if options.labels:
        with open_volume(options.labels) as truth:
            scores = score(labels, truth.array[box.slices])
        result |= {"voi": scores.voi, "arand": scores.arand}
    return result


def _published(volume, student, _) -> tuple[dict[str, float], np.ndarray]:
    from napari_emcad.core.merge_tree import merge_tree
    from napari_emcad.core.segmentation import fragment_sizes

    clock = _Clock()
    affinities = _published_affinities(volume, student)
    clock.lap("affinities")
    fragments = _published_fragments(affinities)
    clock.lap("fragments")
    table = merge_tree(affinities, fragments, fragment_sizes(fragments)).cut(0.5)
    labels = table[fragments]
    clock.lap("agglomeration")
    return clock.laps, labels


def _published_affinities(volume, student) -> np.ndarray:
    import torch

    from napari_emcad.networks.embedding import pair_affinities
    from napari_emcad.networks.student import STRIDE

    height, width = volume.shape[1:]
    pad = [(0, 0), (0, -height % STRIDE), (0, -width % STRIDE)]
    padded = torch.from_numpy(np.pad(volume.astype(np.float32) / 255, pad, mode="reflect"))
    affinities = np.empty((3, *volume.shape), np.uint8)
    with torch.inference_mode():
        for z in range(len(volume)):
            pair = torch.stack([padded[max(0, z - 1)], padded[z]])[None]
            values = pair_affinities(*student(pair))[0, :, :height, :width].clamp(0, 1)
            affinities[:, z] = (values * 255).round().to(torch.uint8).numpy()
    return affinities


def _published_fragments(affinities) -> np.ndarray:
    """Maxima of the unsmoothed distance map as seeds; our own fast watershed, so that the ratio flatters nobody."""
    from napari_emcad.core.fragments import section_fragments

    fragments, first_free = np.empty(affinities.shape[1:], np.uint32), 0
    for z in range(len(fragments)):
        fragments[z] = section_fragments(affinities[1:, z], 0, boundary_sigma=0) + np.uint32(first_free)
        first_free = int(fragments[z].max())
    return fragments


def _ours(volume, student, card) -> tuple[dict[str, float], np.ndarray]:
    from napari_emcad.core.geometry import Box
    from napari_emcad.pipeline import SegmentParameters, run, settled

    parameters = settled(SegmentParameters(), volume, card)
    affinities = np.zeros((3, *volume.shape), np.uint8)
    clock, stage = _Clock(), "affinities"
    job = run(volume, student, affinities, Box.whole(volume.shape), parameters)
    try:
        while True:
            progress = next(job)
            if progress.stage != stage:
                clock.lap(stage)
                stage = progress.stage
    except StopIteration as end:
        segmentation = end.value
    labels = segmentation.labels(segmentation.table(parameters.threshold, parameters.min_size))
    clock.lap(stage)
    return clock.laps, labels


class _Clock:
    def __init__(self):
        self.laps, self._last = {}, time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = self.laps.get(name, 0) + now - self._last
        self._last = now


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _print_table(runs: dict[str, list[dict]]) -> None:
    megavoxels = runs["ours"][0]["voxels"] / 1e6
    print(f"{megavoxels:.1f} megavoxels, medians of {len(runs['ours'])} alternating runs; seconds per megavoxel")
    stages = ("affinities", "fragments", "region graph", "agglomeration")
    print(f"{'':<10}" + "".join(f"{s:>15}" for s in (*stages, "total", "peak, B/voxel", "VOI", "ARAND")))
    totals = {}
    for recipe, results in runs.items():
        median = [statistics.median(r["seconds"].get(s, 0) for r in results) / megavoxels for s in stages]
        totals[recipe] = statistics.median(sum(r["seconds"].values()) for r in results) / megavoxels
        peak = statistics.median(r["peak"] / r["voxels"] for r in results)
        scores = [results[0].get(k, float("nan")) for k in ("voi", "arand")]
        numbers = [*(f"{v:.3f}" for v in median), f"{totals[recipe]:.3f}", f"{peak:.0f}", *(f"{v:.3f}" for v in scores)]
        print(f"{recipe:<10}" + "".join(f"{n:>15}" for n in numbers))
    print(f"published / ours: {totals['published'] / totals['ours']:.2f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--box")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--recipe", choices=RECIPES, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
