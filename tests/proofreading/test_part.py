import numpy as np
import pytest
from drawings import drawn
from graphs import segments
from skimage.measure import label

from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.part import FAR, NEAR, edges_of_parts, part_fragment
from napari_emcad.proofreading.session import Session

DUMBBELL = """
    22222.......
    .111...111..
    .111111111.4
    .111...111.4
    ............

    ............
    ............
    .........33.
    .........33.
    ............
"""
LEFT, RIGHT = (0, 2, 1), (0, 2, 9)


def opened(folder, affinities=None, threshold=0.0) -> Session:
    fragments = drawn(DUMBBELL)
    values = np.full((3, *fragments.shape), 204, np.uint8) if affinities is None else affinities
    sizes = fragment_sizes(fragments)
    graph = drive(build_region_graph(values, fragments))
    base = Segmentation(fragments, graph, merge_tree(graph, sizes), sizes)
    return Session(base, EditLog(folder / "edits.db"), threshold, affinities=values)


def test_19_a_dumbbell_is_cut_in_its_neck(tmp_path):
    at = opened(tmp_path)
    whole = at.state.base.fragments == 1
    at.split_fragment([LEFT], [RIGHT])
    fragments = at.state.base.fragments
    left, right = (int(fragments[p]) for p in (LEFT, RIGHT))
    assert {left, right} == {5, 6}
    np.testing.assert_array_equal((fragments == left) | (fragments == right), whole)  # voxels conserved
    columns = [np.argwhere(fragments == f)[:, 2] for f in (left, right)]
    assert columns[0].max() in (4, 5) and columns[1].min() == columns[0].max() + 1  # in the neck, no hole in either
    assert at.state.sizes[[left, right]].sum() == whole.sum() and at.state.sizes[1] == 0
    assert segments(at)[int(at.state.table[left])] == [left] != segments(at)[int(at.state.table[right])]


def test_20_neighbours_of_one_half_keep_to_it(tmp_path):
    at = opened(tmp_path)
    at.split_fragment([LEFT], [RIGHT])
    left, right = (int(at.state.base.fragments[p]) for p in (LEFT, RIGHT))
    pairs = set(zip(at.state.graph.u.tolist(), at.state.graph.v.tolist(), strict=True))
    assert pairs == {(2, left), (3, right), (left, right)}
    anew = drive(
        build_region_graph(np.full((3, *at.state.base.fragments.shape), 204, np.uint8), at.state.base.fragments)
    )
    for name in ("u", "v", "mean", "quantiles", "area"):
        np.testing.assert_array_equal(getattr(at.state.graph, name), getattr(anew, name))


def test_21_undone_in_one_step_bit_by_bit(tmp_path):
    at = opened(tmp_path, threshold=1.0)
    fragments, digest, graph = at.state.base.fragments.copy(), at.state.digest(), at.state.graph
    at.split_fragment([LEFT], [RIGHT])
    after, parted = at.state.digest(), at.state.base.fragments.copy()
    assert after != digest and len(at.log.rows) == 1
    at.undo()
    assert at.state.digest() == digest
    np.testing.assert_array_equal(at.state.base.fragments, fragments)
    for name in ("u", "v", "mean", "quantiles", "area", "contact"):
        np.testing.assert_array_equal(getattr(at.state.graph, name), getattr(graph, name))
    at.redo()
    assert at.state.digest() == after
    np.testing.assert_array_equal(at.state.base.fragments, parted)


def test_11_the_segment_is_split_with_its_fragment(tmp_path):
    at = opened(tmp_path, threshold=1.0)
    segment = int(at.state.table[1])
    at.split_fragment([LEFT], [RIGHT])
    left, right = (int(at.state.base.fragments[p]) for p in (LEFT, RIGHT))
    assert at.state.table[left] == segment != at.state.table[right]
    assert at.state.table[2] == segment  # it touches the left half only
    at.merge(left, right)
    assert len(set(at.state.table[[2, 3, left, right]])) == 1
    at.detach(left)
    at.set_threshold(0.0)
    at.set_threshold(1.0)
    assert len(set(at.state.table[[left, right]])) == 2


def test_28_a_session_with_parted_fragments_comes_back(tmp_path):
    at = opened(tmp_path)
    at.split_fragment([LEFT], [RIGHT], note="neck")
    at.merge(5, 2)
    at.set_threshold(1.0)
    at.log.close()
    again = opened(tmp_path)
    assert again.state.digest() == at.state.digest()
    np.testing.assert_array_equal(again.state.base.fragments, at.state.base.fragments)
    for _ in range(3):
        again.undo()
    np.testing.assert_array_equal(again.state.base.fragments, drawn(DUMBBELL))
    assert again.state.next_id == 8  # 5 and 6 for the halves, 7 for the segment that was split off


def test_25_a_neighbour_that_was_parted_since_is_in_the_way(tmp_path):
    """The edges of both parts lead to the fragment that is no more."""
    at = opened(tmp_path)
    digest = at.state.digest()
    at.split_fragment([LEFT], [RIGHT])
    at.split_fragment([(0, 0, 0)], [(0, 0, 4)])  # the one above the left half
    with pytest.raises(Refused, match=r"^undo: edit 2 \(split\) changed the same"):
        at.undo(1)
    at.undo()
    at.undo()
    assert at.state.digest() == digest


