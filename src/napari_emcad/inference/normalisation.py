"""Grey levels of any volume -> the scale that the networks were trained on: [0, 1], or one of their own."""

from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import triple
from napari_emcad.core.sections.plan import Plane, SectionPlan
from napari_emcad.core.stack_kind import spread_over, spread_sections
from napari_emcad.core.volume import Volume
from napari_emcad.networks.card import GreyRange, ModelCard

PERCENTILES = (0.5, 99.5)
"""Percentiles of the grey levels that become 0 and 1 if the dtype is not uint8; of uint8 those that are stretched."""

EM_GREYS: GreyRange = (0.0078, 0.9412)
"""These percentiles of the stack that the bundled models were trained on (AC4[0:80]), on the scale of the network.

They stand in for models whose card does not state theirs, such as the published ones.
"""

NARROW, PALE = 0.42, 0.1
"""Shares of the range of the training data: 8-bit grey levels whose own range is below the first, or whose contrast
without noise (a standard deviation) is below the second, are stretched: docs/decisions/0018."""

LOW = 0.6
"""Share of the range of the training data below which grey levels that are left as they are are told as pale."""

UNUSUAL = 2.0
"""A section whose grey levels spread so many times more or less than those of the others does not set the scale."""

FILL_SHARE, FILL_GAP = 0.01, 0.1
"""Share of the voxels, and distance from all others in their range, from which the extreme grey level is padding."""

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
    def of(cls, volume: Volume, trained: GreyRange | None = None, plan: SectionPlan | None = None) -> Self:
        """Return 0 and 255 for uint8, as the published networks want; percentiles of a sample for any other dtype.

        Parameters
        ----------
        volume : Volume
        trained : GreyRange, optional
            Range of the grey levels that a network was trained on. Levels of uint8 that lie in a much narrower range,
            or have much less contrast, are stretched, so that their percentiles are its ends. None = uint8 is never
            stretched.
        plan : SectionPlan, optional
            Of the volume: tissue that is used decides. None = all of it does.

        Raises
        ------
        UserError
            If the sample holds one grey level only, or NaN: for EM stacks, of which defective sections are left out, if
            it holds nothing else.
        """
        is_byte = volume.dtype == np.uint8
        if is_byte and trained is None:
            return cls(0.0, 255.0)
        low, high, contrast = _greys(volume, trained is not None, plan)
        if is_byte and (trained is None or not _is_stretched(high - low, contrast, trained)):
            return cls(0.0, 255.0)
        if low == high:
            raise UserError(
                f"grey levels: the volume has nothing but {low:g} between its {PERCENTILES[0]} and {PERCENTILES[1]} "
                "percentiles; set black and white yourself, or convert it to uint8."
            )
        return cls(low, high) if trained is None or not is_byte else cls._onto(low, high, trained)

    @classmethod
    def _onto(cls, low: float, high: float, trained: GreyRange) -> Self:
        """Return the scale, to tenths, that takes two grey levels to the ends of the range of training."""
        unit = (high - low) / (trained[1] - trained[0])
        black = low - trained[0] * unit
        return cls(round(black, 1), round(black + unit, 1))

    def apply(self, section: NDArray[Any]) -> NDArray[np.float32]:
        """Return a section (y, x) of any real dtype as float32, in [0, 1] if it clips."""
        scaled = (section.astype(np.float32) - np.float32(self.low)) / np.float32(self.high - self.low)
        return np.clip(scaled, 0, 1) if self.clips else scaled

    def for_crops(self, pixels: NDArray[Any]) -> NDArray[np.uint8] | NDArray[np.float32]:
        """Return pixels as training takes them: uint8 that fills its range as it is, all else in [0, 1]."""
        return pixels if pixels.dtype == np.uint8 and (self.low, self.high) == (0, 255) else self.apply(pixels)


