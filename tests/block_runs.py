"""Runs by blocks of a small stack with a small lively student: what they write, and what the pipeline would."""

import hashlib
import random
from pathlib import Path

import numpy as np
import tifffile
from drawings import lively_student, uneven

from napari_emcad.blocks import steps as blockwise
from napari_emcad.blocks.pool import InTurn
from napari_emcad.blocks.steps import assemble, segment_by_blocks
from napari_emcad.core.geometry import Box
from napari_emcad.core.parameters import SegmentParameters
from napari_emcad.core.progress import drive
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.block_run_facts import BlockRunFacts, begin_run
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect, save_model
from napari_emcad.pipeline import run as run_in_one

SHAPE, BOX = (7, 40, 50), Box((1, 2, 4), (7, 38, 50))
PARAMETERS = SegmentParameters(threshold=0.5, black=0, white=255, device="cpu", seed_sigma=1, scale=(1, 1))


def save_inputs(folder):
    """The stack and the model."""
    tifffile.imwrite(folder / "stack.tif", uneven(SHAPE, seed=1), photometric="minisblack")
    save_model(lively_student(), folder / "small.pt", ModelCard(title="small"))


def facts_of(inputs, block, **other):
    """A run on them, with blocks of this size."""
    with open_stack(inputs / "stack.tif") as volume:
        fingerprint = volume.fingerprint
    facts = {
        "program": "test",
        "source": str(inputs / "stack.tif"),
        "dataset": None,
        "fingerprint": fingerprint,
        "voxel_size_nm": (40, 6, 6),
        "model": str(inputs / "small.pt"),
        "model_sha256": inspect(inputs / "small.pt").sha256,
        "parameters": PARAMETERS.model_dump(mode="json"),
        "precision": "fp32",
        "box": (BOX.start, BOX.stop),
        "block": block,
        "group": (1, 1, 1),
        "stack_shape": SHAPE,
    }
    return BlockRunFacts(**(facts | other))


def done(folder, run, pool=None):
    """A run, from its beginning or from where it was stopped."""
    begin_run(folder, run)
    drive(segment_by_blocks(folder, run, pool or InTurn()))
    return assemble(folder, run)


def digest(folder: Path) -> str:
    """Of all that a run has written but the arrays' and the run's own descriptions."""
    found = hashlib.sha256()
    for file in sorted(f for f in folder.rglob("*") if f.is_file() and not f.name.startswith(("run.", ".z"))):
        found.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return found.hexdigest()


def whole(plan=None):
    """By the pipeline, in one piece."""
    affinities = np.zeros((3, *BOX.shape), np.uint8)
    job = run_in_one(uneven(SHAPE, seed=1), lively_student(), affinities, BOX, PARAMETERS, plan)
    return affinities, drive(job)


def partition(table):
    """A labelling of fragments by the first of each segment."""
    _, first, which = np.unique(table, return_index=True, return_inverse=True)
    return first[which]


class Shuffled(InTurn):
    """In another order, each twice."""

    def run(self, step, task, folder, numbers):
        numbers = 2 * list(numbers)
        random.Random(step).shuffle(numbers)
        for number in numbers:
            blockwise._load_inputs.cache_clear()
            yield from super().run(step, task, folder, [number])


class Broken(InTurn):
    """Ends after so many tasks, in the middle of one."""

    def __init__(self, tasks, spoils=True):
        self.left, self.spoils = tasks, spoils

    def run(self, step, task, folder, numbers):
        def until(folder, number):
            self.left -= 1
            if self.left < 0:
                if self.spoils:
                    BlockFiles(Path(folder)).local[:] = 7  # half-written
                raise KeyboardInterrupt
            task(folder, number)

        yield from super().run(step, until, folder, numbers)
