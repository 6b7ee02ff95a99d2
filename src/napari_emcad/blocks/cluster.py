"""Blocks on a Dask cluster: the machine's own cores, or any cluster that runs."""

import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from multiprocessing import resource_tracker
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

from napari_emcad import __version__
from napari_emcad.blocks.pool import Task
from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job, Stopwatch

INSTALL = 'install it with: python -m pip install "napari-emcad[cluster]"'

WAIT = "30s"
"""Time that a scheduler may take to answer."""

WITHOUT_WORKERS = "120s"
"""Time that a block waits if no worker of an own cluster is left: one that has ended is begun anew in seconds."""

STARTS = 3
"""Times that workers are started before that is given up."""

HERE = "127.0.0.1"
"""Address of own clusters: they listen to this machine alone."""

MEMORY: dict[str, float | bool] = {
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 1.0,
}
"""Parts of a worker's memory at which Dask does something.

Workers keep nothing that could be spilled, and what a paused one holds it would hold for ever.
"""

LOGS = ("distributed", "distributed.client", "tornado", "tornado.application", "asyncio")
"""Loggers that would write across the bar; what matters comes as an exception."""

TRACKER = "ignore:resource_tracker"
"""Warnings that are off in multiprocessing's own program, which would tell at the end what killed workers left."""


class OnCluster:
    """Gives the blocks to the workers of a Dask cluster. See `pool.Pool`.

    Attributes
    ----------
    dashboard : str or None
        Address of the page on which Dask shows what the workers do; None if bokeh, which draws it, is not installed.
    """

    def __init__(self, client: Any):
        self._client = client
        self.dashboard: str | None = client.dashboard_link if find_spec("bokeh") else None

    def run(self, step: str, task: Task, folder: Path, numbers: Sequence[int]) -> Job[None]:
        """Do a task for each of these blocks; progress by blocks."""
        from distributed import as_completed

        watch = Stopwatch(step, len(numbers))
        yield watch.at(0)
        futures = [self._client.submit(task, str(folder), number, pure=False) for number in numbers]
        try:
            for done, future in enumerate(as_completed(futures), 1):
                _check_result(future)
                future.release()  # while it is held, Dask does it again if the worker that did it ends
                yield watch.at(done)
        finally:
            self._client.cancel(futures)


