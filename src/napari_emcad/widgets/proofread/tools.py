"""The tools of the modes, moved by clicks and the wheel; longer ones have files of their own."""

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
        """The effect of the next click."""
        raise NotImplementedError

    def open(self) -> None:
        """Begin the mode."""

    def click(self, click: Click) -> LogRow | None:
        """Take a click on a labelled voxel. Return None if nothing was edited."""

    def hover(self, voxel: Voxel | None) -> None:
        """Take the labelled voxel under the cursor, or None."""

    def wheel(self, voxel: Voxel, upwards: bool) -> LogRow | None:
        """Take one notch of the wheel, turned with Ctrl down over a labelled voxel."""

    def confirm(self) -> LogRow | None:
        """Make the edit that was asked about."""

    def follow(self) -> None:
        """Follow an edit that was made without the tool, such as undo."""

    def close(self) -> None:
        """End the mode."""

    def end(self) -> None:
        """End the session."""


class MergeTool(Tool):
    """Keeps the neuron that is clicked first, and adds to it those clicked next; Shift+click keeps another one."""

    def __init__(self, proofreading: Proofreading):
        super().__init__(proofreading)
        self._anchor: Voxel | None = None
        self._wanted: Voxel | None = None
        self._hovered = SegmentId(0)

    @property
    def words(self) -> str:
        """The effect of the next click."""
        if self._anchor is None:
            return "Click the neuron to keep."
        kept = self._at.neuron_at(self._anchor)
        added = (
            f"Click to merge {self._hovered} into {kept}"
            if self._hovered
            else f"Click a neuron to merge it into {kept}"
        )
        return f"{added}; Shift+click keeps another one."

    def open(self) -> None:
        """Make ready what the first click shows."""
        self._at.prepare_sides()

    def click(self, click: Click) -> LogRow | None:
        """Take the anchor, or join."""
        self._wanted = click.voxel
        if self._anchor is None or click.is_shifted:
            self._anchor = click.voxel
            self._at.session.begin()
            self.follow()
            return None
        return self._join(self._anchor, click.voxel, confirmed=False)

    def confirm(self) -> LogRow | None:
        """Merge all the same."""
        if self._anchor is None or self._wanted is None:
            return None
        return self._join(self._anchor, self._wanted, confirmed=True)

    def hover(self, voxel: Voxel | None) -> None:
        """Show both: the neuron that is kept, and the one under the cursor."""
        if self._anchor is None:
            return
        neuron = self._at.neuron_at(voxel) if voxel is not None else SegmentId(0)
        hovered = SegmentId(0) if neuron == self._at.neuron_at(self._anchor) else neuron
        if hovered != self._hovered:
            self._hovered = hovered
            self._show(self._anchor)

    def follow(self) -> None:
        """Show the neuron that is kept, as it is now."""
        self._hovered = SegmentId(0)
        if self._anchor is not None:
            self._show(self._anchor)

    def close(self) -> None:
        """Forget the anchor."""
        self._anchor = self._wanted = None
        self._hovered = SegmentId(0)
        self._at.end_sides()

    def _join(self, anchor: Voxel, other: Voxel, confirmed: bool) -> LogRow:
        fragments = self._at.fragment_at(anchor), self._at.fragment_at(other)
        voxels = [list(anchor), list(other)]
        row = self._at.edit(lambda: self._at.session.merge(*fragments, confirmed=confirmed, voxels=voxels))
        self._at.session.begin()
        self.follow()
        return row

    def _show(self, anchor: Voxel) -> None:
        state = self._at.session.state
        self._at.show_sides(state.members(self._at.neuron_at(anchor)), state.members(self._hovered), alone=False)


class GrowTool(Tool):
    """Takes a neuron up or down the merge tree by Ctrl+wheel."""

    words = "Ctrl+wheel over a neuron: up grows it by what joins it next, down lets go of what joined it last."

    def wheel(self, voxel: Voxel, upwards: bool) -> LogRow:
        """Go one step along the tree."""
        neuron = self._at.neuron_at(voxel)
        return self._at.edit(lambda: self._at.session.walk(neuron, upwards, voxels=[list(voxel)]))
