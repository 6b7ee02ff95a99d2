"""Effects and details of edits in few bytes, and the moves of many edits at once.

An effect is a row of whole numbers of 7 bits a byte (LEB128): its moves, bridges and locks; what is rarer, partings and
the threshold, stands behind them as compressed JSON. Details are JSON, compressed with the words that they all have.
"""

import json
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.ids import FragmentId, SegmentId, as_ids
from napari_emcad.proofreading.edges import ranges
from napari_emcad.proofreading.effect_text import effect_from, effect_text, runs
from napari_emcad.proofreading.effects import Effect, Move

REMEMBERED = 4096
"""Effects that are kept as they are, those that were asked for last."""

MOST = 1 << 31
"""Fragments of edits, and bytes of JSON, that are unpacked at once, at most."""

_RAW, _BEST = -15, 9
_WORDS = (
    b'"replayed":"part?","apart","unknown","later","ticks":"upwards":true}false}"threshold":"segment":"words":"fragment":'
    b'"method":"near":[["far":[["seq":{"a":,"b":,"others":[{"anchor":,"other":"answer":"apart","features":[0.'
    b',"question":"join?"}]],"voxels":[[],[]]}'
)
"""Words that details are made of, the likeliest last. They never change: rows could not be read any more."""

_MORE = 128
"""The bit of a byte that is not the last one of its number."""

_OCTETS = [bytes([number]) for number in range(_MORE)]
"""The bytes of the numbers that need one: most do."""

_LENGTH = 4
"""Bytes at the very end that say how long what stands behind the numbers is."""

_TAIL, _WAS_FREE, _IN_RUNS = 1, 1, 2


def pack_details(details: Sequence[Any]) -> bytes:
    """Return what is JSON in few bytes."""
    text = json.dumps(details, separators=(",", ":"), sort_keys=True).encode()
    packer = zlib.compressobj(_BEST, zlib.DEFLATED, _RAW, 9, zlib.Z_DEFAULT_STRATEGY, _WORDS)
    return packer.compress(text) + packer.flush()


def unpack_details(packed: bytes) -> Any:
    """Return what `pack_details` packed."""
    return json.loads(zlib.decompressobj(_RAW, _WORDS).decompress(packed, MOST >> 4))


def pack_effect(effect: Effect) -> bytes:
    """Return an effect in few bytes.

    Raises
    ------
    ValueError
        If an id is negative, or fragments are not sorted.
    """
    tail = b""
    if effect.partings or effect.threshold:
        rare = replace(effect, moves=(), bridges=(), locked=(), unlocked=())
        tail = zlib.compress(effect_text(rare).encode(), _BEST)
        tail += len(tail).to_bytes(_LENGTH, "little")
    numbers = [len(effect.moves) << 1 | (_TAIL if tail else 0)]
    for move in effect.moves:
        numbers += _numbers_of(move)
    lists = [[end for bridge in effect.bridges for end in bridge], effect.locked, effect.unlocked]
    while lists and not lists[-1]:
        lists.pop()
    for ids in lists:
        numbers += [len(ids), *ids]
    return pack_numbers(numbers) + tail


@lru_cache(REMEMBERED)
def unpack_effect(packed: bytes | str) -> Effect:
    """Return the effect that `pack_effect` or `effect_text` wrote."""
    if isinstance(packed, str):
        return effect_from(packed)
    head, tail = _parted(packed)
    listed = unpack_numbers(np.frombuffer(head, np.uint8)).tolist()
    moves, lists = _layout(listed, 0, len(listed))
    ends, locked, unlocked = lists or ([], [], [])
    rare = effect_from(zlib.decompressobj().decompress(tail, MOST).decode()) if tail else Effect()
    return replace(
        rare,
        moves=tuple(_move(listed, place) for place in moves),
        bridges=tuple(zip(ends[::2], ends[1::2], strict=True)),
        locked=tuple(locked),
        unlocked=tuple(unlocked),
    )


def is_plain(packed: bytes | str) -> bool:
    """Return True if an effect has no partings and moves no threshold."""
    if isinstance(packed, str):
        return '"partings":' not in packed and '"threshold":' not in packed
    return not packed[0] & _TAIL


