"""The command that scores a model on a dataset of the papers; a thin shell over `benchmark`."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from napari_emcad.benchmark import BenchmarkRow, benchmark
from napari_emcad.cli.bar import follow, tell
from napari_emcad.cli.options import box_of, given
from napari_emcad.core.agglomeration import DEFAULT_THRESHOLDS
from napari_emcad.core.errors import UserError
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.volume import check_volume
from napari_emcad.core.wishes import WISHES
from napari_emcad.core.wording import shape_text, size_text
from napari_emcad.io.stacks.paper_datasets import open_labelled_stack
from napari_emcad.io.stacks.paper_layouts import PAPER_DATASETS
from napari_emcad.networks.zoo import BUNDLED, resolve_model
from napari_emcad.pipeline import memory_needed, resolve_parameters

HEADER = ("dataset", "model", "agglomeration", "threshold", "VOI split", "VOI merge", "VOI", "ARAND", "seconds")


def add_benchmark_command(commands) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "benchmark", help="segment a dataset of the papers and score it: a row of their tables"
    )
    parser.add_argument(
        "--dataset", type=Path, required=True, metavar="PATH", help="file or folder of stack and labels"
    )
    parser.add_argument("--model", default=BUNDLED, metavar="NAME|FILE", help=f"default: {BUNDLED}")
    parser.add_argument(
        "--layout", metavar="NAME", help=f"{', '.join(PAPER_DATASETS)}; default: by the names of the files"
    )
    parser.add_argument("--box", metavar="z0:z1,y0:y1,x0:x1", help="voxels of the labels, half open; default: all")
    threshold = SegmentParameters.model_fields["threshold"].description
    parser.add_argument("--threshold", type=float, metavar="T", help=f"of waterz. {threshold}")
    bias = f"boundary bias of the multicut; default: {1 - DEFAULT_THRESHOLDS['multicut']:.2f}, the papers': 0.5"
    parser.add_argument("--bias", type=float, metavar="B", help=bias)
    parser.add_argument("--device", choices=tuple(WISHES))
    parser.add_argument("--json", action="store_true", help="a line of JSON for each row")
    parser.set_defaults(command=_benchmark)


def _benchmark(options: argparse.Namespace) -> int:
    from napari_emcad.inference.engines.device import reuse_memory
    from napari_emcad.networks.checkpoint import load_model

    reuse_memory()
    wished = _ways(options)
    network, card = load_model(resolve_model(options.model))
    with open_labelled_stack(options.dataset, options.layout) as pair:
        check_volume(pair.raw.array)
        box = box_of(options, pair.labels.array.shape)
        ways = [resolve_parameters(way, pair.raw.array, card) for way in wished]
        if not options.json:
            memory = size_text(memory_needed(box, pair.raw.array.shape[1:], card=card))
            size = f"{shape_text(box.shape)} voxels of {shape_text(f'{n:g}' for n in pair.voxel_size)} nm"
            tell(f"{size}, at most {memory}, {card.summary()}")
        rows = follow(benchmark(pair, box, network, card, ways))
    tell("\n".join(json.dumps(row.as_dict()) for row in rows) if options.json else _table(rows))
    return 0


def _ways(options: argparse.Namespace) -> list[SegmentParameters]:
    """The agglomerations of the papers, at the thresholds asked for."""
    device = given(options, "device")
    if options.bias is not None and not 0 <= options.bias <= 1:
        raise UserError(f"bias: a number from 0 to 1 is needed, got {options.bias:g}; the papers' is 0.5.")
    threshold = None if options.bias is None else 1 - options.bias
    return [
        SegmentParameters.of(threshold=options.threshold, **device),
        SegmentParameters.of(agglomeration="multicut", threshold=threshold, **device),
    ]


def _table(rows: Sequence[BenchmarkRow]) -> str:
    """In Markdown, every column as wide as its widest entry."""
    lines = [HEADER, *(_entries(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(f"| {' | '.join(e.ljust(w) for e, w in zip(line, widths, strict=True))} |" for line in lines)


def _entries(row: BenchmarkRow) -> tuple[str, ...]:
    scores = row.scores
    figures = (f"{n:.4f}" for n in (scores.voi_split, scores.voi_merge, scores.voi, scores.arand))
    return row.dataset, row.model, row.agglomeration, f"{row.threshold:.2f}", *figures, f"{row.seconds:.1f}"
