import numpy as np
import pytest
from drawings import drawn

from napari_emcad.core.neurites import neurites

DRAWING = """
1111....
....2.33
......33

........
...1...3
........
"""
"""1 and 2 touch by a corner, and 1 by an edge with its piece in the next section; 3 hangs together over an edge."""


def test_pieces_are_numbered_by_size_with_all_neighbours():
    mask = drawn(DRAWING) > 0
    found = neurites(mask.astype(np.float32))
    assert found.dtype == np.uint32
    found = neurites(mask.astype(np.float32), min_size=0)
    assert found.tolist() == np.select([drawn(DRAWING) == 3, mask], [2, 1], 0).tolist()


@pytest.mark.parametrize(("min_size", "kept"), [(0, 2), (5, 2), (6, 1), (7, 0)])
def test_small_pieces_become_background(min_size, kept):
    assert neurites((drawn(DRAWING) > 0).astype(np.uint8) * 255, min_size=min_size).max() == kept


@pytest.mark.parametrize(("threshold", "voxels"), [(0.0, 5), (0.2, 4), (0.5, 3), (0.503, 2), (1.0, 1)])
def test_a_voxel_of_the_threshold_is_foreground(threshold, voxels):
    probability = np.array([[[0, 51, 127.5, 254, 255]]]) / 255
    assert (neurites(probability, threshold, 0) > 0).sum() == voxels
    as_bytes = np.ceil(probability * 255).astype(np.uint8)
    assert (neurites(as_bytes, threshold, 0) > 0).sum() == voxels


def test_nothing_is_changed_and_nothing_found_is_fine():
    probability = np.full((2, 3, 4), 100, np.uint8)
    before = probability.copy()
    assert not neurites(probability, 0.5).any()
    np.testing.assert_array_equal(probability, before)


def test_against_a_flood_by_hand():
    rng = np.random.default_rng(5)
    probability = rng.random((6, 9, 7))
    found = neurites(probability, 0.85, min_size=2)
    pieces = sorted((p for p in flooded(probability >= 0.85) if len(p) >= 2), key=len, reverse=True)
    assert len(pieces) == found.max() > 2
    assert [int((found == n).sum()) for n in range(1, found.max() + 1)] == [len(p) for p in pieces]
    assert {frozenset(map(tuple, np.argwhere(found == n).tolist())) for n in range(1, found.max() + 1)} == set(pieces)


def flooded(mask):
    left, pieces = set(map(tuple, np.argwhere(mask).tolist())), []
    while left:
        pending, piece = [left.pop()], set()
        while pending:
            voxel = pending.pop()
            piece.add(voxel)
            near = {other for other in left if max(abs(a - b) for a, b in zip(voxel, other, strict=True)) <= 1}
            left -= near
            pending += near
        pieces.append(frozenset(piece))
    return pieces
