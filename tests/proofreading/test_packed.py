"""Effects and details come back from their bytes, one by one and many at once."""

import numpy as np
import pytest
from graphs import graph_between
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_emcad.proofreading.effect_text import effect_text
from napari_emcad.proofreading.effects import Effect, Move, Parting
from napari_emcad.proofreading.packed import (
    is_plain,
    pack_details,
    pack_effect,
    pack_numbers,
    unpack_details,
    unpack_effect,
    unpack_many,
    unpack_numbers,
)
from napari_emcad.proofreading.part import Patch

ids = st.integers(1, 2**40) | st.integers(1, 60)
fragments = st.sets(ids, min_size=1, max_size=30).map(lambda found: np.array(sorted(found), np.int64))
moves = st.builds(Move, fragments, ids, ids, st.booleans())
plain = st.builds(
    Effect,
    moves=st.lists(moves, max_size=4).map(tuple),
    bridges=st.lists(st.tuples(ids, ids), max_size=3).map(tuple),
    locked=st.lists(ids, max_size=3).map(tuple),
    unlocked=st.lists(ids, max_size=3).map(tuple),
)
PARTING = Parting(
    7,
    (20, 21),
    True,
    Patch((1, 2, 3), np.array([[[1, 2, 0]]], np.uint8)),
    graph_between([(3, 7, 0.3)]),
    graph_between([(3, 20, 0.4), (20, 21, 0.1)]),
)


@given(st.lists(st.integers(0, 2**62), max_size=50))
def test_numbers_come_back(numbers):
    packed = pack_numbers(numbers)
    assert unpack_numbers(np.frombuffer(packed, np.uint8)).tolist() == numbers
    assert len(packed) == sum(max(1, -(-n.bit_length() // 7)) for n in numbers)


def test_negative_numbers_are_refused():
    with pytest.raises(ValueError, match="negative"):
        pack_numbers([3, -1])


@settings(deadline=None)
@given(plain)
def test_an_effect_comes_back(effect):
    packed = pack_effect(effect)
    assert effect_text(unpack_effect(packed)) == effect_text(effect) and is_plain(packed)
    assert is_plain(effect_text(effect))


@pytest.mark.parametrize("more", [{"partings": (PARTING,)}, {"threshold": (0.25, 0.5)}])
def test_what_is_rare_comes_back(more):
    moves = (Move(np.array([20], np.uint32), 7, 30, False),)
    effect = Effect(moves=moves, locked=(4,), **more)
    packed = pack_effect(effect)
    assert effect_text(unpack_effect(packed)) == effect_text(effect) == effect_text(unpack_effect(effect_text(effect)))
    assert not is_plain(packed) and not is_plain(effect_text(effect))


@settings(deadline=None)
@given(st.lists(plain, min_size=1, max_size=12))
def test_many_at_once_are_each_of_them(effects):
    many = unpack_many([pack_effect(effect) for effect in effects])
    moves = [(i, move) for i, effect in enumerate(effects) for move in effect.moves]
    assert many.effect.tolist() == [i for i, _ in moves]
    assert many.before.tolist() == [m.before for _, m in moves] and many.after.tolist() == [m.after for _, m in moves]
    assert many.count.tolist() == [len(m.fragments) for _, m in moves]
    assert many.fragments.tolist() == [f for _, m in moves for f in m.fragments.tolist()]
    assert many.bridges == [bridge for effect in effects for bridge in effect.bridges]
    locks = [(locked, unlocked) for locked, unlocked in many.locks if locked or unlocked]
    assert locks == [([*e.locked], [*e.unlocked]) for e in effects if e.locked or e.unlocked]


@settings(deadline=None)
@given(st.lists(plain, min_size=1, max_size=9), st.integers(0, 9), st.integers(0, 9))
def test_a_part_of_many_is_what_its_effects_are(effects, one, other):
    first, stop = sorted((min(one, len(effects)), min(other, len(effects))))
    part = unpack_many([pack_effect(effect) for effect in effects]).between(first, stop)
    alone = unpack_many([pack_effect(effect) for effect in effects[first:stop]])
    for name in ("effect", "before", "after", "count", "fragments"):
        assert getattr(part, name).tolist() == getattr(alone, name).tolist()
    assert (part.bridges, part.locks) == (alone.bridges, alone.locks)
    assert (part.of_bridges, part.of_locks) == (alone.of_bridges, alone.of_locks)


def test_runs_and_scattered_fragments_take_few_bytes():
    run = Effect(moves=(Move(np.arange(1000, 300_000), 1, 2, True),))
    scattered = Effect(moves=(Move(np.arange(1000, 300_000, 4096), 1, 2, True),))
    assert len(pack_effect(run)) < 16 and len(pack_effect(scattered)) < 16 + 2 * 73


def test_details_come_back_and_take_few_bytes():
    details = ["root", 1250.5, {"anchor": 1234, "other": 4321, "voxels": [[3, 511, 17], [3, 500, 20]]}]
    packed = pack_details(details)
    assert unpack_details(packed) == details and len(packed) < 60


@pytest.mark.parametrize(
    "packed", [b"\x02", b"\x02\x01\x01\x08\x01", b"\x02\x01\x01\x0a\x05\x00", b"\x01\x00\x00\x00\x09"]
)
def test_what_is_no_effect_is_an_error(packed):
    with pytest.raises((ValueError, IndexError)):
        unpack_effect(packed)
