"""Sayings of people about pairs of fragments: these are one neuron, those are two."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from napari_emcad.core.ids import FragmentId, Ids

SHARED = -1
"""The side of an edit that several sessions hold."""


class Saying(NamedTuple):
    """The other fragment of a pair, the session that spoke, and the seq of the edit that says so."""

    other: FragmentId
    side: int
    seq: int


class Sayings:
    """Pairs of fragments by either of them; what was said by an edit that is undone does not count.

    Parameters
    ----------
    is_in_force : callable
        Tells it of a seq.
    """

    def __init__(self, is_in_force: Callable[[int], bool]):
        self._said: dict[int, list[Saying]] = defaultdict(list)
        self._is_in_force = is_in_force

    def add(self, pairs: Iterable[tuple[int, int]], side: int, seq: int) -> None:
        """Note what an edit says about pairs of fragments."""
        for a, b in pairs:
            self._said[a].append(Saying(FragmentId(b), side, seq))
            self._said[b].append(Saying(FragmentId(a), side, seq))

    def of(self, fragment: int) -> Iterator[Saying]:
        """Yield what is said of a fragment and others."""
        return (one for one in self._said.get(fragment, ()) if self._is_in_force(one.seq))

    def across(self, one: Ids, other: Ids) -> Iterator[tuple[int, Saying]]:
        """Yield the fragment and the saying of each pair that has a fragment in either of two sets."""
        few, many = (one, other) if len(one) <= len(other) else (other, one)
        there: set[int] | None = None
        for fragment in few.tolist():
            if fragment in self._said:
                there = set(many.tolist()) if there is None else there
                yield from ((fragment, said) for said in self.of(fragment) if said.other in there)


def nearest_pairs(u: Ids, v: Ids) -> Iterator[tuple[int, int]]:
    """Yield pairs of fragments from the ends of edges."""
    yield from np.stack([u, v], axis=1).tolist()