# ---- many at once --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ManyMoves:
    """The moves of many plain effects, in their order, and all else that these do.

    Attributes
    ----------
    effect, before, after, count : (m,) int64
        The place of the effect of each move among all, the segment before and after, and the number of fragments.
    fragments : (k,) int64
        The fragments of all moves, one move after the other.
    bridges : list of (int, int)
    locks : list of (locked, unlocked)
    of_bridges, of_locks : list of int
        The places of their effects among all.
    """

    effect: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    count: NDArray[np.int64]
    fragments: NDArray[np.int64]
    bridges: list[tuple[FragmentId, FragmentId]]
    locks: list[tuple[list[SegmentId], list[SegmentId]]]
    of_bridges: list[int]
    of_locks: list[int]

    def between(self, first: int, stop: int) -> "ManyMoves":
        """Return what the effects from one place to before another do."""
        start, end = np.searchsorted(self.effect, (first, stop)).tolist()
        moves, bridges, locks = (
            slice(start, end),
            _part(self.of_bridges, first, stop),
            _part(self.of_locks, first, stop),
        )
        ends = self._ends
        return ManyMoves(
            self.effect[moves] - first,
            self.before[moves],
            self.after[moves],
            self.count[moves],
            self.fragments[ends[start] : ends[end]],
            self.bridges[bridges],
            self.locks[locks],
            [effect - first for effect in self.of_bridges[bridges]],
            [effect - first for effect in self.of_locks[locks]],
        )

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """Places at which the fragments of each move begin, and behind those the end of the last one."""
        return np.append(0, np.cumsum(self.count))


