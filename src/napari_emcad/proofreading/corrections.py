"""Training data from a session: what a person has verified in it, and boxes around that.

What was not seen, as its section is bridged, is verified by nobody, and no box has a section that is left out in it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.crop import SMALLEST
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.core.geometry import Box
from napari_emcad.core.ids import Ids
from napari_emcad.core.sections.unbroken import unbroken
from napari_emcad.proofreading.rows import LogRow, VoxelLists
from napari_emcad.proofreading.session import Session
from napari_emcad.proofreading.surroundings import disjoint_boxes, surroundings

CORRECTIONS = frozenset({"merge", "group", "split", "detach"})
"""Kinds of edits with which a person answers for the segments that they leave."""

WITHDRAWALS = frozenset({"segment_threshold", "unlock"})
"""Kinds after which nobody does any more: the merge tree has moved the segment, or it is not done after all."""

LARGEST = (16, 512, 512)
"""Sections and pixels (z, y, x) of a crop, at most."""

LEAST = (2, 64, 64)
"""Sections and pixels (z, y, x) around a fragment, at least."""

NAMED = 3
"""Neurons that are listed in the name of a box, at most."""


@dataclass(frozen=True)
class NamedBox:
    """A place to learn from.

    Attributes
    ----------
    name : str
        A name for people: "neuron 77", "edits 12-15".
    box : Box
        Its place in the session's fragments.
    verified : float
        Share of its voxels that a person has verified, 0 to 1.
    """

    name: str
    box: Box
    verified: float


def verified_labels(session: Session, box: Box, all_checked: bool = False) -> tuple[Ids, NDArray[np.bool_]]:
    """Return the segments in a box, and the voxels where they are verified, see `verified_fragments`.

    Parameters
    ----------
    session : Session
        Not modified.
    box : Box
        Inside its fragments.
    all_checked : bool
        True if a person has looked at every voxel of the box: then all that was seen is known, also fragment 0 =
        boundary.

    Returns
    -------
    labels : (z, y, x) Ids
        0 = none.
    known : (z, y, x) bool
        True for voxels that are verified.
    """
    fragments, planned = session.state.base.fragments[box.slices], session.state.planned
    known = np.ones(fragments.shape, bool) if all_checked else verified_fragments(session)[fragments]
    if planned:
        known &= ~planned.within(box).bridged()
    return session.state.table[fragments], known


def verified_fragments(session: Session) -> NDArray[np.bool_]:
    """Return which fragments are in a segment that a person has verified, (n + 1,); [0] is False.

    A segment is verified if it is done (locked), or if a correction in force has left it, that is a merge, group, split
    or detach: both sides of it, as a whole. The last edit of a segment counts. After a step of its own threshold
    it is not verified, whether it took something in or let something go, nor is what it let go of; after an unlocking
    it is not until it is corrected or done again. The threshold of all never moves an edited segment, so it changes
    nothing here. Questions that were answered without an edit verify nothing: they are about one contact.
    """
    found = np.isin(session.state.table, list(session.state.locked))
    corrected = np.zeros(len(found), bool)
    for row in _rows_in_force(session, CORRECTIONS | WITHDRAWALS):
        for move in row.effect.moves:
            corrected[move.fragments] = row.kind in CORRECTIONS
    return (found | corrected) & (session.state.table > 0)


def share_verified(session: Session, box: Box, all_checked: bool = False) -> float:
    """Return the share of the voxels of a box that a person has verified, 0 to 1; see `verified_labels`."""
    if all_checked:
        planned = session.state.planned
        return 1 - float(np.mean(planned.within(box).bridged())) if planned else 1.0
    return _share(_voxels_of_fragments(session, box), verified_fragments(session))


def unbroken_boxes(session: Session, box: Box) -> list[Box]:
    """Return the parts of a box of the fragments in which each section goes on from the one before; see `unbroken`."""
    planned = session.state.planned
    if planned is None:
        return [box]
    return [part.within(planned.box) for part in unbroken(box.moved(planned.box.start), planned.plan)]


def boxes_of_locked(
    session: Session, boxes: FragmentBoxes, around: Sequence[int] = (1, 16, 16), largest: Sequence[int] = LARGEST
) -> list[NamedBox]:
    """Return boxes that hold all neurons that are done, none of which overlap; in the order of their places.

    Neurons near each other share a box; long ones are cut. What a cut leaves thinner than a crop may be is left out.

    Parameters
    ----------
    session : Session
        Not modified.
    boxes : FragmentBoxes
        Boxes of all fragments, also of the parts of divided ones.
    around : (z, y, x)
        Voxels of the surroundings on each side; small fragments get more, up to `LEAST`.
    largest : (z, y, x)
        Voxels of a box, at most.
    """
    state = session.state
    done = np.isin(state.table, list(state.locked))
    members = np.flatnonzero(done & (state.sizes > 0))
    places = boxes.start[members], boxes.stop[members]
    start, stop = surroundings(places, state.base.fragments.shape, around, LEAST)
    known, found = verified_fragments(session), []
    whole = disjoint_boxes(start, stop, largest)
    for box in (part for large in whole for part in unbroken_boxes(session, large)):
        voxels = _voxels_of_fragments(session, box)
        if voxels[done].any():
            found.append(NamedBox(_neurons_text(state.table[done], voxels[done]), box, _share(voxels, known)))
    return _list_boxes(found)


def boxes_of_corrections(
    session: Session, last: int, size: Sequence[int] = (8, 256, 256), largest: Sequence[int] = LARGEST
) -> list[NamedBox]:
    """Return boxes around the last corrections in force, none of which overlap; in the order of their places.

    Corrections near each other share a box, which is cut where it gets too large. Left out are boxes in which nothing
    is verified, those thinner than a crop may be, and corrections that were made without telling a place.

    Parameters
    ----------
    session : Session
        Not modified.
    last : int
        Number of merges, groups, splits and detachings, counted from the last one.
    size : (z, y, x)
        Voxels around each place.
    largest : (z, y, x)
        Voxels of a box, at most.
    """
    rows = _rows_in_force(session, CORRECTIONS)[-last:] if last > 0 else []
    numbered = [(row.seq, voxel) for row in rows for voxel in _clicked_voxels(row)]
    seqs = np.array([seq for seq, _ in numbered], np.int64)
    voxels = np.array([voxel for _, voxel in numbered], np.int64).reshape(-1, 3)
    start, stop = surroundings((voxels, voxels + 1), session.state.base.fragments.shape, least=size)
    known, found = verified_fragments(session), []
    for box in disjoint_boxes(start, stop, largest):
        inside = ((voxels >= box.start) & (voxels < box.stop)).all(axis=1)
        for part in unbroken_boxes(session, box) if inside.any() else ():
            share = _share(_voxels_of_fragments(session, part), known)
            if share:
                found.append(NamedBox(_edits_text(seqs[inside]), part, share))
    return _list_boxes(found)


def _rows_in_force(session: Session, kinds: Iterable[str]) -> list[LogRow]:
    return [row for row in session.rows_in_force if row.kind in kinds]


def _clicked_voxels(row: LogRow) -> VoxelLists:
    """Return the voxels (z, y, x) that were clicked for an edit; none if it does not tell."""
    return row.input.get("voxels") or [*row.input.get("near", ()), *row.input.get("far", ())]


def _voxels_of_fragments(session: Session, box: Box) -> NDArray[np.int64]:
    """Return the voxels of each fragment in a box that were seen, (n + 1,); others count for 0."""
    fragments, planned = session.state.base.fragments[box.slices], session.state.planned
    seen = np.where(planned.within(box).bridged(), 0, fragments) if planned else fragments
    return np.bincount(seen.ravel(), minlength=len(session.state.table))


def _share(voxels: NDArray[np.int64], known: NDArray[np.bool_]) -> float:
    return float(voxels[known].sum() / max(1, voxels.sum()))


def _neurons_text(owner: Ids, voxels: NDArray[np.int64]) -> str:
    """Return the neurons in a box in words, those with most voxels first."""
    ids, row = np.unique(owner, return_inverse=True)
    count = np.bincount(row, voxels)
    ids = ids[np.argsort(-count, kind="stable")][: np.count_nonzero(count)].tolist()
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return f"neuron{'s' if len(ids) > 1 else ''} {', '.join(map(str, ids[:NAMED]))}{more}"


def _edits_text(seqs: NDArray[np.int64]) -> str:
    first, last = seqs.min(), seqs.max()
    return f"edit {first}" if first == last else f"edits {first}-{last}"


def _list_boxes(found: list[NamedBox]) -> list[NamedBox]:
    """Return the boxes that a crop can be made of, by their places; those that would have one name are numbered."""
    found = [f for f in found if all(n >= least for n, least in zip(f.box.shape, SMALLEST, strict=True))]
    found.sort(key=lambda f: f.box.start)
    of_name = Counter(f.name for f in found)
    seen: Counter[str] = Counter()
    for i, each in enumerate(found):
        if of_name[each.name] > 1:
            seen[each.name] += 1
            found[i] = replace(each, name=f"{each.name}, part {seen[each.name]}")
    return found
