"""Prediction beside the window, on the CPU.

In a window's process every block that the network asks for comes fresh from the system, which costs as much as the
convolutions (docs/decisions/0004-memory.md); and where memory runs out, the system would end napari with all that is
open in it. So larger boxes are predicted by a process of its own, `python -m napari_emcad.widgets.prediction`. It asks
for the pixels it needs and sends finished sections, through its standard input and output.
"""

import pickle
import subprocess
import sys
import traceback
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job, Progress
from napari_emcad.pipeline import SegmentParameters, predict

SMALL = 3_000_000
"""Voxels that are predicted in this process: done before another one has loaded torch."""


@dataclass(frozen=True)
class Task:
    """What the process is told first."""

    model: Path
    box: Box
    parameters: SegmentParameters
    shape: tuple[int, ...]
    dtype: np.dtype


def predict_beside(
    volume, model: Path, affinities: NDArray[np.uint8], box: Box, parameters: SegmentParameters
) -> Job[None]:
    """As `pipeline.predict` with the student of a file, in a process of its own where that is faster.

    Parameters
    ----------
    volume : array-like (z, y, x)
    model : Path
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
    if affinities[0].size <= SMALL or parameters.device != "cpu":
        yield from _here(volume, model, affinities, box, parameters)
        return
    command = [sys.executable, "-m", __name__]
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, creationflags=hidden)
    try:
        yield Progress("loading the model", 0, 1)
        _send(process.stdin, Task(model, box, parameters, tuple(volume.shape), np.dtype(volume.dtype)))
        yield from _answering(process, volume, affinities)
    except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
        raise _failure(process.wait()) from error
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()


def _here(volume, model: Path, affinities: NDArray[np.uint8], box: Box, parameters: SegmentParameters) -> Job[None]:
    from napari_emcad.networks.checkpoint import load_student

    yield from predict(volume, load_student(model)[0], affinities, box, parameters)


def _answering(process: subprocess.Popen, volume, affinities: NDArray[np.uint8]) -> Job[None]:
    """Give the process what it asks for and take what it has made, until it is done."""
    while True:
        kind, *said = pickle.load(process.stdout)
        if kind == "read":
            _send(process.stdin, np.asarray(volume[said[0]]))
        elif kind == "section":
            affinities[:, said[0]] = said[1]
        elif kind == "progress":
            yield said[0]
        elif kind == "sentence":
            raise UserError(said[0])
        elif kind == "failed":
            raise RuntimeError(said[0])
        else:
            return


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
    from napari_emcad.inference.device import reuse_memory

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
