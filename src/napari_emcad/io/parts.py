"""Names of what is not finished yet, which say whose it is: what dead programs have left can be told and removed.

    labels.tif.3fa2b1c0-4711-8847221-0123456789abcdef.part

The digits are those of the machine (and of the container), the program, the time it was started, and chance. A folder
that is replaced on a system that cannot exchange two names is NAME. ... .before for a moment.
"""

import hashlib
import os
import re
import secrets
import shutil
import socket
import uuid
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import psutil

PART = ".part"
"""Suffix of what is not finished."""

BEFORE = ".before"
"""Suffix of what was there before."""

_LONGEST = 255
"""Bytes of a file's name."""

_OURS = re.compile(r"(?P<name>.+)\.(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>\d+)-[0-9a-f]{16}\.(part|before)")


def part_of(target: Path) -> Path:
    """Return a path beside the target that nobody else uses; a long name is cut."""
    end = f"{_mark()}{PART}"
    name = target.name.encode(errors="surrogateescape")[: _LONGEST - len(end)].decode(errors="ignore")
    return target.with_name(f"{name}{end}")


def before_of(target: Path) -> Path:
    """Return a path beside the target for what was there before; its own name can be read off it."""
    return target.with_name(f"{target.name}{_mark()}{BEFORE}")


def is_in_part(path: Path) -> bool:
    """Return True if a path lies in something that is not finished."""
    return any(_OURS.fullmatch(parent.name) for parent in path.parents)


def remove_parts(folder: Path, alone: bool = False) -> None:
    """Remove what dead programs have left unfinished in a folder, and bring back what they had moved away.

    Nothing of a program that runs is touched, and nothing whose name is not exactly one of ours.

    Parameters
    ----------
    folder : Path
    alone : bool
        True if nobody else may write there now: what programs on other machines have left goes, too.
    """
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except OSError:
        return
    for name in names:
        found = _OURS.fullmatch(name)
        if found is None or not _is_left(found, alone):
            continue
        with suppress(OSError):
            _tidy(folder / name, folder / found["name"])


def _tidy(left: Path, target: Path) -> None:
    if left.suffix == BEFORE and not os.path.lexists(target):
        left.rename(target)
    elif left.is_dir() and not left.is_symlink():
        shutil.rmtree(left, ignore_errors=True)
    else:
        left.unlink()


def _is_left(name: re.Match[str], alone: bool) -> bool:
    if name["machine"] != _machine():
        return alone
    return not _is_running(int(name["pid"]), int(name["start"]))


def _mark() -> str:
    return f".{_machine()}-{os.getpid()}-{_start_of(os.getpid()) or 0}-{secrets.token_hex(8)}"


@lru_cache(1)
def _machine() -> str:
    """Return 8 digits for this machine, and for the container, as programs of others have numbers of their own."""
    names = [socket.gethostname()]
    for read in (lambda: Path("/etc/machine-id").read_text("ascii"), lambda: os.readlink("/proc/self/ns/pid")):
        with suppress(OSError, ValueError):
            names.append(read())
    if len(names) == 1:
        names.append(str(uuid.getnode()))
    return hashlib.sha256(" ".join(names).encode()).hexdigest()[:8]


def _is_running(pid: int, start: int) -> bool:
    """Return True if the program of this number runs, or if that cannot be known."""
    try:
        found = _start_of(pid)
    except ProcessLookupError:
        return False
    return found is None or found == start


def _start_of(pid: int) -> int | None:
    """Return when a program was started, as a number that no change of the clock touches; None = not to be known.

    Raises
    ------
    ProcessLookupError
        If it has ended.
    """
    stat = Path(f"/proc/{pid}/stat")
    try:
        status, *numbers = stat.read_text("ascii", "replace").rpartition(")")[2].split()
        if status in ("Z", "X"):
            raise ProcessLookupError(pid)
        return int(numbers[18])
    except FileNotFoundError:
        return _start_elsewhere(pid)
    except (OSError, ValueError, IndexError) as error:
        if isinstance(error, ProcessLookupError):
            raise
        return None


def _start_elsewhere(pid: int) -> int | None:
    """Do what `_start_of` does where there is no /proc, or where it hides the programs of others."""
    if not psutil.pid_exists(pid):
        raise ProcessLookupError(pid)
    if Path("/proc/self/stat").exists():
        return None
    try:
        return int(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess as error:
        raise ProcessLookupError(pid) from error
    except psutil.Error:
        return None
