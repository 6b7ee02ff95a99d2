"""The mode Split: points on two sides, the splits they propose, and one of those shown."""

from collections.abc import Callable
from functools import partial

import numpy as np
from napari.components import ViewerModel

from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import FragmentId
from napari_emcad.core.wording import count
from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.part import FAR, NEAR
from napari_emcad.proofreading.plans.partings import PartingOrder, PartingProposal, find_parts, propose_parting
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.jobs import Ended, Loop, one_step
from napari_emcad.widgets.kit.picking import Click
from napari_emcad.widgets.proofread.keys import KEYS
from napari_emcad.widgets.proofread.split_points import SplitPoints
from napari_emcad.widgets.proofread.tools import Tool

Attempt = Callable[[Callable[[], object]], None]
"""Does something that may be refused, and says so."""

FINDING = "All points lie in one fragment: its two parts are being found ..."


class SplitTool(Tool):
    """Splits a neuron between points on two sides: clicks place one side, Shift+clicks the other."""

    def __init__(self, viewer: ViewerModel, proofreading: Proofreading, loop: Loop, attempt: Attempt):
        super().__init__(proofreading)
        self.points, self._finder, self._attempt = SplitPoints(viewer), loop.jobs(), attempt
        self._order: PartingOrder | None = None
        self._parting: PartingProposal | None = None
        self._proposals: list[Proposal] = []
        self._place = 0

    @property
    def proposal(self) -> Proposal | None:
        """The split that is shown."""
        return self._proposals[self._place] if self._proposals else None

    @property
    def is_in_one_fragment(self) -> bool:
        """True if there are points on both sides, all of them in one fragment."""
        both = bool(self.points.near and self.points.far)
        return both and len({*self._fragments(self.points.near), *self._fragments(self.points.far)}) == 1

    @property
    def can_apply(self) -> bool:
        """True if a split is shown, between fragments or inside one."""
        return self.proposal is not None or self._parting is not None

    @property
    def can_change(self) -> bool:
        """True if there is another proposal."""
        return len(self._proposals) > 1

    @property
    def words(self) -> str:
        """The split that is shown, or what to click."""
        if self.is_in_one_fragment:
            return FINDING if self._parting is None else _parting_text(self._parting)
        if self.proposal is not None:
            return _proposal_text(self.proposal, self._place, len(self._proposals))
        return "Click the side that keeps its id." if not self.points.near else "Shift+click the side to part from it."

    def open(self) -> None:
        """Make ready what the first click shows."""
        self._at.prepare_sides()

    def click(self, click: Click) -> None:
        """Place a point; one that is refused is taken away again."""
        if self._starts_anew(click):
            self.points.clear()
        if not len(self.points):
            self._at.session.begin()
        self.points.add(click.voxel, click.is_shifted, self._at.layer)
        try:
            self._propose()
        except Refused:
            self.back()
            raise

    def back(self) -> None:
        """Remove the last point."""
        self.points.remove_last(self._at.layer)
        self._propose()

    def next(self) -> None:
        """Show the next proposal."""
        if self._proposals:
            self._place = (self._place + 1) % len(self._proposals)
            self._preview()

    def apply(self) -> LogRow:
        """Make the split that is shown; the points of the first side stay for the next one."""
        row = self._at.edit(self._split)
        self._drop()
        self.points.keep_near(self._at.layer)
        return row

    def follow(self) -> None:
        """Take the points away: they stood for another state."""
        self.points.clear()
        self._drop()
        self._at.show()

    def close(self) -> None:
        """Take points and preview away."""
        self.points.clear()
        self._drop()
        self._at.end_sides()

    def end(self) -> None:
        """Take the layer of the points away, and look for no parts any more."""
        self._finder.close()
        self.points.close()

    def _split(self) -> LogRow:
        session, near, far = self._at.session, self.points.near, self.points.far
        if self.is_in_one_fragment:
            if self._parting is None:
                raise Refused(f"split: the two parts are being found; press {KEYS['apply'].label} once you see them.")
            return session.split_fragment(near, far, self._parting, voxels=_lists([*near, *far]))
        if self.proposal is None:
            raise Refused("split: points on both sides are needed; click one side, Shift+click the other.")
        return session.split(self.proposal, near=_lists(near), far=_lists(far), voxels=_lists([*near, *far]))

    def _starts_anew(self, click: Click) -> bool:
        """Return True for a first side in another neuron than the points that the last split has left."""
        if click.is_shifted or self.points.far or not self.points.near:
            return False
        return self._at.neuron_at(click.voxel) != self._at.neuron_at(self.points.near[0])

    def _propose(self) -> None:
        self._drop()
        near, far = self._fragments(self.points.near), self._fragments(self.points.far)
        if self.is_in_one_fragment:
            self._order = order = self._at.session.order_parting(self.points.near, self.points.far)
            self._finder.start(one_step(find_parts, order), partial(self._on_parts, order))
        elif near and far:
            self._proposals = self._at.session.propose(near, far)
        self._preview()

    def _drop(self) -> None:
        """Forget what is proposed, and what is still being found."""
        self._finder.stop()
        self._order = None
        self._proposals, self._place, self._parting = [], 0, None

    def _on_parts(self, order: PartingOrder, ended: Ended) -> None:
        if order is self._order and not ended.stopped:
            self._attempt(lambda: self._take(ended))

    def _take(self, ended: Ended) -> None:
        """Show the two parts of a fragment; a point that leaves nothing to part is taken away again."""
        if isinstance(ended.error, Refused):
            self.back()
        if ended.error is not None:
            raise ended.error
        self._parting = propose_parting(self._at.session.state, ended.result)
        self._preview()

    def _preview(self) -> None:
        if self._parting is not None:
            self._at.show_parts(self._parting)
        elif self.proposal is not None:
            self._at.show_sides(self.proposal.near, self.proposal.far)
        elif self.points.near:
            members = self._at.session.state.members(self._at.neuron_at(self.points.near[0]))
            self._at.show_sides(members, np.empty(0, np.uint32), alone=False)
        else:
            self._at.show()

    def _fragments(self, voxels: list[Voxel]) -> list[FragmentId]:
        return [self._at.fragment_at(v) for v in voxels]


def _lists(voxels: list[Voxel]) -> list[list[int]]:
    return [list(voxel) for voxel in voxels]


def _parting_text(parting: PartingProposal) -> str:
    near, far = (int((parting.patch.sides == side).sum()) for side in (NEAR, FAR))
    cost = f"cost {parting.cost:,.2f} (affinity x faces)"
    return f"Split inside one fragment: {cost}, {near:,} and {far:,} of its voxels. {KEYS['apply'].label} makes it."


def _proposal_text(proposal: Proposal, place: int, among: int) -> str:
    split = f"Split {place + 1} of {among} ({proposal.method})"
    cost, part = f"cost {proposal.cost:,.2f} (affinity x faces)", count(len(proposal.far), "fragment")
    return f"{split}: {cost}, {part} of {len(proposal.near) + len(proposal.far)} part. {proposal.warning}".strip()
