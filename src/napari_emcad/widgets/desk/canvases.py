"""The canvases of a viewer on which tools work: its own, and those beside it that show the same voxels."""

from collections.abc import Callable, Sequence

import numpy as np
from napari.components import ViewerModel
from napari.utils.events import Event

from napari_emcad.widgets.kit.mouse import Clicks, Hover, Wheel
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.kit.signals import Signal

Place = tuple[float, float, float]
"""A place (z, y, x) in the world of a viewer."""

COLOURS = {0: "#e8556d", 1: "#3fb950", 2: "#4a9eff"}
"""Colours of planes by the axis that they cut: z red, y green, x blue. What they cut is drawn in them everywhere."""


class Canvases:
    """The canvases of a viewer, and the place at which those beside its own cut.

    Attributes
    ----------
    main : ViewerModel
    beside : list of ViewerModel
    place : (z, y, x) float
        In the world of the viewer; it follows what the viewer itself shows.

    Signals
    -------
    changed
        Canvases came or went.
    moved
        The place is another one.
    """

    changed = Signal()
    moved = Signal()

    def __init__(self, main: ViewerModel):
        self.main = main
        self.beside: list[ViewerModel] = []
        self._under_mouse = main
        self._seen = self._point_of_main()
        self.place: Place = self._seen
        main.dims.events.point.connect(self._on_point)

    @property
    def all(self) -> list[ViewerModel]:
        """All canvases, the viewer's own first."""
        return [self.main, *self.beside]

    @property
    def under_mouse(self) -> ViewerModel:
        """The canvas over which the mouse was seen last."""
        return self._under_mouse if self._under_mouse in self.beside else self.main

    def note_mouse(self, canvas: ViewerModel) -> None:
        """Take note that the mouse is over a canvas."""
        self._under_mouse = canvas

    def put_beside(self, *canvases: ViewerModel) -> None:
        """Show other canvases beside the viewer's own; none to show that alone."""
        self.beside = list(canvases)
        self.changed.emit()

    def move(self, axis: int, value: float) -> None:
        """Move the place along an axis (0 = z, 1 = y, 2 = x); the viewer follows on the axis that it cuts."""
        self.move_to({axis: value})

    def move_to(self, values: dict[int, float]) -> None:
        """Move the place along several axes at once."""
        place = tuple(float(values.get(axis, now)) for axis, now in enumerate(self.place))
        if place == self.place:
            return
        self.place = (place[0], place[1], place[2])
        self._show_in_main(values)
        self.moved.emit()

    def close(self) -> None:
        """Let go of the viewer."""
        self.main.dims.events.point.disconnect(self._on_point)

    # ---- inside ------------------------------------------------------------------------------------------------

    def _point_of_main(self) -> Place:
        point = (0.0,) * 3 + tuple(map(float, self.main.dims.point))
        return point[-3], point[-2], point[-1]

    def _show_in_main(self, values: dict[int, float]) -> None:
        """Have the viewer cut at the place: on the axes that it does not display, as it would slice anew for others."""
        dims = self.main.dims
        first = dims.ndim - 3
        cut = {axis + first: value for axis, value in values.items() if axis + first not in dims.displayed}
        if cut and first >= 0:
            dims.set_point(list(cut), list(cut.values()))

    @netted
    def _on_point(self, _event: Event) -> None:
        """Follow the viewer, on the axes along which it has moved."""
        now, before = self._point_of_main(), self._seen
        self._seen = now
        pairs = zip(now, before, self.place, strict=True)
        place = tuple(new if new != old else here for new, old, here in pairs)
        if not np.array_equal(place, self.place):
            self.place = (place[0], place[1], place[2])
            self.moved.emit()


class MouseOfAll:
    """Hears the mouse on all canvases, whichever come and go.

    Parameters
    ----------
    canvases : Canvases
    click, hover : callable
        Take the event.
    wheel : callable
        Takes the event, and True if the wheel went up; returns True to keep the event from napari.
    """

    def __init__(
        self,
        canvases: Canvases,
        click: Callable[[Event], None],
        hover: Callable[[Event], None] | None = None,
        wheel: Callable[[Event, bool], bool] | None = None,
    ):
        self._canvases, self._click, self._hover, self._wheel = canvases, click, hover, wheel
        self._heard: list[tuple[ViewerModel, Sequence[Clicks | Hover | Wheel]]] = []
        canvases.changed.connect(self._follow)
        self._follow()

    def close(self) -> None:
        """Hear no more."""
        self._canvases.changed.disconnect(self._follow)
        for _, ears in self._heard:
            for ear in ears:
                ear.close()
        self._heard.clear()

    def _follow(self) -> None:
        """Hear the canvases that are there now."""
        there = self._canvases.all
        gone = [pair for pair in self._heard if not any(pair[0] is canvas for canvas in there)]
        for pair in gone:
            self._heard.remove(pair)
            for ear in pair[1]:
                ear.close()
        known = [canvas for canvas, _ in self._heard]
        for canvas in there:
            if not any(canvas is one for one in known):
                self._heard.append((canvas, self._ears(canvas)))

    def _ears(self, canvas: ViewerModel) -> list[Clicks | Hover | Wheel]:
        ears: list[Clicks | Hover | Wheel] = [Clicks(canvas, self._click)]
        if self._hover is not None:
            ears.append(Hover(canvas, self._hover))
        if self._wheel is not None:
            ears.append(Wheel(canvas, self._wheel))
        return ears
