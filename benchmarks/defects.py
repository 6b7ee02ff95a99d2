"""Stacks with defects, made from a clean one whose neurons are known, and what is made of them.

    python benchmarks/defects.py --raw RAW --truth LABELS [--box z0:z1,y0:y1,x0:x1] [--model FILE]
                                 [--positions 5 10 15] [--seeds 0 1 2] [--only WORD ...] [--ways auto]

Each row is a defect, and gives VOI / ARAND for each way to segment (*as-is*; *auto*: the program as it is used, which
looks at the sections first and plans what is done with them) and for *ideal*: the same stack without the bad
sections, or, where none is bad (shifts, grey levels, resin), the clean stack. Bad sections are left out of all scores,
as is what has no tissue, so that both are scored on the same voxels. *over* and *worst* are VOI over ideal: the mean
and the largest of all runs; *nothing* counts neurons more than half of which lie where there is no tissue.

Defects of one section are made at each of --positions (the middle if none is named), and the mixture of --share of the
sections for each of --seeds. Sections are moved within the tissue around the box where there is some, and black comes
in where there is none. Affinities of two clean sections are predicted once for all stacks.
"""

import argparse
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from made_defects import SECTION_DEFECTS, STACK_DEFECTS, Defective, Grey, draw_defects
from numpy.typing import NDArray

from napari_emcad.core.contrast import INVERTED, membrane_darkness
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import ResolvedSegmentParameters, SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.core.scores import Scores, score
from napari_emcad.core.sections.look import inspect_sections
from napari_emcad.core.sections.plan import SectionPlan, check_tissue
from napari_emcad.inference.engines.device import reuse_memory
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.checkpoint import load_student
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.pipeline import agglomerate, predict, resolve_parameters

Segment = Callable[[Grey], NDArray[np.integer]]
"""A way to segment: a stack (z, y, x) -> its neurons (z, y, x), 0 = none."""

MARGIN = 64
"""Pixels around the box that defects are made in, so that tissue comes in where sections are moved."""

MIXTURE = "mixture"


@dataclass(frozen=True)
class Outcome:
    """Scores of one stack by one way; None where there is nothing to score, or the way refused the stack."""

    scores: Scores | None
    in_nothing: int = 0
    refusal: str = ""


class Pairs:
    """A model, and its affinities of clean sections.

    Affinities of a section depend on it, on the one that it is paired with, and the grey levels alone, where nothing is
    missing or moved. So those of two clean sections are kept, and a stack costs the network only where it differs.
    """

    def __init__(self, model: str, clean: Grey):
        self.network, self.card = load_student(resolve_model(model))
        self._clean = {_digest(section) for section in clean}
        self._kept: dict[tuple, NDArray[np.uint8]] = {}

    def labels(self, raw: Grey, parameters: ResolvedSegmentParameters, plan: SectionPlan) -> NDArray[np.integer]:
        """Return the neurons (z, y, x) at the threshold."""
        affinities = self._affinities(raw, parameters, plan)
        segmentation = drive(agglomerate(affinities, parameters, plan, Box.whole(raw.shape)))
        return segmentation.labels(segmentation.table(parameters.threshold, parameters.min_size, parameters.crumbs))

    def _affinities(self, raw: Grey, parameters: ResolvedSegmentParameters, plan: SectionPlan) -> NDArray[np.uint8]:
        digests = [_digest(section) for section in raw]
        seen = [_seen(plan, digests, z) for z in range(len(raw))]
        keys = [(sections, parameters.black, parameters.white) for sections in seen]
        affinities = np.empty((3, *raw.shape), np.uint8)
        for known, run in groupby(range(len(raw)), key=lambda z: keys[z] in self._kept):
            sections = list(run)
            if known:
                affinities[:, sections] = np.stack([self._kept[keys[z]] for z in sections], axis=1)
            else:
                box = Box((sections[0], 0, 0), (sections[-1] + 1, *raw.shape[1:]))
                drive(predict(raw, self.network, affinities[:, sections[0] : sections[-1] + 1], box, parameters, plan))
        for z, sections in enumerate(seen):
            if sections and self._clean.issuperset(sections):
                self._kept[keys[z]] = affinities[:, z].copy()
        return affinities


