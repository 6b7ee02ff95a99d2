"""Tables of a session: segments, region graph, neurons, edit log, equivalences."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.ids import as_ids
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.sessions.snapshot import Snapshot
from napari_emcad.io.sessions.table_files import write_table, write_texts
from napari_emcad.proofreading.effect_text import effect_text
from napari_emcad.proofreading.rows import LogRow

_NM3_IN_UM3 = 1e9
_AXES = "zyx"

LOG_ROWS = 1 << 10
"""Edits that are written at once."""


def export_table(path: Path, snapshot: Snapshot) -> Path:
    """Write the segment of each fragment, columns `fragment` and `segment`, in one of `TABLES`."""
    fragments = snapshot.fragments
    columns = {"fragment": fragments, "segment": snapshot.session.state.table[fragments]}
    return write_table(path, columns)


def export_graph(path: Path, snapshot: Snapshot) -> Path:
    """Write the region graph with its segments, an edge a line, in one of `TABLES`.

    Columns: fragments `u` and `v`, their segments, mean `affinity`, `area` in voxel faces, a contact voxel `z`, `y`,
    `x` in the stack, `bridge` (1 = joined by a person across a gap: no affinity, no area, place -1) and `edited`
    (1 = a person's edits, not the threshold, say where u and v belong).
    """
    return write_table(path, _graph_columns(snapshot))


def export_log(path: Path, snapshot: Snapshot) -> Path:
    """Write the edit log as a table: time in UTC, input and effect as JSON, `in_force` = 1 for edits that stand."""
    rows = snapshot.session.log.rows
    size = sum(len(row.details) + len(row.packed) for row in rows)
    starts = range(0, max(1, len(rows)), LOG_ROWS)
    return write_texts(path, (_log_columns(snapshot, rows[start : start + LOG_ROWS]) for start in starts), 4 * size)


def export_neurons(path: Path, snapshot: Snapshot) -> Path:
    """Write the neurons as a table: id, voxels, volume in cubic micrometres, box in nm in the stack, done, colour.

    The corner of the stack's first voxel is 0, unless the stack's file states another place. Done is 1 or 0, a colour
    "#rrggbb".

    Raises
    ------
    UserError
        If the voxel size is not known.
    """
    size, found = np.array(snapshot.required_voxel_size()), snapshot.neurons()
    boxes = np.concatenate([(end + snapshot.place) * size for end in (found.start, found.stop)], axis=1)
    names = [f"{axis}{end}_nm" for end in (0, 1) for axis in _AXES]
    columns = {
        "id": found.ids,
        "voxels": found.voxels,
        "volume_um3": found.voxels * size.prod() / _NM3_IN_UM3,
        **dict(zip(names, boxes.T, strict=True)),
        "done": np.asarray(found.done).astype(np.uint8),
        "colour": snapshot.colours.texts(found.ids),
    }
    return write_table(path, columns, digits=9)


def export_equivalences(path: Path, snapshot: Snapshot) -> Path:
    """Write which fragments make up each segment, and its colour, as a layer in neuroglancer's state takes them.

    A JSON object of `equivalences`, groups [["1", "2", "5"], ["3", "4"]] of fragments as text, of which those that are
    a segment by themselves are left out; and `segmentColors`, {"1": "#00fff0"}, of all segments, each by its smallest
    fragment, which is how neuroglancer names a group. It goes with the exported fragments.
    """
    fragments = snapshot.fragments
    segments = snapshot.session.state.table[fragments]
    order = np.argsort(segments, kind="stable")
    if path.suffix.lower() != ".json":
        raise UserError(f"{path}: a name that ends in .json is needed for equivalences.")
    groups = np.split(fragments[order], np.flatnonzero(np.diff(segments[order])) + 1) if len(order) else []
    colours = snapshot.colours.texts(np.unique(segments)).tolist()
    layer = {
        "equivalences": [[str(f) for f in group] for group in groups if len(group) > 1],
        "segmentColors": {str(group[0]): colour for group, colour in zip(groups, colours, strict=True)},
    }
    text = json.dumps(layer)
    with write_beside(path, lambda _: len(text)) as part:
        part.write_text(text, "utf-8")
    return path


def time_text(seconds: float) -> str:
    """Return a time since 1970 as text in UTC: 2024-05-17T09:30:12.250+00:00; "unknown" of a clock that was far off."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return "unknown"


def _log_columns(snapshot: Snapshot, rows: Sequence[LogRow]) -> dict[str, NDArray[Any]]:
    said = [row.user_duration_input for row in rows]
    return {
        "seq": np.array([row.seq for row in rows], np.int64),
        "time": np.array([time_text(row.time) for row in rows], object),
        "user": np.array([user for user, _, _ in said], object),
        "duration_ms": np.array([duration for _, duration, _ in said], np.float64),
        "kind": np.array([row.kind for row in rows], object),
        "in_force": np.array([snapshot.session.is_in_force(row.seq) for row in rows], np.int64),
        "base_hash": np.array([row.base_hash for row in rows], object),
        "input": np.array([json.dumps(edit_input) for _, _, edit_input in said], object),
        "effect": np.array([effect_text(row.effect) for row in rows], object),
    }


def _graph_columns(snapshot: Snapshot) -> dict[str, NDArray[Any]]:
    state = snapshot.session.state
    graph, bridges = state.graph, as_ids(state.bridges).reshape(-1, 2)
    u, v = np.concatenate([graph.u, bridges[:, 0]]), np.concatenate([graph.v, bridges[:, 1]])
    places = np.concatenate([graph.contact + np.array(snapshot.start), np.full((len(bridges), 3), -1)])
    return {
        "u": u,
        "v": v,
        "segment_u": state.table[u],
        "segment_v": state.table[v],
        "affinity": np.concatenate([graph.mean, np.zeros(len(bridges), np.float32)]),
        "area": np.concatenate([graph.area, np.zeros(len(bridges), np.int64)]),
        **dict(zip(_AXES, places.T, strict=True)),
        "bridge": (np.arange(len(u)) >= len(graph)).astype(np.uint8),
        "edited": (~(state.free[u] & state.free[v])).astype(np.uint8),
    }
