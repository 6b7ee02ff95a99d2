"""Neurons of a session as surfaces."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.ids import Ids, SegmentId
from napari_emcad.core.progress import Job, Progress, Stopwatch
from napari_emcad.core.surfaces import whole_surface
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.labels.own_folders import check_folder_target, has_only
from napari_emcad.io.sessions.mesh_files import MESHES, NamedSurface, is_mesh_file, mesh_format, write_mesh
from napari_emcad.io.sessions.snapshot import Snapshot

_FACTS = "meshes.json"
"""Name of the file in a folder of surfaces that says how they were made, by which the folder is known as ours."""


def export_meshes(
    path: Path, snapshot: Snapshot, segments: Iterable[int] | None = None, name: str | None = None
) -> Job[Path]:
    """Write surfaces of these segments, or of all: one file ID.ply a neuron in a new folder, or one file for all.

    Vertices are x, y, z in nm in the stack; the corner of its first voxel is the origin, so that a voxel reaches from
    its number to the next, as in tables and precomputed volumes. Surfaces have the colours of their segments.

    Parameters
    ----------
    path : Path
        A folder without an end, or a file by its end, one of `MESHES`.
    snapshot : Snapshot
    segments : iterable of int, optional
    name : str, optional
        Format of the file, or of the files in a folder; None = by the end of the path, in a folder PLY.

    Raises
    ------
    UserError
        If the voxel size is not known, a segment is not there, or the name is taken.
    """
    is_file = is_mesh_file(path)
    kind = mesh_format(path, name) or "ply"
    state = snapshot.session.state
    snapshot.required_voxel_size()
    wanted = _choose_segments(np.unique(state.table[snapshot.fragments]), segments)
    check_mesh_target(path)
    if is_file:
        found = yield from _all(snapshot, wanted)
        return write_mesh(path, found, kind)
    with write_beside(path, lambda _: state.base.fragments.nbytes) as part:
        part.mkdir()
        facts = {"kind": "meshes", "units": "nm", "axes": "xyz", "provenance": snapshot.provenance}
        (part / _FACTS).write_text(json.dumps(facts, default=str), "utf-8")
        for named, progress in _surfaces(snapshot, wanted):
            write_mesh(part / f"{named.name}.{kind}", [named], kind)
            yield progress
    return path


def check_mesh_target(path: Path) -> None:
    """Refuse to replace a folder by a file, or any folder but that of an older export.

    Raises
    ------
    UserError
    """
    if not is_mesh_file(path):
        check_folder_target(path, "folder of surfaces", _is_own)
    elif path.is_dir():
        raise UserError(f"{path}: a file is needed for the surfaces, this is a folder; choose another name.")


def _is_own(folder: Path) -> bool:
    files = [file.name for file in folder.iterdir() if file.stem.isdigit() and file.suffix[1:] in MESHES]
    return (folder / _FACTS).is_file() and has_only(folder, {_FACTS, *files})


def _all(snapshot: Snapshot, wanted: list[SegmentId]) -> Job[list[NamedSurface]]:
    found = []
    for named, progress in _surfaces(snapshot, wanted):
        found.append(named)
        yield progress
    return found


def _surfaces(snapshot: Snapshot, wanted: list[SegmentId]) -> Iterator[tuple[NamedSurface, Progress]]:
    """Yield the surface of each segment with its name and colour, and the progress once it is written."""
    size, state = snapshot.required_voxel_size(), snapshot.session.state
    watch, boxes = Stopwatch("meshes", len(wanted)), snapshot.boxes()
    colours = snapshot.colours.rgb(np.array(wanted, np.int64))
    for done, (segment, colour) in enumerate(zip(wanted, colours, strict=True), start=1):
        found = whole_surface(state.base.fragments, state.members(segment), boxes, size, snapshot.place)
        yield NamedSurface(str(segment), found.from_corner(size), colour), watch.at(done)


def _choose_segments(there: Ids, segments: Iterable[int] | None) -> list[SegmentId]:
    wanted = there.tolist() if segments is None else list(segments)
    if missing := [s for s in wanted if s not in there]:
        raise UserError(f"meshes: there is no segment {missing[0]}; choose segments of this session.")
    return [SegmentId(s) for s in wanted]
