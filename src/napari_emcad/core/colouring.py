"""Colours of segments, of which two that touch never have the same."""

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

MOST_COLOURS = 32
"""The largest number of colours: those in use around a segment are bits of one word."""


def first_colours(segments: NDArray[np.integer], number: int) -> NDArray[np.uint8]:
    """Return a colour for each id, (k,) in 0..number - 1: scattered, and always the same for the same id."""
    return ((segments.astype(np.uint64) * np.uint64(2654435761) >> np.uint64(7)) % np.uint64(number)).astype(np.uint8)


def colour_apart(
    u: NDArray[np.integer],
    v: NDArray[np.integer],
    colours: NDArray[np.uint8],
    number: int,
) -> NDArray[np.uint8]:
    """Return colours in which no two segments that touch have the same; those that do not clash stay as they are.

    Strategy: of two that touch, the one that touches more keeps its colour and the other one gives way (greedy
    colouring by degree, Welsh and Powell 1967, in rounds: all that clash with a better one choose at once, and the
    next round looks for what clashes then). Neurons of a whole volume need about nine colours so.

    Parameters
    ----------
    u, v : (m,) integer
        Segments that touch, as places in `colours`; a pair may come more than once, a segment touches not itself.
    colours : (n,) uint8
        Present colours, 0..number - 1; not modified.
    number : int
        Colours that there are, at most `MOST_COLOURS`.

    Notes
    -----
    A segment keeps its colour if those before which it gives way use all that there are: `mend_colours` parts it from
    them.
    """
    rank = _rank_by_contacts(u, v, len(colours))
    is_first = rank[u] > rank[v]
    keeps, gives_way = np.where(is_first, u, v), np.where(is_first, v, u)
    order = np.argsort(gives_way, kind="stable")
    keeps, gives_way = keeps[order], gives_way[order]
    found, is_stuck = colours.copy(), np.zeros(len(colours), bool)
    while True:
        is_clash = (found[keeps] == found[gives_way]) & ~is_stuck[gives_way]
        if not is_clash.any():
            return found
        clashes = np.zeros(len(colours), bool)
        clashes[gives_way[is_clash]] = True
        mine = clashes[gives_way]
        segments, used = _colours_before(keeps[mine], gives_way[mine], found)
        chosen, is_free = _next_free(found[segments], used, number)
        is_stuck[segments[~is_free]] = True
        found[segments[is_free]] = chosen[is_free]


def mend_colours(
    alike: NDArray[np.integer],
    around: Callable[[int], NDArray[np.integer]],
    colours: NDArray[np.uint8],
    number: int,
    moves: NDArray[np.uint16],
    most: int,
) -> bool:
    """Part segments from those around them that have their colour; `colours` and `moves` are modified.

    Strategy: a segment takes the colour that costs least among those around it, and they give way in turn. Each has
    the cost of its own moves so far and one more, so that two that press each other look for room farther away (the
    breakout method, Morris 1993). It finds colours where each one has more neighbours than there are colours.

    Parameters
    ----------
    alike : (k,) integer
        Segments of which some touch one of their own colour.
    around : callable
        Returns the segments that touch one, each at least once.
    colours : (n,) uint8
        Colours, 0..number - 1.
    number : int
        Colours that there are.
    moves : (n,) uint16
        Cost of each segment to begin with: those that are to keep their colours have a high one.
    most : int
        Moves after which it gives up.

    Returns
    -------
    bool
        True if none of them touches one of its colour any more.
    """
    waiting = deque(alike.tolist())
    while waiting:
        segment = waiting.popleft()
        beside = around(segment)
        theirs, own = colours[beside], colours[segment]
        if not (theirs == own).any():
            continue
        if not most:
            return False
        most -= 1
        costs = np.bincount(theirs, moves[beside] + 1.0, number)
        costs[own] = np.inf
        chosen = int(np.lexsort((np.roll(np.arange(number), segment), costs))[0])
        colours[segment] = chosen
        moves[segment] += 1
        waiting.extend(beside[theirs == chosen].tolist())
    return True


def _rank_by_contacts(u: NDArray[np.integer], v: NDArray[np.integer], n: int) -> NDArray[np.int64]:
    contacts = np.bincount(u, minlength=n) + np.bincount(v, minlength=n)
    rank = np.empty(n, np.int64)
    rank[np.argsort(contacts, kind="stable")] = np.arange(n)
    return rank


def _colours_before(
    keeps: NDArray[np.integer], gives_way: NDArray[np.integer], colours: NDArray[np.uint8]
) -> tuple[NDArray[np.integer], NDArray[np.uint32]]:
    """Return the segments that give way (sorted already), each once, and the colours of those before them as bits."""
    starts = np.flatnonzero(np.concatenate([[True], gives_way[1:] != gives_way[:-1]]))
    bits = np.left_shift(np.uint32(1), colours[keeps], dtype=np.uint32)
    return gives_way[starts], np.bitwise_or.reduceat(bits, starts)


def _next_free(
    own: NDArray[np.uint8], used: NDArray[np.uint32], number: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the first colour after a segment's own that none before it uses, and whether there is one."""
    tried = ((own[:, None] + np.arange(number)) % number).astype(np.uint8)
    is_free = np.right_shift(used[:, None], tried, dtype=np.uint32) & 1 == 0
    return tried[np.arange(len(own)), is_free.argmax(axis=1)], is_free.any(axis=1)