def unpack_many(packed: Sequence[bytes]) -> ManyMoves:
    """Return the moves of many plain effects."""
    octets = np.frombuffer(b"".join(packed), np.uint8)
    numbers, stops = unpack_numbers(octets), np.cumsum([len(one) for one in packed])
    counts = np.diff(np.searchsorted(np.flatnonzero(octets < _MORE), stops), prepend=0).tolist()
    listed, at = numbers.tolist(), 0
    effects: list[int] = []
    places: list[_MovePlace] = []
    bridges: list[tuple[Any, Any]] = []
    locks: list[tuple[list[Any], list[Any]]] = []
    of_bridges: list[int] = []
    of_locks: list[int] = []
    for effect, count in enumerate(counts):
        moves, lists = _layout(listed, at, at + count)
        at += count
        places += moves
        effects += [effect] * len(moves)
        if lists:
            ends, locked, unlocked = lists
            bridges += zip(ends[::2], ends[1::2], strict=True)
            of_bridges += [effect] * (len(ends) // 2)
            if locked or unlocked:
                locks.append((locked, unlocked))
                of_locks.append(effect)
    fragments, lengths = _fragments(numbers, places)
    before, after = np.array(places, np.int64).reshape(-1, len(_MovePlace._fields)).T[:2]
    of_moves = np.array(effects, np.int64)
    return ManyMoves(of_moves, before, after, lengths, fragments, bridges, locks, of_bridges, of_locks)


def pack_numbers(numbers: Sequence[int]) -> bytes:
    """Return whole numbers from 0, 7 bits a byte, the lowest first; the last byte of each is below 128.

    Raises
    ------
    ValueError
        If one is negative.
    """
    if min(numbers, default=0) < 0:
        raise ValueError("negative numbers are not packed")
    return b"".join([_OCTETS[number] if number < _MORE else _octets_of(number) for number in numbers])


def unpack_numbers(packed: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the numbers that `pack_numbers` packed."""
    if not len(packed):
        return np.empty(0, np.int64)
    ends = np.flatnonzero(packed < _MORE)
    starts = np.append(0, ends[:-1] + 1)
    place = np.arange(len(packed)) - np.repeat(starts, ends - starts + 1)
    return np.add.reduceat((packed & 127).astype(np.int64) << 7 * place, starts)


def _octets_of(number: int) -> bytes:
    """Return one number in as many bytes as it needs."""
    found = bytearray()
    while number >= _MORE:
        found.append(number & _MORE - 1 | _MORE)
        number >>= 7
    return bytes((*found, number))


# ---- inside --------------------------------------------------------------------------------------------------------


class _MovePlace(NamedTuple):
    """A move, and where its fragments stand among the numbers: `numbers` of them from `start`."""

    before: int
    after: int
    was_free: bool
    in_runs: bool
    start: int
    numbers: int


def _layout(numbers: list[int], at: int, stop: int) -> tuple[list[_MovePlace], list[list[Any]]]:
    """Return the moves of an effect whose numbers go from `at` to `stop`, and its lists; none if all are empty.

    The lists are the ends of bridges, and the segments that are locked and unlocked.
    """
    moves = []
    n = numbers[at] >> 1
    at += 1
    for _ in range(n):
        before, after, head = numbers[at : at + 3]
        count = head >> 2
        moves.append(_MovePlace(before, after, bool(head & _WAS_FREE), bool(head & _IN_RUNS), at + 3, count))
        at += 3 + count
    if at == stop:
        return moves, []
    lists: list[list[Any]] = [[], [], []]
    for ids in lists:
        if at < stop:
            ids += numbers[at + 1 : at + 1 + numbers[at]]
            at += 1 + numbers[at]
    return moves, lists


def _part(effects: list[int], first: int, stop: int) -> slice:
    return slice(bisect_left(effects, first), bisect_left(effects, stop))


def _numbers_of(move: Move) -> list[int]:
    fragments = move.fragments.astype(np.int64)
    gaps = np.diff(fragments, prepend=0)
    if np.count_nonzero(gaps == 1) * 2 > len(gaps):  # a run takes two numbers
        firsts_lengths = np.array(runs(fragments), np.int64).reshape(-1, 2)
        edges = np.stack([firsts_lengths[:, 0], firsts_lengths.sum(axis=1)], axis=1).ravel()
        numbers, flags = np.diff(edges, prepend=0), _IN_RUNS
    else:
        numbers, flags = gaps, 0
    head = len(numbers) << 2 | flags | (_WAS_FREE if move.was_free else 0)
    return [int(move.before), int(move.after), head, *numbers.tolist()]


def _move(numbers: list[int], place: _MovePlace) -> Move:
    """Return one move; most are of so few fragments that a list is faster than an array."""
    ids = list(accumulate(numbers[place.start : place.start + place.numbers]))
    if len(ids) < place.numbers or (place.in_runs and len(ids) % 2):
        raise ValueError(f"{place.numbers} numbers of fragments are needed, got {len(ids)}")
    found = np.array(ids, np.int64)
    found = _ranges(found[::2], found[1::2]) if place.in_runs else found
    return Move(as_ids(found), SegmentId(place.before), SegmentId(place.after), place.was_free)


def _fragments(numbers: NDArray[np.int64], places: Sequence[_MovePlace]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the fragments of moves, one after the other, and how many each has."""
    if not places:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    in_runs, start, count = np.array(places, np.int64).T[3:]
    first = np.cumsum(count) - count
    of_move = np.repeat(np.arange(len(places)), count)
    rank = np.arange(len(of_move)) - first[of_move]
    sums = np.cumsum(numbers[rank + start[of_move]])
    ids = sums - np.append(0, sums)[first][of_move]
    is_run = in_runs[of_move] == 1
    is_first = ~is_run | (rank % 2 == 0)  # of a run the number behind its last one follows
    stops = np.where(is_run, np.append(ids[1:], 0), ids + 1)[is_first]
    starts = ids[is_first]
    counts = np.bincount(of_move[is_first], stops - starts, len(places)).astype(np.int64)
    return _ranges(starts, stops), counts


def _ranges(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of ranges.

    Raises
    ------
    ValueError
        If one is empty, or they are more than any session has.
    """
    lengths = stops - starts
    if (lengths < 1).any() or lengths.sum() > MOST:
        raise ValueError("no segments have such fragments")
    return ranges(starts, stops)


def _parted(packed: bytes) -> tuple[bytes, bytes]:
    """Return the numbers of an effect, and what stands behind them."""
    if is_plain(packed):
        return packed, b""
    stop = len(packed) - _LENGTH
    start = stop - int.from_bytes(packed[stop:], "little")
    return packed[:start], packed[start:stop]
