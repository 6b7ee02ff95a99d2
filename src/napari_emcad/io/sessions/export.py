"""Exports of a session, by name: volumes, tables, surfaces. All is written beside and renamed."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from napari_emcad.core.choices import Export
from napari_emcad.core.errors import UserError
from napari_emcad.core.palettes import BRIGHT, LabelColours
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.io.labels.formats import check_label_target
from napari_emcad.io.sessions.export_meshes import check_mesh_target, export_meshes
from napari_emcad.io.sessions.export_tables import (
    export_equivalences,
    export_graph,
    export_log,
    export_neurons,
    export_table,
)
from napari_emcad.io.sessions.export_volumes import export_fragments, export_interpolated, export_labels
from napari_emcad.io.sessions.mesh_files import mesh_format
from napari_emcad.io.sessions.open_session import OpenSession
from napari_emcad.io.sessions.segmentation_files import check_graph
from napari_emcad.io.sessions.snapshot import Snapshot
from napari_emcad.io.sessions.table_files import table_format

ExportJob = Callable[[Path, Snapshot, str | None], Job[Path]]
"""Writes to a path, in a format of this name or by the end of the path."""


def _one_step(export: Callable[[Path, Snapshot], Path]) -> ExportJob:
    """Return an export as a job of one step."""

    def job(path: Path, snapshot: Snapshot, name: str | None) -> Job[Path]:
        if name is not None:
            raise UserError(f"format: the end of the name says it here, got {name}; leave --format out.")
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
    "meshes": lambda path, snapshot, name: export_meshes(path, snapshot, name=name),
}
"""Exports by name."""

VOLUMES = ("labels", "fragments", "interpolated")
"""Exports that are volumes of labels."""


def export_session(
    what: Export,
    path: Path,
    opened: OpenSession,
    at: int | None = None,
    name: str | None = None,
    colours: LabelColours | str = BRIGHT,
) -> Job[Path]:
    """Write one of `EXPORTS`, of the session as it stands or as it stood after edit `at`.

    Parameters
    ----------
    what : Export
    path : Path
    opened : OpenSession
    at : int, optional
    name : str, optional
        The format: one of `FORMATS` for volumes, of `MESHES` for surfaces; None = by the end
        of the path.
    colours : LabelColours or str
        Colours of the segments as the screen shows them, or a palette, a key of `PALETTES`, to colour them anew.

    Raises
    ------
    UserError
        If it cannot be written there in that format, or the session is damaged.
    """
    check_export_target(what, path, name)
    yield from check_graph(opened.folder)
    with closing(EXPORTS[what](path, Snapshot.of(opened, at, colours), name)) as job:
        return (yield from job)


def check_export_target(what: Export, path: Path, name: str | None = None) -> None:
    """Refuse a path by whose end the format is not known, or that is taken by something else than an older export.

    Raises
    ------
    UserError
    """
    if what in VOLUMES:
        check_label_target(path, name)
    elif what == "meshes":
        mesh_format(path, name)
        check_mesh_target(path)
    elif what != "equivalences":
        table_format(path)
    if what not in (*VOLUMES, "meshes") and path.is_dir():
        raise UserError(f"{path}: a file is needed for this, and a folder is there; choose another name.")
