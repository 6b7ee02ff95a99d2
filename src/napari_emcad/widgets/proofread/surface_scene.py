"""Neurons of a session as surfaces on a canvas: the wanted ones, the made ones, and the shown ones."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import Ids, SegmentId
from napari_emcad.core.surfaces import Surface
from napari_emcad.core.wording import count
from napari_emcad.widgets.desk.message import sentence_of
from napari_emcad.widgets.desk.on_screen import Proofreading
from napari_emcad.widgets.kit.jobs import Ended, Loop
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.kit.picking import Click
from napari_emcad.widgets.kit.signals import Signal
from napari_emcad.widgets.proofread.surfaces import Composition, NeuronSurfaces, nearest_voxel

NOTHING = "Select neurons to see them here."

AT_ONCE = 0.1
"""Seconds that the window waits for surfaces to be put on the canvas; the others come after it has been drawn."""


@dataclass(frozen=True)
class Hit:
    """The place where a click meets a surface.

    Attributes
    ----------
    neuron : SegmentId
    place : (z, y, x)
        In the units of the vertices.
    is_shifted : bool
        True if Shift was down.
    """

    neuron: SegmentId
    place: NDArray[np.float64]
    is_shifted: bool


class Canvas(Protocol):
    """Shows surfaces by the ids of their neurons."""

    def put(self, neuron: SegmentId, surface: Surface, units: Sequence[str]) -> None:
        """Show a surface, in place of the neuron's last one; the camera stays."""
        ...

    def remove(self, neuron: SegmentId) -> None:
        """Show a neuron no more."""
        ...

    def clear(self) -> None:
        """Show nothing, and forget the units."""
        ...

    def colour(self, colour_of: Callable[[int], NDArray[np.float32]]) -> None:
        """Give each neuron its colour, r, g, b, a."""
        ...

    def fit(self) -> None:
        """Bring all surfaces into the picture; the angles stay."""
        ...


