import numpy as np
import pytest
from graphs import components, contacts, random_edges, state

from napari_emcad.proofreading.effects import Effect
from napari_emcad.proofreading.plans.pieces import bridge_pieces, find_pieces, largest_of


@pytest.mark.parametrize("seed", range(8))
def test_pieces_are_those_of_a_brute_force(seed):
    edges, rng = random_edges(seed, m=40), np.random.default_rng(seed)
    at = state(edges)
    at.bridges = [(2, 17), (3, 29)]
    fragments = np.flatnonzero(at.sizes).astype(np.uint32)
    fragments = fragments[rng.random(len(fragments)) < 0.6]
    expected = components(fragments.tolist(), [*((u, v) for u, v, *_ in edges), *at.bridges])
    assert sorted(piece.tolist() for piece in find_pieces(at, contacts(at), fragments)) == expected


@pytest.mark.parametrize("seed", range(4))
def test_bridges_leave_one_piece_and_lead_to_the_largest_fragments(seed):
    sizes = list(range(1, 31))
    at = state(random_edges(seed, m=25), sizes=sizes)
    fragments = np.arange(1, 31, dtype=np.uint32)
    pieces = find_pieces(at, contacts(at), fragments)
    bridges = bridge_pieces(at, contacts(at), fragments)
    assert len(bridges) == len(pieces) - 1 > 0
    assert {f for bridge in bridges for f in bridge} == {max(piece) for piece in pieces}  # sizes rise with the ids
    at.apply(Effect(bridges=bridges))
    assert len(find_pieces(at, contacts(at), fragments)) == 1 and not bridge_pieces(at, contacts(at), fragments)


def test_the_largest_fragment():
    at = state([(1, 2, 0.9), (2, 3, 0.9)], sizes=[4, 9, 9])
    assert largest_of(at, np.array([1, 2, 3])) == 2
