"""Jobs in a process of their own: one way to start them, to hear them, to stop them and to say what went wrong.

    window --function, task, pieces of volumes, "stop"--> child --progress, pieces of results, a last word--> window

A job is done beside the window for one of three reasons: it holds Python's lock all the time, it is faster where no
window is, or it may run out of memory, and the system would end napari with all that is open in it. The child is
`python -m napari_emcad.workers`, see `workers.child`; what the two say to each other is in `workers.frames`.
"""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import IO, Any, Generic, TypeVar

import numpy as np
import psutil
from numpy.typing import NDArray
from pydantic import TypeAdapter

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job, Progress
from napari_emcad.core.volume import AffinityVolume, Volume, Writable
from napari_emcad.inference.out_of_memory import OUT_OF_MEMORY
from napari_emcad.workers.child import Arrays, Caller
from napari_emcad.workers.frames import Message, read_messages, unpack_key, write_message

GLANCE = 0.3
"""Seconds after which a job says again how far it is, so that it can be stopped while nothing is heard."""

PATIENCE = 3.0
"""Seconds that closing a job waits for a child that was asked to stop in good order."""

KEPT_LINES = 200
"""Lines of a child's standard error that are kept."""

LAST_LINES = 10
"""Lines at the end of standard error that are searched for the reason of an end."""

NO_MEMORY = (*OUT_OF_MEMORY, "memoryerror", "cannot allocate memory", "failed to map segment", "memory allocation")
"""Words, in lower case, of a program that has run out of memory."""

ENDED_FROM_OUTSIDE = (-9, -15)
"""Exit codes of processes that the system or a person has ended: SIGKILL and SIGTERM. Windows has no such codes."""

TEMPORARY = ("TMPDIR", "TEMP", "TMP")
"""Variables that name the folder for temporary files, on one system or another."""

Task = TypeVar("Task")


@dataclass(frozen=True)
class ChildJob(Generic[Task]):
    """A job that is to be done in a child.

    Attributes
    ----------
    function : callable
        A job at the top of a module. It takes the `Caller` and an argument `task`, yields `Progress` and returns arrays
        by name.
    task : Task
        A frozen dataclass or pydantic model; the child gets an equal one.
    name : str
        Begins the sentences about it, such as "affinities".
    stage : str
        Its first stage, while the child starts.
    advice : str
        Ends the sentence where memory does not suffice, such as "choose a smaller box".
    reads : mapping of str to array
        Arrays of this program that the child may read by slices.
    writes : mapping of str to array
        Arrays of this program that the child may write by slices.
    progress : type
        `Progress`, or the subclass of it that the function yields.
    """

    function: Callable[[Caller, Task], Job[Arrays]]
    task: Task
    name: str
    stage: str
    advice: str
    reads: Mapping[str, Volume | AffinityVolume] = field(default_factory=dict)
    writes: Mapping[str, Writable] = field(default_factory=dict)
    progress: type[Progress] = Progress

    def message(self, temporary: str | None) -> Message:
        """Return the message that starts it, in a child whose folder for temporary files is its own, or none."""
        task = TypeAdapter(type(self.task)).dump_python(self.task, mode="json")
        lent = {n: {"shape": list(a.shape), "dtype": np.dtype(a.dtype).str} for n, a in self.reads.items()}
        function = f"{self.function.__module__}:{self.function.__qualname__}"
        return Message("run", {"function": function, "task": task, "lent": lent, "temporary": temporary})


class StopRequest:
    """Asks a job in a child to stop in good order, or at once. Safe to use from any thread."""

    def __init__(self) -> None:
        self._asked, self._insisted = Event(), Event()

    @property
    def is_asked(self) -> bool:
        """True once the job is to stop in good order."""
        return self._asked.is_set()

    @property
    def is_insisted(self) -> bool:
        """True once closing the job is to end the child at once."""
        return self._insisted.is_set()

    def ask(self) -> None:
        """Let the child stop in good order: it goes on to tell what comes, and ends with its result."""
        self._asked.set()

    def insist(self) -> None:
        """Let closing the job end the child without waiting for a good end."""
        self._asked.set()
        self._insisted.set()


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
    if _lacks_memory("\n".join(printed.splitlines()[-LAST_LINES:])):
        return _memory_error(job)
    return RuntimeError(f"{job.name}: its process {_end_text(code)}\n{printed}")


def _end_text(code: int | None) -> str:
    if code is None:
        return "closed its output and went on"
    if code >= 0:
        return f"ended with code {code}"
    known = {number.value: number.name for number in signal.Signals}
    return f"ended by signal {known.get(-code, -code)}"


def _memory_error(job: ChildJob[Any]) -> UserError:
    return UserError(f"{job.name}: memory does not suffice; {job.advice}.")


def _lacks_memory(words: str) -> bool:
    return any(word in words.lower() for word in NO_MEMORY)


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
        self._heard: SimpleQueue[Message | Exception | None] = SimpleQueue()
        self._to_say: SimpleQueue[Message | None] = SimpleQueue()
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
                self._to_say.put(Message("stop"))
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
        self._to_say.put(Message("stop"))
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
            raise _memory_error(self._job) from message
        if isinstance(message, Exception):
            raise message
        if message.kind == "progress":
            self._progress, self._since = self._job.progress(**message.content), time.monotonic()
            return self._progress
        if message.array is not None:
            self._take(message.content, message.kind, message.array)
        elif message.kind == "read":
            piece = self._job.reads[message.content["name"]][unpack_key(message.content["key"])]
            self._to_say.put(Message("piece", {}, np.asarray(piece)))
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

    def _last_word(self, message: Message) -> Exception:
        """Return the error for a child that says why it ends."""
        content = message.content
        if message.kind == "refused":
            return UserError(content["sentence"])
        if _lacks_memory(content["error"]):
            return _memory_error(self._job)
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
