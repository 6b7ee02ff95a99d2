"""What leaves a session, by name: volumes, tables, surfaces. All is written beside and renamed."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.io.sessions.export_meshes import export_meshes
from napari_emcad.io.sessions.export_tables import (
    export_equivalences,
    export_graph,
    export_log,
    export_neurons,
    export_table,
)
from napari_emcad.io.sessions.export_volumes import export_fragments, export_labels
from napari_emcad.io.sessions.folder import OpenSession
from napari_emcad.io.sessions.snapshot import Snapshot


def _at_once(export: Callable[[Path, Snapshot], Path]) -> Callable[[Path, Snapshot], Job[Path]]:
    def job(path: Path, snapshot: Snapshot) -> Job[Path]:
        watch = Stopwatch("export", 1)
        export(path, snapshot)
        yield watch.at(1)
        return path

    return job


EXPORTS: dict[str, Callable[[Path, Snapshot], Job[Path]]] = {
    "labels": export_labels,
    "fragments": export_fragments,
    "table": _at_once(export_table),
    "graph": _at_once(export_graph),
    "neurons": _at_once(export_neurons),
    "log": _at_once(export_log),
    "equivalences": _at_once(export_equivalences),
    "meshes": export_meshes,
}
"""What can be exported, by name."""


def export_session(what: str, path: Path, opened: OpenSession, at: int | None = None) -> Job[Path]:
    """One of `EXPORTS`, of the session as it stands or as it stood after edit `at`."""
    with closing(EXPORTS[what](Path(path), Snapshot.of(opened, at))) as job:
        return (yield from job)
