"""Layers of a pane that look like those of the main canvas and share their data."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Shapes, Surface, Tracks, Vectors
from napari.utils.events import Event

from napari_emcad.widgets.kit.labels_view import LabelView
from napari_emcad.widgets.kit.nets import netted
from napari_emcad.widgets.panes.loader import Loader
from napari_emcad.widgets.panes.plane_array import PlaneArray, as_they_are
from napari_emcad.widgets.panes.planes import Planes

PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
LOOK = ("visible", "opacity", "blending")
OF_KIND: dict[type[Layer], tuple[str, ...]] = {
    Image: ("contrast_limits", "gamma", "colormap", "interpolation2d"),
    Labels: ("colormap", "contour", "selected_label", "show_selected_label"),
    Points: (
        "data",
        "size",
        "symbol",
        "shown",
        "face_color",
        "border_color",
        "border_width",
        "canvas_size_limits",
        "projection_mode",
    ),
    Shapes: ("data", "edge_color", "face_color", "edge_width"),
    Vectors: ("data", "edge_color", "edge_width", "length"),
    Tracks: ("data", "color_by", "colormap", "tail_length", "tail_width"),
    Surface: ("data", "contrast_limits", "gamma", "colormap"),
}
"""Names of attributes that layers of each kind show besides their place and look; their events have the same names."""


class Twin:
    """A layer of a pane that follows one of the main canvas.

    Attributes
    ----------
    of : Layer
        The layer of the main canvas.
    layer : Layer
        Its twin.
    """

    def __init__(self, of: Layer, layer: Layer, names: Sequence[str]):
        self.of, self.layer = of, layer
        self._names = [name for name in names if name in of.events.emitters]
        for name in self._names:
            of.events.emitters[name].connect(self._follow)

    def refresh(self) -> None:
        """Draw the layer anew: its data have changed where they are."""
        self.layer.refresh(extent=False)

    def close(self) -> None:
        """Follow no more."""
        for name in self._names:
            self.of.events.emitters[name].disconnect(self._follow)

    @netted
    def _follow(self, event: Event) -> None:
        self._take(event.type)

    def _take(self, name: str) -> None:
        """Take over one attribute."""
        value = getattr(self.of, name)
        if name == "data" and isinstance(self.of, Shapes):
            value = (self.of.data, self.of.shape_type)
        setattr(self.layer, name, value)


class PointsTwin(Twin):
    """Points, which are taken over as a whole: an event tells of some of what has changed at once."""

    def _take(self, name: str) -> None:
        names = [name]
        if name == "data":
            names = ["data", "size", "symbol", "shown", "face_color", "border_color", "border_width"]
        for one in names:
            super()._take(one)
        self.layer.selected_data = set()


class PlanesTwin(Twin):
    """An image or labels, of which the pane reads planes.

    Attributes
    ----------
    planes : Planes
    """

    def __init__(self, of: Image | Labels, axis: int, loader: Loader):
        self._axis, self._loader, self._made_of = axis, loader, _voxels_of(of)
        self.planes, data = self._open(of)
        layer = _new(of, data)
        super().__init__(of, layer, (*PLACE, *LOOK, *OF_KIND[Labels if isinstance(of, Labels) else Image]))
        loader.add(self.planes, self.refresh)
        of.events.data.connect(self._on_data)

    def refresh(self) -> None:
        """Draw the layer anew, from what was read before unless other fragments lie under it now."""
        made_of = _voxels_of(self.of)
        if any(now is not before for now, before in zip(made_of, self._made_of, strict=True)):
            self._made_of = made_of
            self.planes.replace([level.fragments for level in _levels(self.of)])
        super().refresh()

    def close(self) -> None:
        """Follow no more, and read no more."""
        self.of.events.data.disconnect(self._on_data)
        self._loader.drop(self.planes)
        super().close()

    def _open(self, of: Image | Labels) -> tuple[Planes, list[PlaneArray]]:
        levels = _levels(of)
        views = [level if isinstance(level, LabelView) else None for level in levels]
        volumes = [level if view is None else view.fragments for level, view in zip(levels, views, strict=True)]
        planes = Planes(volumes, self._axis, self._loader.ask)
        finishes = [as_they_are if view is None else view.labels_of for view in views]
        arrays = [
            PlaneArray(planes, number, level.dtype, finish)
            for number, (level, finish) in enumerate(zip(levels, finishes, strict=True))
        ]
        return planes, arrays

    @netted
    def _on_data(self, _event: Event) -> None:
        """Take over other voxels, at the same level."""
        self._loader.drop(self.planes)
        self.planes, data = self._open(self.of)
        self._made_of = _voxels_of(self.of)
        self._loader.add(self.planes, self.refresh)
        level = self.layer.data_level
        self.layer.data = data if self.layer.multiscale else data[0]
        if self.layer.multiscale:
            self.layer.data_level = level
        self.layer.editable = False


def _levels(of: Image | Labels) -> list[Any]:
    return list(of.data) if of.multiscale else [of.data]


def _voxels_of(of: Image | Labels) -> list[object]:
    """Return what stands for the voxels of our labels: where a fragment is parted, others lie under the same views."""
    views = [level for level in _levels(of) if isinstance(level, LabelView)]
    return [one for view in views for one in (view.fragments, view.in_use)]


def twin_of(of: Layer, axis: int, loader: Loader) -> Twin | None:
    """Return the twin of a layer for a pane that cuts across an axis; None if it has none: it is not (z, y, x).

    Parameters
    ----------
    of : Layer
    axis : int
        1 = y, 2 = x.
    loader : Loader
        Reads the planes of the pane.
    """
    if of.ndim != 3:
        return None
    if isinstance(of, (Image, Labels)):
        return PlanesTwin(of, axis, loader)
    kind = next((kind for kind in OF_KIND if isinstance(of, kind)), None)
    if kind is None:
        return None
    data, attributes, name = of.as_layer_data_tuple()
    made = Layer.create(data, attributes, name)
    made.editable = False
    follower = PointsTwin if kind is Points else Twin
    return follower(of, made, (*PLACE, *LOOK, *OF_KIND[kind]))


def _new(of: Image | Labels, data: list[PlaneArray]) -> Image | Labels:
    """Return a layer that is hidden for now: it would be sliced as in the main canvas until it is in the pane."""
    names = (*PLACE, *LOOK)
    look: dict[str, Any] = {name: getattr(of, name) for name in names} | {"name": of.name, "visible": False}
    levels = data if of.multiscale else data[0]
    if isinstance(of, Labels):
        layer = Labels(levels, multiscale=of.multiscale, **look)
        for name in OF_KIND[Labels]:
            setattr(layer, name, getattr(of, name))
        layer.editable = False
        return layer
    return Image(
        levels,
        multiscale=of.multiscale,
        rgb=of.rgb,
        contrast_limits=None if of.rgb else of.contrast_limits,
        gamma=of.gamma,
        colormap=None if of.rgb else of.colormap,
        interpolation2d=of.interpolation2d,
        **look,
    )


class TwinLayers:
    """Twins of all layers of the main canvas in a pane, in the same order, as layers come and go.

    Attributes
    ----------
    twins : list of Twin
        In the order in which they are drawn.
    is_changing : bool
        True while layers come and go: napari moves what it shows then.
    """

    def __init__(self, main: ViewerModel, pane: ViewerModel, axis: int, loader: Loader, later: Callable[[], None]):
        self._main, self._pane, self._axis, self._loader = main, pane, axis, loader
        self._later = later
        self._drawn: dict[Layer, tuple[Any, ...]] = {}
        self._stale: set[Layer] = set()
        self.twins: list[Twin] = []
        self.is_changing = False
        self._events = (main.layers.events.inserted, main.layers.events.removed, main.layers.events.reordered)
        for event in self._events:
            event.connect(self._on_layers, position="last")  # napari draws them in the main canvas first
        self.follow()

    def follow(self) -> None:
        """Show the layers that are there now."""
        self.is_changing = True
        try:
            self._follow(list(self._main.layers))
        finally:
            self.is_changing = False

    def refresh(self) -> None:
        """Draw those layers anew whose data have changed where they are."""
        stale, self._stale = self._stale, set()
        for twin in self.twins:
            if twin.of in stale:
                twin.refresh()

    def close(self) -> None:
        """Let go of all layers."""
        for event in self._events:
            event.disconnect(self._on_layers)
        for twin in self.twins:
            twin.of.events.set_data.disconnect(self._on_drawn)
            twin.close()
        self.twins = []
        self._drawn.clear()

    # ---- inside ------------------------------------------------------------------------------------------------

    def _follow(self, layers: list[Layer]) -> None:
        for twin in [one for one in self.twins if one.of not in layers]:
            self._drop(twin)
        known = {twin.of: twin for twin in self.twins}
        for layer in layers:
            if layer not in known:
                made = twin_of(layer, self._axis, self._loader)
                if made is not None:
                    self._add(made)
                    known[layer] = made
        self.twins = [known[layer] for layer in layers if layer in known]
        self._arrange()

    def _add(self, twin: Twin) -> None:
        self._pane.layers.append(twin.layer)
        twin.layer.visible = twin.of.visible
        twin.of.events.set_data.connect(self._on_drawn)

    def _drop(self, twin: Twin) -> None:
        self.twins.remove(twin)
        twin.of.events.set_data.disconnect(self._on_drawn)
        self._drawn.pop(twin.of, None)
        twin.close()
        if twin.layer in self._pane.layers:
            self._pane.layers.remove(twin.layer)

    def _arrange(self) -> None:
        for place, twin in enumerate(self.twins):
            now = self._pane.layers.index(twin.layer)
            if now != place:
                self._pane.layers.move(now, place)

    @netted
    def _on_layers(self, _event: Event) -> None:
        self.follow()

    @netted
    def _on_drawn(self, event: Event) -> None:
        """Draw the twin anew if a layer was drawn at the place where it was before: its data have changed then."""
        layer = event.source
        if not isinstance(layer, (Image, Labels)):
            return
        drawn = self._as_drawn(layer)
        if self._drawn.get(layer, drawn) == drawn:
            self._stale.add(layer)
            self._later()
        self._drawn[layer] = drawn

    def _as_drawn(self, layer: Image | Labels) -> tuple[Any, ...]:
        dims = self._main.dims
        corners = np.asarray(layer.corner_pixels).tobytes() if layer.multiscale else b""
        return dims.point, dims.order, dims.ndisplay, layer.data_level, corners
