"""Stands for `napari_emcad.finetuning.run` where the panel is tested: says what it says and makes the files it makes.

Which way it goes is in the environment variable FAKE_TRAINER.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

FOLDER = Path(sys.argv[1])
WAY = os.environ.get("FAKE_TRAINER", "better")
STEPS = 20
BEFORE = {"step": 0, "seconds": 0.0, "voi": 4.89, "voi_split": 4.5, "voi_merge": 0.39, "arand": 0.897, "best": False}


def say(event: str, **more) -> None:
    line = json.dumps({"event": event, **more})
    with (FOLDER / "events.jsonl").open("a") as notes:
        notes.write(line + "\n")
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def score(step: int, voi: float) -> dict:
    is_best = step > 0 and WAY != "worse"
    best = {"best": is_best, "model": "best.pt" if is_best else None}
    found = BEFORE | {"step": step, "seconds": step / 10, "voi": voi, "arand": voi / 10, "threshold": 0.4} | best
    if is_best:
        keep()
    say("score", **found)
    return found


def keep() -> None:
    order = json.loads((FOLDER / "order.json").read_text())
    student = Path(order["student"])
    shutil.copyfile(student, FOLDER / "best.pt")
    shutil.copyfile(student.with_suffix(".json"), FOLDER / "best.json")
    if order.get("parameters", {}).get("mode") == "joint":
        shutil.copyfile(order["teacher"], FOLDER / "best_teacher.pt")


def step(n: int, last: int) -> None:
    loss = 0.5 / (1 + n / 5) + 0.05 * np.sin(7 * n)
    parts = {"student": loss, "cross": loss / 3, "interaction": 0.7 * loss + 0.1}
    say("step", step=n, done=n / last, seconds=n / 10, learning_rate=1e-4, loss=loss, parts=parts)


def held_out() -> None:
    for i, file in enumerate(sorted((FOLDER / "held_out").glob("*.npz"))):
        with np.load(file) as crop:
            raw, truth = crop["raw"], crop["labels"]
        before = np.indices(raw.shape)[2] // 7 + 1
        np.savez(FOLDER / f"held_out_{i}.npz", raw=raw, truth=truth, before=before, after=truth + 3 * (truth > 0))


def main() -> None:
    stopped = threading.Event()
    threading.Thread(target=lambda: (os.read(0, 1), stopped.set()), daemon=True).start()
    if WAY == "fails":
        say("failed", sentence="student: this file is a teacher; choose a student.")
        sys.exit(1)
    say("stage", text="loading the networks")
    lost = {"losses": ["cross", "interaction", "student"], "train_voxels": 1_234_000, "held_out_voxels": 256_000}
    say("started", device="CPU, 2 threads", step=0, **lost)
    first, last = score(0, 4.89), None
    sys.stdout.write("a library prints this\n")
    pause = float(os.environ.get("FAKE_PAUSE", "0"))
    steps = 300 if WAY == "slow" else STEPS
    for n in range(1, steps + 1):
        step(n, steps)
        time.sleep(0.1 if WAY == "slow" else pause)
        if n % 5 == 0:
            last = score(n, 6.0 if WAY == "worse" else 4.89 / (1 + n))
        if WAY == "killed" and n == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        if WAY == "raises" and n == 7:
            raise ValueError("what nobody foresaw")
        if stopped.is_set():
            break
    held_out()
    why, best = "stopped" if stopped.is_set() else "budget", first if WAY == "worse" else last
    model = "best.pt" if (FOLDER / "best.pt").exists() else None
    say("finished", why=why, steps=n, seconds=n / 10, before=first, after=best, model=model)


main()