@contextmanager
def start_cluster(workers: int, memory: int) -> Iterator[OnCluster]:
    """Start so many processes on this machine, for as long as the `with` block lasts.

    They take commands from this program alone: others on the machine lack the key of the run, which is kept in memory.

    Parameters
    ----------
    workers : int
    memory : int
        Bytes for all of them: one that takes more than its share is started anew.

    Raises
    ------
    UserError
        If Dask's cluster is not installed, or its workers do not start.
    """
    _check_installed()
    import dask
    from distributed import Client, Nanny, Scheduler, Security, SpecCluster

    if TRACKER not in sys.warnoptions:
        sys.warnoptions.append(TRACKER)
    quiet = {"silence_logs": logging.CRITICAL}
    security = Security.temporary()
    secure = {"host": HERE, "protocol": "tls://", "security": security}
    common = {**secure, "nthreads": 1, "memory_limit": memory // workers, "dashboard": False, "preload": __name__}
    specs = {k: {"cls": Nanny, "options": {**common, **quiet, "env": _device_of(k)}} for k in range(workers)}
    scheduler = {"cls": Scheduler, "options": {**secure, "port": 0, "dashboard_address": f"{HERE}:0"}}
    settings = {**MEMORY, "distributed.scheduler.no-workers-timeout": WITHOUT_WORKERS}
    with _silence_loggers(), dask.config.set(settings), ExitStack() as stack:
        with _hold_interrupts():
            cluster = _try_to_start(partial(SpecCluster, specs, scheduler, security=security, **quiet))
            stack.callback(_close, cluster)
            client = Client(cluster)
            stack.callback(_close, client)
        yield OnCluster(client)


@contextmanager
def connect_cluster(address: str) -> Iterator[OnCluster]:
    """Connect to a cluster that runs already, by the address of its scheduler.

    Raises
    ------
    UserError
        If it does not answer, has no workers, or runs another version of Dask or of this program.
    """
    _check_installed()
    with _silence_loggers(), _connect(address) as client:
        _check_dask(client, address)
        _check_workers(client, address)
        yield OnCluster(client)


def worker_version() -> str:
    """Return the version of this program; workers are asked for theirs."""
    return __version__


def dask_setup(worker: Any) -> None:
    """Ignore Ctrl+C, which is for the command: it ends its workers. Dask calls this in each of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def cuda_devices() -> list[str]:
    """Return the CUDA devices that this program may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = allowed.split(",") if allowed else map(str, range(torch.cuda.device_count()))
    return [name.strip() for name in names] if torch.cuda.is_available() else []


def _device_of(worker: int) -> dict[str, str]:
    """Return the environment of a worker: one CUDA device each, in turn."""
    devices = cuda_devices()
    return {"CUDA_VISIBLE_DEVICES": devices[worker % len(devices)]} if devices else {}


def _try_to_start(start: Callable[[], Any]) -> Any:
    """Start a cluster. If a worker ends while it starts, Dask gives all of them up, so that they are started anew."""
    for attempts_left in reversed(range(STARTS)):
        try:
            return start()
        except RuntimeError as error:
            if not attempts_left:
                raise UserError(f"workers: they could not be started ({error}); resume the run.") from error


def _close(part: Any) -> None:
    with _hold_interrupts():
        part.close()


@contextmanager
def _hold_interrupts() -> Iterator[None]:
    """Let Ctrl+C wait for the end of the `with` block; programs begun in it do not hear it.

    Dask cannot end what it has half begun.
    """
    if current_thread() is not main_thread():
        yield
        return
    pressed: list[bool] = []
    blocks = hasattr(signal, "pthread_sigmask")  # not on Windows
    handler = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    if blocks:
        resource_tracker.ensure_running()  # later it would unblock the signal
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if blocks:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if pressed:
        raise KeyboardInterrupt


@contextmanager
def _silence_loggers() -> Iterator[None]:
    """Silence Dask's loggers as long as the `with` block lasts."""
    levels = {name: logging.getLogger(name).level for name in LOGS}
    for name in LOGS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _check_result(future: Any) -> None:
    """Raise one sentence for what a task says, for a worker that ends again and again, and for a lost scheduler."""
    from distributed import CancelledError
    from distributed.scheduler import KilledWorker, NoWorkerError

    try:
        future.result()
    except KilledWorker as error:
        raise UserError(
            "workers: one after the other ended in the same block, most likely for want of memory; "
            "give them more (--memory here, the memory of its jobs on a cluster), and resume the run."
        ) from error
    except NoWorkerError as error:
        raise UserError(
            "workers: none is left, and none could be started; resume the run, finished blocks are kept."
        ) from error
    except CancelledError as error:
        raise UserError(
            "scheduler: the connection to it was lost; start it again and resume the run, finished blocks are kept."
        ) from error


def _check_installed() -> None:
    if find_spec("distributed") is None:
        raise UserError(f"workers: Dask's cluster is not installed; {INSTALL}, or leave out --workers.")


def _connect(address: str) -> Any:
    """Return a client of the scheduler there."""
    import distributed
    from distributed.versions import VersionMismatchWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionMismatchWarning)
        try:
            return distributed.Client(address, timeout=WAIT)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{address}: no Dask scheduler answers there ({error}); start it, or name another address."
            ) from error
        except Exception as error:  # whatever another version makes of the question
            raise UserError(
                f"{address}: the scheduler does not understand this Dask ({type(error).__name__}); "
                f"install distributed {distributed.__version__} there."
            ) from error


def _check_dask(client: Any, address: str) -> None:
    """Refuse a cluster with another version of Dask, which itself asks for the same one everywhere."""
    found = client.get_versions()
    own, *parts = (
        part["packages"]["distributed"] for part in (found["client"], found["scheduler"], *found["workers"].values())
    )
    others = set(parts) - {own}
    if others:
        raise UserError(
            f"{address}: Dask's distributed is there in version {', '.join(sorted(others))}, and {own} here; "
            "install the same version in both places."
        )


def _check_workers(client: Any, address: str) -> None:
    try:
        versions = client.run(worker_version)
    except Exception as error:
        raise UserError(
            f"{address}: its workers cannot import napari-emcad ({error}); install version {__version__} there."
        ) from error
    if not versions:
        raise UserError(f"{address}: the cluster has no workers; start some and run the command again.")
    others = set(versions.values()) - {__version__}
    if others:
        raise UserError(
            f"{address}: its workers have napari-emcad {', '.join(sorted(others))}, and {__version__} is needed; "
            "install this version there."
        )
