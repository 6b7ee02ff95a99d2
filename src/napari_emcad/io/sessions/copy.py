"""A copy of a session: whole, or with the edits up to the last good one if its log is damaged."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job, Stopwatch, drive
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.sessions.facts import SessionFacts, read_facts, write_facts
from napari_emcad.io.sessions.file_names import (
    AFFINITIES,
    BOXES,
    COLOURS,
    EARLIER,
    EDITS,
    FACTS_FILE,
    FRAGMENTS,
    GRAPH,
    LEVELS,
    REPLAY_REPORT,
)
from napari_emcad.io.sessions.new_session import check_new
from napari_emcad.proofreading.log import EditLog, write_rows

_NEEDED = (FACTS_FILE, FRAGMENTS, EDITS)
_TABLES = (GRAPH, GRAPH + EARLIER, BOXES, BOXES + EARLIER, COLOURS)
_FILES = (FACTS_FILE, REPLAY_REPORT, FRAGMENTS, LEVELS, AFFINITIES, *_TABLES)
_PIECE = 1 << 22
"""Bytes that are copied at a time."""


@dataclass(frozen=True)
class CopyResult:
    """The edits that were copied.

    Attributes
    ----------
    edits : int
        Rows of the log.
    damage : str
        Why there were no more; empty if all were copied.
    """

    edits: int
    damage: str


def copy_session(folder: Path, new: Path) -> CopyResult:
    """Copy a session: `copy_session_job` to its end."""
    return drive(copy_session_job(folder, new))


def copy_session_job(folder: Path, new: Path) -> Job[CopyResult]:
    """Copy a session, which nobody has to close; the new folder is there once all of it is written.

    Edits are copied row by row, up to the last good one, into a log of their own: others may read the session or edit
    it meanwhile.

    Parameters
    ----------
    folder : Path
        NAME.emcad; not modified.
    new : Path
        NAME.emcad; must not exist.

    Yields
    ------
    Progress
        Stage "copy", in bytes.

    Raises
    ------
    UserError
        If the folder is no session or lacks a file, the name is taken, or the disk is full.
    """
    folder, new = Path(folder), Path(new)
    _check(folder, new)
    log = EditLog(folder / EDITS, read_only=True)
    facts = facts_of_copy(folder, new)
    with write_beside(new, lambda _: size_of_files(folder)) as part:
        part.mkdir()
        write_rows(part / EDITS, log.rows)
        yield from copy_files(folder, part)
        write_facts(part, facts)
    return CopyResult(len(log.rows), log.damage)


def size_of_files(folder: Path) -> int:
    """Return the bytes of all files of a session that `copy_files` copies."""
    return sum(path.stat().st_size for path in _list_files(folder))


def copy_files(folder: Path, part: Path) -> Job[None]:
    """Copy all files of a session but its log and its lock into a folder.

    Raises
    ------
    UserError
        If one cannot be read.
    """
    files = {path: path.stat().st_size for path in _list_files(folder)}
    total, done = sum(files.values()), 0
    watch = Stopwatch("copy", total)
    for path, size in files.items():
        _copy(path, part / path.relative_to(folder))
        done += size
        yield watch.at(min(done, total))


def _check(folder: Path, new: Path) -> None:
    read_facts(folder)
    for name in (*_NEEDED, GRAPH + EARLIER if (folder / (GRAPH + EARLIER)).exists() else GRAPH):
        if not (folder / name).exists():
            raise UserError(f"{folder / name}: missing; copy the session from where it is whole.")
    check_new(new)
    if new.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{new}: a place outside the session is needed; choose another folder for the copy.")


def facts_of_copy(folder: Path, new: Path) -> SessionFacts:
    """Return the facts of a session with the path to its stack from where its copy will be."""
    facts = read_facts(folder)
    beside = Path(os.path.normpath(folder.absolute() / (facts.relative_source or "")))
    has_moved = bool(facts.relative_source) and not Path(facts.source).exists() and beside.exists()
    return facts.model_copy(update={"source": str(beside)} if has_moved else {}).placed(new)


def _list_files(folder: Path) -> Iterator[Path]:
    """Yield all files but the log and the lock."""
    for name in _FILES:
        path = folder / name
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file())


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source = path.open("rb")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error}); nothing was copied.") from error
    with source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy, _PIECE)
