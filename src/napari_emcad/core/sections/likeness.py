"""Likeness of the sections of a stack: what is usual at a distance, and where strangers begin."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from napari_emcad.core.sections.shifts import SectionMatch, SectionMatcher, Turn

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

FARTHEST = 4
"""Sections up to which usual likeness is known."""

FEW = 6
"""Links below which the best one is taken for usual, since a bad section spoils two of them."""


class Likeness:
    """Likenesses that are usual in a stack.

    Parameters
    ----------
    matcher : SectionMatcher
    sections : sequence of int
        Sections that show something, in order.
    """

    def __init__(self, matcher: SectionMatcher, sections: Sequence[int]):
        self.matcher, self.sections = matcher, sections
        near, next_but_one = self._at(1, 1), self._at(2, 1)
        self.strangers = self._find_strangers()
        usual = [float(np.median(near)) if near else 0.0]
        usual.append(float(np.median(next_but_one)) if next_but_one else usual[0])
        if len(near) < FEW:
            usual = [max([usual[0], *near, *next_but_one]), max([usual[1], *next_but_one])]
        for distance in range(3, FARTHEST + 1):
            found = self._at(distance, -(-(len(sections) - distance) // STRANGERS) or 1)
            usual.append(min(usual[-1], float(np.median(found)) if found else self.strangers))
        self._usual = usual

    @property
    def near(self) -> float:
        """The likeness that is usual between neighbours."""
        return self._usual[0]

    @property
    def apart(self) -> float:
        """The likeness that is usual between a section and the next but one."""
        return self._usual[1]

    @property
    def clear(self) -> bool:
        """True if neighbours are so much more alike than strangers that order can be judged."""
        return self.near > APART * self.strangers

    def usual(self, distance: int) -> float:
        """Return the likeness that is usual at so many sections' distance."""
        return self._usual[distance - 1] if distance <= FARTHEST else self.strangers

    def can_tell(self, first: int, second: int) -> bool:
        """True if sections so far apart are usually clearly more alike than strangers."""
        return self.usual(abs(second - first)) > TELLING * self.strangers

    def alike(self, first: int, second: int) -> bool:
        """True if the second section can go on from the first."""
        return self.matcher.match(first, second).likeness >= self.least(abs(second - first))

    def least(self, distance: int) -> float:
        """Return the likeness from which two sections so far apart are alike."""
        return self.strangers + SHARE * max(0.0, self.usual(distance) - self.strangers)

    def turned(self, first: int, second: int) -> tuple[str, SectionMatch]:
        """Return the way the second section lies best on the first, and how well; not as it is."""
        found = [(name, self.matcher.match(first, second, turn, name)) for name, turn in TURNS.items()]
        return max(found, key=lambda one: one[1].likeness)

    def _at(self, distance: int, every: int) -> list[float]:
        """Return the likenesses of sections so many places apart."""
        pairs = list(zip(self.sections, self.sections[distance:], strict=False))[::every]
        return [self.matcher.match(a, b).likeness for a, b in pairs]

    def _find_strangers(self) -> float:
        """Return the likeness that hardly any mirrored section reaches."""
        every = -(-(len(self.sections) - 1) // STRANGERS) or 1
        pairs = list(pairwise(self.sections))[::every]
        names = "mirrored left to right", "mirrored top to bottom"
        found = [self.matcher.match(a, b, TURNS[name], name).likeness for a, b in pairs for name in names]
        return float(np.median(found)) if found else 0.0
