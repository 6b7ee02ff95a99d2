"""Tables of a session: segments, region graph, neurons, edit log, equivalences."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import as_ids
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.sessions.csv_table import write_csv
from napari_emcad.io.sessions.snapshot import Snapshot
from napari_emcad.proofreading.effect_text import effect_text

_NM3_IN_UM3 = 1e9
_AXES = "zyx"


def export_table(path: Path, snapshot: Snapshot) -> Path:
    """Write the segment of each fragment, columns `fragment` and `segment`, as npz or CSV by the end of the name."""
    fragments = snapshot.fragments
    columns = {"fragment": fragments, "segment": snapshot.session.state.table[fragments]}
    return _write_table(path, columns)


def export_graph(path: Path, snapshot: Snapshot) -> Path:
    """Write the region graph with its segments, an edge a line, as npz or CSV by the end of the name.

    Columns: fragments `u` and `v`, their segments, mean `affinity`, `area` in voxel faces, a contact voxel `z`, `y`,
    `x` in the stack, `bridge` (1 = joined by a person across a gap: no affinity, no area, place -1) and `edited`
    (1 = a person's edits, not the threshold, say where u and v belong).
    """
    return _write_table(path, _graph_columns(snapshot))


def export_log(path: Path, snapshot: Snapshot) -> Path:
    """Write the edit log as CSV: time in UTC, input and effect as JSON, `in_force` = 1 for edits that stand."""
    header = ("seq", "time", "user", "duration_ms", "kind", "in_force", "base_hash", "input", "effect")
    live = set(snapshot.session.in_force)
    rows = (
        (r.seq, time_text(r.time), r.user, r.duration_ms, r.kind, int(r.seq in live), r.base_hash,
         json.dumps(r.input), effect_text(r.effect))
        for r in snapshot.session.log.rows
    )  # fmt: skip
    return write_csv(path, header, rows)


def export_neurons(path: Path, snapshot: Snapshot) -> Path:
    """Write the neurons as CSV: id, voxels, volume in cubic micrometres, box in nm in the stack, done (1 or 0).

    Raises
    ------
    UserError
        If the voxel size is not known.
    """
    size, found = np.array(snapshot.required_voxel_size()), snapshot.neurons()
    header = ("id", "voxels", "volume_um3", *(f"{axis}{end}_nm" for end in (0, 1) for axis in _AXES), "done")
    volumes = found.voxels * size.prod() / _NM3_IN_UM3
    boxes = np.concatenate([(end + snapshot.start) * size for end in (found.start, found.stop)], axis=1)
    lines = zip(found.ids.tolist(), found.voxels.tolist(), volumes, boxes, found.done.tolist(), strict=True)
    return write_csv(
        path, header, ((i, n, f"{v:.9g}", *(f"{b:.9g}" for b in box), int(done)) for i, n, v, box, done in lines)
    )


def export_equivalences(path: Path, snapshot: Snapshot) -> Path:
    """Write which fragments make up each segment, as a layer's `equivalences` in neuroglancer's state takes them.

    A JSON list of groups: [["1", "2", "5"], ["3", "4"]], ids of fragments as text; fragments that are a segment by
    themselves are left out. It goes with the exported fragments. Neuroglancer names a group by its smallest id.
    """
    fragments = snapshot.fragments
    segments = snapshot.session.state.table[fragments]
    order = np.argsort(segments, kind="stable")
    groups = np.split(fragments[order], np.flatnonzero(np.diff(segments[order])) + 1)
    text = json.dumps([[str(f) for f in group] for group in groups if len(group) > 1])
    with write_beside(path, lambda _: len(text)) as part:
        part.write_text(text, "utf-8")
    return path


def time_text(seconds: float) -> str:
    """Return a time since 1970 as text in UTC: 2024-05-17T09:30:12.250+00:00."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


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


def _write_table(path: Path, columns: Mapping[str, NDArray[Any]]) -> Path:
    if path.suffix == ".npz":
        return _write_npz(path, columns)
    return write_csv(path, list(columns), zip(*(c.tolist() for c in columns.values()), strict=True))


def _write_npz(path: Path, columns: Mapping[str, NDArray[Any]]) -> Path:
    with write_beside(path, lambda _: sum(c.nbytes for c in columns.values())) as part, part.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **columns)
    return path
