"""Grey levels of any volume -> the scale that the networks were trained on: [0, 1], or one of their own."""

from dataclasses import dataclass
from itertools import product
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.stack_kind import spread_sections
from napari_emcad.core.volume import Volume

PERCENTILES = (0.5, 99.5)
"""Percentiles of the grey levels that become 0 and 1 if the dtype is not uint8."""

SAMPLED_STEP = 4
"""Pixels on y and x of which one is sampled."""

SAMPLED_SIDE, TILE = 4096, 512
"""Pixels a side up to which a section is sampled as a whole, and of the tiles that larger ones are sampled in.

The tiles of a larger section are spread evenly and have as many pixels a side together.
"""


@dataclass(frozen=True)
class Normalisation:
    """A scale: grey level `low` becomes 0 and `high` becomes 1; all others are clipped, or lie outside [0, 1]."""

    low: float
    high: float
    clips: bool = True

    @classmethod
    def of(cls, volume: Volume) -> Self:
        """Return 0 and 255 for uint8, as the published networks want; percentiles of a sample for any other dtype.

        Raises
        ------
        UserError
            If the sample holds NaN or one grey level only.
        """
        if volume.dtype == np.uint8:
            return cls(0.0, 255.0)
        sample = _sample(volume)
        if not np.isfinite(sample).all():
            raise UserError(not_finite_sentence("the volume"))
        low, high = np.percentile(sample.astype(np.float64), PERCENTILES)
        if low == high:
            raise UserError(
                f"grey levels: the volume has nothing but {low:g} between its {PERCENTILES[0]} and {PERCENTILES[1]} "
                "percentiles; set black and white yourself, or convert it to uint8."
            )
        return cls(float(low), float(high))

    def apply(self, section: NDArray[Any]) -> NDArray[np.float32]:
        """Return a section (y, x) of any real dtype as float32, in [0, 1] if it clips."""
        scaled = (section.astype(np.float32) - np.float32(self.low)) / np.float32(self.high - self.low)
        return np.clip(scaled, 0, 1) if self.clips else scaled

    def for_crops(self, pixels: NDArray[Any]) -> NDArray[np.uint8] | NDArray[np.float32]:
        """Return pixels as training takes them: uint8 that fills its range as it is, all else in [0, 1]."""
        return pixels if pixels.dtype == np.uint8 and (self.low, self.high) == (0, 255) else self.apply(pixels)


def choose_normalisation(volume: Volume, black: float | None, white: float | None) -> Normalisation:
    """Return the scale with these grey levels as 0 and 1; a level that is None is that of the data.

    Raises
    ------
    UserError
        If black does not lie below white, or the data have no levels.
    """
    if black is None or white is None:
        data = Normalisation.of(volume)
        black, white = data.low if black is None else black, data.high if white is None else white
    if black >= white:
        raise UserError(f"grey levels: black must lie below white, got {black:g} and {white:g}; set both.")
    return Normalisation(black, white)


def _sample(volume: Volume) -> NDArray[Any]:
    """Return grey levels of a few sections; of large ones those of some tiles."""
    sections, (height, width) = spread_sections(volume), volume.shape[1:]
    if max(height, width) <= SAMPLED_SIDE:
        pieces = [volume[z] for z in sections]
    else:
        pieces = [volume[place] for place in product(sections, _spread(height), _spread(width))]
    return np.concatenate([np.asarray(piece)[::SAMPLED_STEP, ::SAMPLED_STEP].ravel() for piece in pieces])


def _spread(n: int) -> list[slice]:
    """Return all of n pixels, or tiles of them from the first to the last."""
    if n <= SAMPLED_SIDE:
        return [slice(0, n)]
    return [slice(start, start + TILE) for start in np.linspace(0, n - TILE, SAMPLED_SIDE // TILE).astype(int).tolist()]


def not_finite_sentence(what: str) -> str:
    """Return the sentence for NaN and infinity."""
    return f"grey levels: {what} holds NaN or infinite values; replace them (numpy.nan_to_num) and open it again."