def choose_normalisation(
    volume: Volume,
    black: float | None,
    white: float | None,
    trained: GreyRange | None = None,
    plan: SectionPlan | None = None,
) -> Normalisation:
    """Return the scale with these grey levels as 0 and 1; a level that is None is that of the data.

    Both levels given and black above white make an inverted scale for EM stacks: bright membranes become dark ones.

    Parameters
    ----------
    volume : Volume
    black, white : float, optional
    trained : GreyRange, optional
        Of a network for EM stacks, see `Normalisation.of`; None = black lies below white.
    plan : SectionPlan, optional
        Of the volume, see `Normalisation.of`.

    Raises
    ------
    UserError
        If both are the same level, if one is given on the wrong side of that of the data, or the data have no levels.
    """
    may_exchange = trained is not None and is_exchanged(black, white)  # one level alone is more likely a slip
    if black is None or white is None:
        data = Normalisation.of(volume, trained, plan)
        black, white = data.low if black is None else black, data.high if white is None else white
    if black == white or (black > white and not may_exchange):
        raise UserError(f"grey levels: black must lie below white, got {black:g} and {white:g}; set both.")
    return Normalisation(black, white)


def pale_scale(volume: Volume, trained: GreyRange, plan: SectionPlan | None = None) -> Normalisation | None:
    """Return the scale that would stretch pale 8-bit grey levels which are taken as they are; None if these are not so.

    They cannot be told from those of good stacks that stretching harms, so a person has to try.

    Parameters
    ----------
    volume : Volume
    trained : GreyRange
    plan : SectionPlan, optional
        Of the volume, see `Normalisation.of`.
    """
    if volume.dtype != np.uint8:
        return None
    low, high, contrast = _greys(volume, True, plan)
    is_pale = 0 < high - low < 255 * LOW * (trained[1] - trained[0]) and not _is_stretched(
        high - low, contrast, trained
    )
    return Normalisation._onto(low, high, trained) if is_pale else None


def is_exchanged(black: float | None, white: float | None) -> bool:
    """Return True if both levels are given, and bright becomes dark."""
    return black is not None and white is not None and black > white


def trained_greys(card: ModelCard | None) -> GreyRange:
    """Return the range of grey levels that a network for EM stacks was trained on, by its card or the usual one."""
    return EM_GREYS if card is None or card.grey_range is None else card.grey_range


def _is_stretched(span: float, contrast: float, trained: GreyRange) -> bool:
    """Return True if grey levels of 8 bits are to be stretched to the range of training."""
    width = 255 * (trained[1] - trained[0])
    return 0 < span < width and (span < NARROW * width or contrast < PALE * width)


class _Sample(NamedTuple):
    """Grey levels of pixels of a section, (k,), and the means of the squares in which they lie."""

    levels: NDArray[Any]
    means: NDArray[Any]

    def chosen(self, which: NDArray[np.bool_]) -> "_Sample":
        """Return some of the pixels."""
        return _Sample(self.levels[which], self.means[which])


def _greys(volume: Volume, skips_nan: bool, plan: SectionPlan | None) -> tuple[float, float, float]:
    """Return percentiles and contrast of a few sections, without padding and sections unlike the others.

    The contrast is the standard deviation of the means of squares in a section, which noise hardly raises; the median.

    Raises
    ------
    UserError
        If the sample holds NaN that is not skipped, or nothing else.
    """
    sampled = _samples(volume, plan or SectionPlan.as_is(triple(volume.shape)))
    samples = [sample.chosen(np.isfinite(sample.levels)) for sample in sampled]
    lacks = [len(some.levels) < len(all_.levels) for some, all_ in zip(samples, sampled, strict=True)]
    if any(lacks) and not (skips_nan and any(len(sample.levels) for sample in samples)):
        raise UserError(not_finite_sentence("the volume"))
    samples = [_without_fill(sample) for sample in samples if len(sample.levels)]
    spreads = np.array([_spread_of(sample.levels) for sample in samples])
    usual = np.median(spreads[spreads > 0]) if spreads.any() else 0.0
    chosen = [s for s, spread in zip(samples, spreads, strict=True) if usual / UNUSUAL <= spread <= usual * UNUSUAL]
    chosen = chosen or samples
    low, high = np.percentile(np.concatenate([s.levels for s in chosen]).astype(np.float64), PERCENTILES)
    return float(low), float(high), float(np.median([np.std(s.means, dtype=np.float64) for s in chosen]))