def test_a_bridge_leads_to_the_nearer_part(tmp_path):
    for near, far in (([LEFT], [RIGHT]), ([RIGHT], [LEFT])):
        (folder := tmp_path / str(near[0][2])).mkdir()
        at = opened(folder)
        at.merge(1, 4, confirmed=True)
        assert at.state.bridges == [(1, 4)]
        before = at.state.digest()
        at.split_fragment(near, far)
        left, right = (int(at.state.base.fragments[p]) for p in (LEFT, RIGHT))
        first = at.state.base.fragments[near[0]]
        assert at.state.table[4] == at.state.table[first]  # as 4 touches nothing
        assert at.state.table[left] != at.state.table[right]
        at.undo()
        assert at.state.digest() == before and at.state.bridges == [(1, 4)]


def test_parts_are_where_their_fragment_was_in_the_tree(tmp_path):
    at = opened(tmp_path, threshold=1.0)
    at.split_fragment([LEFT], [RIGHT])
    left, segment = int(at.state.base.fragments[LEFT]), int(at.state.table[2])
    assert at.state.table[left] == segment
    with pytest.raises(Refused, match=r"is the same at 0\.90"):
        at.set_segment_threshold(segment, 0.9)


def test_a_membrane_counts_more_than_the_shape():
    fragments = np.ones((1, 10, 30), np.uint32)
    affinities = np.full((3, 1, 10, 30), 230, np.uint8)
    halves, points = [], ([(0, 5, 2)], [(0, 5, 27)])
    for membrane in (None, 8):
        if membrane:
            affinities[:, :, :, membrane] = 20
        sides = part_fragment(fragments, affinities, *points).sides
        halves.append([int((sides == side).sum()) // 10 for side in (NEAR, FAR)])
    assert sum(halves[0]) == sum(halves[1]) == 30
    assert abs(halves[0][0] - 15) <= 1 and halves[1][0] in (8, 9)


def test_several_points_of_a_side_stay_together(tmp_path):
    at = opened(tmp_path)
    at.split_fragment([(0, 1, 1), (0, 3, 8)], [(0, 1, 9)])
    near, far = (at.state.base.fragments == at.state.base.fragments[p] for p in ((0, 1, 1), (0, 1, 9)))
    assert near[0, 3, 8] and near[0, 2, 5] and far[0, 1, 9] and label(near, connectivity=1).max() == 1


@pytest.mark.parametrize(
    ("near", "far", "sentence"),
    [
        ([LEFT], [LEFT], "one point is on both sides"),
        ([LEFT], [(0, 0, 1)], "points on both sides of one fragment are needed"),
        ([(0, 4, 4)], [(0, 4, 4)], "^background"),
    ],
)
def test_points_that_part_nothing(tmp_path, near, far, sentence):
    at = opened(tmp_path)
    before = at.state.digest()
    with pytest.raises(Refused, match=sentence):
        at.split_fragment(near, far)
    assert at.state.digest() == before and not at.log.rows


def test_30_a_locked_segment_is_not_parted(tmp_path):
    at = opened(tmp_path)
    at.lock(int(at.state.table[1]))
    with pytest.raises(Refused, match=r"^done: neuron"):
        at.split_fragment([LEFT], [RIGHT])


@pytest.mark.parametrize(
    "where", [(slice(4, 5), slice(3, 60), slice(2, 90)), (slice(0, 3), slice(0, 9), slice(40, 95))]
)
def test_what_is_looked_at_is_no_larger_than_the_fragment(where):
    """However far it reaches from the points, and on however few sections."""
    fragments = np.ones((9, 64, 96), np.uint32)
    fragments[where] = 2
    corner = tuple(s.start for s in where)
    patch = part_fragment(fragments, None, [corner], [tuple(c + 1 if axis else c for axis, c in enumerate(corner))])
    assert patch.box.slices == where
    assert {NEAR, FAR} == set(np.unique(patch.sides).tolist())


def test_a_fragment_of_a_large_id_is_divided_like_any_other():
    """No table is as long as the ids of a volume are large."""
    fragments, far = drawn(DUMBBELL), 2**40
    wide = np.where(fragments, fragments.astype(np.int64) + far, 0)
    affinities = np.random.default_rng(0).integers(0, 256, (3, *fragments.shape), np.uint8)
    patches = [part_fragment(of, affinities, [LEFT], [RIGHT]) for of in (fragments, wide)]
    np.testing.assert_array_equal(patches[0].sides, patches[1].sides)
    expected = edges_of_parts(fragments, affinities, patches[0], (5, 6))
    found = edges_of_parts(wide, affinities, patches[1], (5 + far, 6 + far))
    np.testing.assert_array_equal([found.u, found.v], np.array([expected.u, expected.v], np.int64) + far)
    for name in ("mean", "quantiles", "area", "contact"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert len(found) and found.u.dtype == np.int64 and expected.u.dtype == np.uint32
