"""One trial: an input is damaged, read in a process with limits, and what came of it is judged."""

import random
import re
import resource
import shutil
import tempfile
import time
import traceback
import zlib
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from fuzzing.damages import OF_FILES, Damage, damage
from fuzzing.kinds import KINDS, Kind, Span
from fuzzing.readings import Facts, Reading

MOST_BYTES = 2 * 2**30
"""Memory that a trial may take."""

LEAST_NM, MOST_NM = 1e-3, 1e9
"""Sides of voxels in nm that a file may state without a word being said."""

MOST_OFFSET = 1e15
"""Distance from the origin in nm that a file may state without a word being said."""

_STATE_ANEW = {"json", "text number", "link", "swapped"}
"""Ways of damage that leave a whole file which states something else, such as other names."""

_KEEP_SHAPE = {"cut", "extended", "folder"}
"""Ways of damage that leave all that is stated of shape and type as it was."""


class Outcome(StrEnum):
    """What came of a trial; those of `FAULTS` may not be."""

    SAME = "read the same"
    VALUES = "other voxels, no checksum"
    STATED = "read as it now states"
    TOLD = "read with a note"
    SENTENCE = "one sentence"
    TRACEBACK = "traceback"
    HANG = "hang"
    MEMORY = "memory"
    DEATH = "death"
    SILENT = "silently wrong"
    OUTSIDE = "file outside"


FAULTS = (Outcome.TRACEBACK, Outcome.HANG, Outcome.MEMORY, Outcome.DEATH, Outcome.SILENT, Outcome.OUTSIDE)


class Trial(NamedTuple):
    """A trial by the name of its kind, a seed and a number; the same three do the same damage."""

    kind: str
    seed: int
    number: int

    @property
    def rng(self) -> random.Random:
        return random.Random((zlib.crc32(self.kind.encode()) * 1_000_003 + self.seed) * 1_000_003 + self.number)


class Result(NamedTuple):
    """What came of a trial: the damage, the outcome, words on it, and seconds."""

    trial: Trial
    damage: Damage
    outcome: Outcome
    words: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Whole:
    """An input before it is damaged: its files, the path to open, what is read of it, and what has a checksum."""

    files: dict[str, bytes]
    opened: str
    reading: Reading
    checked: tuple[Span, ...]

    @classmethod
    @cache
    def of(cls, kind: str) -> "Whole":
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "input"
            folder.mkdir()
            path = KINDS[kind].write(folder)
            reading = KINDS[kind].read(path)
            assert reading.parts, f"{kind} cannot be read: {reading.sentences}"
            files = {
                file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
            }
            return cls(files, path.relative_to(folder).as_posix(), reading, tuple(KINDS[kind].checked(folder)))

    def unpack(self, folder: Path) -> Path:
        """Write the files into a folder, and return what is opened."""
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder / self.opened


def run_trial(trial: Trial, scratch: Path) -> Result:
    """Damage an input in an empty folder, read it and judge."""
    whole, kind = Whole.of(trial.kind), KINDS[trial.kind]
    folder = scratch / "input"
    folder.mkdir()
    (scratch / "outside.txt").write_text("nobody's business")
    path = whole.unpack(folder)
    done = damage(trial.rng, folder)
    before = _contents(scratch)
    _forget_peak()
    start = time.monotonic()
    try:
        outcome, words = _judge(kind, whole, done, kind.read(path))
    except MemoryError as error:
        outcome, words = Outcome.MEMORY, _where(error)
    except BaseException as error:  # noqa: BLE001  that is what is looked for
        outcome, words = Outcome.TRACEBACK, _where(error)
    seconds = time.monotonic() - start
    if (peak := _peak_bytes()) > MOST_BYTES:
        outcome, words = Outcome.MEMORY, f"{peak:,} bytes; {words}"
    if _contents(scratch) != before:
        outcome, words = Outcome.OUTSIDE, "files were changed or written by reading"
    return Result(trial, done, outcome, words, seconds)


