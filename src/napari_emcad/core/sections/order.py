"""Sections that are copies, out of order, turned or from elsewhere; the others go on from each other in a chain."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from napari_emcad.core.progress import Steps, each
from napari_emcad.core.sections.likeness import Likeness
from napari_emcad.core.sections.report import SectionFinding, Verdict

COPY = 0.99
"""Likeness from which a section may be a copy."""

COPY_REST = 0.1
"""Rest of the likeness to 1, as a share of the usual rest, below which it is one."""

BRIDGE = 4
"""The farthest section that is tried when the next one does not go on."""


@dataclass
class Chain:
    """Sections that go on from each other.

    Attributes
    ----------
    good : list of int
        In the order of the tissue: those that are swapped, too.
    breaks : list of int
        Those of them that do not go on from the one before.
    findings : list of SectionFinding
        The sections that are copies, swapped or wrong.
    """

    good: list[int]
    breaks: list[int] = field(default_factory=list)
    findings: list[SectionFinding] = field(default_factory=list)


def find_chain(likeness: Likeness) -> Steps[Chain]:
    """Find copies, swapped and wrong sections, and the chain of the others."""
    sections = list(likeness.sections)
    chain = Chain(sections)
    if len(sections) < 2 or not likeness.clear:
        return chain
    chain.findings += _find_copies(likeness, sections)
    sections = _without(sections, chain.findings)
    swapped = _find_swapped(likeness, sections)
    chain.findings += swapped
    sections = _in_order(sections, swapped)
    chain.good, chain.breaks = yield from _walk(likeness, sections)
    good = set(chain.good)
    wrong = [z for z in _without(sections, swapped) if z not in good]
    chain.findings += yield from each(_explain(likeness, chain.good, z) for z in wrong)
    return chain


def _without(sections: Sequence[int], findings: Sequence[SectionFinding]) -> list[int]:
    found = {one.z for one in findings}
    return [z for z in sections if z not in found]


def _in_order(sections: Sequence[int], swapped: Sequence[SectionFinding]) -> list[int]:
    """Return the sections with those that are swapped in each other's place."""
    found = [one.z for one in swapped]
    places = {z: other for a, b in zip(found[::2], found[1::2], strict=True) for z, other in ((a, b), (b, a))}
    return [places.get(z, z) for z in sections]


def _find_copies(likeness: Likeness, sections: Sequence[int]) -> list[SectionFinding]:
    """Return the later section of each pair of copies, or the earlier one if that is where the stack jumps."""
    found = []
    for n, (a, b) in enumerate(pairwise(sections)):
        alike = likeness.matcher.match(a, b).likeness
        if alike < COPY or 1 - alike > COPY_REST * (1 - likeness.near):
            continue
        before = likeness.matcher.match(sections[n - 1], a).likeness if n else 1.0
        after = likeness.matcher.match(b, sections[n + 2]).likeness if n + 2 < len(sections) else 0.0
        copy, of = (a, b) if after - before > 0.5 * (likeness.near - likeness.apart) else (b, a)
        evidence = f"correlation {alike:.3f} with section {of}; usual is {likeness.near:.2f}"
        found.append(SectionFinding(copy, Verdict.DUPLICATE, evidence, cause=f"of {of}"))
    return found


def _find_swapped(likeness: Likeness, sections: Sequence[int]) -> list[SectionFinding]:
    """Return neighbours that lie in each other's place.

    Strategy: if b and c of a, b, c, d are swapped, c is more like a than b is, and b is more like d than c is. At the
    ends of the stack only one of the two is seen, and has to be clearer.
    """
    found: list[SectionFinding] = []
    usual = likeness.near - likeness.apart
    n = 0
    while n + 1 < len(sections):
        gains = _gains(likeness, sections, n)
        least = 0.4 * usual if len(gains) == 2 else 0.6 * usual
        b, c = sections[n], sections[n + 1]
        if gains and usual > 0 and min(gains) > 0 and np.mean(gains) > least and likeness.alike(b, c):
            evidence = f"correlation with the neighbours grows by {np.mean(gains):.2f} if they change places"
            found += [
                SectionFinding(z, Verdict.WRONG, evidence, cause=f"swapped with {o}") for z, o in ((b, c), (c, b))
            ]
            n += 1
        n += 1
    return found


