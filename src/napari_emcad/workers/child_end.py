"""The reason why a child ended, in one sentence if a person can mend it."""

import signal
from typing import Any

from napari_emcad.core.errors import UserError
from napari_emcad.inference.out_of_memory import OUT_OF_MEMORY
from napari_emcad.workers.child_job import ChildJob

LAST_LINES = 10
"""Lines at the end of standard error that are searched for the reason of an end."""

NO_MEMORY = (*OUT_OF_MEMORY, "memoryerror", "cannot allocate memory", "failed to map segment", "memory allocation")
"""Words, in lower case, of a program that has run out of memory."""

ENDED_FROM_OUTSIDE = (-9, -15)
"""Exit codes of processes that the system or a person has ended: SIGKILL and SIGTERM. Windows has no such codes."""


def explain_end(job: ChildJob[Any], code: int | None, printed: str) -> Exception:
    """Return the error for a child that has ended without a last word.

    Parameters
    ----------
    job : ChildJob
    code : int or None
        Exit code of the process; None = it still runs.
    printed : str
        What it wrote to standard error.
    """
    if code in ENDED_FROM_OUTSIDE:
        return UserError(f"{job.name}: the system ended it, most likely for want of memory; {job.advice}.")
    if lacks_memory("\n".join(printed.splitlines()[-LAST_LINES:])):
        return memory_error(job)
    return RuntimeError(f"{job.name}: its process {_end_text(code)}\n{printed}")


def _end_text(code: int | None) -> str:
    if code is None:
        return "closed its output and went on"
    if code >= 0:
        return f"ended with code {code}"
    known = {number.value: number.name for number in signal.Signals}
    return f"ended by signal {known.get(-code, -code)}"


def memory_error(job: ChildJob[Any]) -> UserError:
    return UserError(f"{job.name}: memory does not suffice; {job.advice}.")


def lacks_memory(words: str) -> bool:
    return any(word in words.lower() for word in NO_MEMORY)
