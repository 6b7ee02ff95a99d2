"""The child's side of a job in a process of its own: what `python -m napari_emcad.workers` does.

The first message names a function and its task. The child ends by itself as soon as its standard input ends: whoever
started it has closed it, or is dead.
"""

import os
import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import IO, Any, get_type_hints

import numpy as np
import psutil
from numpy.typing import NDArray
from pydantic import TypeAdapter

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, triple
from napari_emcad.core.progress import Job
from napari_emcad.core.volume import Key
from napari_emcad.workers.frames import ChildMessage, pack_key, read_messages, write_message

Arrays = dict[str, NDArray[Any]]
"""The result of a child, by name."""

STANDARD_INPUT, STANDARD_OUTPUT, STANDARD_ERROR = 0, 1, 2


class Caller:
    """The program that started this child, as the child sees it: what it lends, and what it wants.

    Parameters
    ----------
    pipe : binary file
        Where messages to it go.
    order : mapping
        Its first message: "lent" has shape and dtype of the arrays that it lends to be read, by name; "temporary" the
        folder for temporary files, if that is this child's alone.
    """

    def __init__(self, pipe: IO[bytes], order: Mapping[str, Any]):
        self._pipe, self._lent, self._temporary = pipe, order["lent"], order["temporary"]
        self._answers: SimpleQueue[NDArray[Any]] = SimpleQueue()
        self._asking, self._sending, self._stop = Lock(), Lock(), Event()

    def wanted(self) -> bool:
        """Return False once the caller has asked to stop in good order."""
        return not self._stop.is_set()

    def volume(self, name: str) -> "LentVolume":
        """Return a volume that the caller lends; every piece of it that is read is asked for."""
        return LentVolume(self, name, triple(self._lent[name]["shape"]), np.dtype(self._lent[name]["dtype"]))

    def target(self, name: str) -> "LentTarget":
        """Return an array that the caller lends to be written."""
        return LentTarget(self, name)

    def read(self, name: str, key: Key = ...) -> NDArray[Any]:
        """Return a piece of an array that the caller lends."""
        with self._asking:
            self.send(ChildMessage("read", {"name": name, "key": pack_key(key)}))
            return self._answers.get()

    def send(self, message: ChildMessage) -> None:
        """Tell the caller something. Safe to call from any thread."""
        with self._sending:
            write_message(self._pipe, message)

    def listen(self, messages: Iterator[ChildMessage]) -> None:
        """Take what the caller says, in a thread; end this process and its children when it says no more."""
        try:
            for message in messages:
                if message.array is not None:
                    self._answers.put(message.array)
                elif message.kind == "stop":
                    self._stop.set()
        finally:
            self._leave()

    def _leave(self) -> None:
        """End all at once: the main thread may be anywhere, and nobody wants its result any more."""
        try:
            _kill_children()
            if self._temporary:
                shutil.rmtree(self._temporary, ignore_errors=True)
        finally:
            os._exit(1)


class LentVolume:
    """A volume (z, y, x) of the caller, read by slices."""

    def __init__(self, caller: Caller, name: str, shape: Shape, dtype: np.dtype[Any]):
        self._caller, self._name, self.shape, self.dtype = caller, name, shape, dtype

    def __getitem__(self, key: Key, /) -> NDArray[Any]:
        return self._caller.read(self._name, key)


class LentTarget:
    """An array of the caller, written by slices."""

    def __init__(self, caller: Caller, name: str):
        self._caller, self._name = caller, name

    def __setitem__(self, key: Key, values: NDArray[Any], /) -> None:
        self._caller.send(ChildMessage("write", {"name": self._name, "key": pack_key(key)}, values))


def main() -> None:
    """Do one job and tell how it ended."""
    received, sent = _take_pipes()
    messages = read_messages(received)
    order = next(messages, None)
    if order is None:
        return
    caller = Caller(sent, order.content)
    Thread(target=caller.listen, args=(messages,), daemon=True).start()
    with suppress(BrokenPipeError):
        caller.send(_work(caller, order.content))


def _kill_children() -> None:
    """End all processes that this one has started, and theirs."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.kill()


def _take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return standard input and output for messages alone; what others print goes to standard error from now on."""
    pipes = os.fdopen(os.dup(STANDARD_INPUT), "rb"), os.fdopen(os.dup(STANDARD_OUTPUT), "wb")
    os.dup2(STANDARD_ERROR, STANDARD_OUTPUT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, STANDARD_INPUT)
    os.close(nothing)
    return pipes


def _work(caller: Caller, order: Mapping[str, Any]) -> ChildMessage:
    """Do the job and return the last word on it."""
    try:
        function = _function(order["function"])
        task = TypeAdapter(get_type_hints(function)["task"]).validate_python(order["task"])
        results = _report(function(caller, task), caller)
        for name, array in results.items():
            caller.send(ChildMessage("result", {"name": name}, array))
    except UserError as error:
        return ChildMessage("refused", {"sentence": str(error)})
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the end of the process: whoever started it shows the error
        words = traceback.format_exception_only(error)[-1].strip()
        return ChildMessage("failed", {"error": words, "details": traceback.format_exc()})
    return ChildMessage("done")


def _function(name: str) -> Callable[[Caller, Any], Job[Arrays]]:
    """Return the function "module:name"."""
    module, _, function = name.partition(":")
    found: Callable[[Caller, Any], Job[Arrays]] = getattr(import_module(module), function)
    return found


def _report(job: Job[Arrays], caller: Caller) -> Arrays:
    """Drive a job, tell its progress and return its result."""
    while True:
        try:
            progress = next(job)
        except StopIteration as end:
            results: Arrays = end.value
            return results
        caller.send(ChildMessage("progress", asdict(progress)))
