"""An effect as JSON: complete, and short also where a segment has many fragments, whose ids come in runs."""

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import fields as fields_of
from math import prod
from typing import Any

import numpy as np

from napari_emcad.core.geometry import triple
from napari_emcad.core.ids import Ids, as_ids
from napari_emcad.core.region_graph import QUANTILES, RegionGraph
from napari_emcad.proofreading.edges import ranges
from napari_emcad.proofreading.effects import Effect, Move, Parting
from napari_emcad.proofreading.part import Patch


def effect_text(effect: Effect) -> str:
    """Return an effect as one line of JSON; what is empty is left out."""
    fields = {
        "partings": [_parting_fields(p) for p in effect.partings],
        "moves": [
            {"fragments": runs(m.fragments), "before": m.before, "after": m.after, "was_free": m.was_free}
            for m in effect.moves
        ],
        "bridges": [list(b) for b in effect.bridges],
        "threshold": effect.threshold and list(effect.threshold),
        "locked": list(effect.locked),
        "unlocked": list(effect.unlocked),
    }
    return json.dumps({name: value for name, value in fields.items() if value}, separators=(",", ":"))


def effect_from(text: str) -> Effect:
    """Return the effect that `effect_text` wrote."""
    fields: dict[str, Any] = json.loads(text)
    if not isinstance(fields, dict):
        raise ValueError("an effect is needed")
    return Effect(
        partings=tuple(map(_parting_from, fields.get("partings", ()))),
        moves=tuple(
            Move(from_runs(m["fragments"]), m["before"], m["after"], m["was_free"]) for m in fields.get("moves", ())
        ),
        bridges=tuple((a, b) for a, b in fields.get("bridges", ())),
        threshold=_pair(fields["threshold"]) if "threshold" in fields else None,
        locked=tuple(fields.get("locked", ())),
        unlocked=tuple(fields.get("unlocked", ())),
    )


def runs(fragments: Ids) -> list[int]:
    """Return sorted ids as runs: the first id and the number of ids of each."""
    if not len(fragments):
        return []
    starts = np.flatnonzero(np.concatenate([[True], np.diff(fragments.astype(np.int64)) != 1]))
    lengths = np.diff(np.append(starts, len(fragments)))
    return np.stack([fragments[starts], lengths], axis=1).ravel().tolist()


def from_runs(numbers: Sequence[int]) -> Ids:
    """Return the ids that `runs` wrote."""
    firsts, lengths = np.array(numbers, np.int64).reshape(-1, 2).T
    return as_ids(ranges(firsts, firsts + lengths))


def _parting_fields(parting: Parting) -> dict[str, Any]:
    sides = parting.patch.sides
    return {
        "fragment": parting.fragment,
        "parts": list(parting.parts),
        "was_free": parting.was_free,
        "start": list(parting.patch.start),
        "shape": list(sides.shape),
        "sides": base64.b64encode(zlib.compress(sides.tobytes())).decode(),
        "removed": _graph_fields(parting.removed),
        "added": _graph_fields(parting.added),
    }


def _parting_from(fields: dict[str, Any]) -> Parting:
    shape = triple(fields["shape"])
    unpacked = zlib.decompressobj().decompress(base64.b64decode(fields["sides"]), prod(shape) or 1)
    sides = np.frombuffer(unpacked, np.uint8).reshape(shape)
    return Parting(
        fields["fragment"],
        _pair(fields["parts"]),
        fields["was_free"],
        Patch(triple(fields["start"]), sides),
        _graph_from(fields["removed"]),
        _graph_from(fields["added"]),
    )


def _pair(values: Sequence[Any]) -> tuple[Any, Any]:
    first, second = values
    return first, second


def _graph_fields(graph: RegionGraph) -> dict[str, list[Any]]:
    return {column.name: getattr(graph, column.name).tolist() for column in fields_of(graph)}


def _graph_from(columns: dict[str, list[Any]]) -> RegionGraph:
    u, v = (as_ids(columns[name]) for name in "uv")
    return RegionGraph(
        u,
        v,
        np.array(columns["mean"], np.float32),
        np.array(columns["quantiles"], np.float32).reshape(len(u), len(QUANTILES)),
        np.array(columns["area"], np.int64),
        np.array(columns["contact"], np.int32).reshape(len(u), 3),
    )
