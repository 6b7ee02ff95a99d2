"""Stands for the job that trains where the panel is tested: tells what that tells and makes the files that it makes.

Which way it goes is in the environment variable FAKE_TRAINER.
"""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job
from napari_emcad.finetuning.folder import note_event
from napari_emcad.workers.child import Arrays, Caller
from napari_emcad.workers.child_job import StopRequest
from napari_emcad.workers.training import TrainingProgress, TrainingTask

KILLED = UserError("training: the system ended it, most likely for want of memory; what was best until then is kept.")
STEPS = 20
BEFORE = {"step": 0, "seconds": 0.0, "voi": 4.89, "voi_split": 4.5, "voi_merge": 0.39, "arand": 0.897, "best": False}


def train_here(folder: Path, stop: StopRequest) -> Job[None]:
    """Stands for `train_beside`, without a child: the way "killed" ends with the sentence that a kill ends with."""
    try:
        yield from _train(lambda: not stop.is_asked, folder, in_child=False)
    except UserError as error:
        note_event(folder, {"event": "failed", "sentence": str(error)})
        raise


def train_in_child(caller: Caller, task: TrainingTask) -> Job[Arrays]:
    """Stands for the job of the same name, in a child."""
    yield from _train(caller.wanted, task.folder, in_child=True)
    return {}


def _train(wanted: Callable[[], bool], folder: Path, in_child: bool) -> Job[None]:
    way = os.environ.get("FAKE_TRAINER", "better")
    for event in events(way, wanted, folder, in_child):
        note_event(folder, event)
        yield TrainingProgress("training", 0, 1, event=event)


def events(way: str, wanted: Callable[[], bool], folder: Path, in_child: bool) -> Iterator[dict]:
    if way == "fails":
        raise UserError("student: this file is a teacher; choose a student.")
    yield {"event": "stage", "text": "loading the networks"}
    voxels = {"train_voxels": 1_234_000, "held_out_voxels": 256_000}
    yield {
        "event": "started",
        "device": "CPU, 2 threads",
        "step": 0,
        "losses": ["cross", "interaction", "student"],
    } | voxels
    first = last = score(0, 4.89, folder)
    yield first
    if in_child:
        os.write(1, b'a library prints this\n{"and": "this"}\n')
    steps = 300 if way == "slow" else STEPS
    for n in range(1, steps + 1):
        yield step(n, steps)
        if in_child and way == "slow":
            time.sleep(0.1)
        if n % 5 == 0:
            last = score(n, 6.0 if way == "worse" else 4.89 / (1 + n), folder, helps=way != "worse")
            yield last
        if way == "killed" and n == 7:
            end(in_child)
        if way == "raises" and n == 7:
            raise ValueError("what nobody foresaw")
        if not wanted():
            break
    write_held_out(folder)
    why, best = "budget" if wanted() else "stopped", first if way == "worse" else last
    model = "best.pt" if (folder / "best.pt").exists() else None
    found = {"before": first, "after": best, "model": model}
    yield {"event": "finished", "why": why, "steps": n, "seconds": n / 10} | found


def end(in_child: bool) -> None:
    """End as the system ends a process for want of memory."""
    if not in_child:
        raise KILLED
    os.kill(os.getpid(), signal.SIGKILL)


def score(step: int, voi: float, folder: Path, helps: bool = True) -> dict:
    is_best = step > 0 and helps
    best = {"best": is_best, "model": "best.pt" if is_best else None}
    if is_best:
        keep(folder)
    found = BEFORE | {"step": step, "seconds": step / 10, "voi": voi, "arand": voi / 10, "threshold": 0.4} | best
    return {"event": "score"} | found


def keep(folder: Path) -> None:
    order = json.loads((folder / "order.json").read_text())
    student = Path(order["student"])
    shutil.copyfile(student, folder / "best.pt")
    shutil.copyfile(student.with_suffix(".json"), folder / "best.json")
    if order.get("parameters", {}).get("mode") == "joint":
        shutil.copyfile(order["teacher"], folder / "best_teacher.pt")


def step(n: int, last: int) -> dict:
    loss = 0.5 / (1 + n / 5) + 0.05 * np.sin(7 * n)
    parts = {"student": loss, "cross": loss / 3, "interaction": 0.7 * loss + 0.1}
    rest = {"seconds": n / 10, "learning_rate": 1e-4, "loss": loss, "parts": parts}
    return {"event": "step", "step": n, "done": n / last} | rest


def write_held_out(folder: Path) -> None:
    for i, file in enumerate(sorted((folder / "held_out").glob("*.npz"))):
        with np.load(file) as crop:
            raw, truth = crop["raw"], crop["labels"]
        before = np.indices(raw.shape)[2] // 7 + 1
        np.savez(folder / f"held_out_{i}.npz", raw=raw, truth=truth, before=before, after=truth + 3 * (truth > 0))
