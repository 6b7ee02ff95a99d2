"""Grey levels of any volume -> what the networks were trained on: [0, 1], or a scale of the network's own."""

from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.stack_kind import spread_sections

PERCENTILES = (0.5, 99.5)
"""Of the grey levels: what becomes 0 and 1 where the dtype is not uint8."""

SAMPLED_STEP = 4
"""Percentiles are taken every so many pixels on y and x ..."""

SAMPLED_SIDE, TILE = 4096, 512
"""... of sections up to so many pixels a side; of larger ones in that many pixels a side, in tiles spread evenly."""


@dataclass(frozen=True)
class Normalisation:
    """Grey level `low` becomes 0 and `high` becomes 1; what lies outside is clipped, or stays outside [0, 1]."""

    low: float
    high: float
    clips: bool = True

    @classmethod
    def of(cls, volume) -> Self:
        """0 and 255 for uint8, as the published networks want; percentiles of a sample for any other dtype.

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

    def apply(self, section: NDArray) -> NDArray[np.float32]:
        """(y, x) of any real dtype -> float32, in [0, 1] where it clips."""
        scaled = (section.astype(np.float32) - np.float32(self.low)) / np.float32(self.high - self.low)
        return np.clip(scaled, 0, 1) if self.clips else scaled

    def for_crops(self, pixels: NDArray) -> NDArray:
        """Pixels as a crop to train with takes them: uint8 that fills its range as it is, all else in [0, 1]."""
        return pixels if pixels.dtype == np.uint8 and (self.low, self.high) == (0, 255) else self.apply(pixels)


def _sample(volume) -> NDArray:
    """Grey levels of a few sections; of large ones some tiles."""
    sections = spread_sections(volume)
    if max(volume.shape[1:]) <= SAMPLED_SIDE:
        pieces = (volume[z] for z in sections)
    else:
        pieces = (volume[place] for place in product(sections, *map(_spread, volume.shape[1:])))
    return np.concatenate([np.asarray(piece)[::SAMPLED_STEP, ::SAMPLED_STEP].ravel() for piece in pieces])


def _spread(n: int) -> list[slice]:
    """All of n pixels, or tiles of them from the first to the last."""
    if n <= SAMPLED_SIDE:
        return [slice(0, n)]
    return [slice(start, start + TILE) for start in np.linspace(0, n - TILE, SAMPLED_SIDE // TILE).astype(int).tolist()]


def not_finite_sentence(what: str) -> str:
    """The sentence for NaN and infinity."""
    return f"grey levels: {what} holds NaN or infinite values; replace them (numpy.nan_to_num) and open it again."
