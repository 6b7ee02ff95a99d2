"""What is suspicious, against brute force."""

import numpy as np
import pytest
from graphs import LADDER, random_edges, segmentation

from napari_emcad.core.fragment_boxes import find_fragment_boxes
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.core.scores import score
from napari_emcad.proofreading.review.suspects import (
    JOIN_ODDS,
    Suspects,
    find_edges_between_sections,
    find_merge_suspects,
    find_split_suspects,
    voi_change,
)


def test_change_is_that_of_the_scores():
    truth = np.repeat([1, 2], [70, 30])[None, None]
    parts = np.repeat([1, 2, 3], [70, 12, 18])[None, None]
    assert voi_change(12, 18) / 100 == pytest.approx(score(parts, truth).voi)
    assert voi_change(70, 30) / 100 == pytest.approx(score(np.ones_like(truth), truth).voi)


@pytest.mark.parametrize("seed", range(5))
def test_cuts_against_brute_force(seed):
    edges = random_edges(seed)
    base = segmentation(edges, list(np.random.default_rng(seed).integers(1, 50, 30)))
    graph, sizes = base.graph, base.sizes
    found = find_merge_suspects(graph, np.arange(len(graph)), sizes, np.empty(0, int))
    assert sorted(found.edge) == _kruskal(graph)
    for i in range(len(found)):
        sides = _sides(found.edge, i, graph)
        voxels = sorted(sum(int(sizes[f]) for f in side) for side in sides)
        crossing = [(u in sides[0]) != (v in sides[0]) for u, v in zip(graph.u, graph.v, strict=True)]
        faces = graph.area[crossing].sum()
        mean = (graph.mean[crossing] * graph.area[crossing]).sum() / faces
        assert found.change[i] == pytest.approx(voi_change(*voxels))
        assert found.features[i] == pytest.approx([mean, np.log(faces), *np.log(voxels)])


def _kruskal(graph) -> list[int]:
    group, tree = list(range(31)), []
    for e in np.argsort(-graph.mean * graph.area, kind="stable"):
        a, b = group[graph.u[e]], group[graph.v[e]]
        if a != b:
            group = [a if g == b else g for g in group]
            tree.append(int(e))
    return sorted(tree)


def _sides(tree, left_out, graph) -> list[set[int]]:
    reached = []
    for start in (graph.u[tree[left_out]], graph.v[tree[left_out]]):
        side = {int(start)}
        for _ in range(len(tree)):
            for e in np.delete(tree, left_out):
                ends = {int(graph.u[e]), int(graph.v[e])}
                side |= ends if ends & side else set()
        reached.append(side)
    return reached


@pytest.mark.parametrize("seed", range(3))
def test_joins_against_brute_force(seed):
    rng = np.random.default_rng(seed)
    graph, sizes = segmentation(random_edges(seed)).graph, np.append(0, rng.integers(2, 50, 30))
    table, across = np.append(0, rng.integers(0, 5, 30)).astype(np.uint32), rng.random(len(graph)) < 0.4
    volume = np.bincount(table, sizes, 5)
    found = find_split_suspects(graph, np.arange(len(graph)), table, volume, across)
    ends = np.sort(table[np.stack([graph.u, graph.v])], axis=0)
    pairs = [(a, b) for a in range(1, 5) for b in range(a + 1, 5) if ((ends[0] == a) & (ends[1] == b)).any()]
    assert [tuple(ends[:, e]) for e in found.edge] == pairs
    for i, (a, b) in enumerate(pairs):
        between = (ends[0] == a) & (ends[1] == b)
        faces = [graph.area[between & kind].sum() for kind in (~across, across)]
        strength = [(graph.area * graph.mean)[between & kind].sum() for kind in (~across, across)]
        means = [s / max(f, 1) for s, f in zip(strength, faces, strict=True)]
        assert found.features[i] == pytest.approx([*means, *np.log1p(faces), np.log(min(volume[[a, b]]))])
        assert (graph.area * graph.mean)[found.edge[i]] == (graph.area * graph.mean)[between].max()


def test_edges_between_sections():
    fragments = np.array([[[1, 1, 1, 2, 2, 2]], [[3, 3, 4, 4, 4, 4]]], np.uint32)
    graph = drive(build_region_graph(np.full((3, 2, 1, 6), 100, np.uint8), fragments))
    across = find_edges_between_sections(graph, fragments)
    pairs = zip(graph.u.tolist(), graph.v.tolist(), across.tolist(), strict=True)
    assert sorted(pairs) == [(1, 2, False), (1, 3, True), (1, 4, True), (2, 4, True), (3, 4, False)]


@pytest.mark.parametrize("depth", [1, 2])
def test_boxes_say_which_edges_lie_between_sections(depth):
    """Where they do not, voxels do."""
    flat = np.random.default_rng(depth).integers(1, 9, (6, 5, 7)).astype(np.uint32)
    fragments = flat + 8 * (np.arange(6, dtype=np.uint32) // depth)[:, None, None]
    graph = drive(build_region_graph(np.full((3, *fragments.shape), 100, np.uint8), fragments))
    boxes = drive(find_fragment_boxes(fragments))
    expected = find_edges_between_sections(graph, fragments)
    np.testing.assert_array_equal(find_edges_between_sections(graph, fragments, boxes), expected)
    nothing = np.zeros_like(fragments)
    assert np.array_equal(find_edges_between_sections(graph, nothing, boxes), expected) == (depth == 1)


def joins(edges, table, sizes):
    graph, volume = segmentation(edges).graph, np.bincount(table, sizes)
    across = np.zeros(len(graph), bool)
    return graph, find_split_suspects(graph, np.arange(len(graph)), table, volume, across)


def test_one_join_a_pair_of_segments_at_its_strongest_edge():
    table = np.array([0, 1, 1, 1, 1, 5, 5, 5, 5], np.uint32)
    graph, found = joins(LADDER, table, np.array([0] + [10] * 8))
    assert [(graph.u[e], graph.v[e]) for e in found.edge] == [(3, 7)]
    np.testing.assert_allclose(found.change, [80])  # bits: 80 log2 80 - 2 x 40 log2 40


def test_a_stronger_contact_and_larger_parts_come_first():
    edges = [(1, 2, 0.3), (3, 4, 0.1), (5, 6, 0.3)]
    graph, found = joins(edges, np.arange(7, dtype=np.uint32), np.array([0, 10, 10, 10, 10, 90, 90]))
    change = Suspects(found.edge, found.features, found.change, found.voxels, found.opinion).best(3, JOIN_ODDS)
    p = JOIN_ODDS.p(found.features)
    assert p[0] > p[1]  # 1-2 is stronger than 3-4
    assert next((graph.u[e], graph.v[e]) for e in change.edge) == (5, 6)
