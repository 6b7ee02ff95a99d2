"""The door to files that others name: what blocks whoever opens it, or is longer than it can be, is refused before.

A pipe waits for a writer, /dev/zero never ends, and a disk that has gone leaves every call without an answer. So a path
is asked what it is in a thread that may be given up, and files are opened in a way that never waits.
"""

import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job, Progress, drive
from napari_emcad.core.wording import size_text

PATIENCE = 20.0
"""Seconds that a disk has to answer."""

SHORT_PATIENCE = 2.0
"""Seconds that it has where the window waits for it."""

WAITING = "waiting for the disk"
"""Stage of the job."""

MOST_ENTRIES = 100_000
"""Files in a folder, at most, that are looked at: less than a tenth of a second."""

_STEP = 0.1
"""Seconds between two looks at the clock: whoever drives the job may stop it then."""

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class NoAnswer(UserError):
    """The disk that a path lies on does not answer."""


class TooLong(ValueError):
    """A file is longer than one of its kind can be."""


class NotRegular(UserError):
    """There is neither a file nor a folder at a path, but something that blocks."""


def check_path(path: Path, patience: float | None = None) -> None:
    """Refuse a path that cannot be opened without a wait; what is not there, or may not be read, is not refused.

    Parameters
    ----------
    path : Path
    patience : float, optional
        Seconds that its disk has to answer.

    Raises
    ------
    NotRegular
        If it is a pipe, a device or a socket, or a link to one.
    NoAnswer
        If its disk does not answer.
    """
    drive(await_path(path, patience))


def await_path(path: Path, patience: float | None = None) -> Job[None]:
    """Refuse a path as `check_path` does; stopped at any time while its disk does not answer.

    Yields
    ------
    Progress
        Stage "waiting for the disk", as long as that takes.
    """
    patience = PATIENCE if patience is None else patience
    question = _Question.about(path)
    until = question.asked + patience
    while not question.answered.wait(min(_STEP, max(0.0, until - time.monotonic()))):
        if time.monotonic() >= until:
            raise NoAnswer(
                f"{path}: its disk or network share has not answered for {patience:g} s; check that it is there, "
                "and try again."
            )
        yield Progress(WAITING, 0, 1)
    _refuse_irregular(path, question.mode)


def is_there(path: Path) -> bool:
    """Return True for a file whose disk answers at once: for lists that the window shows."""
    try:
        check_path(path, SHORT_PATIENCE)
    except (NoAnswer, NotRegular):
        return False
    return path.is_file()


def check_file(path: Path) -> None:
    """Refuse a pipe, a device or a socket, or a link to one, on a disk that has answered.

    Raises
    ------
    NotRegular
    """
    with suppress(OSError, ValueError):
        _refuse_irregular(path, os.stat(path).st_mode)


def check_entries(folder: Path) -> None:
    """Refuse a folder with a pipe, a device or a socket in it, at any depth; its disk has answered.

    Only the first `MOST_ENTRIES` files are looked at.

    Raises
    ------
    NotRegular
        It names that one.
    """
    for n, entry in enumerate(_entries(folder)):
        if n == MOST_ENTRIES:
            return
        if not entry.is_file(follow_symlinks=False):
            check_file(Path(entry.path))


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read its bytes.

    Raises
    ------
    OSError
        If it is not there, or may not be read.
    NotRegular
        If it is a pipe, a device or a socket.
    NoAnswer
        If its disk does not answer.
    """
    check_path(path)
    file = open(path, "rb", opener=_never_waiting)  # noqa: SIM115 - the caller closes it
    try:
        _refuse_irregular(path, os.fstat(file.fileno()).st_mode)
    except BaseException:
        file.close()
        raise
    return file


def read_regular(path: Path, most: int) -> bytes:
    """Read a whole file.

    Parameters
    ----------
    path : Path
    most : int
        Bytes that such a file has at most.

    Raises
    ------
    OSError, NotRegular, NoAnswer
        As `open_regular` does.
    TooLong
        If it is longer than it can be.
    """
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise TooLong(f"more than {size_text(most)}")
    return content


class _Question:
    """A thread that asks what a path is; `answered` is set once that is known.

    Attributes
    ----------
    mode : int
        `st_mode`; 0 if nothing is there, or it may not be looked at.
    asked : float
        Time when it was, in seconds of `time.monotonic`.
    """

    def __init__(self, path: Path):
        self.answered, self.mode, self.asked = threading.Event(), 0, time.monotonic()
        self._path = path

    @classmethod
    def about(cls, path: Path) -> "_Question":
        """Return the question about a path: the one that is open still, if there is one, so that none pile up."""
        asked = _OPEN.get(str(path))
        if asked is not None and not asked.answered.is_set():
            return asked
        question = _OPEN[str(path)] = cls(path)
        threading.Thread(target=question._ask, name="disk", daemon=True).start()
        return question

    def _ask(self) -> None:
        try:
            self.mode = _mode_of(self._path)
        except (OSError, ValueError):
            pass  # whoever opens it says what is wrong
        finally:
            _OPEN.pop(str(self._path), None)
            self.answered.set()


_OPEN: dict[str, _Question] = {}
"""Questions that are not answered yet."""


def _mode_of(path: Path) -> int:
    """Return the `st_mode` of a path, once a byte of a file, or a name in a folder, was read."""
    mode = os.stat(path).st_mode
    with suppress(OSError):
        if stat.S_ISREG(mode):
            with open(path, "rb", buffering=0, opener=_never_waiting) as file:
                file.read(1)
        elif stat.S_ISDIR(mode):
            with os.scandir(path) as entries:
                next(entries, None)
    return mode


def _never_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _refuse_irregular(path: Path, mode: int) -> None:
    what = next((words for is_kind, words in _KINDS if is_kind(mode)), "")
    if what:
        raise NotRegular(f"{path}: a file or folder is needed, this is {what}; choose another one.")


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what lies in a folder, then what lies below it, but folders; links to folders are not followed."""
    try:
        with os.scandir(folder) as there:
            found = list(there)
    except OSError:
        return
    folders = [entry for entry in found if entry.is_dir(follow_symlinks=False)]
    yield from (entry for entry in found if entry not in folders)
    for entry in folders:
        yield from _entries(Path(entry.path))
