"""Statistics of a section's neighbours that a few bad ones do not spoil."""

import numpy as np
from numpy.typing import NDArray

REACH = 12
"""Neighbours on each side that a section is judged against."""

NORMAL = 1.4826
"""Standard deviations of a normal distribution in one median absolute deviation."""

Floats = NDArray[np.float64]


def typical(values: Floats, fit: NDArray[np.bool_] | None = None, reach: int = REACH) -> tuple[Floats, Floats]:
    """Return median and spread of each value's neighbours, without the value itself.

    Parameters
    ----------
    values : (n,) float
    fit : (n,) bool, optional
        True for values that may serve as neighbours; NaN never does.
    reach : int
        Neighbours on each side; at the ends as many more on the other.

    Returns
    -------
    median, spread : (n,) float
        Spread is the median absolute deviation in standard deviations of a normal distribution. NaN where there is no
        neighbour.
    """
    serves = np.isfinite(values) if fit is None else np.isfinite(values) & fit
    median, spread = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for n in range(len(values)):
        near = _window(n, len(values), reach)
        chosen = near[serves[near] & (near != n)]
        if not len(chosen):
            chosen = np.flatnonzero(serves)
            chosen = chosen[chosen != n]
        if len(chosen):
            median[n] = np.median(values[chosen])
            spread[n] = NORMAL * np.median(np.abs(values[chosen] - median[n]))
    return median, spread


def _window(n: int, length: int, reach: int) -> NDArray[np.int64]:
    start = max(0, min(n - reach, length - 2 * reach - 1))
    return np.arange(start, min(length, start + 2 * reach + 1))
