"""Neurons of a session as surfaces."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.ids import Ids, SegmentId
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.surfaces import whole_surface
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.sessions.ply import write_ply
from napari_emcad.io.sessions.snapshot import Snapshot


def export_meshes(folder: Path, snapshot: Snapshot, segments: Iterable[int] | None = None) -> Job[Path]:
    """Write surfaces as PLY, one file ID.ply a neuron in a new folder: of these segments, or of all.

    Vertices are x, y, z in nm in the stack; voxel (0, 0, 0) of the stack has its centre at the origin.

    Raises
    ------
    UserError
        If the voxel size is not known, a segment is not there, or the name is taken.
    """
    size, state = snapshot.required_voxel_size(), snapshot.session.state
    wanted = _choose_segments(np.unique(state.table[snapshot.fragments]), segments)
    if folder.exists():
        raise UserError(f"{folder}: this name is taken; choose another folder for the meshes.")
    watch, boxes = Stopwatch("meshes", len(wanted)), snapshot.boxes()
    with write_beside(folder, lambda _: state.base.fragments.nbytes) as part:
        part.mkdir()
        for done, segment in enumerate(wanted, start=1):
            surface = whole_surface(state.base.fragments, state.members(segment), boxes, size, snapshot.start)
            write_ply(part / f"{segment}.ply", surface)
            yield watch.at(done)
    return folder


def _choose_segments(there: Ids, segments: Iterable[int] | None) -> list[SegmentId]:
    wanted = there.tolist() if segments is None else list(segments)
    if missing := [s for s in wanted if s not in there]:
        raise UserError(f"meshes: there is no segment {missing[0]}; choose segments of this session.")
    return [SegmentId(s) for s in wanted]
