"""Programs that are killed at random moments, and a look at what the next start finds.

Each trial forks a program that works in a folder, kills it (after a random time, or just before a random change to the
disk), and forks another one that starts again and says what is wrong: nothing, if all is old or new, no name is
blocked and nothing is left over.
"""

import os
import random
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.link"}
WRITES = os.O_WRONLY | os.O_RDWR

PATIENCE = 120.0
"""Seconds for a program that is not killed."""

Say = Callable[[str], None]


class Work:
    """A kind of work that is killed. It is done, and looked at, in programs that are forked for it alone."""

    name = ""

    def prepare(self, folder: Path) -> None:
        """Make what is needed in an empty folder."""

    def act(self, folder: Path, say: Say) -> None:
        """Work, and say what is acknowledged, a line each."""
        raise NotImplementedError

    def check(self, folder: Path, said: list[str]) -> None:
        """Start again; AssertionError or another error if something is wrong."""
        raise NotImplementedError


@dataclass
class Tally:
    """What came of the trials of one kind."""

    kills: int = 0
    ended: int = 0
    faults: list[str] = field(default_factory=list)


def run_trials(work: Work, folder: Path, trials: int, seed: int) -> Tally:
    """Kill a kind of work at so many moments, chosen by a seed."""
    chance, tally = random.Random(f"{work.name} {seed}"), Tally()
    folder.mkdir()
    call(lambda _: work.prepare(folder))
    seconds, changes = _measure(work, folder)
    trial = 0
    while tally.kills < trials and trial < 3 * trials:
        trial += 1
        moment = chance.random() * 1.05
        by_time = bool(trial % 2)
        said, was_killed = _kill(work, folder, moment * seconds if by_time else None, int(moment * changes))
        tally.kills += was_killed
        tally.ended += not was_killed
        try:
            call(lambda _, said=said: work.check(folder, said))
        except Failed as error:
            tally.faults.append(f"{work.name}, trial {trial}: {error}")
            return tally
    return tally


class Failed(Exception):
    """What a forked program said when it failed."""


def _measure(work: Work, folder: Path) -> tuple[float, int]:
    """Return the seconds and the changes to the disk of a work that is not killed."""
    count = 0

    def act(say: Say) -> None:
        nonlocal count
        sys.addaudithook(lambda event, arguments: _note(event, arguments))
        began = time.monotonic()
        work.act(folder, lambda _: None)
        seconds, changes = time.monotonic() - began, count
        work.check(folder, [])
        say(" ".join(sys.modules))
        say(f"{seconds} {changes}")

    def _note(event: str, arguments: tuple) -> None:
        nonlocal count
        count += is_change(event, arguments)

    *_, modules, measured = call(act)
    for name in modules.split():  # forked programs need not import them each time
        with suppress(Exception):
            import_module(name)
    seconds, changes = measured.split()
    return float(seconds), int(changes)


def is_change(event: str, arguments: tuple) -> bool:
    return event in CHANGES or (event == "open" and bool(arguments[2]) and bool(arguments[2] & WRITES))


def _kill(work: Work, folder: Path, seconds: float | None, changes: int) -> tuple[list[str], bool]:
    """Kill a program after so many seconds, or before that change; return what it had said, and if it was killed."""

    def act(say: Say) -> None:
        if seconds is None:
            sys.addaudithook(_killer(changes))
        say("begun")
        work.act(folder, say)

    program = _Program(act)
    lines = program.listen(PATIENCE, until="begun")
    if seconds is not None:
        lines += program.listen(seconds)
        program.kill()
    lines += program.listen(PATIENCE)
    return [line for line in lines if line != "begun"], program.wait() == signal.SIGKILL


def _killer(changes: int) -> Callable[[str, tuple], None]:
    left = changes

    def count(event: str, arguments: tuple) -> None:
        nonlocal left
        if is_change(event, arguments):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return count


def call(act: Callable[[Say], None]) -> list[str]:
    """Let a program end by itself; return what it said."""
    program = _Program(act)
    lines = program.listen(PATIENCE)
    if not program.has_ended:
        program.kill()
    if code := program.wait():
        raise Failed(f"ended with {code}:\n" + "\n".join(lines))
    return lines


class _Program:
    """A forked program, and what it says, line by line."""

    def __init__(self, act: Callable[[Say], None]):
        self._pipe, pipe = os.pipe()
        self._text, self.has_ended = b"", False
        self.pid = os.fork()
        if not self.pid:
            os.close(self._pipe)
            _work(act, pipe)
        os.close(pipe)

    def listen(self, seconds: float, until: str = "") -> list[str]:
        """Return the lines that are said in so many seconds, until it has ended or a line is said."""
        end, lines = time.monotonic() + seconds, []
        while not self.has_ended and not (until and until in lines):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._pipe], [], [], left)[0]:
                break
            content = os.read(self._pipe, 1 << 16)
            self.has_ended = not content
            *whole, self._text = (self._text + content).split(b"\n")
            lines += [line.decode() for line in whole]
        return lines

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Return how it has ended: 0, or the number of the signal, or more."""
        os.close(self._pipe)
        return os.waitpid(self.pid, 0)[1]


def _work(act: Callable[[Say], None], pipe: int) -> None:
    code = 1
    try:
        act(lambda line: os.write(pipe, f"{line}\n".encode()) and None)
        code = 0
    except BaseException:  # noqa: BLE001 - the end of the program: whoever forked it hears why
        os.write(pipe, (traceback.format_exc()[-3000:] + "\n").encode())
    finally:
        os._exit(code)