class AsIs:
    """The program without a look at the sections: neurons at the model's threshold."""

    def __init__(self, pairs: Pairs):
        self._pairs = pairs

    def __call__(self, raw: Grey) -> NDArray[np.integer]:
        parameters = resolve_parameters(SegmentParameters(), raw, self._pairs.card)
        return self._pairs.labels(raw, parameters, SectionPlan.as_is(raw.shape))


class Auto:
    """The program as it is used: it looks at the sections, and does what the plan of that says.

    Black and white are exchanged where the program says that they should be.
    """

    def __init__(self, pairs: Pairs):
        self._pairs = pairs

    def __call__(self, raw: Grey) -> NDArray[np.integer]:
        card = self._pairs.card
        plan = SectionPlan.of_report(drive(inspect_sections(raw)))
        check_tissue(plan, Box.whole(raw.shape))
        parameters = resolve_parameters(SegmentParameters(), raw, card, plan=plan)
        if membrane_darkness(raw) <= INVERTED:
            exchanged = SegmentParameters(black=parameters.white, white=parameters.black)
            parameters = resolve_parameters(exchanged, raw, card, plan=plan)
        return self._pairs.labels(raw, parameters, plan)


def _seen(plan: SectionPlan, digests: list[bytes], z: int) -> tuple[bytes, ...]:
    """Return what the network sees for a section: it, and the one it is paired with.

    Empty where something is missing or moved, so that more than these decide.
    """
    partner = next(plan.partners(z), None)
    sections = [z, partner.z] if partner else [z]
    if plan.offset.any() or any((plan.holes(i) | plan.bare(i)).any() or plan.inverted[i] for i in sections):
        return ()
    return tuple(digests[i] for i in sections)


def main() -> None:
    options = _options()
    reuse_memory()
    started = time.perf_counter()
    raw, truth, margin = _read(options)
    whole = Defective.of(raw, truth)
    clean = whole.without_margin(margin)
    pairs = Pairs(options.model, clean.raw)
    as_is = AsIs(pairs)
    ways: dict[str, Segment] = {"as-is": as_is, "auto": Auto(pairs)}
    ways = {name: way for name, way in ways.items() if name in options.ways}
    clean_labels, started = as_is(clean.raw), time.perf_counter()
    print(f"clean: {_text(score(clean_labels, clean.truth))}")
    print(
        f"{'':<26}{'runs':>5}"
        + "".join(f"{way:>15}{'over':>8}{'worst':>8}{'nothing':>9}" for way in ways)
        + "    ideal"
    )
    for name, stacks in _stacks(whole, options):
        if options.only and not any(word in name for word in options.only):
            continue
        ideals, outcomes = [], {way: [] for way in ways}
        for stack in (stack.without_margin(margin) for stack in stacks):
            ideals.append(_ideal(stack, as_is, clean_labels))
            for way, segment in ways.items():
                outcomes[way].append(_outcome(stack, segment))
        cells = "".join(_cells(found, ideals) for found in outcomes.values())
        print(f"{name:<26}{len(ideals):>5}{cells}    {_text(*ideals)}", flush=True)
        for way, found in outcomes.items():
            for refusal in sorted({outcome.refusal for outcome in found} - {""}):
                print(f"  {way}: {refusal}")
    print(f"{time.perf_counter() - started:.0f} s")


def _stacks(whole: Defective, options: argparse.Namespace) -> Iterator[tuple[str, Iterator[Defective]]]:
    """Yield each row's name and its stacks, which are made when they are asked for."""
    middle = len(whole.raw) // 2
    positions = options.positions or [middle]
    for name, make in SECTION_DEFECTS.items():
        yield name, (make(whole, z, np.random.default_rng([options.seeds[0], z])) for z in positions)
    for name, make in STACK_DEFECTS.items():
        yield name, iter([make(whole, middle, np.random.default_rng(options.seeds[0]))])
    yield MIXTURE, (_mixture(whole, seed, options.share) for seed in options.seeds)


