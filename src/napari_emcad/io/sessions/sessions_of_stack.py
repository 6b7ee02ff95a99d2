"""The sessions that were made of a stack, among the folders where they usually lie."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job
from napari_emcad.io.regular_files import await_path
from napari_emcad.io.sessions.facts import SessionFacts, read_facts
from napari_emcad.io.sessions.file_names import EDITS, FACTS_FILE
from napari_emcad.io.stacks.find_stack import is_same_place
from napari_emcad.io.stacks.locations import Location
from napari_emcad.proofreading.log_extent import log_extent

MOST = 200
"""Sessions of a folder that are looked at, those written last."""


@dataclass(frozen=True)
class FoundSession:
    """A session of a stack.

    Attributes
    ----------
    folder : Path
    edits : int
        Edits in force.
    last : float
        Time of the last edit, or of the session's beginning, in seconds since 1970.
    """

    folder: Path
    edits: int
    last: float


def sessions_of_stack(source: Location, dataset: str | None, folders: Iterable[Path]) -> Job[list[FoundSession]]:
    """Find the sessions (NAME.emcad) in some folders that were made of a stack, the one edited last first.

    Parameters
    ----------
    source : path or URL
        The place of the stack; sessions of the same file, by whatever path, are its.
    dataset : str or None
        The dataset in it; None = what opens by itself.
    folders : iterable of Path
        Those that do not exist are passed over, as are folders that are no whole session.
    """
    found = []
    for folder in dict.fromkeys(map(Path, folders)):
        with suppress(UserError, OSError):
            yield from await_path(folder)
            found += [one for one in map(_found, _sessions_in(folder)) if _is_of(one[1], one[0], source, dataset)]
    sessions = [FoundSession(folder, *_extent(folder)) for folder, _ in found]
    return sorted(sessions, key=lambda session: -session.last)


def _sessions_in(folder: Path) -> list[Path]:
    sessions = [path for path in folder.glob("*.emcad") if (path / FACTS_FILE).is_file()]
    return sorted(sessions, key=lambda path: -path.stat().st_mtime)[:MOST]


def _found(folder: Path) -> tuple[Path, SessionFacts | None]:
    try:
        return folder, read_facts(folder)
    except (UserError, OSError):  # it is told when it is opened
        return folder, None


def _is_of(facts: SessionFacts | None, folder: Path, source: Location, dataset: str | None) -> bool:
    if facts is None or (None not in (facts.dataset, dataset) and facts.dataset != dataset):
        return False
    return any(is_same_place(place, source) for place in _places(facts, folder))


def _places(facts: SessionFacts, folder: Path) -> Iterator[str]:
    """Yield the places where the stack of a session is by its facts."""
    if facts.source:
        yield facts.source
    if facts.relative_source:
        yield os.path.normpath(folder / facts.relative_source)


def _extent(folder: Path) -> tuple[int, float]:
    edits, last = log_extent(folder / EDITS)
    return edits, last or (folder / FACTS_FILE).stat().st_mtime
