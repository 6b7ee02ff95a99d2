"""The figures behind the curves of a training run: lines over steps, axes, ticks, and a running mean."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_emcad.finetuning.record import LOSSES, Record

SMOOTHING = 0.1
"""Share of the steps shown over which a loss is averaged: single steps see other parts of the crops."""

TICKS = 4
"""Ticks on the vertical axis, about."""


@dataclass(frozen=True)
class Series:
    """A line of a chart.

    Attributes
    ----------
    points : (n, 2) float
        Step and value.
    is_noisy : bool
        True if its running mean lies over it.
    with_dots : bool
    """

    name: str
    points: NDArray[np.float64]
    is_noisy: bool = False
    with_dots: bool = False


@dataclass(frozen=True)
class ChartAxis:
    """A side of a chart: what it spans, and its ticks."""

    low: float
    high: float
    ticks: list[float] = field(default_factory=list)

    @classmethod
    def across(cls, series: Sequence[Series]) -> Self:
        """Return the axis of steps, from 0 to the last one."""
        last = max(1.0, _all_points(series)[:, 0].max())
        return cls(0.0, float(last), [0.0, float(last)])

    @classmethod
    def upwards(cls, series: Sequence[Series]) -> Self:
        """Return the axis of values, from 0 to a round number above the largest."""
        most = float(_all_points(series)[:, 1].max())
        marks = ticks(0.0, most if most > 0 else 1.0)
        return cls(0.0, max(marks[-1], most), marks)

    def at(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the places of values along the side, 0 to 1."""
        return np.asarray((values - self.low) / (self.high - self.low), np.float64)


def loss_series(record: Record) -> list[Series]:
    """Return the losses of a run, as far as it has come."""
    return [Series(name, _points(record.losses[name]), is_noisy=True) for name in LOSSES if name in record.losses]


def score_series(record: Record) -> list[Series]:
    """Return the VOI of a run on its held-out crops, as far as it has come."""
    scores = sorted(record.scores.values(), key=lambda score: score.step)
    return [Series("VOI", _points([(s.step, s.voi) for s in scores]), with_dots=True)] if scores else []


def values_at(series: Sequence[Series], step: float) -> dict[str, tuple[int, float]]:
    """Return name -> the point of each line that is nearest to a step."""
    nearest = {s.name: s.points[np.argmin(np.abs(s.points[:, 0] - step))] for s in series if len(s.points)}
    return {name: (int(at), float(value)) for name, (at, value) in nearest.items()}


def ticks(low: float, high: float, about: int = TICKS) -> list[float]:
    """Return round numbers from `low` to `high` or just above: 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / about
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * 0.999)
    return [float(f"{low + i * step:.10g}") for i in range(int(np.ceil((high - low) / step - 1e-9)) + 1)]


def smooth(values: NDArray[np.float64], share: float = SMOOTHING) -> NDArray[np.float64]:
    """Return the mean of each value and those before it, over a share of them all, (n,)."""
    # Strategy: differences of the cumulated sum give the sums of all windows at once.
    width = max(1, round(share * len(values)))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    stop = np.arange(1, len(values) + 1)
    start = np.maximum(0, stop - width)
    return (sums[stop] - sums[start]) / (stop - start)


def _points(pairs: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    return np.array(pairs, np.float64).reshape(-1, 2)


def _all_points(series: Sequence[Series]) -> NDArray[np.float64]:
    """Return the points of all lines, (n, 2); one at (1, 1) if there are none."""
    return np.concatenate([s.points for s in series if len(s.points)] or [_points([(1.0, 1.0)])])
