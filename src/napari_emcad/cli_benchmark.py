"""The command that scores a model on a dataset of the papers; a thin shell over `benchmark`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from napari_emcad.benchmark import Row, benchmark
from napari_emcad.cli_bar import follow
from napari_emcad.core.geometry import Box
from napari_emcad.core.wording import shape_text, size_text
from napari_emcad.inference.wishes import WISHES
from napari_emcad.io.paper_datasets import open_pair
from napari_emcad.io.paper_layouts import NAMES
from napari_emcad.networks.zoo import BUNDLED, resolve
from napari_emcad.pipeline import SegmentParameters, check_volume, memory_needed, settled

HEADER = ("dataset", "model", "agglomeration", "VOI split", "VOI merge", "VOI", "ARAND", "seconds")


def add_benchmark_command(commands) -> None:
    """Add the command to the parser's subcommands."""
    parser = commands.add_parser(
        "benchmark", help="segment a dataset of the papers and score it: a row of their tables"
    )
    parser.add_argument(
        "--dataset", type=Path, required=True, metavar="PATH", help="file or folder of stack and labels"
    )
    parser.add_argument("--model", default=BUNDLED, metavar="NAME|FILE", help=f"default: {BUNDLED}")
    parser.add_argument("--layout", metavar="NAME", help=f"{', '.join(NAMES)}; default: by the names of the files")
    parser.add_argument("--box", metavar="z0:z1,y0:y1,x0:x1", help="voxels of the labels, half open; default: all")
    threshold = SegmentParameters.model_fields["threshold"].description
    parser.add_argument("--threshold", type=float, metavar="T", help=threshold)
    parser.add_argument("--device", choices=tuple(WISHES))
    parser.add_argument("--json", action="store_true", help="a line of JSON for each row")
    parser.set_defaults(command=_benchmark)


def _benchmark(options: argparse.Namespace) -> int:
    from napari_emcad.inference.device import reuse_memory
    from napari_emcad.networks.checkpoint import load_model

    reuse_memory()
    given = {name: value for name in ("threshold", "device") if (value := getattr(options, name)) is not None}
    wished = SegmentParameters.of(**given)
    network, card = load_model(resolve(options.model))
    with open_pair(options.dataset, options.layout) as pair:
        check_volume(pair.raw.array)
        shape = pair.labels.array.shape
        box = Box.parse(options.box, shape) if options.box else Box.whole(shape)
        parameters = settled(wished, pair.raw.array, card)
        if not options.json:
            memory = size_text(memory_needed(box, pair.raw.array.shape[1:], card=card))
            size = f"{shape_text(box.shape)} voxels of {shape_text(f'{n:g}' for n in pair.voxel_size)} nm"
            _say(f"{size}, at most {memory}, threshold {parameters.threshold:g}, {card.line()}")
        rows = follow(benchmark(pair, box, network, card, parameters))
    _say("\n".join(json.dumps(row.as_dict()) for row in rows) if options.json else _table(rows))
    return 0


def _table(rows: Sequence[Row]) -> str:
    """In Markdown, every column as wide as its widest entry."""
    lines = [HEADER, *(_entries(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(f"| {' | '.join(e.ljust(w) for e, w in zip(line, widths, strict=True))} |" for line in lines)


def _entries(row: Row) -> tuple[str, ...]:
    scores = row.scores
    figures = (f"{n:.4f}" for n in (scores.voi_split, scores.voi_merge, scores.voi, scores.arand))
    return row.dataset, row.model, row.agglomeration, *figures, f"{row.seconds:.1f}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
