"""What rows say about places, on fragments of ten voxels in a row: 1111111111 2222222222 3333333333 ..."""

import numpy as np
from graphs import LINE, session

from napari_emcad.proofreading.replay.claims import Claims


def middle(fragment: int) -> tuple[int, int, int]:
    return 0, 0, 10 * int(fragment) - 5


def read(at, seq: int = -1):
    return Claims(at, middle).read(at.log.rows[seq])


def sides(claim) -> list[list[int]]:
    return [side.tolist() for side in claim.sides]


def test_a_merge_says_that_two_sides_are_together(tmp_path):
    at = session(LINE, tmp_path)
    at.merge(2, 3, voxels=[(0, 0, 11), (0, 0, 22)])
    (claim,) = read(at)
    assert claim.together and claim.placed
    assert (claim.near, claim.far) == ([(0, 0, 11)], [(0, 0, 22)]) and sides(claim) == [[1, 2], [3, 4]]


def test_without_voxels_fragments_stand_for_themselves(tmp_path):
    at = session(LINE, tmp_path)
    at.merge(1, 4, confirmed=True)
    (claim,) = read(at)
    assert not claim.placed and (claim.near, claim.far) == ([middle(1)], [middle(4)])


def test_a_split_says_that_its_points_are_apart(tmp_path):
    at = session(LINE, tmp_path, threshold=1.0)
    at.split(at.propose([1], [4])[0], near=[(0, 0, 3)], far=[(0, 0, 38)])
    (claim,) = read(at)
    assert not claim.together and claim.placed and not claim.detached
    assert (claim.near, claim.far) == ([(0, 0, 3)], [(0, 0, 38)]) and sides(claim) == [[1, 2], [3, 4]]


def test_without_points_the_border_is_what_a_split_says(tmp_path):
    """Fragments 2 and 3 touch; 1 and 4 are the largest of their sides."""
    at = session(LINE, tmp_path, threshold=1.0, sizes=[10, 9, 9, 10])
    at.split(at.propose([1], [4])[0])
    (claim,) = read(at)
    assert not claim.placed
    assert (claim.near, claim.far) == ([middle(1), middle(2)], [middle(3), middle(4)])


def test_what_a_detached_fragment_leaves_is_apart_piece_by_piece(tmp_path):
    at = session([(1, 2, 0.9), (2, 3, 0.9), (2, 4, 0.9)], tmp_path, threshold=1.0)
    at.detach(2)
    first, *others = read(at)
    assert first.detached and sides(first) == [[1, 3, 4], [2]]
    assert [sides(claim) for claim in others] == [[[1, 4], [3]], [[1], [4]]]
    assert not any(claim.detached for claim in others)


def test_parts_stand_for_a_fragment_that_was_parted_since(tmp_path):
    at = session(LINE, tmp_path, threshold=0.0)
    at.merge(1, 2)
    at.split_fragment([(0, 0, 1)], [(0, 0, 8)])
    claims = Claims(at, middle)
    assert claims.fragments_now(np.array([1, 3], np.uint32)).tolist() == [3, 5, 6]
    (claim,) = claims.read(at.log.rows[0])
    assert sides(claim) == [[5, 6], [2]]