def _gains(likeness: Likeness, sections: Sequence[int], n: int) -> list[float]:
    """Return how much more alike the neighbours of sections n and n + 1 would be if these changed places."""
    b, c, match = sections[n], sections[n + 1], likeness.matcher.match
    gains = []
    if n > 0:
        gains.append(match(sections[n - 1], c).likeness - match(sections[n - 1], b).likeness)
    if n + 2 < len(sections):
        gains.append(match(b, sections[n + 2]).likeness - match(c, sections[n + 2]).likeness)
    return gains


def _walk(likeness: Likeness, sections: Sequence[int]) -> Steps[tuple[list[int], list[int]]]:
    """Return the sections that go on from each other, and those where the stack breaks.

    Strategy: start in the longest run of sections that are all alike, and go from there to both ends. A section that
    does not go on is left out if one soon after it does.
    """
    start, stop = _longest_run(likeness, sections)
    if stop - start < 2:
        return list(sections), []
    after, breaks = yield from _go_on(likeness, sections[start:])
    before, breaks_before = yield from _go_on(likeness, sections[start::-1])
    good = [*before[:0:-1], *after]
    later = [good[good.index(z) + 1] for z in breaks_before]
    return _without_islands(good, sorted([*later, *breaks]))


def _without_islands(good: Sequence[int], breaks: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return sections and breaks without few sections between two breaks: these are wrong, and no part of a stack."""
    kept, still = list(good), list[int]()
    for z in breaks:
        start = kept.index(still[-1]) if still else 0
        if still and kept.index(z) - start < BRIDGE:
            del kept[start : kept.index(z)]
            still.pop()
        else:
            still.append(z)
    return kept, still


def _longest_run(likeness: Likeness, sections: Sequence[int]) -> tuple[int, int]:
    best, start = (0, 0), 0
    for n in range(1, len(sections) + 1):
        if n == len(sections) or not likeness.alike(sections[n - 1], sections[n]):
            best = max(best, (start, n), key=lambda run: run[1] - run[0])
            start = n
    return best


def _go_on(likeness: Likeness, sections: Sequence[int]) -> Steps[tuple[list[int], list[int]]]:
    """Return the sections that go on from the first, in the order given, and those where the stack breaks."""
    good, breaks, n = [sections[0]], list[int](), 0
    while n + 1 < len(sections):
        following = _following(likeness, sections, n)
        if following is None:
            links = range(n + 1, len(sections) - 1)  # the stack breaks before the next two that are alike
            following = next((m for m in links if likeness.alike(sections[m], sections[m + 1])), None)
            if following is None and n + 2 == len(sections) and not likeness.strange(sections[n], sections[-1]):
                following = n + 1
            if following is None:
                break
            if likeness.strange(sections[n], sections[following]):
                breaks.append(sections[following])
        n = following
        good.append(sections[n])
        yield
    return good, breaks


def _following(likeness: Likeness, sections: Sequence[int], n: int) -> int | None:
    """Return the place of the section that goes on from the n-th; None if none soon after it does.

    Strategy: a section that does not go on, but from which the next ones do, is no stranger: the tissue changed much
    before it.
    """
    near = range(n + 1, min(n + 1 + BRIDGE, len(sections)))
    clear = [m for m in near if likeness.can_tell(sections[n], sections[m])]
    if n + 1 not in clear:
        return n + 1
    following = next((m for m in clear if likeness.alike(sections[n], sections[m])), None)
    if following is not None and following > n + 1 and likeness.alike(sections[n + 1], sections[following]):
        return n + 1
    return following


def _explain(likeness: Likeness, good: Sequence[int], z: int) -> SectionFinding:
    """Return why a section does not belong where it is."""
    nearest = sorted(good, key=lambda other: abs(other - z))[:2]
    alike = max((likeness.matcher.match(other, z).likeness for other in nearest), default=0.0)
    named = [likeness.turned(other, z) for other in nearest]
    cause, best = max(named, key=lambda one: one[1].likeness, default=("", None))
    if best is None or best.likeness < max(likeness.anywhere.least(2), 1.3 * alike):
        evidence = f"correlation {alike:.2f} with the neighbours; usual is {likeness.near:.2f}"
        return SectionFinding(z, Verdict.WRONG, evidence, cause="foreign")
    evidence = f"correlation with the neighbours is {best.likeness:.2f} so, {alike:.2f} as it lies"
    return SectionFinding(z, Verdict.WRONG, evidence, cause=cause)
