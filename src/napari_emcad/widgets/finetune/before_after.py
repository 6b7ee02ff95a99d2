"""Before and after fine-tuning, side by side on a held-out crop, as layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from napari.layers import Image, Labels, Layer, Points
from napari.utils.theme import get_theme
from napari.utils.transforms import Affine
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.widgets.finetune.runs import RunFolder
from napari_emcad.widgets.kit.layers import LAYER_KIND, remove_layer

GAP = 0.04
"""Of a crop's width, between two of them."""

TILES = ("before", "after", "truth")
"""From left to right, as far as they are there; each over the raw crop."""

OPACITY = 0.45

TITLE = 10
"""Points of the words over the tiles."""

GRID = ("scale", "translate", "rotate", "shear")
"""Keyword arguments of a layer that say where its voxels are."""


@dataclass(frozen=True)
class HeldOut:
    """A crop with its labels, (z, y, x) each; those of the networks in the ids of the truth, as far as they match.

    `facts` say where it lies, see `finetune_runs.place_facts`.
    """

    raw: NDArray
    labels: dict[str, NDArray]
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, run: RunFolder, number: int) -> Self:
        """One of a run.

        Raises
        ------
        UserError
            Where the file is missing or damaged.
        """
        file = run.folder / f"held_out_{number}.npz"
        try:
            with np.load(file) as saved:
                arrays = dict(saved)
            truth = arrays["truth"]
            found = {name: matched(arrays[name], truth) for name in TILES[:2] if name in arrays}
            return cls(arrays["raw"], {**found, "truth": _small(truth)}, run.facts_of(number))
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"{file}: the held-out crop could not be read ({error}).") from error


class BeforeAfter:
    """The layers, while they are shown; all others are hidden meanwhile."""

    def __init__(self, viewer):
        self._viewer = viewer
        self.layers: list[Layer] = []
        self._hidden: list[Layer] = []
        self._view: tuple | None = None  # where the person looked before: point, centre, zoom

    @property
    def is_shown(self) -> bool:
        return any(layer in self._viewer.layers for layer in self.layers)

    def show(self, held_out: HeldOut, titles: Mapping[str, str], place: Mapping[str, Any]) -> None:
        """Show a crop.

        Parameters
        ----------
        held_out : HeldOut
        titles : mapping
            Of "before" and "after", such as "before, VOI 4.89 bits".
        place : mapping
            Of the first tile: keyword arguments of a layer.
        """
        self.hide()
        self._hidden = [layer for layer in self._viewer.layers if layer.visible]
        camera = self._viewer.scene.camera
        self._view = self._viewer.dims.point, camera.center, camera.zoom
        for layer in self._hidden:
            layer.visible = False
        told = {name: titles.get(name, name) for name in TILES if name in held_out.labels}
        shape, ink = held_out.raw.shape, get_theme(self._viewer.theme).text.as_hex()
        tiles = [
            _labels_layer(held_out.labels[name], words, _shifted(place, i * _step(shape)))
            for i, (name, words) in enumerate(told.items())
        ]
        self.layers = [_raw_layer(held_out.raw, len(told), place), *tiles, _title_layer(shape, told, place)]
        self.layers[-1].text.color = ink
        active = self._viewer.layers.selection.active
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
        if self._view is not None:
            camera = self._viewer.scene.camera
            point, camera.center, camera.zoom = self._view
            self._viewer.dims.point = point
        self.layers, self._hidden, self._view = [], [], None

    def _look(self) -> None:
        """Fit the tiles to the canvas, at a section in their middle."""
        raw = self.layers[0]
        middle = raw.data_to_world([(n - 1) / 2 if axis else n // 2 for axis, n in enumerate(raw.data.shape)])
        self._viewer.dims.set_point(0, middle[0])
        self._viewer.fit_to_view(layers=self.layers[:-1])


def matched(labels: NDArray, truth: NDArray) -> NDArray:
    """Labels in the ids of a truth, so that a neuron has one colour in both.

    Each neuron of the truth gives its id to the segment that it shares most voxels with; the other segments get ids
    above the truth's.

    Parameters
    ----------
    labels, truth : (z, y, x) integer
        0 = none. Not modified.

    Returns
    -------
    (z, y, x) uint16 or uint32
    """
    most, n = int(truth.max()) + 1, int(labels.max()) + 1
    pairs, voxels = np.unique(labels.astype(np.int64) * most + truth, return_counts=True)
    pairs = pairs[np.argsort(-voxels, kind="stable")]
    segment, neuron = np.divmod(pairs[(pairs >= most) & (pairs % most > 0)], most)
    _, first = np.unique(neuron, return_index=True)
    segment, neuron = segment[np.sort(first)], neuron[np.sort(first)]
    segment, first = np.unique(segment, return_index=True)
    ids = np.arange(most - 1, most - 1 + n, dtype=np.uint32)
    ids[0] = 0
    ids[segment] = neuron[first]
    return _small(ids[labels])


def _small(labels: NDArray) -> NDArray:
    """In the dtype that napari shows fastest."""
    return labels.astype(np.uint16 if labels.max(initial=0) < 2**16 else np.uint32)


def _step(shape: Sequence[int]) -> int:
    """Pixels from one tile to the next."""
    return shape[2] + max(2, round(GAP * shape[2]))


def _raw_layer(raw: NDArray, tiles: int, place: Mapping[str, Any]) -> Image:
    wide = np.zeros((*raw.shape[:2], (tiles - 1) * _step(raw.shape) + raw.shape[2]), raw.dtype)
    for i in range(tiles):
        wide[:, :, i * _step(raw.shape) : i * _step(raw.shape) + raw.shape[2]] = raw
    white = 255 if raw.dtype == np.uint8 else 1
    return Image(wide, name="held out", contrast_limits=(0, white), metadata={LAYER_KIND: "held out"}, **place)


def _labels_layer(labels: NDArray, name: str, place: Mapping[str, Any]) -> Labels:
    layer = Labels(labels, name=name, opacity=OPACITY, metadata={LAYER_KIND: "held out"}, **place)
    layer.editable = False
    return layer


def _title_layer(shape: Sequence[int], titles: Mapping[str, str], place: Mapping[str, Any]) -> Points:
    """Words over each tile, on every section."""
    told = [(z, i, words.replace(", ", "\n")) for z in range(shape[0]) for i, words in enumerate(titles.values())]
    places = [(z, -1, i * _step(shape)) for z, i, _ in told]
    words = {"string": [words for *_, words in told], "size": TITLE, "anchor": "upper_left"}
    look = {"face_color": "transparent", "border_color": "transparent", "size": 1, "text": words}
    return Points(places, name="held out: titles", metadata={LAYER_KIND: "held out"}, **look, **place)


def _shifted(place: Mapping[str, Any], pixels: int) -> dict[str, Any]:
    """The place so many pixels farther on x."""
    grid = Affine(ndim=3, **{name: place[name] for name in GRID if name in place})
    return {**place, "translate": tuple(grid(np.array([0.0, 0.0, pixels])))}
