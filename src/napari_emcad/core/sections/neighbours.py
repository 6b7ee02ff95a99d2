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
    length = len(values)
    starts = np.clip(np.arange(length) - reach, 0, max(0, length - 2 * reach - 1))
    near = starts[:, None] + np.arange(min(length, 2 * reach + 1))
    chosen = np.where(serves[near] & (near != np.arange(length)[:, None]), values[near], np.nan)
    median = _medians(chosen)
    spread = NORMAL * _medians(np.abs(chosen - median[:, None]))
    for n in np.flatnonzero(np.isnan(median)):
        others = np.delete(values, n)[np.delete(serves, n)]
        if len(others):
            median[n] = np.median(others)
            spread[n] = NORMAL * np.median(np.abs(others - median[n]))
    return median, spread


def _medians(rows: Floats) -> Floats:
    """Return the median of each row (n, k) without its NaN; NaN where there is nothing else."""
    counts, last = np.isfinite(rows).sum(axis=1), rows.shape[1] - 1
    ordered = np.sort(rows, axis=1)  # NaN last
    middle = np.stack([(counts - 1) // 2, counts // 2], axis=1).clip(0, last)
    return np.asarray(np.take_along_axis(ordered, middle, axis=1).mean(axis=1))
