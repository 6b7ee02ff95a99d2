"""A kind of input whose reader has faults, to see that they are found."""

import os
import time
from pathlib import Path

import numpy as np
from fuzzing.damages import Damage
from fuzzing.readings import Facts, Reading, digest_of
from fuzzing.trials import Outcome, Result

from napari_emcad.core.errors import UserError

_WHOLE = bytes(1000)


def write_bytes(folder: Path) -> Path:
    (folder / "a.bin").write_bytes(_WHOLE)
    return folder / "a.bin"


def read_bytes(path, then):
    """Read without a check; `then` is called where the file is damaged."""
    values = path.read_bytes() if path.is_file() else b""
    if values != _WHOLE:
        then(path)
    facts = Facts((len(values),), "uint8", digest=digest_of(np.frombuffer(values, "u1")))
    return Reading({"all": facts})


def accept(path):
    pass


def fail(path):
    raise KeyError("a defect")


def refuse(path):
    with Reading().attempt():
        raise UserError("two\nlines")


def write_beside(path):
    (path.parent.parent / "outside.txt").write_text("mine")


def eat(path):
    np.ones(2**27)


def serve_badly(calls):
    """Hang in the first trial, die in the second, and end all others."""
    calls.send(None)
    while (trial := calls.recv()) is not None:
        if trial.number == 0:
            time.sleep(60)
        if trial.number == 1:
            os._exit(3)
        calls.send(Result(trial, Damage("none", ""), Outcome.SAME))
