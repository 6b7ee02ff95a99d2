"""The lock of a session: one program at a time writes to it.

The operating system holds the lock and lets go of it when the program ends, however it ends; `holder.json` only says
whom to ask.
"""

import json
import socket
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from napari_emcad.core.errors import UserError
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.sessions.file_names import HOLDER, LOCK
from napari_emcad.proofreading.log import user_name


class SessionLock:
    """The right to write to a session folder, if it is free.

    Attributes
    ----------
    why_not : str
        One sentence; empty if this program holds it.
    """

    def __init__(self, folder: Path):
        self._holder = folder / HOLDER
        self._lock = FileLock(folder / LOCK, thread_local=False)  # opened by a worker, closed by the window
        self.why_not = self._acquire(folder)

    def release(self) -> None:
        """Let others write; does nothing if the lock is not held."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._holder.unlink(missing_ok=True)
            self._lock.release()

    def _acquire(self, folder: Path) -> str:
        try:
            self._lock.acquire(blocking=False)
            _write_holder(self._holder)
        except Timeout:
            holder = _holder_text(self._holder)
            return f"{folder}: {holder}; it is open for reading only, close it there to edit it here."
        except (OSError, UserError) as error:
            self.release()
            return f"{folder}: the folder cannot be written to ({error}); it is open for reading only."
        return ""


def lock_holder(folder: Path) -> str:
    """Return who is editing a session, in words; empty if nobody is. Nothing is left behind."""
    if not (folder / HOLDER).exists():
        return ""
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return _holder_text(folder / HOLDER)
    except OSError:  # where nobody can write, nobody edits
        return ""
    lock.release()
    return ""


def _write_holder(path: Path) -> None:
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    holder = {"user": user_name() or "somebody", "host": socket.gethostname(), "since": since}
    with write_beside(path, lambda _: 200) as part:
        part.write_text(json.dumps(holder), "utf-8")


def _holder_text(path: Path) -> str:
    """Return who holds the lock, in words; another program may write or remove the file just now."""
    try:
        holder = json.loads(path.read_text("utf-8"))
        return f"{holder['user']} on {holder['host']} has the session open since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another program has the session open"
