"""Train a student from labelled volumes: `python -m napari_emcad.train --help`.

The bundled model comes from this: SNEMI3D's training volume (AC4), sections 0-79, and synthetic stacks, e.g.

    python -m napari_emcad.train raw.tif neuron_ids.tif --sections 0:80 --synthetic 5 --steps 4400 --folder run

Run again with more `--steps`, it goes on from there.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.core.synthetic import synthetic_stack
from napari_emcad.io.volumes import open_volume

SAVE_EVERY = 25
SYNTHETIC_SHAPE = (16, 384, 384)
SYNTHETIC_SHARE = 0.1
"""Of the pairs, where there are synthetic stacks."""


def main(arguments: list[str] | None = None) -> int:
    """Train until the last step; run it again to go on where it stopped."""
    options = _parser().parse_args(arguments)
    try:
        _train(options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _train(options: argparse.Namespace) -> None:
    import torch

    from napari_emcad.inference.device import reuse_memory
    from napari_emcad.networks.card import ModelCard
    from napari_emcad.networks.checkpoint import save_student
    from napari_emcad.networks.student import Student
    from napari_emcad.training.loop import TrainingState, train
    from napari_emcad.training.params import TrainingParameters

    reuse_memory()
    parameters = TrainingParameters(steps=options.steps, learning_rate=options.learning_rate, seed=options.seed)
    torch.manual_seed(parameters.seed)
    state, saved = TrainingState(Student(), parameters), options.folder / "state.pt"
    options.folder.mkdir(parents=True, exist_ok=True)
    if saved.exists():
        state.load(saved)
    bar = tqdm(train(state, _volumes(options), parameters), initial=state.step, total=parameters.steps, unit="step")
    losses = []
    for step in bar:
        losses.append(step.loss)
        bar.set_postfix(loss=f"{np.mean(losses[-SAVE_EVERY:]):.4f}", rate=f"{step.learning_rate:.1e}", refresh=False)
        if step.step % SAVE_EVERY == 0 or step.step == parameters.steps:
            state.save(saved)
    card = ModelCard(
        title=options.title,
        iteration=state.step,
        data=options.data,
        licence=options.licence,
        voxel_size=VoxelSize(*options.voxel_size),
        date=time.strftime("%Y-%m-%d"),
        commit=options.commit,
    )
    save_student(state.averaged(), options.folder / "student.pt", card)


def _volumes(options: argparse.Namespace) -> list:
    from napari_emcad.training.crops import LabelledVolume

    with open_volume(options.raw) as raw, open_volume(options.labels) as labels:
        sections = slice(*(int(n) if n else None for n in options.sections.split(":")))
        real = LabelledVolume(np.asarray(raw.array[sections]), np.asarray(labels.array[sections]).astype(np.int32))
    stacks = [synthetic_stack(SYNTHETIC_SHAPE, seed=1000 + i) for i in range(options.synthetic)]
    weight = SYNTHETIC_SHARE / (1 - SYNTHETIC_SHARE) / max(1, len(stacks))
    return [real] + [LabelledVolume(s.raw, s.labels.astype(np.int32), weight) for s in stacks]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m napari_emcad.train", description="Train a student from scratch.")
    parser.add_argument("raw", type=Path, help="EM stack, uint8")
    parser.add_argument("labels", type=Path, help="its neurons, 0 = boundary")
    parser.add_argument("--sections", default=":", help="A:B, sections to train on (default: all)")
    parser.add_argument("--synthetic", type=int, default=0, help="synthetic stacks to add")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True, help="for the state and the finished student.pt")
    parser.add_argument("--voxel-size", type=float, nargs=3, default=(30, 6, 6), metavar=("Z", "Y", "X"), help="nm")
    for text in ("title", "data", "licence", "commit"):
        parser.add_argument(f"--{text}", default="", help="for the model card")
    return parser


if __name__ == "__main__":
    sys.exit(main())
