"""Making an edit that waited for a person, after sessions were merged."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_emcad.core.geometry import triple
from napari_emcad.core.ids import FragmentId, Ids, SegmentId
from napari_emcad.proofreading.effect_text import effect_from
from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.merging.ids import groups_of
from napari_emcad.proofreading.rows import EditDetails, LogRow
from napari_emcad.proofreading.session import Session


def make_waiting(session: Session, kind: str, wanted: str, asked: Mapping[str, Any], origin: tuple[str, int]) -> LogRow:
    """Make an edit of a session that was merged, as far as the neurons are there: it overrules what others did.

    Parameters
    ----------
    session : Session
        The merged one; is edited.
    kind : str
    wanted, asked
        As `Merged` has them.
    origin : (str, int)
        The session that the edit was made in, and its seq there.

    Raises
    ------
    Refused
        If a neuron is done, what it is about is no more, or it is so already.
    """
    details: EditDetails = {"original": origin, "voxels": asked.get("voxels", ())}
    effect = effect_from(wanted) if wanted else Effect()
    if kind in ("merge", "group"):
        ends = _ends(session, asked)
        return session.merge_all(ends[0], ends[1:], **details)
    if kind in ("split", "detach", "segment_threshold"):
        return _split(session, effect, asked, details)
    if kind in ("lock", "unlock") and effect.moves:
        segment = session.state.segment_of(FragmentId(int(effect.moves[0].fragments[0])))
        return (session.lock if kind == "lock" else session.unlock)(segment, **details)
    if kind == "decide":
        a, b = _ends(session, {**asked, "anchor": asked["a"], "other": asked["b"]})
        return session.decide(a, b, asked["answer"], **details)
    if kind == "undo" and session.is_in_force(asked.get("seq", 0)):
        return session.undo(asked["seq"])
    row = session.set_threshold(effect.threshold[1], **details) if effect.threshold else None
    if row is None:
        raise Refused(f"{kind}: what it is about is not there any more; look at the place and edit it by hand.")
    return row


def _ends(session: Session, asked: Mapping[str, Any]) -> list[FragmentId]:
    """Return the fragments that a merge names, as they are now."""
    named = [asked["anchor"], *(asked["others"] if "others" in asked else [asked["other"]])]
    voxels: Sequence[Sequence[int]] = asked.get("voxels", ())
    if len(voxels) == len(named):
        return [session.state.fragment_at(triple(voxel)) for voxel in voxels]
    return [FragmentId(fragment) for fragment in named]


def _split(session: Session, effect: Effect, asked: Mapping[str, Any], details: EditDetails) -> LogRow:
    """Part a neuron between the two sides, or between the points of a person."""
    near, far = ([triple(voxel) for voxel in asked.get(side, ())] for side in ("near", "far"))
    state = session.state
    fragments = {state.fragment_at(voxel) for voxel in (*near, *far)}
    if near and far and len(fragments) == 1:
        return session.split_fragment(near, far, **details)
    for one, other in _sides(session, effect):
        return session.split(session.propose(one, other)[0], **details)
    if near and far:
        sides = [[state.fragment_at(voxel) for voxel in side] for side in (near, far)]
        return session.split(session.propose(*sides)[0], **details)
    raise Refused("split: both sides are apart, or not there any more; there is nothing to do.")


def _sides(session: Session, effect: Effect) -> list[tuple[list[FragmentId], list[FragmentId]]]:
    """Return the fragments on both sides in each neuron that holds some of both, the one with most of them first."""
    state, groups = session.state, [*groups_of(effect)[1].values()]
    if len(groups) < 2:
        return []
    stays, gone = (_there(session, side) for side in (groups[0], np.concatenate(groups[1:])))
    owners = np.intersect1d(state.table[stays], state.table[gone])
    found = [(_in(session, stays, one), _in(session, gone, one)) for one in owners.tolist() if one]
    return sorted(found, key=lambda sides: -len(sides[0]) - len(sides[1]))


def _there(session: Session, fragments: Ids) -> Ids:
    known = fragments[fragments < len(session.state.sizes)]
    return known[session.state.sizes[known] > 0]


def _in(session: Session, fragments: Ids, segment: SegmentId) -> list[FragmentId]:
    return [FragmentId(f) for f in fragments[session.state.table[fragments] == segment].tolist()]
