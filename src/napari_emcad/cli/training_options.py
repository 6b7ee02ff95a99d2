"""Options of the commands that train: finetune, train-teacher, distill, pretrain and train-optical."""

import argparse
import json
from pathlib import Path
from typing import get_args

from napari_emcad.cli.options import (
    DEFAULT_MINUTES,
    SCRATCH,
    Commands,
    add_box,
    add_dataset,
    add_voxel_size,
    feature_maps,
)
from napari_emcad.core.choices import TO_TRAIN
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.networks.zoo import BUNDLED
from napari_emcad.training.params import Augmentation, Consistency, DefectChances, Loss, Mode

DEFECTS_HELP = "share of sections shown missing, pale, blurred, slipped or wrong, of each; default: 0, 0.01 if full"


def add_training_commands(commands: Commands) -> None:
    """Add the commands that train networks for EM stacks."""
    _add_finetune(commands.add_parser("finetune", help="fine-tune a student on labelled crops, or on a session"))
    _add_train_teacher(commands.add_parser("train-teacher", help="train a 3D teacher on labelled crops"))
    _add_distill(commands.add_parser("distill", help="let a student learn from a teacher on a stack without labels"))
    _add_pretrain(
        commands.add_parser("pretrain", help="let a network restore perturbed sections of an unlabelled stack")
    )


def add_optical_command(commands: Commands) -> None:
    """Add the command that trains a network for optical volumes."""
    parser = commands.add_parser(
        "train-optical", help="train a foreground network (SDASN) on a labelled optical volume"
    )
    parser.add_argument("--raw", type=parse_location, required=True, help="optical volume")
    parser.add_argument("--labels", type=parse_location, required=True, help="of RAW; above 0 = neurite")
    add_dataset(parser, "RAW")
    add_dataset(parser, "LABELS", of="labels")
    add_voxel_size(parser, " of RAW, for the new model's card")
    add_box(parser)
    parser.add_argument("--model", default=SCRATCH, metavar="NAME|FILE", help=f"to begin with; default: {SCRATCH}")
    _add_budget(parser)
    parser.add_argument("--learning-rate", type=float, metavar="R")
    for name in ("batch", "size", "seed"):
        parser.add_argument(f"--{name}", type=int, metavar="N")
    parser.add_argument("--device", choices=TO_TRAIN, default="auto")
    _add_json(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="NEW.ckpt")
    parser.set_defaults(command=_train_optical)


