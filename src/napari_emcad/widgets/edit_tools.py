"""What clicks do in the modes Merge and Split."""

from napari_emcad.core.wording import count
from napari_emcad.proofreading.cut import Proposal
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.log import Row
from napari_emcad.widgets.keys import KEYS
from napari_emcad.widgets.picking import Click, Voxel
from napari_emcad.widgets.proofreading import Proofreading
from napari_emcad.widgets.split_points import SplitPoints


class MergeTool:
    """The first click takes the neuron that is kept, further ones add to it; Shift+click takes another one."""

    def __init__(self, proofreading: Proofreading):
        self._at = proofreading
        self._anchor: Voxel | None = None

    @property
    def words(self) -> str:
        """What the next click does."""
        if self._anchor is None:
            return "Click the neuron to keep."
        kept = self._at.neuron_at(self._anchor)
        return f"Click a neuron to add it to {kept}; Shift+click keeps another one."

    def click(self, click: Click) -> Row | None:
        """Take the anchor, or join; None where nothing was edited."""
        if self._anchor is None or click.is_shifted:
            self._anchor = click.voxel
            return None
        return self.join(click.voxel)

    def join(self, voxel: Voxel, confirmed: bool = False) -> Row:
        """Add the neuron at a voxel.

        Raises
        ------
        Refused
            See `Session.merge`.
        """
        ends = [self._at.fragment_at(v) for v in (self._anchor, voxel)]
        voxels = [list(self._anchor), list(voxel)]
        return self._at.edit(lambda: self._at.session.merge(*ends, confirmed=confirmed, voxels=voxels))

    def close(self) -> None:
        """Forget the anchor."""
        self._anchor = None


class SplitTool:
    """Points on two sides, the splits they propose, and one of those shown."""

    def __init__(self, viewer, proofreading: Proofreading):
        self._at = proofreading
        self.points = SplitPoints(viewer)
        self._proposals: list[Proposal] = []
        self._place = 0

    @property
    def proposal(self) -> Proposal | None:
        """The one that is shown."""
        return self._proposals[self._place] if self._proposals else None

    @property
    def is_in_one_fragment(self) -> bool:
        """Whether there are points on both sides, all of them in one fragment."""
        both = bool(self.points.near and self.points.far)
        return both and len({*self._fragments(self.points.near), *self._fragments(self.points.far)}) == 1

    @property
    def can_apply(self) -> bool:
        return self.proposal is not None or self.is_in_one_fragment

    @property
    def can_change(self) -> bool:
        """Whether there is another proposal."""
        return len(self._proposals) > 1

    @property
    def words(self) -> str:
        """What is shown, or what to click."""
        if self.is_in_one_fragment:
            return f"All points lie in one fragment: {KEYS['apply'].label} divides the fragment itself."
        if self.proposal is not None:
            return _told(self.proposal, self._place, len(self._proposals))
        return "Click the side that keeps its id." if not self.points.near else "Shift+click the side to part from it."

    def click(self, click: Click) -> None:
        """Place a point; one that is refused is taken away again."""
        if self._starts_anew(click):
            self.points.clear()
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

    def apply(self) -> Row:
        """Make the split that is shown; the points of the first side stay for the next one."""
        if not self.can_apply:
            raise Refused("split: points on both sides are needed; click one side, Shift+click the other.")
        row = self._at.edit(self._made)
        self._proposals = []
        self.points.keep_near(self._at.layer)
        return row

    def close(self) -> None:
        """Take points and preview away."""
        self.points.clear()
        self._proposals = []
        self._at.show()

    def _made(self) -> Row:
        near, far = self.points.near, self.points.far
        voxels = [list(v) for v in (*near, *far)]
        if self.is_in_one_fragment:
            return self._at.session.split_fragment(near, far, voxels=voxels)
        return self._at.session.split(self.proposal, voxels=voxels)

    def _starts_anew(self, click: Click) -> bool:
        """A first side in another neuron than the points that are left of the last split."""
        if click.is_shifted or self.points.far or not self.points.near:
            return False
        return self._at.neuron_at(click.voxel) != self._at.neuron_at(self.points.near[0])

    def _propose(self) -> None:
        self._proposals, self._place = [], 0
        near, far = self._fragments(self.points.near), self._fragments(self.points.far)
        if near and far and not self.is_in_one_fragment:
            self._proposals = self._at.session.propose(near, far)
        self._preview()

    def _preview(self) -> None:
        self._at.show(self.proposal.far if self.proposal is not None else None)

    def _fragments(self, voxels: list[Voxel]) -> list[int]:
        return [self._at.fragment_at(v) for v in voxels]


def _told(proposal: Proposal, place: int, among: int) -> str:
    which = f"Split {place + 1} of {among} ({proposal.method})"
    facts = f"cost {proposal.cost:.2f}, {count(len(proposal.far), 'fragment')} of {_all(proposal)} part"
    return f"{which}: {facts}. {proposal.warning}".strip()


def _all(proposal: Proposal) -> int:
    return len(proposal.near) + len(proposal.far)