def _spread_of(levels: NDArray[Any]) -> float:
    low, high = np.percentile(levels.astype(np.float64), PERCENTILES)
    return float(high - low)


def _without_fill(sample: _Sample) -> _Sample:
    """Return the pixels of a section without padding: one extreme grey level, far from all others."""
    for extreme, sign in ((sample.levels.min(), 1), (sample.levels.max(), -1)):
        others = sample.chosen(sample.levels != extreme)
        if len(others.levels) > (1 - FILL_SHARE) * len(sample.levels) or not len(others.levels):
            continue
        nearest = np.percentile(others.levels.astype(np.float64), 0.1 if sign > 0 else 99.9)
        spread = _spread_of(others.levels)
        if spread > 0 and sign * (nearest - float(extreme)) > FILL_GAP * spread:
            sample = others
    return sample


def _samples(volume: Volume, plan: SectionPlan) -> list[_Sample]:
    """Return pixels of tissue of a few sections, none of them inverted; of all pixels if that leaves nothing."""
    used = [z for z in plan.used.tolist() if not (plan.inverted[z] or (plan.missing[z] | plan.no_tissue[z]).all())]
    samples = [_sample(volume, plan, used[n]) for n in spread_over(len(used))]
    samples = [sample for sample in samples if len(sample.levels)]
    as_is = SectionPlan.as_is(plan.shape)
    return samples or [_sample(volume, as_is, z) for z in spread_sections(volume)]


def _sample(volume: Volume, plan: SectionPlan, z: int) -> _Sample:
    """Return pixels of the tissue of a section; of a large one those of some tiles."""
    height, width = volume.shape[1:]
    if max(height, width) <= SAMPLED_SIDE:
        return _pixels(np.asarray(volume[z]), plan, z)
    places = product(_spread(height), _spread(width))
    tiles = [_pixels(np.asarray(volume[(z, *place)]), plan, z, place) for place in places]
    return _Sample(*(np.concatenate(column) for column in zip(*tiles, strict=True)))


def _pixels(piece: NDArray[Any], plan: SectionPlan, z: int, place: Plane | None = None) -> _Sample:
    seen = ~(plan.holes(z, place) | plan.bare(z, place))[::SAMPLED_STEP, ::SAMPLED_STEP]
    levels = piece[::SAMPLED_STEP, ::SAMPLED_STEP]
    return _Sample(levels, _means(piece) if piece.dtype == np.uint8 else levels).chosen(seen)


def _means(piece: NDArray[Any]) -> NDArray[np.float32]:
    """Return the means of squares of `SAMPLED_STEP` pixels (y, x), smaller ones at the ends."""
    rows, columns = (np.arange(0, side, SAMPLED_STEP) for side in piece.shape)
    sums = np.add.reduceat(np.add.reduceat(piece, rows, axis=0, dtype=np.float32), columns, axis=1)
    heights, widths = (np.diff(at, append=side) for at, side in zip((rows, columns), piece.shape, strict=True))
    return (sums / np.outer(heights, widths)).astype(np.float32)


def _spread(n: int) -> list[slice]:
    """Return all of n pixels, or tiles of them from the first to the last."""
    if n <= SAMPLED_SIDE:
        return [slice(0, n)]
    return [slice(start, start + TILE) for start in np.linspace(0, n - TILE, SAMPLED_SIDE // TILE).astype(int).tolist()]


def not_finite_sentence(what: str) -> str:
    """Return the sentence for NaN and infinity."""
    return f"grey levels: {what} holds NaN or infinite values; replace them (numpy.nan_to_num) and open it again."