class SurfaceScene:
    """Shows neurons of a session and follows its edits; surfaces stay until the new ones are there.

    Attributes
    ----------
    words : str
        The number of neurons shown, the surfaces still to be made, or an error.

    Signals
    -------
    changed
        Other surfaces are shown, or there are other words.
    """

    changed = Signal()

    def __init__(self, at: Proofreading, canvas: Canvas, loop: Loop):
        self._at, self._canvas = at, canvas
        self._surfaces = NeuronSurfaces(at)
        self._jobs, self._rest = loop.jobs(), loop.pause(0, self._show)
        self._wanted: dict[SegmentId, Ids] = {}
        self._shown: dict[SegmentId, Composition] = {}
        self._asked: tuple[int, frozenset[Composition]] | None = None
        self._fits = self._is_closed = self._is_stopped = False
        self.words = NOTHING
        self._connect()
        self.refresh()

    @property
    def shown(self) -> list[SegmentId]:
        """Neurons whose surfaces are on the canvas."""
        return list(self._shown)

    @property
    def is_settled(self) -> bool:
        """True if everything is shown as the session is."""
        return not self._jobs.running and not self._rest.is_active

    @property
    def is_making(self) -> bool:
        """True while surfaces are being made."""
        return self._jobs.running

    def stop(self) -> None:
        """Make no more surfaces of those asked for; the ones that are there stay. Another selection begins anew."""
        self._is_stopped = True
        self._jobs.stop()

    def show_neurons(self, neurons: Sequence[SegmentId]) -> None:
        """Show these neurons and no others.

        A neuron that is merged into another shows as that one until the merge is undone. The camera moves if none of
        them was shown, in whole or in part.
        """
        if self._is_closed:
            return
        self._wanted = {neuron: self._at.session.state.members(neuron) for neuron in neurons}
        self._is_stopped = False
        wanted = self._compositions().values()
        self._fits = not any(one.shares(before) for one in wanted for before in self._shown.values())
        self.refresh()

    def refresh(self) -> None:
        """Follow the session: show the surfaces that are known, and make the others."""
        wanted = self._compositions()
        missing = frozenset(one for one in wanted.values() if self._surfaces.get(one) is None)
        asked = (self._surfaces.edition, missing)
        if not missing or self._is_stopped:
            self._jobs.stop()
        elif asked != self._asked or not self._jobs.running:
            self._jobs.start(self._surfaces.job([one for one in wanted.values() if one in missing]), self._on_made)
        self._asked = asked
        self._show()

    def click_at(self, hit: Hit) -> Click | None:
        """Return the click on the voxel of the neuron nearest to a place on its surface; None if it is elsewhere."""
        composition = self._shown[hit.neuron]
        surface = self._surfaces.get(composition)
        if surface is None:
            return None
        voxel = nearest_voxel(self._at.session.state.base.fragments, composition, surface.strides, hit.place)
        return None if voxel is None else Click(voxel, hit.is_shifted)

    def close(self) -> None:
        """Stop the job, and let go of the session."""
        self._is_closed = True
        events = self._at.layer.events
        self._at.changed.disconnect(self.refresh)
        events.scale.disconnect(self._resize)
        events.units.disconnect(self._resize)
        events.colormap.disconnect(self._colour)
        self._rest.stop()
        self._jobs.close()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        events = self._at.layer.events
        self._at.changed.connect(self.refresh)
        events.scale.connect(self._resize)
        events.units.connect(self._resize)
        events.colormap.connect(self._colour)
        self._jobs.progressed.connect(self._on_progress)

    def _compositions(self) -> dict[SegmentId, Composition]:
        """Return the neurons to be shown, as they are now, and the fragments that they are made of."""
        state, found = self._at.session.state, dict[SegmentId, Composition]()
        for neuron, fragments in self._wanted.items():
            members = state.members(neuron)
            if len(members):
                self._wanted[neuron] = members
            for now in [neuron] if len(members) else map(SegmentId, np.unique(state.table[fragments]).tolist()):
                if now and now not in found:
                    found[now] = self._surfaces.composition_of(state.members(now))
        return found

    def _show(self) -> None:
        """Show the surfaces that are known; neurons not wanted any more leave when all the others are there."""
        wanted = self._compositions()
        known = [neuron for neuron, one in wanted.items() if self._surfaces.get(one) is not None]
        late = [neuron for neuron in known if self._shown.get(neuron) != wanted[neuron]]
        waiting = self._put_some(late, wanted)
        if waiting:
            self._rest.start()
        if is_whole := len(known) == len(wanted) and not waiting:
            self._remove_others(wanted)
        self._colour()
        if self._fits and late:
            self._canvas.fit()
        self._fits &= not is_whole
        self._say(len(wanted), len(known) - len(waiting))

    def _put_some(self, neurons: list[SegmentId], wanted: dict[SegmentId, Composition]) -> list[SegmentId]:
        """Put surfaces on the canvas as long as the window can wait; return the neurons that wait for their turn."""
        units = [str(unit) for unit in self._at.layer.units[-3:]]
        until = time.perf_counter() + AT_ONCE
        for done, neuron in enumerate(neurons):
            if done and time.perf_counter() > until:
                return neurons[done:]
            surface = self._surfaces.get(wanted[neuron])
            if surface is not None:
                self._canvas.put(neuron, surface, units)
                self._shown[neuron] = wanted[neuron]
        return []

    def _remove_others(self, wanted: dict[SegmentId, Composition]) -> None:
        for neuron in [n for n in self._shown if n not in wanted]:
            self._canvas.remove(neuron)
            del self._shown[neuron]

    def _say(self, wanted: int, shown: int) -> None:
        words = count(wanted, "neuron") if wanted else NOTHING
        going_on = f"stopped after {shown}" if self._is_stopped else f"making surface {shown + 1} of {wanted}"
        self.words = words if shown == wanted else f"{words}, {going_on}"
        self.changed.emit()

    @netted
    def _colour(self, _event: object = None) -> None:
        """Give surfaces the colours of the neurons layer, those of neurons that it hides too."""
        colours = self._at.layer.colormap
        if colours.use_selection:
            colours = colours.model_copy(update={"use_selection": False})
        self._canvas.colour(colours.map)

    @netted
    def _resize(self, _event: object = None) -> None:
        """Begin anew with another voxel size: napari draws no layers of different units together."""
        self._canvas.clear()
        self._shown.clear()
        self._fits = True
        self.refresh()

    def _on_progress(self, _progress: object) -> None:
        self._take()
        self._show()

    def _on_made(self, ended: Ended) -> None:
        """Go on, unless it would fail again: a job also fails if a fragment is parted while it is read."""
        self._take()
        if ended.error is not None and self._asked is not None and self._asked[0] == self._surfaces.edition:
            self.words = sentence_of(ended.error)
            self.changed.emit()
        else:
            self.refresh()

    def _take(self) -> None:
        self._surfaces.take([*self._compositions().values(), *self._shown.values()])
