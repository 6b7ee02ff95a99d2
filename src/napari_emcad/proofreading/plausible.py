"""Checks of a log whose rows are as they were written, but by whom: no edit of ours says what these refuse.

What rows say of ids is checked before they are made again; their details when they are looked at.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Shape
from napari_emcad.core.ids import FOR_EDITS
from napari_emcad.proofreading.effects import Effect, Parting
from napari_emcad.proofreading.packed import ManyMoves
from napari_emcad.proofreading.part import FAR, NEAR


def check_row(at: object, kind: object, base_hash: object) -> None:
    """Refuse what no row has as its time, kind and hash.

    Raises
    ------
    ValueError
    """
    if not isinstance(at, int | float) or not math.isfinite(at):
        raise ValueError("a time is needed")
    if not isinstance(kind, str) or not isinstance(base_hash, str):
        raise ValueError("texts are needed")


def check_details(kind: str, details: object) -> None:
    """Refuse details that edits of a kind do not have: user, duration in ms and input.

    Raises
    ------
    ValueError
    """
    match details:
        case [str(), int() | float(), dict(given)]:
            wrong = [name for name in _NEEDED.get(kind, ()) if name not in given]
            wrong += [name for name, value in given.items() if name in _IS and not _IS[name](value)]
            if wrong:
                raise ValueError(f"{kind} without a sound {wrong[0]}")
        case _:
            raise ValueError("user, duration and input are needed")


class Bounds:
    """The ids and voxels that edits of a session may name.

    Parameters
    ----------
    n : int
        Fragments that agglomeration made, and one for none.
    shape : (z, y, x)
    """

    def __init__(self, n: int, shape: Shape):
        self._end, self._shape = n + FOR_EDITS, shape

    def check_many(self, many: ManyMoves) -> None:
        """Refuse edits that name ids which nothing has.

        Raises
        ------
        ValueError
        """
        for ids in (many.before, many.after, many.fragments):
            self._check_ids(ids)
        for pairs in (many.bridges, *many.locks):
            self._check_ids(pairs)

    def check(self, effect: Effect) -> None:
        """Refuse an edit that names ids which nothing has, a threshold that is none, or voxels outside.

        Raises
        ------
        ValueError
        """
        for move in effect.moves:
            self._check_ids(move.fragments)
            self._check_ids([move.before, move.after])
        for ids in (effect.bridges, effect.locked, effect.unlocked):
            self._check_ids(ids)
        for parting in effect.partings:
            self._check_parting(parting)
        if effect.threshold and not all(_is_number(value) and 0 <= value < math.inf for value in effect.threshold):
            raise ValueError("a threshold from 0 is needed")

    def _check_parting(self, parting: Parting) -> None:
        self._check_ids(parting.all_ids)
        for graph in (parting.removed, parting.added):
            self._check_ids(graph.u)
            self._check_ids(graph.v)
        sides, box = parting.patch.sides, parting.patch.box
        if sides.ndim != 3 or box.clipped(self._shape) != box or {*np.unique(sides)} - {0} != {NEAR, FAR}:
            raise ValueError("parts inside the volume are needed")

    def _check_ids(self, ids: Any) -> None:
        for found in ids if isinstance(ids, tuple) else (ids,):
            values: NDArray[Any] = np.asarray(found)
            if values.size and (values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= self._end):
                raise ValueError("an edit names an id that nothing has")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62


def _are_ids(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_id, value))


def _are_voxels(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(v, list) and len(v) == 3 and all(map(_is_id, v)) for v in value)


def _are_sides(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_are_ids(side) and len(side) > 1 for side in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_origin(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and _is_text(value[0]) and _is_id(value[1])


_IDS = ("anchor", "other", "fragment", "segment", "a", "b", "ticks", "seq", "replayed")
_TEXTS = ("method", "answer", "words", "question")
_VOXELS = ("voxels", "near", "far")

_IS: Mapping[str, Callable[[object], bool]] = {
    **dict.fromkeys(_IDS, _is_id),
    **dict.fromkeys(_TEXTS, _is_text),
    **dict.fromkeys(_VOXELS, _are_voxels),
    "others": _are_ids,
    "sides": _are_sides,
    "threshold": _is_number,
    "original": _is_origin,
}
"""Tests of the values of an edit's input by their names, see `rows.EditInput`."""

_NEEDED: Mapping[str, tuple[str, ...]] = {
    "merge": ("anchor", "other"),
    "group": ("anchor", "others"),
    "detach": ("fragment",),
    "lock": ("segment",),
    "unlock": ("segment",),
    "decide": ("a", "b", "answer"),
    "note": ("voxels",),
    "undo": ("seq",),
    "redo": ("seq",),
}
"""Inputs that edits of a kind have."""
