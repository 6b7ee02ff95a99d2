from functools import cache

import numpy as np
import pytest
from drawings import patient, uneven
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.core.agglomeration import agglomerate_fragments
from napari_emcad.core.block_merges import block_merges, tree_of_blocks
from napari_emcad.core.blocks import Blocks
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph, joined_graphs
from napari_emcad.core.segmentation import fragment_sizes

SHAPE = (4, 6, 8)
WAYS = ["waterz", "multicut", "mutex watershed"]


def in_blocks(size):
    """Affinities, fragments of one block each, and the blocks."""
    blocks, rng = Blocks(SHAPE, size), np.random.default_rng(0)
    fragments, first = np.empty(SHAPE, np.uint32), 1
    for number in range(len(blocks)):
        box = blocks.box(number)
        found = np.unique(rng.integers(0, 12, box.shape), return_inverse=True)[1].reshape(box.shape)
        fragments[box.slices] = found + first
        first = int(fragments[box.slices].max()) + 1
    return uneven((3, *SHAPE), seed=3), fragments, blocks


def graphs_of(affinities, fragments, blocks):
    """The region graph of each block, with the voxels before it."""
    for number in range(len(blocks)):
        box = blocks.box(number)
        margin = tuple(int(a > 0) for a in box.start)
        seen = Box(tuple(a - m for a, m in zip(box.start, margin, strict=True)), box.stop)
        graph = drive(
            build_region_graph(affinities[(slice(None), *seen.slices)], fragments[seen.slices], box.within(seen))
        )
        graph.contact[:] += np.array(seen.start, np.int32)
        yield graph


@pytest.mark.parametrize("size", [(4, 6, 8), (2, 6, 8), (1, 3, 8), (3, 4, 5), (2, 2, 2)])
def test_the_graphs_of_all_blocks_are_that_of_the_whole(size):
    affinities, fragments, blocks = in_blocks(size)
    whole = drive(build_region_graph(affinities, fragments))
    joined = joined_graphs(list(graphs_of(affinities, fragments, blocks)))
    for name in ("u", "v", "mean", "quantiles", "area"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
    at_contact = [fragments[tuple(c)] in (u, v) for c, u, v in zip(joined.contact, joined.u, joined.v, strict=True)]
    assert all(at_contact)


def partition(table):
    """Equal for tables that name their segments otherwise: the first fragment of the segment of each."""
    _, first, which = np.unique(table, return_index=True, return_inverse=True)
    return first[which]


@cache
def trees_of_whole_and_blocks(way, size):
    """The tree of the whole, that of its blocks, and that of the blocks in reverse order."""
    affinities, fragments, blocks = in_blocks(size)
    graphs, sizes = list(graphs_of(affinities, fragments, blocks)), fragment_sizes(fragments)
    whole = agglomerate_fragments(joined_graphs(graphs), sizes, way)
    merges = []
    for number, own in enumerate(graphs):
        around = [graph for k, graph in enumerate(graphs) if k != number]
        merges.append(block_merges(own, around, Box.whole(SHAPE), way))
    return whole, tree_of_blocks(merges, sizes), tree_of_blocks(merges[::-1], sizes)


@patient
@given(st.sampled_from(WAYS), st.sampled_from([(4, 6, 8), (3, 4, 5), (2, 2, 2)]), st.floats(0, 1))
def test_blocks_that_see_all_give_the_segments_of_the_whole(way, size, threshold):
    whole, tree, again = trees_of_whole_and_blocks(way, size)
    np.testing.assert_array_equal(partition(tree.cut(threshold)), partition(whole.cut(threshold)))
    np.testing.assert_array_equal(again.leaves, tree.leaves)
    np.testing.assert_array_equal(again.gaps, tree.gaps)


def test_a_block_answers_for_its_own_contacts_and_looks_no_farther_than_its_box():
    affinities, fragments, blocks = in_blocks((2, 6, 8))
    first, second = graphs_of(affinities, fragments, blocks)
    alone = block_merges(first, [], blocks.box(0))
    unseen = block_merges(first, [second], blocks.box(0))
    for column, expected in zip(unseen, alone, strict=True):
        np.testing.assert_array_equal(column, expected)
    pairs = set(zip(first.u.tolist(), first.v.tolist(), strict=True))
    seen = block_merges(first, [second], Box.whole(SHAPE))
    assert set(zip(seen.a.tolist(), seen.b.tolist(), strict=True)) <= pairs
    assert not np.array_equal(seen.score, alone.score)  # its surroundings tell


def test_merges_are_as_few_as_span():
    affinities, fragments, blocks = in_blocks(SHAPE)
    (graph,) = graphs_of(affinities, fragments, blocks)
    merges = block_merges(graph, [], Box.whole(SHAPE))
    assert len(merges.a) == fragments.max() - 1 < len(graph)


def test_what_touches_nothing_has_no_merges():
    empty = drive(build_region_graph(uneven((3, 1, 2, 2)), np.ones((1, 2, 2), np.uint32)))
    merges = block_merges(empty, [empty], Box.whole((1, 2, 2)))
    assert [len(column) for column in merges] == [0, 0, 0]
    tree = tree_of_blocks([merges], np.array([0, 4]))
    np.testing.assert_array_equal(tree.cut(1.0), [0, 1])