def serve(calls: Connection) -> None:
    """Run the trials that come through a pipe, in a process of its own, until there are no more.

    None is sent before the first.
    """
    import napari_emcad.reader  # noqa: F401  before memory is limited

    resource.setrlimit(resource.RLIMIT_AS, (_size_bytes() + 2 * MOST_BYTES,) * 2)
    calls.send(None)
    while (trial := calls.recv()) is not None:
        scratch = Path(tempfile.mkdtemp())
        try:
            calls.send(run_trial(trial, scratch))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _judge(kind: Kind, whole: Whole, done: Damage, found: Reading) -> tuple[Outcome, str]:
    """Compare what was read with what was there before; the worst of all parts counts."""
    is_told = bool(_told(found) - _told(whole.reading))
    worst, words = Outcome.SAME, ""
    for name, want in whole.reading.parts.items():
        part = found.parts.get(name)
        if part == want:
            continue
        if part is not None:
            outcome, why = _judge_part(kind, whole, done, part, want)
        elif is_told:
            outcome, why = Outcome.SENTENCE, " ".join((*found.sentences[-1:], *_notes(found)))
        else:
            is_stated = done.way in _STATE_ANEW or any(
                other == replace(want, notes=other.notes) for other in found.parts.values()
            )
            outcome, why = Outcome.STATED if is_stated else Outcome.SILENT, f"{name} is missing"
        if list(Outcome).index(outcome) > list(Outcome).index(worst):
            worst, words = outcome, why
    if worst is Outcome.SAME and is_told:
        return Outcome.SENTENCE, " ".join((*found.sentences[-1:], *_notes(found)))
    return worst, words


def _told(reading: Reading) -> set[str]:
    """Return all sentences, without the folder in which a trial runs."""
    return _notes(reading) | {re.sub(r"\S*/input", "", text) for text in reading.sentences}


def _notes(reading: Reading) -> set[str]:
    return {note for part in reading.parts.values() for note in part.notes}


def _judge_part(kind: Kind, whole: Whole, done: Damage, part: Facts, want: Facts) -> tuple[Outcome, str]:
    if new := set(part.notes) - set(want.notes):
        return Outcome.TOLD, " ".join(new)
    what = f"{part.shape} {part.dtype} {part.size} {part.offset}, it was {want.shape} {want.dtype} {want.size}"
    if (part.shape, part.dtype) != (want.shape, want.dtype):
        is_plain = done.way in _KEEP_SHAPE or (kind.is_exact and _count(part) != _count(want))
        return (Outcome.SILENT if is_plain else Outcome.STATED), what
    if (part.size, part.offset) != (want.size, want.offset):
        is_absurd = any(not LEAST_NM <= nm <= MOST_NM for nm in part.size)
        is_absurd |= any(not abs(nm) <= MOST_OFFSET for nm in part.offset)
        return (Outcome.SILENT if is_absurd else Outcome.STATED), what
    if done.way not in OF_FILES and _is_checked(whole, done):
        return Outcome.SILENT, f"other voxels in spite of a checksum at {done.start} to {done.stop}"
    return Outcome.VALUES, ""


def _is_checked(whole: Whole, done: Damage) -> bool:
    spans = [(start, stop) for file, start, stop in whole.checked if file == done.file]
    return any(start <= done.start and done.stop <= stop for start, stop in spans)


def _count(part: Facts) -> int:
    count = int(re.sub(r"\D", "", part.dtype) or 8) // 8
    for n in part.shape:
        count *= n
    return count


def _where(error: BaseException) -> str:
    """Return an error and the places where it was raised, the innermost of this package first."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "napari_emcad" in frame.filename]
    places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in (*own[-1:], *frames[-1:])]
    text = (str(error).splitlines() or [""])[0][:150]
    return f"{type(error).__name__}: {text} [{' < '.join(dict.fromkeys(places))}]"


def _contents(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return what lies in a folder: names, kinds and sizes, and the content of small files."""
    found = {}
    for path in folder.rglob("*"):
        stat = path.lstat()
        found[str(path)] = (stat.st_mode, stat.st_size, stat.st_mtime_ns.to_bytes(8))
    return found


def _status(key: str) -> int:
    found = re.search(rf"^{key}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _size_bytes() -> int:
    return _status("VmSize")


def _peak_bytes() -> int:
    return _status("VmHWM")


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")
