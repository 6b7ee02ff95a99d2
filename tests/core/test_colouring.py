"""Colours of segments that touch."""

import numpy as np
import pytest

from napari_emcad.core.colouring import colour_apart, first_colours, mend_colours


def random_contacts(rng, n: int, m: int):
    """Pairs of segments, a few of which touch many others; some pairs come twice."""
    few, any_one = rng.integers(0, max(1, n // 20), m // 3), rng.integers(0, n, m // 3)
    near = rng.integers(0, n, m - m // 3)
    u = np.concatenate([few, near])
    v = np.concatenate([any_one, (near + rng.integers(1, 6, len(near))) % n])
    return u[u != v], v[u != v]


@pytest.mark.parametrize("n", [2, 30, 3_000])
@pytest.mark.parametrize("seed", range(5))
def test_no_two_that_touch_have_the_same_colour(n, seed):
    rng = np.random.default_rng(seed)
    u, v = random_contacts(rng, n, 6 * n)
    before = rng.integers(0, 20, n).astype(np.uint8)
    colours = colour_apart(u, v, before, 20)
    assert not (colours[u] == colours[v]).any() and colours.max() < 20
    in_a_clash = np.union1d(u[before[u] == before[v]], v[before[u] == before[v]])
    settled = np.setdiff1d(np.arange(n), in_a_clash)
    assert (colours[settled] == before[settled]).mean() > 0.9, "colours that clash with none mostly stay"


def test_what_does_not_clash_stays():
    colours = np.array([3, 1, 2, 0], np.uint8)
    np.testing.assert_array_equal(colour_apart(np.array([0, 1, 2]), np.array([1, 2, 3]), colours, 4), colours)


def test_one_that_touches_more_keeps_its_colour():
    colours = colour_apart(np.array([0, 0, 0]), np.array([1, 2, 3]), np.zeros(4, np.uint8), 4)
    np.testing.assert_array_equal(colours, [0, 1, 1, 1])


def test_too_few_colours_come_to_an_end():
    u, v = np.triu_indices(5, 1)
    colours = colour_apart(u, v, np.zeros(5, np.uint8), 3)
    assert len(np.unique(colours)) == 3


def mended(u, v, colours, number: int, moves=None, most: int = 10_000):
    """Colours after mending, the segments around each found by looking at all pairs, and whether it came to an end."""
    found, alike = colours.copy(), np.union1d(u[colours[u] == colours[v]], v[colours[u] == colours[v]])
    moves = np.zeros(len(colours), np.uint16) if moves is None else moves
    ends = mend_colours(alike, lambda one: np.concatenate([u[v == one], v[u == one]]), found, number, moves, most)
    return found, ends


@pytest.mark.parametrize("seed", range(3))
def test_segments_with_more_neighbours_than_colours_are_mended(seed):
    """Segments of five groups, of which those of different groups touch: five colours are enough, and few are free."""
    rng = np.random.default_rng(seed)
    group, (u, v) = rng.integers(0, 5, 300), rng.integers(0, 300, (2, 2_400))
    u, v = u[group[u] != group[v]], v[group[u] != group[v]]
    greedy = colour_apart(u, v, rng.integers(0, 7, 300).astype(np.uint8), 7)
    assert (greedy[u] == greedy[v]).any(), "greedy colours are not enough"
    found, is_apart = mended(u, v, greedy, 7)
    assert is_apart and not (found[u] == found[v]).any() and found.max() < 7


def test_one_that_is_to_keep_its_colour_moves_last():
    u, v = np.array([0, 0, 1]), np.array([1, 2, 2])
    moves = np.array([100, 0, 0], np.uint16)
    found, is_apart = mended(u, v, np.array([1, 0, 0], np.uint8), 3, moves)
    np.testing.assert_array_equal(found[0], 1)
    assert is_apart and len(set(found)) == 3


def test_mending_gives_up_where_there_are_too_few_colours():
    u, v = np.triu_indices(5, 1)
    assert not mended(u, v, np.zeros(5, np.uint8), 3, most=50)[1]


def test_without_contacts_nothing_changes():
    none = np.empty(0, np.int64)
    np.testing.assert_array_equal(colour_apart(none, none, np.array([1, 1], np.uint8), 2), [1, 1])


def test_an_id_always_begins_with_the_same_colour():
    ids = np.arange(10_000)
    colours = first_colours(ids, 20)
    np.testing.assert_array_equal(colours[500:900], first_colours(ids[500:900], 20))
    assert np.bincount(colours, minlength=20).min() > 400
