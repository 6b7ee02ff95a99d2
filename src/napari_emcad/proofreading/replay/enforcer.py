"""Making the claims of an edit hold in another session, by merges and splits there."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import FragmentId, SegmentId
from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.replay.claims import Claim, Claims
from napari_emcad.proofreading.replay.places import EditPlaces
from napari_emcad.proofreading.rows import EditDetails, LogRow, SplitDetails
from napari_emcad.proofreading.session import Session

SAME_SIDES = 0.95
"""Intersection over union of the smaller side of a split below which people are told that it falls elsewhere."""

SAME_AT_ALL = 0.5
"""Intersection over union of the smaller side below which a split is not made.

It is also the share of a neuron that was in the one it was joined to below which the two are not joined. On AC4[80:100]
with other watersheds, with noise and with a shift, all of some twenty merges that made things worse were below 0.34,
and nearly all that helped above.
"""

Sides = tuple[list[Voxel], list[Voxel]]
"""Points of the near and of the far side."""


@dataclass(frozen=True)
class PlacedClaim:
    """A claim, and where its points are in the new session."""

    claim: Claim
    near: list[Voxel]
    far: list[Voxel]


class ClaimEnforcer:
    """Makes claims of an old session hold in a new one, where they do not hold already.

    Parameters
    ----------
    old : Session
        Not modified.
    new : Session
        Is edited.
    places : EditPlaces
    claims : Claims
    """

    def __init__(self, old: Session, new: Session, places: EditPlaces, claims: Claims):
        self._old, self._new, self._places, self._claims = old.state, new, places, claims

    def enforce(self, row: LogRow, placed: list[PlacedClaim]) -> str:
        """Make all claims of an edit hold; return a sentence on a split that falls elsewhere, if any.

        Raises
        ------
        Refused
            If a claim cannot be made to hold; edits that were made for others of the row stay.
        """
        whys = [self._part(row, one) for one in placed if not one.claim.together]
        joins: dict[tuple[Voxel, ...], list[PlacedClaim]] = {}
        for one in placed:
            if one.claim.together:
                joins.setdefault(tuple(one.claim.near), []).append(one)
        for to_one in joins.values():
            self._join(row, to_one)
        return next(filter(None, whys), "")

    def holds_still(self, placed: PlacedClaim) -> bool:
        """True if points are together or apart as claimed, or are not so in the old session any more either."""
        claim = placed.claim
        near, far = ({self._old_segment(voxel) for voxel in side} for side in (claim.near, claim.far))
        return bool(near & far) != claim.together or bool(self._common_segments(placed)) == claim.together

    # ---- joining -----------------------------------------------------------------------------------------------

    def _join(self, row: LogRow, placed: list[PlacedClaim]) -> None:
        """Bring the far sides to the near one, which all claims share."""
        segment_at = self._places.segment_at
        apart = [one.far[0] for one in placed if segment_at(one.far[0]) != segment_at(one.near[0])]
        if not apart:
            return
        voxels = [placed[0].near[0], *apart]
        self._check_neurons([one.claim for one in placed], voxels)
        anchor, *others = map(self._places.fragment_at, voxels)
        details = replayed_details(row, voxels)
        if len(others) == 1:
            self._new.merge(anchor, others[0], confirmed=True, **details)
        else:
            self._new.merge_all(anchor, others, **details)

    def _check_neurons(self, claims: list[Claim], voxels: list[Voxel]) -> None:
        """Refuse to join neurons of which most was in another one, both when these were joined and at the end."""
        then = [side for claim in claims for side in claim.sides]
        at_the_end = self._old.members(self._old_segment(claims[0].near[0]))
        inside = self._places.voxels_in_new(np.unique(np.concatenate([*then, at_the_end])))
        state = self._new.state
        for voxel in voxels:
            members = state.members(self._places.segment_at(voxel))
            if inside[members].sum() < SAME_AT_ALL * state.sizes[members].sum():
                raise Refused(
                    f"merge: most of the neuron at {voxel} was not of this one; look at it and merge by hand."
                )

    def _old_segment(self, voxel: Voxel) -> SegmentId:
        return self._old.segment_of(self._old.fragment_at(voxel))

    # ---- parting -----------------------------------------------------------------------------------------------

    def _part(self, row: LogRow, placed: PlacedClaim) -> str:
        """Split every segment in which both sides have points; return a sentence if one does not fall as it fell."""
        why = ""
        while segments := self._common_segments(placed):
            segment = min(segments)
            near = [voxel for voxel in placed.near if self._places.segment_at(voxel) == segment]
            far = [voxel for voxel in placed.far if self._places.segment_at(voxel) == segment]
            why = self._part_segment(row, placed.claim, (near, far)) or why
        return why

    def _common_segments(self, placed: PlacedClaim) -> set[SegmentId]:
        """Return the segments in which both sides have points."""
        near, far = ({self._places.segment_at(voxel) for voxel in side} for side in (placed.near, placed.far))
        return near & far

    def _part_segment(self, row: LogRow, claim: Claim, sides: Sides) -> str:
        """Split one segment in these points, or the fragment in it that has points of both sides."""
        near, far = ([self._places.fragment_at(voxel) for voxel in side] for side in sides)
        if both := {*near} & {*far}:
            self._part_fragment(row, min(both), sides)
            return ""
        if claim.detached and len({*far}) == 1:
            self._new.detach(far[0], **replayed_details(row, sides[1][:1]))
            return ""
        proposal = self._best_split(claim, near, far)
        self._new.split(proposal, **_split_details(row, sides))
        same = self._agreement(claim, proposal)
        return "" if same >= SAME_SIDES else f"{same:.0%} of the voxels of the smaller side are the same."

    def _part_fragment(self, row: LogRow, fragment: FragmentId, sides: Sides) -> None:
        near, far = ([v for v in side if self._places.fragment_at(v) == fragment] for side in sides)
        self._places.follow(self._new.split_fragment(near, far, **replayed_details(row, [*near, *far])))

    def _best_split(self, claim: Claim, near: list[FragmentId], far: list[FragmentId]) -> Proposal:
        """Return the split in these points that falls most as it fell; if none does, one in more points.

        Raises
        ------
        Refused
            If all fall elsewhere.
        """
        proposals = self._new.propose(near, far)
        best = max(proposals, key=lambda proposal: self._agreement(claim, proposal))
        if claim.placed and self._agreement(claim, best) < SAME_SIDES:
            proposals += self._split_in_more_points(claim, near, far)
            best = max(proposals, key=lambda proposal: self._agreement(claim, proposal))
        if (same := self._agreement(claim, best)) < SAME_AT_ALL:
            raise Refused(
                f"split: it falls elsewhere here, {same:.0%} of the smaller side are the same; split by hand."
            )
        return best

    def _split_in_more_points(self, claim: Claim, near: list[FragmentId], far: list[FragmentId]) -> list[Proposal]:
        """Propose splits with points where the sides touched, too; none where these contradict each other."""
        segment = self._new.state.segment_of(near[0])
        with suppress(Refused):
            sides = self._places.find_sides(self._claims.with_border_points(claim))
            more_near, more_far = ([self._places.fragment_at(voxel) for voxel in side] for side in sides)
            here = [f for f in more_near if self._new.state.segment_of(f) == segment]
            there = [f for f in more_far if self._new.state.segment_of(f) == segment]
            return self._new.propose([*near, *here], [*far, *there])
        return []

    def _agreement(self, claim: Claim, proposal: Proposal) -> float:
        """Return intersection over union of the voxels on a side then and now, of the side where it is less."""
        near, far = map(self._places.voxels_in_new, claim.sides)
        near_in_near, near_in_far = near[proposal.near].sum(), near[proposal.far].sum()
        far_in_near, far_in_far = far[proposal.near].sum(), far[proposal.far].sum()
        crossed = near_in_far + far_in_near
        return float(min(near_in_near / max(1, near_in_near + crossed), far_in_far / max(1, far_in_far + crossed)))


def replayed_details(row: LogRow, voxels: list[Voxel] | None = None) -> EditDetails:
    """Return the details of an edit that makes another one again, at these voxels of the new session."""
    if voxels is None:
        return {"replayed": row.seq}
    return {"replayed": row.seq, "voxels": _as_lists(voxels)}


def _split_details(row: LogRow, sides: Sides) -> SplitDetails:
    near, far = sides
    return {
        "replayed": row.seq,
        "near": _as_lists(near),
        "far": _as_lists(far),
        "voxels": _as_lists([*near, *far]),
    }


def _as_lists(voxels: list[Voxel]) -> list[list[int]]:
    return [list(voxel) for voxel in voxels]
