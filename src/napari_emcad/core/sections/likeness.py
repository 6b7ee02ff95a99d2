"""Likeness of the sections of a stack: what is usual at a distance, and where strangers begin."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from napari_emcad.core.progress import Steps, each
from napari_emcad.core.sections.measures import SectionMeasure
from napari_emcad.core.sections.shifts import PLACE, SectionMatch, SectionMatcher, Turn

TURNS: dict[str, Turn] = {
    "mirrored left to right": lambda picture: picture[:, ::-1],
    "mirrored top to bottom": lambda picture: picture[::-1],
    "turned by 180 degrees": lambda picture: picture[::-1, ::-1],
    "turned by 90 degrees": lambda picture: np.rot90(picture),
    "turned by 270 degrees": lambda picture: np.rot90(picture, 3),
    "mirrored and turned by 90 degrees": lambda picture: picture.T,
    "mirrored and turned by 270 degrees": lambda picture: picture[::-1, ::-1].T,
}
"""Ways a section may lie, seen from the way it should."""

STRANGERS = 12
"""Sections that are mirrored to learn how alike strangers are."""

APART = 3.5
"""Likeness of neighbours, in likenesses of strangers, from which the order of sections is judged at all."""

SHARE = 0.35
"""The place where two sections stop to be alike, between strangers (0) and what is usual at their distance (1)."""

TELLING = 1.8
"""The same at a distance, from which sections so far apart can be told from strangers."""

HARDLY_ANY = 90
"""Percentile of the strangers that is taken for their likeness in place, where most have none."""

OVER_MEDIAN = 1.45
"""The same in medians, for few sections: if one of them is mirrored, some of the strangers are none."""

STRANGE = 1.5
"""Likeness in place, in that of strangers, below which nothing speaks for two sections going on from each other."""

WEAK, CLEARLY = 0.5, 1.5
"""Likeness at a shift, in that of neighbours, below which it must be so many times that in place to be believed."""

RESIN = 0.04
"""Contrast, as a share of the mean grey, below which sections that are all strangers hold nothing but resin."""

FEWEST_OF_RESIN = 4
"""Sections that it takes to say so."""

FARTHEST = 4
"""Sections up to which usual likeness is known."""

FEW = 6
"""Links below which the best one is taken for usual, since a bad section spoils two of them."""


@dataclass(frozen=True)
class Scale:
    """Likenesses that are usual in a stack, of one kind: at the best of all shifts, or in place.

    Attributes
    ----------
    strangers : float
        Likeness of sections that have nothing to do with each other.
    by_distance : tuple of float
        Likeness of sections 1, 2, ... `FARTHEST` places apart.
    """

    strangers: float
    by_distance: tuple[float, ...]

    def usual(self, distance: int) -> float:
        """Return the likeness that is usual at so many sections' distance."""
        return self.by_distance[distance - 1] if distance <= FARTHEST else self.strangers

    def tells(self, distance: int) -> bool:
        """True if sections so far apart are usually clearly more alike than strangers."""
        return self.usual(distance) > TELLING * self.strangers

    def least(self, distance: int) -> float:
        """Return the likeness from which two sections so far apart are alike."""
        return self.strangers + SHARE * max(0.0, self.usual(distance) - self.strangers)


def learn_likeness(matcher: SectionMatcher, sections: Sequence[int]) -> Steps["Likeness"]:
    """Return the likenesses that are usual among some sections of a stack, in order; they are compared step by step."""
    yield from each(matcher.match(a, b) for a, b in _near_pairs(sections))
    return Likeness(matcher, sections)


