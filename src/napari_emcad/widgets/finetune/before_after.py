"""Before and after fine-tuning, side by side on a held-out crop, as layers."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points
from napari.utils.theme import get_theme
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from napari_emcad.widgets.finetune.held_out_crop import NETWORKS, HeldOutCrop
from napari_emcad.widgets.kit.layers import LAYER_KIND, remove_layer

GAP = 0.04
"""Gap between two tiles, as a share of a crop's width."""

TILES = (*NETWORKS, "truth")
"""Labels from left to right, as far as they are there; each over the grey values of the crop."""

OPACITY = 0.45

TITLE = 10
"""Size of the words over the tiles, in points."""

GRID = ("scale", "translate", "rotate", "shear")
"""Keyword arguments of a layer that say where its voxels are."""


class _Look(NamedTuple):
    """The place that a person looks at."""

    point: tuple[float, ...]
    centre: tuple[float, ...]
    zoom: float


class BeforeAfter:
    """The layers, while they are shown; all others are hidden meanwhile."""

    def __init__(self, viewer: ViewerModel):
        self._viewer = viewer
        self.layers: list[Layer] = []
        self._hidden: list[Layer] = []
        self._look_before: _Look | None = None

    @property
    def is_shown(self) -> bool:
        """True while a layer of it is in the viewer."""
        return any(layer in self._viewer.layers for layer in self.layers)

    def show(self, crop: HeldOutCrop, titles: Mapping[str, str], place: Mapping[str, Any]) -> None:
        """Show a crop.

        Parameters
        ----------
        crop : HeldOutCrop
        titles : mapping
            Titles of "before" and "after", such as "before, VOI 4.89 bits".
        place : mapping
            Keyword arguments of a layer that put the first tile in its place.
        """
        self.hide()
        self._hide_others()
        active = self._viewer.layers.selection.active
        self.layers = _layers(crop, titles, place)
        self.layers[-1].text.color = get_theme(self._viewer.theme).text.as_hex()
        for layer in self.layers:
            self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = active
        self._look()

    def hide(self) -> None:
        """Take the layers away, show the others again and go back to where the person looked."""
        for layer in self.layers:
            remove_layer(self._viewer, layer)
        for layer in self._hidden:
            if layer in self._viewer.layers:
                layer.visible = True
        if self._look_before is not None:
            camera = self._viewer.scene.camera
            point, camera.center, camera.zoom = self._look_before
            self._viewer.dims.point = point
        self.layers, self._hidden, self._look_before = [], [], None

    def _hide_others(self) -> None:
        camera = self._viewer.scene.camera
        self._look_before = _Look(self._viewer.dims.point, camera.center, camera.zoom)
        self._hidden = [layer for layer in self._viewer.layers if layer.visible]
        for layer in self._hidden:
            layer.visible = False

    def _look(self) -> None:
        """Fit the tiles to the canvas, at a section in their middle."""
        raw = self.layers[0]
        middle = raw.data_to_world([(n - 1) / 2 if axis else n // 2 for axis, n in enumerate(raw.data.shape)])
        self._viewer.dims.set_point(0, middle[0])
        self._viewer.fit_to_view(layers=self.layers[:-1])


def _layers(crop: HeldOutCrop, titles: Mapping[str, str], place: Mapping[str, Any]) -> list[Layer]:
    """Return the grey values under all tiles, the tiles, and their titles."""
    names = [name for name in TILES if name in crop.labels]
    words = [titles.get(name, name) for name in names]
    shape, step = crop.raw.shape, _step(crop.raw.shape)
    tiles = [
        _labels_layer(crop.labels[name], title, _moved(place, i * step))
        for i, (name, title) in enumerate(zip(names, words, strict=True))
    ]
    return [_raw_layer(crop.raw, len(names), place), *tiles, _title_layer(shape, words, place)]


def _step(shape: Sequence[int]) -> int:
    """Return the pixels from one tile to the next."""
    return shape[2] + max(2, round(GAP * shape[2]))


def _raw_layer(raw: NDArray[Any], tiles: int, place: Mapping[str, Any]) -> Image:
    wide = np.zeros((*raw.shape[:2], (tiles - 1) * _step(raw.shape) + raw.shape[2]), raw.dtype)
    for i in range(tiles):
        wide[:, :, i * _step(raw.shape) : i * _step(raw.shape) + raw.shape[2]] = raw
    white = 255 if raw.dtype == np.uint8 else 1
    return Image(wide, name="held out", contrast_limits=(0, white), metadata={LAYER_KIND: "held out"}, **place)


def _labels_layer(labels: NDArray[Any], name: str, place: Mapping[str, Any]) -> Labels:
    layer = Labels(labels, name=name, opacity=OPACITY, metadata={LAYER_KIND: "held out"}, **place)
    layer.editable = False
    return layer


def _title_layer(shape: Sequence[int], titles: Sequence[str], place: Mapping[str, Any]) -> Points:
    """Return a layer with words over each tile, on every section."""
    lines = [(z, i, title.replace(", ", "\n")) for z in range(shape[0]) for i, title in enumerate(titles)]
    places = [(z, -1, i * _step(shape)) for z, i, _ in lines]
    words = {"string": [line for *_, line in lines], "size": TITLE, "anchor": "upper_left"}
    look = {"face_color": "transparent", "border_color": "transparent", "size": 1, "text": words}
    return Points(places, name="held out: titles", metadata={LAYER_KIND: "held out"}, **look, **place)


def _moved(place: Mapping[str, Any], pixels: int) -> dict[str, Any]:
    """Return the place that many pixels farther on x."""
    grid = Affine(ndim=3, **{name: place[name] for name in GRID if name in place})
    return {**place, "translate": tuple(grid(np.array([0.0, 0.0, pixels])))}
