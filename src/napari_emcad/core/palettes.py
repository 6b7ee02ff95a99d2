"""Palettes for neurons, and the colours that neurons have of one of them: on the screen and in files the same."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BRIGHT = [
    "#00fff0",
    "#ff2d96",
    "#784b1e",
    "#2d87ff",
    "#ffd296",
    "#006900",
    "#e1f000",
    "#e1c3ff",
    "#002dff",
    "#ff001e",
    "#69d2ff",
    "#968700",
    "#a50f3c",
    "#008796",
    "#1eff78",
    "#694b78",
    "#ffa5a5",
    "#e17800",
    "#b469ff",
    "#4ba578",
]
"""Colours that are 22 or more apart in CIEDE2000, and 12 from the blue and orange of two sides."""

_COLOUR_BLIND = [
    "#7799ff",
    "#ffff33",
    "#113311",
    "#220099",
    "#44ccaa",
    "#bb8800",
    "#770044",
    "#ffccff",
    "#ffffcc",
    "#9922ff",
    "#aa7755",
    "#995566",
    "#99cc66",
    "#225588",
    "#665500",
    "#4499aa",
]
"""Colours that are 12 or more apart in CIEDE2000, and 8 from the two sides, also for people who see no red or no green.

Half of each over grey tissue, as sections show them, they are 9.5 or more apart. What those people see is that of
Machado et al. (2009), on linear light; more hues than they have are told apart by lightness. Sixteen are as many as a
dense volume needs.
"""

BRIGHT, COLOUR_BLIND = "bright", "for colour-blind people"

PALETTES = {BRIGHT: _BRIGHT, COLOUR_BLIND: _COLOUR_BLIND}
"""Palettes by the words of their choice."""


@dataclass(frozen=True)
class LabelColours:
    """Colours of labels, as the screen shows them.

    Attributes
    ----------
    palette : str
        Key of `PALETTES`.
    of_label : (k,) uint8
        Place in the palette of each label, k >= 1; labels beyond it have the first colour.
    """

    palette: str
    of_label: NDArray[np.uint8]

    @property
    def table(self) -> NDArray[np.uint8]:
        """The palette, as red, green and blue, (k, 3)."""
        return np.array([list(bytes.fromhex(colour[1:])) for colour in PALETTES[self.palette]], np.uint8)

    def rgb(self, labels: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return the colours of labels (k,), as red, green and blue (k, 3)."""
        return self.table[self._places(labels)]

    def texts(self, labels: NDArray[np.integer]) -> NDArray[np.str_]:
        """Return the colours of labels (k,), as "#rrggbb" (k,)."""
        return np.array(PALETTES[self.palette], "U7")[self._places(labels)]

    def _places(self, labels: NDArray[np.integer]) -> NDArray[np.uint8]:
        is_known = labels < len(self.of_label)
        return np.where(is_known, self.of_label[np.where(is_known, labels, 0)], np.uint8(0))
