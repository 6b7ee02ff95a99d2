"""The work of people that no threshold may undo, read from the edits in force."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import triple
from napari_emcad.core.ids import FragmentId
from napari_emcad.proofreading.effects import Parting
from napari_emcad.proofreading.packed import unpack_many
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.state import State


@dataclass(frozen=True)
class HandWork:
    """Merges and partings by hand.

    Attributes
    ----------
    joins : tuple of (FragmentId, FragmentId)
        Fragments that people joined, as they are now.
    sides : tuple of Ids
        The fragments of both sides of each merge: of what it kept, and of what it added.
    partings : tuple of Parting
        In the order in which they were made.
    """

    joins: tuple[tuple[FragmentId, FragmentId], ...] = ()
    sides: tuple[NDArray[np.integer], ...] = ()
    partings: tuple[Parting, ...] = ()


def read_hand_work(state: State, rows: Sequence[LogRow]) -> HandWork:
    """Read the hand work of the edits in force."""
    merges = [row for row in rows if row.kind in ("merge", "group")]
    return HandWork(
        joins=tuple(_read_joins(state, merges)),
        sides=tuple(_sides(merges)),
        partings=tuple(parting for row in rows if not row.is_plain for parting in row.effect.partings),
    )


def _sides(merges: Sequence[LogRow]) -> Iterable[NDArray[np.integer]]:
    """Yield the fragments of each move; rows of earlier versions come last."""
    many = unpack_many([row.packed for row in merges if isinstance(row.packed, bytes)])
    yield from np.split(many.fragments, np.cumsum(many.count)[:-1]) if len(many.count) else ()
    yield from (move.fragments for row in merges if isinstance(row.packed, str) for move in row.effect.moves)


def _read_joins(state: State, merges: Sequence[LogRow]) -> Iterable[tuple[FragmentId, FragmentId]]:
    """Yield the fragments that merges joined; one that was parted since is found again by the voxel clicked."""
    for edit_input in (row.input for row in merges):
        ends = [edit_input["anchor"], *(edit_input["others"] if "others" in edit_input else [edit_input["other"]])]
        voxels = edit_input.get("voxels", ())
        if max(ends) >= len(state.sizes):
            raise UserError(
                f"edit log: an edit joins fragment {max(ends)}, which nothing has; "
                "copy the session again from where it is whole."
            )
        if len(voxels) == len(ends) and not state.sizes[ends].all():
            ends = [state.fragment_at(triple(voxel)) for voxel in voxels]
        yield from ((ends[0], end) for end in ends[1:])
