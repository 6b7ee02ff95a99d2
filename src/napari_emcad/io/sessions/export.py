"""Exports of a session, by name: volumes, tables, surfaces. All is written beside and renamed."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from napari_emcad.core.choices import Export
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.io.sessions.export_meshes import export_meshes
from napari_emcad.io.sessions.export_tables import (
    export_equivalences,
    export_graph,
    export_log,
    export_neurons,
    export_table,
)
from napari_emcad.io.sessions.export_volumes import export_fragments, export_interpolated, export_labels
from napari_emcad.io.sessions.open_session import OpenSession
from napari_emcad.io.sessions.snapshot import Snapshot

ExportJob = Callable[[Path, Snapshot], Job[Path]]


def _one_step(export: Callable[[Path, Snapshot], Path]) -> ExportJob:
    """Return an export as a job of one step."""

    def job(path: Path, snapshot: Snapshot) -> Job[Path]:
        watch = Stopwatch("export", 1)
        export(path, snapshot)
        yield watch.at(1)
        return path

    return job


EXPORTS: dict[Export, ExportJob] = {
    "labels": export_labels,
    "fragments": export_fragments,
    "interpolated": export_interpolated,
    "table": _one_step(export_table),
    "graph": _one_step(export_graph),
    "neurons": _one_step(export_neurons),
    "log": _one_step(export_log),
    "equivalences": _one_step(export_equivalences),
    "meshes": export_meshes,
}
"""Exports by name."""


def export_session(what: Export, path: Path, opened: OpenSession, at: int | None = None) -> Job[Path]:
    """Write one of `EXPORTS`, of the session as it stands or as it stood after edit `at`."""
    with closing(EXPORTS[what](Path(path), Snapshot.of(opened, at))) as job:
        return (yield from job)
