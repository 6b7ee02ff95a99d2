"""The lock of a session: one program at a time writes to it.

The operating system holds the lock and lets go of it when the program ends, however it ends. `holder.json` says whom to
ask, and which program that is: the file of the lock may be removed while it is held.
"""

import errno
import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from napari_emcad.core.errors import UserError
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.json_text import read_json
from napari_emcad.io.links import link_out_of
from napari_emcad.io.sessions.file_names import HOLDER, LOCK
from napari_emcad.proofreading.log import user_name

NO_LOCKS = "NAPARI_EMCAD_NO_LOCKS"
"""Environment variable: 1 = sessions on disks without file locks are edited, by one person at a time."""

UNLOCKABLE = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)
"""Error numbers of file systems that know no locks."""


_HELD: set[Path] = set()
"""Folders whose locks this program holds."""

_alone: set[Path] = set()
"""Folders that this program edits alone where their disk has no locks, as a person has said."""


def edit_alone(folder: Path) -> None:
    """Take it that nobody else edits a session, or a run by blocks, as long as this program lasts.

    It matters on disks without file locks, whose sessions are for reading only otherwise.
    """
    _alone.add(folder.resolve())


class SessionLock:
    """The right to write to the folder of a session, or of a run by blocks, if it is free and all of it lies inside.

    Parameters
    ----------
    folder : Path
    depth : int, optional
        Levels of the folder that must hold no links out of it; None = all.

    Attributes
    ----------
    why_not : str
        One sentence; empty if this program holds it.
    has_no_locks : bool
        True if it is not held because the disk knows no locks, and nobody has said that this does not matter.
    """

    def __init__(self, folder: Path, depth: int | None = 2):
        self.has_no_locks = False
        self._folder, self._file = folder, folder / LOCK
        self._lock = FileLock(self._file, thread_local=False, fallback_to_soft=False)  # of a worker, or of the window
        self._inode: tuple[int, int] | None = None
        self.why_not = self._acquire(depth)

    def release(self) -> None:
        """Let others write; does nothing if the lock is not held."""
        if self._inode:
            if not self.why_lost():
                with suppress(OSError):
                    (self._folder / HOLDER).unlink(missing_ok=True)
            self._inode = None
            _HELD.discard(self._folder.resolve())
        self._lock.release()

    def why_lost(self) -> str:
        """Return why this program may no longer write, the middle of a sentence; empty if it may."""
        if self._inode is None or _inode(self._file) == self._inode:
            return ""
        return f"the file {self._file} was removed, and another program may edit the session; close and open it again"

    def _acquire(self, depth: int | None) -> str:
        folder = self._folder
        try:
            if link := link_out_of(folder, depth):
                return (
                    f"{folder}: {link.relative_to(folder)} is a link out of it; it is open for reading only, "
                    "put what it leads to in its place to edit it."
                )
            if no_locks := self._take():
                return no_locks
            if _is_at_work(folder, _read_holder(folder)):
                raise Timeout(str(self._file))
            _write_holder(folder / HOLDER)
            self._inode = _inode(self._file)
            _HELD.add(folder.resolve())
        except Timeout:
            self.release()
            holder = _holder_text(_read_holder(folder))
            return f"{folder}: {holder}; it is open for reading only, close it there to edit it here."
        except (OSError, UserError) as error:
            self.release()
            return f"{folder}: the folder cannot be written to ({error}); it is open for reading only."
        return ""

    def _take(self) -> str:
        """Take the lock; return a sentence where the disk has none and nobody said that this does not matter.

        Raises
        ------
        Timeout
            If another program holds it.
        OSError
            If its file cannot be opened.
        """
        try:
            self._lock.acquire(blocking=False)
        except (NotImplementedError, OSError) as error:
            if not _is_no_lock(error):
                raise
            if os.environ.get(NO_LOCKS) != "1" and self._folder.resolve() not in _alone:
                self.has_no_locks = True
                return (
                    f"{self._folder}: its disk has no file locks, by which others see that it is edited; it is open "
                    'for reading only, move it to another disk, or edit it as the only one ("Edit it alone" in the '
                    f"dock, --alone on the command line, {NO_LOCKS}=1 in the environment)."
                )
            self._file.touch()
        return ""


def lock_holder(folder: Path) -> str:
    """Return who is editing a session, in words; empty if nobody is. Nothing is left behind."""
    holder = _read_holder(folder)
    if holder is None or (folder / LOCK).is_symlink():
        return ""
    lock = FileLock(folder / LOCK, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return _holder_text(holder)
    except (NotImplementedError, OSError):
        pass  # the disk has no locks, or nobody can write there
    lock.release()
    return _holder_text(holder) if _is_at_work(folder, holder) else ""


def _is_no_lock(error: Exception) -> bool:
    """Return True if a file system knows no locks."""
    return isinstance(error, NotImplementedError) or (isinstance(error, OSError) and error.errno in UNLOCKABLE)


def _inode(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_at_work(folder: Path, holder: dict[str, Any] | None) -> bool:
    """Return True if the program that wrote who holds the lock runs on this machine; it may be this one.

    If it is this one, what it wrote counts as long as it holds the lock: perhaps the file could not be removed.
    """
    try:
        if holder is None or holder["host"] != socket.gethostname():
            return False
        if holder["pid"] == os.getpid():
            return folder.resolve() in _HELD
        return bool(abs(psutil.Process(holder["pid"]).create_time() - holder["started"]) < 1)
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False


def _write_holder(path: Path) -> None:
    program = psutil.Process()
    holder = {
        "user": user_name() or "somebody",
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "pid": program.pid,
        "started": program.create_time(),
    }
    with write_beside(path, lambda _: 200) as part:
        part.write_text(json.dumps(holder), "utf-8")


def _read_holder(folder: Path) -> dict[str, Any] | None:
    """Read who holds the lock; None if nobody does, {} if that cannot be read: others write or remove it just now."""
    try:
        holder = read_json(folder / HOLDER)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _holder_text(holder: dict[str, Any] | None) -> str:
    """Return who holds the lock, in words."""
    match holder:
        case {"user": user, "host": host, "since": since}:
            return f"{user} on {host} has the session open since {since}"
    return "another program has the session open"
