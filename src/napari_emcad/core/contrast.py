"""Contrast of EM stacks: membranes are darker than what they enclose, unless the picture is inverted."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_emcad.core.stack_kind import spread_sections
from napari_emcad.core.volume import Volume

SAMPLED_SIDE = 512
"""Side in pixels of the square in the middle of a section that is looked at."""

LINE_SIGMAS, STRONGEST = (1.0, 2.0), 95.0
"""Pixels of the Gaussians that lines are looked for with, and the percentile of their strength that is compared."""

SKEW_SIGMA, SKEW_WEIGHT = 1.5, 0.15
"""Smoothing in pixels before the skewness of the grey levels is taken, and its weight beside that of lines."""

INVERTED = -0.1
"""Darkness of membranes from which on a stack counts as inverted: docs/decisions/0018-grey-levels.md."""


def membrane_darkness(volume: Volume) -> float:
    """Return how much darker membranes are than what they enclose: above 0 in EM stacks, below in inverted ones.

    An inverted volume has exactly the negative. It is the median over a few sections; those of one grey level are left
    out, and without any other it is 0.

    Parameters
    ----------
    volume : Volume
        Grey values (z, y, x) of any real dtype; the middles of a few sections are read.
    """
    y, x = (slice(max(0, (n - SAMPLED_SIDE) // 2), (n + SAMPLED_SIDE) // 2) for n in volume.shape[1:])
    all_found = (_of_section(np.asarray(volume[z, y, x], np.float64)) for z in spread_sections(volume))
    found = [darkness for darkness in all_found if darkness is not None]
    return float(np.median(found)) if found else 0.0


def _of_section(section: NDArray[np.float64]) -> float | None:
    """Return the darkness of membranes in a section (y, x); None if it has one grey level, or NaN.

    Strategy: two signs are added, each of which changes with the contrast. Across a dark line grey levels curve
    upwards, across a bright one downwards: the logarithm of how much stronger the former are, at two scales. And the
    histogram has its tail at the side of the membranes.
    """
    if not np.isfinite(section).all() or section.min() == section.max() or min(section.shape) < 2:
        return None
    smooth = ndimage.gaussian_filter(section, SKEW_SIGMA)
    away = smooth - smooth.mean()
    skewness = np.mean(away**3) / max(np.mean(away**2) ** 1.5, np.finfo(float).tiny)
    return float(sum(_lines(section, sigma) for sigma in LINE_SIGMAS) - SKEW_WEIGHT * skewness)


def _lines(section: NDArray[np.float64], sigma: float) -> float:
    """Return log2 of how much stronger dark lines are than bright ones; 0 if there are none of either."""
    dy, dx = np.gradient(ndimage.gaussian_filter(section, sigma))
    (yy, yx), xx = np.gradient(dy), np.gradient(dx, axis=1)
    middle, away = (
        (yy + xx) / 2,
        np.hypot((yy - xx) / 2, yx),
    )  # eigenvalues of the Hessian: middle - away, middle + away
    dark, bright = np.percentile(middle + away, STRONGEST), np.percentile(away - middle, STRONGEST)
    return float(np.log2(dark / bright)) if min(dark, bright) > 0 else 0.0
