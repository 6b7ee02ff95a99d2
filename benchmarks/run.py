"""Raw to neurons: the published recipe, ours and 3D teachers on the same volume, in one run.

    python benchmarks/run.py RAW [--labels TRUTH] [--model FILE] [--box z0:z1,y0:y1,x0:x1] [--runs 5] [--teachers]
    python benchmarks/run.py RAW --scaling [--model FILE] [--box ...]

Published: fp32, one pair of sections at a time (each section is encoded twice), contiguous layout, BatchNorm apart,
boundary map and seeds unsmoothed, waterz on the voxels to the published threshold 0.5. Ours: `pipeline.run`, region
graph included, and the table at the default threshold; by torch, and by OpenVINO and ONNX Runtime where they
are installed for the device. All in alternating runs; medians, and the scores of the first run. Teachers: networks of
the published sizes with random weights, as speed does not depend on them; prediction alone, once, on a part of the box
(--teacher-box), as they take long.

With --scaling ours alone: four sizes, numbers of threads, and smoothings of the seeds, which give other numbers of
fragments.

Each run is a process of its own, so that its peak memory is its own; seconds are counted inside it, after the imports
and with the model loaded.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from napari_emcad.inference.engines.extras import has_onnxruntime, has_openvino

PUBLISHED, OURS = "published", "ours"
ENGINES = {"ours, OpenVINO": "openvino", "ours, ONNX Runtime": "onnxruntime"}
TEACHERS = ("residual U-Net", "MALA U-Net")
STAGES = ("affinities", "fragments", "region graph", "agglomeration")
SEED_SIGMAS = (0.0, 1.0, 2.0, 4.0)


def main() -> None:
    options = _options()
    if options.recipe:
        print(json.dumps(_measure(options)))
    elif options.scaling:
        _scaling(options)
    else:
        _comparison(options)


def _comparison(options: argparse.Namespace) -> None:
    runs = {recipe: [] for recipe in (PUBLISHED, OURS, *_engines(options.device))}
    for _ in range(options.runs):
        for recipe, results in runs.items():
            results.append(_in_a_process("--recipe", recipe))
    if options.teachers:
        runs |= {name: [_in_a_process("--recipe", name, "--box", options.teacher_box)] for name in TEACHERS}
    print(f"{runs[OURS][0]['voxels'] / 1e6:.1f} megavoxels, medians of {options.runs} alternating runs")
    print(f"{'s per megavoxel':<20}" + _cells(*STAGES, "total", "times ours", "peak, B/voxel", "VOI", "ARAND"))
    ours = _total(runs[OURS])
    for name, results in runs.items():
        stages = (statistics.median(r["seconds"].get(s, 0) / r["voxels"] * 1e6 for r in results) for s in STAGES)
        peak = statistics.median(r["peak"] / r["voxels"] for r in results)
        total, scores = _total(results), (results[0].get(key) for key in ("voi", "arand"))
        numbers = (*(f"{s:.3f}" if s else "-" for s in stages), f"{total:.3f}", f"{total / ours:.2f}", f"{peak:.0f}")
        print(f"{name:<20}" + _cells(*numbers, *("-" if s is None else f"{s:.3f}" for s in scores)))


def _engines(device: str) -> list[str]:
    """Recipes of the engines besides torch that are installed and compute on this device."""
    from napari_emcad.inference.choice import choose_device

    installed = {"openvino": has_openvino(), "onnxruntime": has_onnxruntime()}
    return [recipe for recipe, wish in ENGINES.items() if installed[wish] and choose_device(wish).kind == device]


def _scaling(options: argparse.Namespace) -> None:
    depth, height, width = _in_a_process("--recipe", "shape")["shape"]
    cores = os.cpu_count() or 1
    boxes = {f"{depth} x {height // n} x {width // n}": (height // n, width // n) for n in (8, 4, 2, 1)}
    rows = {name: ["--inner", f"{y}", f"{x}"] for name, (y, x) in boxes.items()}
    rows |= {f"{n} threads": ["--threads", f"{n}"] for n in sorted({1, cores // 2, cores} - {0})}
    rows |= {f"seeds {sigma:g} px": ["--seed-sigma", f"{sigma}"] for sigma in SEED_SIGMAS}
    print(f"{'s per megavoxel':<20}" + _cells(*STAGES, "total", "peak, B/voxel", "fragments"))
    for name, told in rows.items():
        r = _in_a_process("--recipe", OURS, *told)
        per = [r["seconds"].get(s, 0) / r["voxels"] * 1e6 for s in STAGES]
        print(f"{name:<20}" + _cells(*(f"{s:.3f}" for s in (*per, sum(per))), f"{r['peak'] / r['voxels']:.0f}", r["n"]))


def _in_a_process(*told: str) -> dict:
    """Run the same command, told more; what comes later wins."""
    command = [sys.executable, *sys.argv, *told]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def _total(results: list[dict]) -> float:
    """Seconds per megavoxel, median."""
    return statistics.median(sum(r["seconds"].values()) / r["voxels"] * 1e6 for r in results)


def _cells(*values: object) -> str:
    return "".join(f"{value:>15}" for value in values)


def _measure(options: argparse.Namespace) -> dict:
    import torch

    from napari_emcad.core.geometry import Box
    from napari_emcad.core.scores import score
    from napari_emcad.inference.engines.device import reuse_memory
    from napari_emcad.io.stacks.stack import open_stack

    if options.threads:
        torch.set_num_threads(options.threads)
    if options.recipe != PUBLISHED:
        reuse_memory()
    with open_stack(options.raw, options.dataset) as opened:
        box = Box.parse(options.box, opened.array.shape) if options.box else Box.whole(opened.array.shape)
        if options.recipe == "shape":
            return {"shape": box.shape}
        volume = np.asarray(opened.array[box.slices])
    if options.inner:
        volume = np.ascontiguousarray(volume[:, : options.inner[0], : options.inner[1]])
    run = {PUBLISHED: _published, **dict.fromkeys((OURS, *ENGINES), _ours)}.get(options.recipe, _teacher)
    idle, result = _peak_memory(), {"voxels": volume.size}
    seconds, labels, n = run(volume, options)
    result |= {"seconds": seconds, "peak": _peak_memory() - idle, "n": n}
    if options.labels and labels is not None and not options.inner:
        with open_stack(options.labels, options.truth_dataset) as truth:
            scores = score(labels, truth.array[box.slices])
        result |= {"voi": scores.voi, "arand": scores.arand}
    return result


def _published(volume, options) -> tuple[dict[str, float], np.ndarray, int]:
    import waterz

    from napari_emcad.core._waterz import COMPILED, _silent_output
    from napari_emcad.core.choices import DEFAULT_SCORING

    student, _ = _student(options)
    clock = _Clock()
    affinities = _published_affinities(volume, student.to(options.device), options.device)
    clock.lap("affinities")
    fragments = _published_fragments(affinities)
    clock.lap("fragments")
    function, bins = COMPILED[DEFAULT_SCORING]
    told = {"scoring_function": function, "discretize_queue": bins}
    values = affinities.astype(np.float32) / 255
    with _silent_output():
        labels = next(waterz.agglomerate(values, [0.5], fragments=fragments.astype(np.uint64), **told))
    clock.lap("agglomeration")
    return clock.laps, labels, int(fragments.max())


def _published_affinities(volume, student, device: str) -> np.ndarray:
    import torch

    from napari_emcad.networks.embedding import pair_affinities
    from napari_emcad.networks.student import STRIDE

    height, width = volume.shape[1:]
    pad = [(0, 0), (0, -height % STRIDE), (0, -width % STRIDE)]
    padded = torch.from_numpy(np.pad(volume.astype(np.float32) / 255, pad, mode="reflect"))
    affinities = np.empty((3, *volume.shape), np.uint8)
    with torch.inference_mode():
        for z in range(len(volume)):
            pair = torch.stack([padded[max(0, z - 1)], padded[z]])[None].to(device)
            values = pair_affinities(*student(pair))[0, :, :height, :width].clamp(0, 1)
            affinities[:, z] = (values * 255).round().to(torch.uint8).cpu().numpy()
    return affinities


def _published_fragments(affinities) -> np.ndarray:
    """Nothing smoothed; our own fast watershed, so that the ratio flatters nobody."""
    from napari_emcad.core.fragments import find_section_fragments

    fragments, first_free = np.empty(affinities.shape[1:], np.uint32), 0
    for z in range(len(fragments)):
        fragments[z] = find_section_fragments(affinities[1:, z], 0, boundary_sigma=0) + np.uint32(first_free)
        first_free = int(fragments[z].max())
    return fragments


def _ours(volume, options) -> tuple[dict[str, float], np.ndarray, int]:
    from napari_emcad.core.geometry import Box
    from napari_emcad.core.parameters import SegmentParameters
    from napari_emcad.pipeline import resolve_parameters, run

    student, card = _student(options)
    told = SegmentParameters(seed_sigma=options.seed_sigma, device=ENGINES.get(options.recipe, options.device))
    parameters = resolve_parameters(told, volume, card)
    affinities = np.zeros((3, *volume.shape), np.uint8)
    clock, stage = _Clock(), STAGES[0]
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
    return clock.laps, labels, len(segmentation.sizes) - 1


def _teacher(volume, options) -> tuple[dict[str, float], None, int]:
    from napari_emcad.core.geometry import Box
    from napari_emcad.core.parameters import SegmentParameters
    from napari_emcad.core.progress import drive
    from napari_emcad.networks.mala import MalaUNet
    from napari_emcad.networks.residual_unet import ResidualUNet
    from napari_emcad.pipeline import predict

    network = dict(zip(TEACHERS, (ResidualUNet, MalaUNet), strict=True))[options.recipe]().eval()
    affinities, clock = np.zeros((3, *volume.shape), np.uint8), _Clock()
    parameters = SegmentParameters(black=0, white=255, device=options.device)
    drive(predict(volume, network, affinities, Box.whole(volume.shape), parameters))
    clock.lap(STAGES[0])
    return clock.laps, None, 0


def _student(options):
    from napari_emcad.networks.checkpoint import load_student
    from napari_emcad.networks.zoo import resolve_model

    return load_student(resolve_model(options.model))


class _Clock:
    def __init__(self):
        self.laps, self._last = {}, time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = self.laps.get(name, 0) + now - self._last
        self._last = now


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--dataset")
    parser.add_argument("--truth-dataset")
    parser.add_argument("--box")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu", help="of all networks")
    parser.add_argument("--teachers", action="store_true")
    parser.add_argument("--teacher-box", default="80:98,256:512,256:512")
    parser.add_argument("--scaling", action="store_true")
    for name, kind in (("--recipe", str), ("--threads", int)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    parser.add_argument("--inner", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--seed-sigma", type=float, default=2.0, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
