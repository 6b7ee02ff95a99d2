"""An effect as JSON: complete, and short also where a segment has many fragments, whose ids come in runs."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.proofreading.edits import Effect, Move


def effect_text(effect: Effect) -> str:
    """The effect as one line of JSON."""
    fields = {
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
    """The effect that `effect_text` wrote."""
    fields: dict[str, Any] = json.loads(text)
    return Effect(
        moves=tuple(
            Move(from_runs(m["fragments"]), m["before"], m["after"], m["was_free"]) for m in fields.get("moves", ())
        ),
        bridges=tuple((a, b) for a, b in fields.get("bridges", ())),
        threshold=tuple(fields["threshold"]) if "threshold" in fields else None,
        locked=tuple(fields.get("locked", ())),
        unlocked=tuple(fields.get("unlocked", ())),
    )


def runs(fragments: NDArray[np.uint32]) -> list[int]:
    """Sorted ids as first, length, first, length, ..."""
    if not len(fragments):
        return []
    starts = np.flatnonzero(np.concatenate([[True], np.diff(fragments.astype(np.int64)) != 1]))
    lengths = np.diff(np.append(starts, len(fragments)))
    return np.stack([fragments[starts], lengths], axis=1).ravel().tolist()


def from_runs(numbers: list[int]) -> NDArray[np.uint32]:
    """The ids that `runs` wrote."""
    firsts, lengths = np.array(numbers, np.int64).reshape(-1, 2).T
    offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return (np.repeat(firsts, lengths) + offsets).astype(np.uint32)
