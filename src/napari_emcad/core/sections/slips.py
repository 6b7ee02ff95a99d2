"""Slips: sections that lie beside the place where the stack goes on; jumps, single sections and drift told apart."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.progress import Steps, each
from napari_emcad.core.sections.likeness import CLEARLY, Likeness
from napari_emcad.core.sections.neighbours import typical
from napari_emcad.core.sections.order import Chain
from napari_emcad.core.sections.report import SectionFinding, Slip, SlipKind, Verdict
from napari_emcad.core.sections.ruler import Ruler

LEAST_PIXELS, LEAST_REDUCED = 6.0, 1.3
"""Pixels of the section, and of its reduced picture, below which a shift is no slip."""

FEW, LEAST_OF_FEW, FAR_OF_FEW = 10, 7.5, 3.0
"""Links below which spreads say little; the least pixels of a slip then, and in median lengths of the links."""

FEWER, LEAST_OF_FEWER = 4, 12.0
"""Links up to which one shifted section spoils the median, too; the least pixels of a slip below that."""

FAR = 5.0
"""Spreads of the shifts around from which a shift is a slip."""

BACK, REST = 0.84, 0.6
"""A section that comes back is seen twice: the share of that distance that is enough, and the rest that may stay."""

AGREED, AGREEABLE = 5.0, 1.2
"""Reduced pixels on y and on x within which two unclear shifts agree, and their likeness in that of strangers."""

RUN = 10
"""Sections over which a drift must last."""

DRIFT_PIXELS, DRIFT_REDUCED = 2.5, 0.4
"""The same of drift, from section to section."""

DRIFT_CLEAR = 3.5
"""Standard errors from which a drift is more than chance."""


class Links(NamedTuple):
    """Steps along the chain, n of them; each to a good section from the one before.

    Attributes
    ----------
    shifts : (n, 2) float
        Pixels on y, x.
    confidence : (n,) float
        As in `SectionMatch`.
    measured : (n,) bool
        True where the sections are alike at that shift.
    broken : (n,) bool
        True where the stack does not go on.
    steps : (n,) int
        Side in pixels of what the shift was measured in.
    """

    shifts: NDArray[np.float64]
    confidence: NDArray[np.float64]
    measured: NDArray[np.bool_]
    broken: NDArray[np.bool_]
    steps: NDArray[np.int64]


def find_slips(likeness: Likeness, chain: Chain, ruler: Ruler) -> Steps[list[SectionFinding]]:
    """Return the slips along the chain."""
    if len(chain.good) < 2:
        return []
    links = yield from _find_links(likeness, chain, ruler)
    return list(_slips_of(links, likeness, chain))


def _slips_of(links: Links, likeness: Likeness, chain: Chain) -> Iterator[SectionFinding]:
    """Yield the slips that links tell of."""
    away, least = _beside(links.shifts, ~links.measured, np.abs(np.diff(chain.good)), links.steps)
    odd = np.hypot(*away.T) > least
    n = 0
    while n < len(odd):
        z, confidence = chain.good[n + 1], float(links.confidence[n])
        if links.broken[n]:
            alike = likeness.matcher.match(chain.good[n], z).likeness
            evidence = f"correlation {alike:.2f} with section {chain.good[n]}, at any shift"
            yield SectionFinding(z, Verdict.SLIPPED, evidence, Slip(SlipKind.BREAK, (0, 0), confidence))
        elif _comes_back(away, least, n):
            yield _finding(z, (away[n] - away[n + 1]) / 2, SlipKind.SINGLE, confidence)
            odd[n : n + 2] = True
            n += 1
        elif odd[n] and n == 0 and len(odd) > 1:
            yield _finding(chain.good[0], -away[n], SlipKind.SINGLE, confidence)
        elif odd[n]:
            last = n == len(odd) - 1 and len(odd) > 1
            yield _finding(z, away[n], SlipKind.SINGLE if last else SlipKind.JUMP, confidence)
        n += 1
    yield from _find_drift(chain, links.shifts, links.confidence, odd | ~links.measured, int(np.median(links.steps)))


def _find_links(likeness: Likeness, chain: Chain, ruler: Ruler) -> Steps[Links]:
    """Measure the steps along the chain; where a step is not clear, pairs of sections across it may still agree."""
    pairs = list(pairwise(chain.good))
    matches = yield from each(likeness.matcher.match(a, b) for a, b in pairs)
    measured = np.array([likeness.can_measure(a, b) for a, b in pairs])
    breaks = set(chain.breaks)
    broken = np.array([b in breaks for _, b in pairs]) & ~measured
    for n in np.flatnonzero(~measured):
        if _others_agree(likeness, chain.good, int(n)):
            measured[n], broken[n] = True, False
        yield
    found = yield from each(ruler.measure(a, b, match) for (a, b), match in zip(pairs, matches, strict=True))
    shifts, steps = np.array([shift for shift, _ in found]), np.array([step for _, step in found])
    return Links(shifts, np.array([match.confidence for match in matches]), measured, broken, steps)


def _others_agree(likeness: Likeness, good: Sequence[int], n: int) -> bool:
    """Return True if a pair of sections farther apart tells the same shift of link n."""
    match = likeness.matcher.match
    direct = match(good[n], good[n + 1])
    if direct.likeness < max(AGREEABLE * likeness.anywhere.strangers, CLEARLY * direct.in_place):
        return False
    shift = np.array(direct.shift)
    others = []
    if n > 0 and likeness.can_measure(good[n - 1], good[n]):
        others.append((good[n - 1], good[n + 1], match(good[n - 1], good[n])))
    if n + 2 < len(good) and likeness.can_measure(good[n + 1], good[n + 2]):
        others.append((good[n], good[n + 2], match(good[n + 1], good[n + 2])))
    return any(
        np.abs(np.array(match(first, second).shift) - known.shift - shift).max() <= AGREED
        for first, second, known in others
    )


def _beside(
    shifts: NDArray[np.float64], broken: NDArray[np.bool_], gaps: NDArray[np.int64], steps: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far each link (n, y x) lies from the usual shift around it, and how far is too far (n).

    Across gaps, more is usual: neurites run aslant.
    """
    if len(shifts) < FEW:
        away, least = shifts.copy(), np.maximum(_least_of_few(shifts, broken), LEAST_REDUCED * steps)
    else:
        median, spread = (np.stack(both, axis=1) for both in zip(*(typical(s, ~broken) for s in shifts.T), strict=True))
        away = shifts - median
        least = np.maximum(LEAST_PIXELS, LEAST_REDUCED * steps)
        least = np.maximum(least, FAR * np.sqrt(np.square(spread).mean(axis=1)))
    away[broken] = 0
    return away, least * gaps


