"""What clicks and the wheel do in each mode; tools that need more than a few lines have files of their own."""

from napari_emcad.core.geometry import Voxel
from napari_emcad.core.ids import SegmentId
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.picking import Click


class Tool:
    """One mode at work.

    Parameters
    ----------
    proofreading : Proofreading
    """

    def __init__(self, proofreading: Proofreading):
        self._at = proofreading

    @property
    def words(self) -> str:
        """What the next click does."""
        raise NotImplementedError

    def open(self) -> None:
        """The mode begins."""

    def click(self, click: Click) -> LogRow | None:
        """A click on a labelled voxel; None where nothing was edited."""

    def hover(self, voxel: Voxel | None) -> None:
        """The cursor is over a labelled voxel, or over none."""

    def wheel(self, voxel: Voxel, upwards: bool) -> LogRow | None:
        """The wheel was turned by one notch with Ctrl down, over a labelled voxel."""

    def confirm(self) -> LogRow | None:
        """Make what was asked about."""

    def follow(self) -> None:
        """Something else has changed the session, such as undo."""

    def close(self) -> None:
        """The mode ends."""

    def end(self) -> None:
        """The session ends."""


class MergeTool(Tool):
    """The first click takes the neuron that is kept, further ones add to it; Shift+click takes another one."""

    def __init__(self, proofreading: Proofreading):
        super().__init__(proofreading)
        self._anchor: Voxel | None = None
        self._wanted: Voxel | None = None
        self._hovered = SegmentId(0)

    @property
    def words(self) -> str:
        if self._anchor is None:
            return "Click the neuron to keep."
        kept = self._at.neuron_at(self._anchor)
        added = f"Click to add {self._hovered} to {kept}" if self._hovered else f"Click a neuron to add it to {kept}"
        return f"{added}; Shift+click keeps another one."

    def click(self, click: Click) -> LogRow | None:
        """Take the anchor, or join."""
        self._wanted = click.voxel
        if self._anchor is None or click.is_shifted:
            self._anchor = click.voxel
            self._at.session.begin()
            self.follow()
            return None
        return self._join(confirmed=False)

    def confirm(self) -> LogRow:
        """Join all the same."""
        return self._join(confirmed=True)

    def hover(self, voxel: Voxel | None) -> None:
        """Show both: the neuron that is kept, and the one under the cursor."""
        if self._anchor is None:
            return
        neuron = self._at.neuron_at(voxel) if voxel is not None else SegmentId(0)
        hovered = SegmentId(0) if neuron == self._at.neuron_at(self._anchor) else neuron
        if hovered != self._hovered:
            self._hovered = hovered
            self._show()

    def follow(self) -> None:
        self._hovered = SegmentId(0)
        if self._anchor is not None:
            self._show()

    def close(self) -> None:
        """Forget the anchor."""
        self._anchor = self._wanted = None
        self._hovered = SegmentId(0)
        self._at.end_sides()

    def _join(self, confirmed: bool) -> LogRow:
        anchor, other = self._at.fragment_at(self._anchor), self._at.fragment_at(self._wanted)
        voxels = [list(self._anchor), list(self._wanted)]
        row = self._at.edit(lambda: self._at.session.merge(anchor, other, confirmed=confirmed, voxels=voxels))
        self._at.session.begin()
        self.follow()
        return row

    def _show(self) -> None:
        state = self._at.session.state
        self._at.show_sides(state.members(self._at.neuron_at(self._anchor)), state.members(self._hovered), alone=False)


class GrowTool(Tool):
    """Ctrl+wheel over a neuron takes it up or down the merge tree."""

    words = "Ctrl+wheel over a neuron: up takes in what joins it next, down lets go of what joined it last."

    def wheel(self, voxel: Voxel, upwards: bool) -> LogRow:
        """One step."""
        neuron = self._at.neuron_at(voxel)
        return self._at.edit(lambda: self._at.session.walk(neuron, upwards, voxels=[list(voxel)]))
