"""The time that stacks take of which a part has no tissue, beside the same stack full of it, and inspection's share.

python benchmarks/without_tissue.py RAW [--box 80:100,:,:] [--model FILE] [--runs 3]

Each run does what the program does: it looks at the sections, plans, predicts and agglomerates. Runs of all stacks
alternate. Medians are given, in seconds of processor time, so that other programs count less; *ratio* is the median of
those to the full one of the same turn, as machines change their pace from minute to minute, and *nothing* counts
neurons more than half of which lie where there is no tissue.
"""

import argparse
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from made_defects import Defective, Grey, all_black, half_black, half_resin

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.sections.look import inspect_sections
from napari_emcad.core.sections.plan import SectionPlan, check_tissue
from napari_emcad.inference.engines.device import reuse_memory
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.checkpoint import load_student
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.pipeline import agglomerate, predict, resolve_parameters


@dataclass(frozen=True)
class Run:
    """Seconds of the steps of one run, and its neurons (z, y, x)."""

    looking: float
    predicting: float
    agglomerating: float
    labels: np.ndarray

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.looking + self.predicting + self.agglomerating


def main() -> None:
    options = _options()
    reuse_memory()
    network, card = load_student(resolve_model(options.model))
    stacks = _stacks(options)
    runs: dict[str, list[Run]] = {name: [] for name in stacks}
    for _ in range(options.runs):
        for name, stack in stacks.items():
            runs[name].append(_run(stack.raw, network, card))
    print(f"{'':<12}{'seconds':>9}{'ratio':>8}{'looking':>9}{'predicting':>12}{'agglomerating':>15}{'nothing':>9}")
    for name, found in runs.items():
        seconds, looking, predicting, agglomerating = (
            statistics.median(getattr(run, step) for run in found)
            for step in ("seconds", "looking", "predicting", "agglomerating")
        )
        nothing = _count_in_nothing(found[0].labels, stacks[name].empty)
        ratio = statistics.median(run.seconds / full.seconds for run, full in zip(found, runs["full"], strict=True))
        times = f"{seconds:>9.2f}{ratio:>8.3f}{looking:>9.3f}{predicting:>12.2f}{agglomerating:>15.2f}"
        print(f"{name:<12}{times}{nothing:>9}")
    looking, predicting = (statistics.median(getattr(r, s) for r in runs["full"]) for s in ("looking", "predicting"))
    print(f"looking at the sections takes {looking / predicting:.2%} of the time that prediction takes")
    print(f"all black: {_refusal(stacks['full'])}")


def _stacks(options: argparse.Namespace) -> dict[str, Defective]:
    with open_stack(options.raw, options.dataset) as stack:
        box = Box.parse(options.box, stack.array.shape)
        raw = np.ascontiguousarray(stack.array[box.slices])
    full, rng = Defective.of(raw, np.ones(raw.shape, np.uint8)), np.random.default_rng(0)
    return {"full": full, "half resin": half_resin(full, 0, rng), "half black": half_black(full, 0, rng)}


def _run(raw: Grey, network, card) -> Run:
    times = [time.process_time()]
    plan, box = SectionPlan.of_report(drive(inspect_sections(raw))), Box.whole(raw.shape)
    times.append(time.process_time())
    parameters = resolve_parameters(SegmentParameters(), raw, card, plan=plan)
    affinities = np.zeros((3, *raw.shape), np.uint8)
    drive(predict(raw, network, affinities, box, parameters, plan))
    times.append(time.process_time())
    segmentation = drive(agglomerate(affinities, parameters, plan, box))
    labels = segmentation.labels(segmentation.table(parameters.threshold, parameters.min_size, parameters.crumbs))
    times.append(time.process_time())
    return Run(*np.diff(times).tolist(), labels)


def _count_in_nothing(labels: np.ndarray, empty: np.ndarray) -> int:
    sizes = np.bincount(labels.ravel())
    inside = np.bincount(labels[empty], minlength=len(sizes))
    return int((2 * inside[1:] > sizes[1:]).sum())


def _refusal(full: Defective) -> str:
    black = all_black(full, 0, np.random.default_rng(0)).raw
    try:
        check_tissue(SectionPlan.of_report(drive(inspect_sections(black))), Box.whole(black.shape))
    except UserError as error:
        return str(error)
    return "not refused"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("--dataset")
    parser.add_argument("--box", default="80:100,:,:")
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