def _least_of_few(shifts: NDArray[np.float64], broken: NDArray[np.bool_]) -> float:
    """Return the pixels from which one of few links is a slip."""
    lengths = np.sort(np.hypot(*shifts[~broken].T))
    if len(lengths) > FEWER:
        return max(LEAST_OF_FEW, FAR_OF_FEW * float(np.median(lengths)))
    if len(lengths) < FEWER - 1:
        return LEAST_OF_FEWER
    least = LEAST_OF_FEW if len(lengths) == FEWER else LEAST_OF_FEWER
    return max(least, FAR_OF_FEW * float(lengths[len(lengths) // 2 - 1]))  # the longest of those not spoiled


def _comes_back(away: NDArray[np.float64], least: NDArray[np.float64], n: int) -> bool:
    """True if the section after link n lies beside those around it, which go on from each other."""
    if n + 1 >= len(away):
        return False
    beside = np.hypot(*(away[n] - away[n + 1])) / 2
    rest = np.hypot(*(away[n] + away[n + 1]))
    return bool(beside > BACK * max(least[n : n + 2]) and rest < REST * beside)


def _finding(z: int, shift: NDArray[np.float64], kind: SlipKind, confidence: float) -> SectionFinding:
    y, x = (round(float(n)) for n in shift)
    slip = Slip(kind, (y, x), confidence)
    place = "against the sections around it" if kind is SlipKind.SINGLE else "with all that follow"
    evidence = f"{y:+d}, {x:+d} px on y, x {place}; peak {confidence:.0f} times the noise"
    return SectionFinding(z, Verdict.SLIPPED, evidence, slip)


def _find_drift(
    chain: Chain, shifts: NDArray[np.float64], confidence: NDArray[np.float64], odd: NDArray[np.bool_], step: int
) -> Iterator[SectionFinding]:
    """Yield stretches in which each section lies a little further on in the same direction."""
    drifting = np.zeros(len(shifts), bool)
    calm = np.where(odd[:, None], np.nan, shifts)
    for n in range(len(shifts) - RUN + 1):
        run = calm[n : n + RUN]
        run = run[np.isfinite(run[:, 0])]
        if len(run) < RUN - 2:
            continue
        mean, error = run.mean(axis=0), np.hypot(*run.std(axis=0)) / np.sqrt(len(run))
        drifting[n : n + RUN] |= np.hypot(*mean) > max(DRIFT_PIXELS, DRIFT_REDUCED * step, DRIFT_CLEAR * error)
    edges = np.flatnonzero(np.diff(np.r_[0, drifting, 0]))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        start, stop = _trim(calm, start, stop)
        total = np.nansum(calm[start:stop], axis=0)
        y, x = (round(float(n)) for n in total)
        first, last = chain.good[start], chain.good[stop]
        evidence = f"{y:+d}, {x:+d} px on y, x in {last - first} sections"
        slip = Slip(SlipKind.DRIFT, (y, x), float(np.median(confidence[start:stop])))
        yield SectionFinding(first, Verdict.SLIPPED, evidence, slip, last=last)


def _trim(calm: NDArray[np.float64], start: int, stop: int) -> tuple[int, int]:
    """Return a stretch without the links at its ends that go less than half as far its way as the others."""
    mean = np.nanmean(calm[start:stop], axis=0)
    goes = np.nan_to_num(calm[start:stop] @ mean) > 0.5 * mean @ mean
    inside = np.flatnonzero(goes)
    return start + int(inside[0]), start + int(inside[-1]) + 1
