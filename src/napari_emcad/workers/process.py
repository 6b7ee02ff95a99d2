"""Jobs in a process of their own: one way to start them, to hear them and to stop them.

    window --function, task, pieces of volumes, "stop"--> child --progress, pieces of results, a last word--> window

A job is done beside the window for one of three reasons: it holds Python's lock all the time, it is faster where no
window is, or it may run out of memory, and the system would end napari with all that is open in it. The child is
`python -m napari_emcad.workers`, see `child`; what the two say to each other is in `frames`, and why a child ended is
said in `child_end`.
"""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Thread
from typing import IO, Any

import numpy as np
import psutil
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job, Progress
from napari_emcad.workers.child import Arrays
from napari_emcad.workers.child_end import explain_end, lacks_memory, memory_error
from napari_emcad.workers.child_job import ChildJob, StopRequest
from napari_emcad.workers.frames import ChildMessage, read_messages, unpack_key, write_message

GLANCE = 0.3
"""Seconds after which a job says again how far it is, so that it can be stopped while nothing is heard."""

PATIENCE = 3.0
"""Seconds that closing a job waits for a child that was asked to stop in good order."""

KEPT_LINES = 200
"""Lines of a child's standard error that are kept."""

TEMPORARY = ("TMPDIR", "TEMP", "TMP")
"""Variables that name the folder for temporary files, on one system or another."""


def run_in_child(job: ChildJob[Any], stop: StopRequest | None = None) -> Job[Arrays]:
    """Do a job in a child; closing this job ends the child and all that it has started.

    Parameters
    ----------
    job : ChildJob
    stop : StopRequest, optional
        For functions that ask `Caller.wanted`: how to end them in good order. Closing the job then asks for that, and
        waits a moment for it.

    Raises
    ------
    UserError
        The sentence that the child refused the job with, or one that says that memory did not suffice or that the
        child was ended from outside.
    RuntimeError
        With what the child printed, where nobody has foreseen what happened.
    """
    yield Progress(job.stage, 0, 1)
    child = _Child(job)
    try:
        return (yield from child.follow(stop))
    except GeneratorExit:
        if stop is not None and not stop.is_insisted:
            child.stop(PATIENCE)
        raise
    finally:
        child.end()


