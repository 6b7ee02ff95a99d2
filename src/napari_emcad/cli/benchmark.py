"""The command that scores a model on a dataset of the papers."""

import argparse
import json
from collections.abc import Sequence

from napari_emcad.benchmark import BenchmarkRow, benchmark
from napari_emcad.cli.bar import follow, tell, warn
from napari_emcad.cli.inputs import box_of, options_set
from napari_emcad.cli.section_choice import choose_plan
from napari_emcad.core.errors import UserError
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.volume import check_volume
from napari_emcad.core.wording import shape_text, size_text
from napari_emcad.inference.engines.device import reuse_memory
from napari_emcad.io.stacks.paper_datasets import open_labelled_stack
from napari_emcad.networks.checkpoint import load_model
from napari_emcad.networks.zoo import resolve_model
from napari_emcad.pipeline import memory_needed, resolve_parameters

HEADER = ("dataset", "model", "agglomeration", "threshold", "VOI split", "VOI merge", "VOI", "ARAND", "seconds")


def score_model(options: argparse.Namespace) -> int:
    """Segment a dataset in the ways of the papers, score them, and tell the rows of their table."""
    reuse_memory()
    requested = _ways(options)
    network, card = load_model(resolve_model(options.model))
    with open_labelled_stack(options.dataset, options.layout) as pair:
        check_volume(pair.raw.array)
        box = box_of(options, pair.labels.array.shape)
        place, say = box.moved(pair.place.start), warn if options.json else tell
        plan = choose_plan(options, pair.raw.array, place, say)
        ways = [resolve_parameters(way, pair.raw.array, card, plan=plan) for way in requested]
        if not options.json:
            memory = size_text(memory_needed(box, pair.raw.array.shape[1:], card=card))
            lengths = " x ".join(f"{length:g}" for length in pair.voxel_size)
            tell(f"{shape_text(box.shape)} voxels of {lengths} nm, at most {memory}, {card.summary()}")
        rows = follow(benchmark(pair, box, (network, card), ways, plan))
    tell("\n".join(json.dumps(row.as_dict()) for row in rows) if options.json else _table(rows))
    return 0


def _ways(options: argparse.Namespace) -> list[SegmentParameters]:
    """Return the agglomerations of the papers, at the thresholds asked for."""
    device = options_set(options, "device")
    if options.bias is not None and not 0 <= options.bias <= 1:
        raise UserError(f"bias: a number from 0 to 1 is needed, got {options.bias:g}; the papers' is 0.5.")
    threshold = None if options.bias is None else 1 - options.bias
    return [
        SegmentParameters.of(threshold=options.threshold, **device),
        SegmentParameters.of(agglomeration="multicut", threshold=threshold, **device),
    ]


def _table(rows: Sequence[BenchmarkRow]) -> str:
    """Return a table in Markdown, every column as wide as its widest entry."""
    lines = [HEADER, *(_entries(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(f"| {' | '.join(e.ljust(w) for e, w in zip(line, widths, strict=True))} |" for line in lines)


def _entries(row: BenchmarkRow) -> tuple[str, ...]:
    scores = row.scores
    figures = (f"{n:.4f}" for n in (scores.voi_split, scores.voi_merge, scores.voi, scores.arand))
    return row.dataset, row.model, row.agglomeration, f"{row.threshold:.2f}", *figures, f"{row.seconds:.1f}"
