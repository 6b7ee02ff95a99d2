"""Blocks on a Dask cluster: the machine's own cores, or any cluster that runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from napari_emcad import __version__
from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job, Stopwatch

INSTALL = 'install it with: python -m pip install "napari-emcad[cluster]"'

WAIT = "30s"
"""How long a scheduler may take to answer."""


class OnCluster:
    """Gives the blocks to the workers of a Dask cluster. See `blockwise.Pool`."""

    def __init__(self, client: Any):
        self._client = client
        self.dashboard = client.dashboard_link

    def run(self, step: str, task, folder: Path, numbers: Sequence[int]) -> Job[None]:
        from distributed import as_completed

        watch = Stopwatch(step, len(numbers))
        yield watch.at(0)
        futures = [self._client.submit(task, str(folder), number, pure=False) for number in numbers]
        try:
            for done, future in enumerate(as_completed(futures), 1):
                _check(future)
                yield watch.at(done)
        finally:
            self._client.cancel(futures)


@contextmanager
def own_cluster(workers: int, memory: int) -> Iterator[OnCluster]:
    """So many processes on this machine, as long as the block lasts.

    Parameters
    ----------
    workers : int
    memory : int
        Bytes for all of them: one that takes more than its share is started anew.

    Raises
    ------
    UserError
        Where Dask's cluster is not installed.
    """
    _check_installed()
    from distributed import Client, LocalCluster

    cluster = LocalCluster(
        n_workers=workers, threads_per_worker=1, memory_limit=memory // workers, dashboard_address=":0"
    )
    with cluster, Client(cluster) as client:
        yield OnCluster(client)


@contextmanager
def cluster_at(address: str) -> Iterator[OnCluster]:
    """A cluster that runs already, by the address of its scheduler.

    Raises
    ------
    UserError
        Where it does not answer, has no workers, or these have another version of this program.
    """
    _check_installed()
    from distributed import Client

    try:
        client = Client(address, timeout=WAIT)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{address}: no Dask scheduler answers there ({error}); start it, or name another address."
        ) from error
    with client:
        _check_workers(client, address)
        yield OnCluster(client)


def worker_version() -> str:
    """Of this program, where a worker runs."""
    return __version__


def _check(future: Any) -> None:
    """One sentence for what a task says, or for a worker that ends again and again."""
    from distributed.scheduler import KilledWorker

    try:
        future.result()
    except KilledWorker as error:
        raise UserError(
            "workers: one after the other ended in the same block, most likely for want of memory; "
            "give them more with --memory, and run the same command again."
        ) from error


def _check_installed() -> None:
    if find_spec("distributed") is None:
        raise UserError(f"workers: Dask's cluster is not installed; {INSTALL}, or leave out --workers.")


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
