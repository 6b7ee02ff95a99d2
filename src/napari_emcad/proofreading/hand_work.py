"""The work of people that no threshold may undo, read from the edits in force."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import triple
from napari_emcad.core.ids import FragmentId
from napari_emcad.proofreading.effects import Move, Parting
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.state import State


@dataclass(frozen=True)
class HandWork:
    """Merges and partings by hand.

    Attributes
    ----------
    joins : tuple of (FragmentId, FragmentId)
        Fragments that people joined, as they are now.
    merges : tuple of Move
        Moves of all merges: of what each kept, and of what it added.
    partings : tuple of Parting
        In the order in which they were made.
    """

    joins: tuple[tuple[FragmentId, FragmentId], ...] = ()
    merges: tuple[Move, ...] = ()
    partings: tuple[Parting, ...] = ()


def read_hand_work(state: State, rows: Sequence[LogRow]) -> HandWork:
    """Read the hand work of the edits in force."""
    merges = [row for row in rows if row.kind in ("merge", "group")]
    return HandWork(
        joins=tuple(_read_joins(state, merges)),
        merges=tuple(move for row in merges for move in row.effect.moves),
        partings=tuple(parting for row in rows for parting in row.effect.partings),
    )


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
