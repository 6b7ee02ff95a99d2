"""Verdicts that greys alone give: blank, pale, out of focus, noisy."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.sections.measures import SectionMeasure
from napari_emcad.core.sections.neighbours import typical
from napari_emcad.core.sections.report import SectionFinding, Verdict
from napari_emcad.core.sections.tissue import TissueMasks

BLANK = 0.2
"""Contrast, as a share of the neighbours', below which a section is blank."""

NOISE_ALONE = 0.05
"""Share of structure in a section below which it is nothing but noise: 0.06 is left under the worst noise."""

EMPTY = 0.9
"""Share of one grey, or of missing tissue, from which a section is blank."""

PALE, BLURRED, NOISY = 0.68, 0.35, 3.0
"""Contrast, middle detail and finest detail, as shares of the neighbours', from which a section is out of the usual."""

FAR = 5.0
"""Spreads of the neighbours that it must be away from their median, too."""

Usable = NDArray[np.bool_]


def find_blank(measures: Sequence[SectionMeasure], masks: TissueMasks) -> Iterator[SectionFinding]:
    """Yield the sections that show nothing."""
    contrast = np.array([one.contrast for one in measures])
    median, _ = typical(contrast, contrast > 0)
    for z, one in enumerate(measures):
        if one.missing > EMPTY:
            yield SectionFinding(z, Verdict.BLANK, "no value is a number")
        elif one.flat_share >= EMPTY or not one.contrast:
            evidence = f"one grey, {one.picture.mean():.4g}, on {100 * one.flat_share:.0f} % of it"
            yield SectionFinding(z, Verdict.BLANK, evidence)
        elif one.structure < NOISE_ALONE:
            yield SectionFinding(z, Verdict.BLANK, "nothing but noise")
        elif one.contrast < BLANK * median[z]:
            share = one.contrast / median[z]
            yield SectionFinding(z, Verdict.BLANK, f"contrast is {100 * share:.0f} % of the neighbours'")
        elif masks.lacks_all(z, EMPTY):
            yield SectionFinding(z, Verdict.BLANK, "one grey, or noise, wherever the neighbours have tissue")


def find_odd_greys(measures: Sequence[SectionMeasure], usable: Usable) -> Iterator[SectionFinding]:
    """Yield sections that are pale, out of focus or noisy; those that are not `usable` are neither judged nor asked."""
    contrast = np.array([one.contrast for one in measures])
    fine = np.array([one.detail[0] for one in measures])
    middle = np.array([one.detail[1] for one in measures])
    pale = _out_of_usual(contrast, usable, PALE)
    blurred = _out_of_usual(middle, usable, BLURRED)
    noisy = _out_of_usual(fine, usable & ~np.isfinite(blurred), NOISY)
    noisy[np.isfinite(blurred)] = np.nan
    for z in range(len(measures)):
        if np.isfinite(pale[z]) and not np.isfinite(blurred[z]):
            yield SectionFinding(z, Verdict.PALE, f"contrast is {100 * pale[z]:.0f} % of the neighbours'")
        if np.isfinite(blurred[z]):
            yield SectionFinding(z, Verdict.OUT_OF_FOCUS, f"detail is {100 * blurred[z]:.0f} % of the neighbours'")
        if np.isfinite(noisy[z]):
            yield SectionFinding(z, Verdict.NOISY, f"the finest detail is {noisy[z]:.1f} times the neighbours'")


def _out_of_usual(values: NDArray[np.float64], usable: Usable, limit: float) -> NDArray[np.float64]:
    """Return the share of the neighbours' median for sections beyond the limit (below 1, or above), else NaN.

    Strategy: those beyond it are found twice, the second time without the first ones among the neighbours.
    """
    logs = np.log(np.maximum(values, 1e-12))
    side = 1.0 if limit > 1 else -1.0
    fit = usable.copy()
    beyond = np.zeros(len(values), bool)
    for _ in range(2):
        median, spread = typical(logs, fit)
        away = side * (logs - median)
        with np.errstate(invalid="ignore"):
            beyond = usable & (away > np.maximum(abs(np.log(limit)), FAR * spread))
        fit = usable & ~beyond
    return np.where(beyond, np.exp(logs - median), np.nan)
