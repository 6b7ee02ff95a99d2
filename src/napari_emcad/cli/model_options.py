"""Options of the commands on models and scores, and of the demo: models, evaluate, benchmark and demo."""

import argparse
from pathlib import Path

from napari_emcad.cli.options import Commands, add_box, add_dataset, add_sections, ignored_id
from napari_emcad.core.choices import DEFAULT_THRESHOLDS, WISHES
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.io.stacks.paper_layouts import PAPER_DATASETS
from napari_emcad.networks.zoo import BUNDLED


def add_evaluate_command(commands: Commands) -> None:
    """Add the command that scores labels against the truth."""
    parser = commands.add_parser("evaluate", help="score labels against the truth: VOI and ARAND")
    parser.add_argument("labels", type=parse_location)
    parser.add_argument("truth", type=parse_location)
    add_dataset(parser, "LABELS")
    add_dataset(parser, "TRUTH", of="truth")
    ignore = "of TRUTH: unlabelled, as 0 and what is below 0 are; max = the highest its type has; may be repeated"
    parser.add_argument("--ignore", type=ignored_id, action="append", default=[], metavar="ID|max", help=ignore)
    add_box(parser)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.set_defaults(command=_evaluate)


def add_benchmark_command(commands: Commands) -> None:
    """Add the command that scores a model on a dataset of the papers."""
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
    add_sections(parser, bridges=False)
    parser.add_argument("--device", choices=tuple(WISHES))
    parser.add_argument("--json", action="store_true", help="a line of JSON for each row")
    parser.set_defaults(command=_benchmark)


def add_models_command(commands: Commands) -> None:
    """Add the command that lists models."""
    parser = commands.add_parser("models", help="list the models, the package's and your own, or show one's card")
    parser.add_argument("--show", metavar="NAME|FILE", help="the whole card of a model or checkpoint")
    part = "of --show: the network to take from a file that holds several, as the error about them names it"
    parser.add_argument("--part", default="", metavar="PART", help=part)
    output = "of --show: the model is written here, by itself and with its card; ends in .ckpt or .pt"
    parser.add_argument("-o", "--output", type=Path, metavar="NEW.pt", help=output)
    parser.set_defaults(command=_models)


def add_demo_command(commands: Commands) -> None:
    """Add the command that shows the plugin at work."""
    parser = commands.add_parser("demo", help="segment the synthetic sample in napari")
    parser.add_argument("--no-window", action="store_true", help="in a virtual screen; leaves its results in demo/")
    parser.set_defaults(command=_demo)


def _evaluate(options: argparse.Namespace) -> int:
    from napari_emcad.cli.evaluate import evaluate

    return evaluate(options)


def _benchmark(options: argparse.Namespace) -> int:
    from napari_emcad.cli.benchmark import score_model

    return score_model(options)


def _models(options: argparse.Namespace) -> int:
    from napari_emcad.cli.models import list_models

    return list_models(options)


def _demo(options: argparse.Namespace) -> int:
    from napari_emcad.cli.windows import demo

    return demo(options)
