"""Prediction beside the window, on the CPU.

In a window's process every block that the network asks for comes fresh from the system, which costs as much as the
convolutions (docs/decisions/0004-memory.md); and where memory runs out, the system would end napari with all that is
open in it. So larger boxes are predicted by a process of its own, `python -m napari_emcad.workers.prediction`. It asks
for the pixels it needs and sends finished sections, through its standard input and output. It can be stopped at any
moment, also in the middle of a teacher's tile, which may take a minute.
"""

import pickle
import subprocess
import sys
import time
import traceback
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job, Progress
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import SegmentParameters, predict
from napari_emcad.workers.estimates import Planned

SMALL = 3_000_000
"""Voxels of a student's work that are done in this process: before another one has loaded torch."""

GLANCE = 0.3
"""Seconds after which a job says that the process is still at it, and can be stopped."""


@dataclass(frozen=True)
class Model:
    """A weights file, and what it is."""

    path: Path
    card: ModelCard


@dataclass(frozen=True)
class Task:
    """What the process is told first."""

    model: Path
    box: Box
    parameters: SegmentParameters
    shape: tuple[int, ...]
    dtype: np.dtype


def predict_beside(
    volume, model: Model, affinities: NDArray[np.uint8], box: Box, parameters: SegmentParameters
) -> Job[None]:
    """As `pipeline.predict` with the network of a file, in a process of its own where that is faster.

    Parameters
    ----------
    volume : array-like (z, y, x)
    model : Model
        Of a student or teacher.
    affinities : (3, z, y, x) uint8
        Of the box's shape; written.
    box : Box
    parameters : SegmentParameters
        Settled: grey levels and device are known.

    Raises
    ------
    UserError
        As there, and where memory does not suffice.
    """
    from napari_emcad.inference.choice import choose_device

    kind = choose_device(parameters.device).kind
    if kind != "cpu" or Planned(box, volume.shape, kind, model.card).work <= SMALL:
        yield from _here(volume, model.path, affinities, box, parameters)
        return
    command = [sys.executable, "-m", __name__]
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, creationflags=hidden)
    heard: SimpleQueue = SimpleQueue()
    listener = Thread(target=_listen, args=(process.stdout, heard), daemon=True)
    listener.start()
    try:
        yield Progress("loading the model", 0, 1)
        _send(process.stdin, Task(model.path, box, parameters, tuple(volume.shape), np.dtype(volume.dtype)))
        yield from _answering(process.stdin, heard, volume, affinities)
    except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
        raise _failure(process.wait()) from error
    finally:
        process.kill()
        process.wait()
        listener.join()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()


def _here(volume, model: Path, affinities: NDArray[np.uint8], box: Box, parameters: SegmentParameters) -> Job[None]:
    from napari_emcad.networks.checkpoint import load_model

    yield from predict(volume, load_model(model)[0], affinities, box, parameters)


def _answering(asked: BinaryIO, heard: SimpleQueue, volume, affinities: NDArray[np.uint8]) -> Job[None]:
    """Give the process what it asks for and take what it has made, until it is done."""
    progress, since = Progress("loading the model", 0, 1), time.monotonic()
    while True:
        try:
            kind, *said = heard.get(timeout=GLANCE)
        except Empty:
            yield _later(progress, time.monotonic() - since)
            continue
        if kind == "read":
            _send(asked, np.asarray(volume[said[0]]))
        elif kind == "section":
            affinities[:, said[0]] = said[1]
        elif kind == "progress":
            progress, since = said[0], time.monotonic()
            yield progress
        elif kind == "broken":
            raise said[0]
        elif kind == "sentence":
            raise UserError(said[0])
        elif kind == "failed":
            raise RuntimeError(said[0])
        else:
            return


def _listen(pipe: BinaryIO, heard: SimpleQueue) -> None:
    """In a thread: a pipe cannot be asked on every system whether there is something in it."""
    try:
        while True:
            heard.put(pickle.load(pipe))
    except Exception as error:  # noqa: BLE001 - the end of a thread: whoever hears it raises it
        heard.put(("broken", error))


def _later(progress: Progress, seconds: float) -> Progress:
    """The same, some time after it was said."""
    left = progress.seconds_left
    return progress if left is None else replace(progress, seconds_left=max(0.0, left - seconds))


def _failure(code: int) -> Exception:
    if code < 0:
        return UserError("affinities: the system ended the prediction, most likely for want of memory; choose a box.")
    return RuntimeError(f"the prediction process ended with code {code}")


def _send(pipe: BinaryIO, what: Any) -> None:
    pickle.dump(what, pipe, pickle.HIGHEST_PROTOCOL)
    pipe.flush()


# ---- in the process ------------------------------------------------------------------------------------------------


class _Asked:
    """The volume, as far as the process sees it: what is read is asked for."""

    def __init__(self, task: Task, pipes: tuple[BinaryIO, BinaryIO]):
        self.shape, self.dtype = task.shape, task.dtype
        self._pipes = pipes

    def __getitem__(self, key) -> NDArray:
        _send(self._pipes[1], ("read", key))
        return pickle.load(self._pipes[0])


class _Sent:
    """The affinities, as far as the process sees them: what is written is sent."""

    def __init__(self, pipe: BinaryIO):
        self._pipe = pipe

    def __setitem__(self, key: tuple[slice, int], values: NDArray) -> None:
        _send(self._pipe, ("section", key[1], values))


def _work(pipes: tuple[BinaryIO, BinaryIO]) -> tuple:
    """Predict; the last words to say."""
    from napari_emcad.inference.engines.device import reuse_memory

    reuse_memory()
    task: Task = pickle.load(pipes[0])
    try:
        for progress in _here(_Asked(task, pipes), task.model, _Sent(pipes[1]), task.box, task.parameters):
            _send(pipes[1], ("progress", progress))
    except UserError as error:
        return "sentence", str(error)
    except MemoryError:
        return "sentence", "affinities: memory does not suffice; choose a smaller box."
    except (EOFError, OSError):
        raise
    except Exception:  # noqa: BLE001 all else is told in the window, with where it happened
        return "failed", traceback.format_exc()
    return ("done",)


def main() -> None:
    """The process: what others print must not come between."""
    pipes = sys.stdin.buffer, sys.stdout.buffer
    with redirect_stdout(sys.stderr), suppress(EOFError, BrokenPipeError):
        _send(pipes[1], _work(pipes))


if __name__ == "__main__":
    main()