def _near_pairs(sections: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield each section with the one before that, and the one before: in one sweep, while its spectrum is kept."""
    for n, z in enumerate(sections):
        yield from ((other, z) for other in sections[max(0, n - 2) : n])


class Likeness:
    """Likenesses that are usual in a stack.

    Parameters
    ----------
    matcher : SectionMatcher
    sections : sequence of int
        Sections that show something, in order.

    Attributes
    ----------
    anywhere, in_place : Scale
        Likenesses at the best of all shifts, and where sections lie as they should.
    """

    def __init__(self, matcher: SectionMatcher, sections: Sequence[int]):
        self.matcher, self.sections = matcher, sections
        self._few = len(sections) <= FEW
        strangers = self._strangers()
        anywhere = float(np.median([one.likeness for one in strangers])) if strangers else 0.0
        placed = [one.in_place for one in strangers] or [0.0]
        in_place = float(OVER_MEDIAN * np.median(placed) if self._few else np.percentile(placed, HARDLY_ANY))
        self.anywhere = self._scale(max(0.0, anywhere), lambda match: match.likeness)
        self.in_place = self._scale(max(0.0, in_place), lambda match: match.in_place)

    @property
    def near(self) -> float:
        """The likeness that is usual between neighbours."""
        return self.anywhere.usual(1)

    @property
    def apart(self) -> float:
        """The likeness that is usual between a section and the next but one."""
        return self.anywhere.usual(2)

    @property
    def clear(self) -> bool:
        """True if neighbours are so much more alike than strangers that order can be judged."""
        return any(one.usual(1) > APART * one.strangers for one in (self.anywhere, self.in_place))

    def nothing_but_resin(self, measures: Sequence[SectionMeasure]) -> bool:
        """True if there is hardly any contrast, and no section is more alike its neighbours than strangers are."""
        shown = [measures[z] for z in self.sections]
        faint = all(one.contrast < RESIN * abs(one.mean) for one in shown)
        unlike = self.in_place.usual(1) < STRANGE * self.in_place.strangers
        return len(shown) >= FEWEST_OF_RESIN and faint and unlike and not self.clear

    def can_tell(self, first: int, second: int) -> bool:
        """True if sections so far apart are usually clearly more alike than strangers, if they lie in place."""
        return any(one.tells(abs(second - first)) for one in (self.anywhere, self.in_place))

    def can_measure(self, first: int, second: int) -> bool:
        """True if two sections are so alike at the best of all shifts that this is the shift between them."""
        match, distance = self.matcher.match(first, second), abs(second - first)
        weak = match.likeness < WEAK * self.near and match.likeness < CLEARLY * match.in_place
        if weak and max(map(abs, match.shift)) > PLACE:
            return False
        return self.anywhere.tells(distance) and match.likeness >= self.anywhere.least(distance)

    def alike(self, first: int, second: int) -> bool:
        """True if the second section can go on from the first."""
        match, distance = self.matcher.match(first, second), abs(second - first)
        usual = self.in_place.least(distance) if self.in_place.tells(distance) else np.inf
        least = STRANGE * self.in_place.strangers if self._few else usual
        return match.in_place >= least or match.likeness >= self.anywhere.least(distance)

    def strange(self, first: int, second: int) -> bool:
        """True if nothing speaks for the second section going on from the first, though much usually would."""
        most, distance = STRANGE * self.in_place.strangers, abs(second - first)
        if self.alike(first, second) or self.in_place.usual(distance) < 2 * most:
            return False
        return self.matcher.match(first, second).in_place < most

    def turned(self, first: int, second: int) -> tuple[str, SectionMatch]:
        """Return the way the second section lies best on the first, and how well; not as it is."""
        found = [(name, self.matcher.match(first, second, turn, name)) for name, turn in TURNS.items()]
        return max(found, key=lambda one: one[1].likeness)

    def _at(self, distance: int, every: int) -> list[SectionMatch]:
        """Return the matches of sections so many places apart."""
        pairs = list(zip(self.sections, self.sections[distance:], strict=False))[::every]
        return [self.matcher.match(a, b) for a, b in pairs]

    def _strangers(self) -> list[SectionMatch]:
        """Return matches of sections with their mirrored neighbours, which have nothing to do with them."""
        every = -(-(len(self.sections) - 1) // STRANGERS) or 1
        pairs = list(pairwise(self.sections))[::every]
        names = "mirrored left to right", "mirrored top to bottom"
        return [self.matcher.match(a, b, TURNS[name], name) for a, b in pairs for name in names]

    def _scale(self, strangers: float, value: Callable[[SectionMatch], float]) -> Scale:
        def at(distance: int, every: int) -> list[float]:
            return [value(match) for match in self._at(distance, every)]

        near, next_but_one = at(1, 1), at(2, 1)
        usual = [float(np.median(near)) if near else 0.0]
        usual.append(float(np.median(next_but_one)) if next_but_one else usual[0])
        if self._few:
            usual = [max([usual[0], *near, *next_but_one]), max([usual[1], *next_but_one])]
        for distance in range(3, FARTHEST + 1):
            found = at(distance, -(-(len(self.sections) - distance) // STRANGERS) or 1)
            usual.append(min(usual[-1], float(np.median(found)) if found else strangers))
        return Scale(strangers, tuple(usual))