def _add_finetune(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--labels", type=parse_location, help="neurons of RAW, 0 = boundary")
    source.add_argument("--session", type=Path, metavar="SESSION", help="its done neurons and edits, or the boxes")
    _add_labels_in(parser)
    _add_student(parser)
    parser.add_argument("--teacher", metavar="NAME|FILE")
    parser.add_argument("--mode", choices=get_args(Mode), help="default: frozen-teacher with a teacher, else student")
    parser.set_defaults(modes=("student", "frozen-teacher"))
    _add_common(parser)


def _add_train_teacher(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--labels", type=parse_location, required=True, help="neurons of RAW, 0 = boundary")
    _add_labels_in(parser)
    parser.add_argument("--teacher", metavar="NAME|FILE", help="go on with this one; default: random weights")
    _add_maps(parser)
    parser.set_defaults(mode="teacher", student=None, session=None)
    _add_common(parser)


def _add_labels_in(parser: argparse.ArgumentParser) -> None:
    add_dataset(parser, "LABELS", of="labels")
    parser.add_argument(
        "--painted", action="store_true", help="LABELS are whole profiles that were painted, 0 = nothing known there"
    )
    parser.add_argument("--mask", type=parse_location, help="of LABELS: 0 = not verified there")
    add_dataset(parser, "MASK", of="mask")


def _add_distill(parser: argparse.ArgumentParser) -> None:
    _add_student(parser)
    parser.add_argument("--teacher", required=True, metavar="NAME|FILE")
    parser.set_defaults(mode="distil", labels=None, mask=None, session=None)
    _add_common(parser)


def _add_pretrain(parser: argparse.ArgumentParser) -> None:
    learner = parser.add_mutually_exclusive_group(required=True)
    learner.add_argument("--student", metavar="NAME|FILE", help=f"or {SCRATCH}")
    learner.add_argument("--teacher", metavar="NAME|FILE", help=f"or {SCRATCH}")
    _add_maps(parser)
    parser.set_defaults(mode=None, modes=("restore", "restore-teacher"), labels=None, mask=None, session=None)
    _add_common(parser)


def _add_student(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--student", default=BUNDLED, metavar="NAME|FILE", help=f"default: {BUNDLED}; or {SCRATCH}")


def _add_maps(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--maps", type=feature_maps, metavar="N,N,...", help="of a new teacher, full resolution first")


def _add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options of all commands that train networks for EM stacks."""
    parser.add_argument("--raw", type=parse_location, help="EM stack; of a session, where it is now")
    add_dataset(parser, "RAW")
    add_voxel_size(parser)
    parser.add_argument("--box", action="append", metavar="z0:z1,y0:y1,x0:x1", help="to train in; may be repeated")
    parser.add_argument("--unlabelled", action="append", metavar="z0:z1,y0:y1,x0:x1", help="to distil in too")
    parser.add_argument("--hold-out", action="append", metavar="z0:z1,y0:y1,x0:x1", help="to score in; default: chosen")
    plan = "what is done with defective sections of RAW: auto (the default), as-is, or FILE.json of inspect --plan"
    parser.add_argument("--plan", metavar="auto|as-is|FILE.json", help=plan)
    _add_budget(parser)
    for name in ("learning-rate", "ema"):
        parser.add_argument(f"--{name}", type=float, metavar="R")
    for name in ("batch", "sections", "size", "seed", "warm-up"):
        parser.add_argument(f"--{name}", type=int, metavar="N")
    parser.add_argument("--consistency", choices=get_args(Consistency), help="unlabelled boxes teach by two views, too")
    parser.add_argument("--loss", choices=get_args(Loss), help="against labels; malis = mse and MALIS; default: mse")
    parser.add_argument("--augmentation", choices=get_args(Augmentation), help="default: light for short budgets")
    parser.add_argument("--defects", type=defect_chances, metavar="R|KIND=R,...", help=DEFECTS_HELP)
    parser.add_argument("--device", choices=TO_TRAIN, default="auto")
    parser.add_argument("--about", type=json.loads, default={}, metavar="JSON", help="fields of the new model's card")
    _add_json(parser)
    output = "or .pt; a teacher that learns too: NEW_teacher.ckpt"
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="NEW.ckpt", help=output)
    parser.set_defaults(command=_train)


def _add_budget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, help=f"time for all of it; default: {DEFAULT_MINUTES:g}")
    parser.add_argument("--steps", type=int)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="what happens, one JSON object a line")


def defect_chances(text: str) -> DefectChances:
    """Read the chances of defects: "0.01" of each kind, or "missing=0.02,blurred=0.05" of some."""
    kinds = DefectChances.model_fields
    pairs = [part.partition("=") for part in text.split(",")] if "=" in text else [(kind, "=", text) for kind in kinds]
    if unknown := [kind for kind, _, _ in pairs if kind not in kinds]:
        raise argparse.ArgumentTypeError(f"kinds among {', '.join(kinds)} are needed, got {unknown[0]}")
    try:
        return DefectChances(**{kind: float(chance) for kind, _, chance in pairs})
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"chances of 0 to 1, at most 1 together, are needed, got {text}") from error


def _train(options: argparse.Namespace) -> int:
    from napari_emcad.cli.training import train

    return train(options)


def _train_optical(options: argparse.Namespace) -> int:
    from napari_emcad.cli.optical import train

    return train(options)