class _Child:
    """The process, and the threads that serve its three pipes.

    Threads read and write, since no pipe can be asked on every system whether it is ready, and since a job must never
    be held up by a child that does not answer.
    """

    def __init__(self, job: ChildJob[Any]):
        self._job = job
        self._temporary = _temporary_folder()
        folder = self._temporary.name if self._temporary is not None else None
        try:
            self._process = _start(job.name, folder)
        except UserError:
            self._remove_temporary()
            raise
        self._printed: deque[str] = deque(maxlen=KEPT_LINES)
        self._heard: SimpleQueue[ChildMessage | Exception | None] = SimpleQueue()
        self._to_say: SimpleQueue[ChildMessage | None] = SimpleQueue()
        self._progress, self._since = Progress(job.stage, 0, 1), time.monotonic()
        self._results: Arrays = {}
        self._is_done = False
        self._threads = [Thread(target=work, daemon=True) for work in (self._listen, self._speak, self._keep_printed)]
        for thread in self._threads:
            thread.start()
        self._to_say.put(job.message(folder))

    def follow(self, stop: StopRequest | None) -> Job[Arrays]:
        """Give the child what it asks for and take what it makes, until its last word."""
        is_told, last = False, time.monotonic()
        while not self._is_done:
            if stop is not None and stop.is_asked and not is_told:
                self._to_say.put(ChildMessage("stop"))
                is_told = True
            progress = self._serve()
            if progress is None and time.monotonic() - last >= GLANCE:
                progress = _later(self._progress, time.monotonic() - self._since)
            if progress is not None:
                last = time.monotonic()
                yield progress
        return self._results

    def stop(self, patience: float) -> None:
        """Ask for a good end and wait for it, for some seconds at most."""
        self._to_say.put(ChildMessage("stop"))
        self._exit_code(patience)

    def end(self) -> None:
        """End the process and all that it has started, and let go of its pipes."""
        if self._process.returncode is None:
            _kill_family(self._process)
            self._process.wait()
        self._to_say.put(None)
        for thread, pipe in zip(self._threads, self._pipes, strict=True):
            thread.join(PATIENCE)
            if not thread.is_alive():  # else a process that has escaped keeps the other end open
                with suppress(OSError):
                    pipe.close()
        self._remove_temporary()

    def _remove_temporary(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()

    def _serve(self) -> Progress | None:
        """Serve the next message, waiting a moment for it; return the progress that it tells, if it does."""
        try:
            message = self._heard.get(timeout=GLANCE)
        except Empty:
            return None
        if message is None:
            raise explain_end(self._job, self._exit_code(PATIENCE), self._text_printed())
        if isinstance(message, MemoryError):
            raise memory_error(self._job) from message
        if isinstance(message, Exception):
            raise message
        if message.kind == "progress":
            self._progress, self._since = self._job.progress(**message.content), time.monotonic()
            return self._progress
        if message.array is not None:
            self._take(message.content, message.kind, message.array)
        elif message.kind == "read":
            piece = self._job.reads[message.content["name"]][unpack_key(message.content["key"])]
            self._to_say.put(ChildMessage("piece", {}, np.asarray(piece)))
        elif message.kind == "done":
            self._is_done = True
        else:
            raise self._last_word(message)
        return None

    def _take(self, content: Mapping[str, Any], kind: str, array: NDArray[Any]) -> None:
        """Take an array: a piece of one that is written, or a result."""
        if kind == "result":
            self._results[content["name"]] = array
        else:
            self._job.writes[content["name"]][unpack_key(content["key"])] = array

    def _last_word(self, message: ChildMessage) -> Exception:
        """Return the error for a child that says why it ends."""
        content = message.content
        if message.kind == "refused":
            return UserError(content["sentence"])
        if lacks_memory(content["error"]):
            return memory_error(self._job)
        return RuntimeError(f"{self._job.name}: {content['error']}\n{content['details']}")

    @property
    def _pipes(self) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
        """In the order of the threads."""
        process = self._process
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise RuntimeError("the child was started without pipes")
        return process.stdout, process.stdin, process.stderr

    def _listen(self) -> None:
        """Pass on what the child says; at the end of the pipe, None."""
        try:
            for message in read_messages(self._pipes[0], self._note_garbage):
                self._heard.put(message)
        except Exception as error:  # noqa: BLE001 - the end of a thread: whoever follows the child raises it
            self._heard.put(error)
        self._heard.put(None)

    def _speak(self) -> None:
        try:
            for message in iter(self._to_say.get, None):
                write_message(self._pipes[1], message)
        except OSError:
            return  # it has ended, which `_listen` hears
        except Exception as error:  # noqa: BLE001 - the end of a thread: whoever follows the child raises it
            self._heard.put(error)

    def _keep_printed(self) -> None:
        for line in self._pipes[2]:
            self._printed.append(line.decode(errors="replace"))

    def _note_garbage(self, line: bytes) -> None:
        """Keep a line that is no message with what the child prints."""
        self._printed.append(line.decode(errors="replace"))

    def _exit_code(self, patience: float) -> int | None:
        """Wait some seconds for the end of the process, and end what it leaves behind; None if it still runs."""
        try:
            code = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            return None
        _kill_group(self._process.pid)
        return code

    def _text_printed(self) -> str:
        self._threads[2].join(PATIENCE)
        return "".join(self._printed)


def _temporary_folder() -> TemporaryDirectory[str] | None:
    """Make a folder for what libraries write in the child, to be removed after it; None if there is no room for it."""
    try:
        return TemporaryDirectory(prefix="emcad-", ignore_cleanup_errors=True)
    except OSError:
        return None


def _start(name: str, temporary: str | None) -> subprocess.Popen[bytes]:
    """Start a child that waits for its first message, and has this folder for temporary files.

    It leads a process group of its own, so that all of that can be ended at once; Ctrl+C in a terminal is not for it.
    """
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "napari_emcad.workers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            start_new_session=True,
            env=os.environ | dict.fromkeys(TEMPORARY, temporary) if temporary else None,
        )
    except OSError as error:
        raise UserError(
            f"{name}: Python could not be started once more ({error}); close other programs and try again."
        ) from error


def _kill_family(process: subprocess.Popen[bytes]) -> None:
    """End a process that still runs, and all that it has started."""
    family: list[psutil.Process] = []
    with suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
    _kill_group(process.pid)
    process.kill()
    for one in family:
        with suppress(psutil.Error):
            one.kill()


def _kill_group(leader: int) -> None:
    """End the processes of a group, also if its leader has just ended; Windows has no such groups."""
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


def _later(progress: Progress, seconds: float) -> Progress:
    """Return progress that was told some seconds ago as it is now."""
    left = progress.seconds_left
    left = None if left is None else max(0.0, left - seconds)
    return Progress(progress.stage, progress.done, progress.total, left)
