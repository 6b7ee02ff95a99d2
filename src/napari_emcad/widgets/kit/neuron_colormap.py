"""A colour map of napari in which each label has a colour of its own, whatever its number."""

from typing import Any

import numpy as np
from napari.utils.colormaps import CyclicLabelColormap
from napari.utils.colormaps.standardize_color import transform_color
from numpy.typing import NDArray
from pydantic import PrivateAttr

DIM, GREY = 0.25, 0.3
"""Part that is left of a colour that is dimmed, and the grey that the rest becomes."""


class NeuronColormap(CyclicLabelColormap):
    """Colours by label through a table; 0 is transparent.

    Napari draws labels of 32 and 64 bits by a small number for each pixel, which is looked up here; labels of 8 and 16
    bits it draws by themselves, and they are not for this map.
    """

    _of_label: NDArray[np.uint8] = PrivateAttr(default_factory=lambda: np.zeros(1, np.uint8))

    @classmethod
    def of(cls, palette: list[str], of_label: NDArray[np.uint8]) -> "NeuronColormap":
        """Return a map of a palette.

        Parameters
        ----------
        palette : list of str
            Up to 127 colours, as "#rrggbb". After them come the same ones, dimmed.
        of_label : (k,) uint8
            Place in the palette of each label; labels beyond it have the first colour.
        """
        bright = transform_color(palette)
        dimmed = np.append(DIM * bright[:, :3] + (1 - DIM) * GREY, bright[:, 3:], axis=1)
        colormap = cls(colors=np.concatenate([np.zeros((1, 4)), bright, dimmed]), background_value=0)
        colormap.look_up_in(of_label)
        return colormap

    def look_up_in(self, of_label: NDArray[np.uint8]) -> None:
        """Take over other colours; refresh the layer after it."""
        self._of_label = of_label

    def _data_to_texture(self, values: Any) -> Any:
        """Return the number of a label's colour in the palette, from 1, as napari sends it to the graphics card.

        If the selected label is shown alone, all others are 0.
        """
        if values.dtype.itemsize <= 2:
            return super()._data_to_texture(values)
        return self._numbers(np.where(values == self.selection, values, 0) if self.use_selection else values)

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Return the facts of the map, the selected label by its number, as napari's shader looks for it."""
        return {**super().model_dump(**options), "selection": int(self._numbers(self.selection))}

    def _map_without_cache(self, values: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the colours of labels, (..., 4)."""
        return self.colors[self._numbers(values)]

    def _get_mapping_from_cache(self, data_dtype: np.dtype[Any]) -> NDArray[np.float32] | None:
        """Return the colours of all labels of a small type, of which a hidden layer is until it is seen.

        They are not kept, as they would not follow `look_up_in`.
        """
        if data_dtype.itemsize > 2:
            return None
        return self._map_without_cache(np.arange(1 << 8 * data_dtype.itemsize).astype(data_dtype))

    def _numbers(self, labels: Any) -> Any:
        labels = np.asarray(labels)
        of_label = self._of_label
        is_known = int(labels.max(initial=0)) < len(of_label)
        numbers = of_label[labels if is_known else np.where(labels < len(of_label), labels, 0)]
        numbers += np.uint8(1)
        numbers *= labels > 0
        return numbers