def _mixture(whole: Defective, seed: int, share: float) -> Defective:
    made, drawn = draw_defects(whole, np.random.default_rng(seed), share)
    print(f"  seed {seed}: " + ", ".join(f"{name} at {z}" for z, name in drawn.items()))
    return made


def _ideal(stack: Defective, as_is: Segment, clean_labels: NDArray) -> Scores | None:
    """Return the scores of the clean stack without the bad sections."""
    labels = as_is(stack.clean_raw[stack.used]) if stack.bad else clean_labels
    return _score(labels, stack.clean_truth[stack.used])


def _outcome(stack: Defective, segment: Segment) -> Outcome:
    try:
        labels = segment(stack.raw)
    except UserError as error:
        return Outcome(None, refusal=str(error))
    return Outcome(_score(labels[stack.used], stack.truth[stack.used]), _count_in_nothing(labels, stack.empty))


def _score(labels: NDArray, truth: NDArray) -> Scores | None:
    return score(labels, truth) if truth.any() else None


def _count_in_nothing(labels: NDArray, empty: NDArray[np.bool_]) -> int:
    """Count the neurons more than half of which lie where there is no tissue."""
    sizes = np.bincount(labels.ravel())
    inside = np.bincount(labels[empty], minlength=len(sizes))
    return int((2 * inside[1:] > sizes[1:]).sum())


def _cells(outcomes: list[Outcome], ideals: list[Scores | None]) -> str:
    found = [outcome.scores for outcome in outcomes]
    over = [a.voi - b.voi for a, b in zip(found, ideals, strict=True) if a and b]
    numbers = (f"{np.mean(over):+.3f}", f"{max(over):+.3f}") if over else ("-", "-")
    nothing = np.mean([outcome.in_nothing for outcome in outcomes])
    return f"{_text(*found):>15}{numbers[0]:>8}{numbers[1]:>8}{nothing:>9.3g}"


def _text(*scores: Scores | None) -> str:
    """Return mean VOI / mean ARAND."""
    known = [s for s in scores if s is not None]
    if not known:
        return "-"
    return f"{np.mean([s.voi for s in known]):.3f} / {np.mean([s.arand for s in known]):.3f}"


def _read(options: argparse.Namespace) -> tuple[Grey, NDArray, tuple[int, int]]:
    """Return stack and truth with a margin around the box, and that margin in pixels (y, x), equal on both sides."""
    with open_stack(options.raw, options.dataset) as raw, open_stack(options.truth, options.truth_dataset) as truth:
        shape = raw.array.shape
        box = Box.parse(options.box, shape) if options.box else Box.whole(shape)
        margin = tuple(min(MARGIN, box.start[i], shape[i] - box.stop[i]) for i in (1, 2))
        place = box.grown((0, *margin)).slices
        stack = np.asarray(raw.array[place])
        if stack.dtype != np.uint8:
            raise SystemExit(f"{options.raw}: a uint8 stack is needed to make defects in, got {stack.dtype}.")
        return stack, np.asarray(truth.array[place]), margin


def _digest(section: Grey) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(section), digest_size=16).digest()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--dataset")
    parser.add_argument("--truth-dataset")
    parser.add_argument("--box")
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--positions", type=int, nargs="+", help="sections, counted from the start of the box")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the mixtures")
    parser.add_argument("--share", type=float, default=0.05, help="of the sections of a mixture that are defective")
    parser.add_argument("--ways", nargs="+", choices=("as-is", "auto"), default=["as-is", "auto"])
    parser.add_argument("--only", nargs="+", help="words; rows whose names hold one of them")
    return parser.parse_args()


if __name__ == "__main__":
    main()
