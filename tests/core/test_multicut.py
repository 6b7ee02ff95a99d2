"""Multicut and mutex watershed: costs, partitions and the merge tree of them."""

import itertools

import numpy as np
import pytest
from graphs import segmentation
from hypothesis import given
from hypothesis import strategies as st

from napari_emcad.core.agglomeration import agglomerate_fragments
from napari_emcad.core.merge_tree import tree_of_merges
from napari_emcad.core.multicut import (
    ANCHOR,
    STEPS,
    ContactCosts,
    contact_costs,
    multicut,
    mutex_watershed,
    nested_merges,
)

LEVELS = [step / STEPS for step in range(1, STEPS)]


@st.composite
def graphs(draw, largest=7):
    n = draw(st.integers(1, largest))
    pairs = draw(st.sets(st.sampled_from([*itertools.combinations(range(1, n + 1), 2)] or [(1, 1)]))) if n > 1 else []
    values = [(draw(st.integers(0, 255)) / 255, draw(st.integers(1, 50))) for _ in pairs]
    return n, [(u, v, mean, area) for (u, v), (mean, area) in zip(sorted(pairs), values, strict=True)]


def contacts(n, edges):
    return contact_costs(segmentation(edges).graph, n)


def cost_of_cutting(problem, costs, parts):
    return costs[parts[problem.u] != parts[problem.v]].sum()


def least(problem, costs):
    """By trying every partition."""
    partitions = itertools.product(range(problem.n), repeat=problem.n)
    return min(cost_of_cutting(problem, costs, np.array(parts)) for parts in partitions)


@given(graphs(largest=5), st.sampled_from(LEVELS))
def test_multicut_is_no_worse_than_joining_or_cutting_all(graph, threshold):
    problem = contacts(*graph)
    costs = problem.costs(threshold)
    found = cost_of_cutting(problem, costs, multicut(problem, costs))
    assert least(problem, costs) - 1e-9 <= found <= min(0, costs.sum()) + 1e-9


def test_multicut_cuts_at_nearly_least_cost():
    """Kernighan-Lin is no exact method: of many graphs a few are not cut best, and these nearly."""
    rng, found, best = np.random.default_rng(0), [], []
    for _ in range(100):
        edges = [
            (u, v, rng.integers(256) / 255, int(rng.integers(1, 40)))
            for u, v in itertools.combinations(range(1, 6), 2)
            if rng.random() < 0.8
        ]
        problem = contacts(5, edges or [(1, 2, 0.5, 1)])
        costs = problem.costs(0.64)
        found.append(cost_of_cutting(problem, costs, multicut(problem, costs)))
        best.append(least(problem, costs))
    assert np.isclose(found, best, atol=1e-9).mean() > 0.9
    assert sum(found) <= 0.995 * sum(best) < 0


@given(graphs(), st.sampled_from(LEVELS))
def test_mutex_watershed_obeys_the_strongest_costs(graph, threshold):
    problem = contacts(*graph)
    costs = problem.costs(threshold)
    parts, apart = list(range(problem.n)), set()
    for i in np.argsort(-np.abs(costs), kind="stable"):
        a, b = parts[problem.u[i]], parts[problem.v[i]]
        if costs[i] <= 0:
            apart.add(frozenset((a, b)))
        elif a != b and frozenset((a, b)) not in apart:
            parts = [a if p == b else p for p in parts]
            apart = {frozenset(a if p == b else p for p in pair) for pair in apart}
    if len(set(np.abs(costs))) == len(costs):  # equal ones may come in any order
        found = mutex_watershed(problem, costs)
        assert len({*zip(found, parts, strict=True)}) == len({*found}) == len({*parts})


def test_a_contact_is_cut_where_its_boundary_is_likelier_than_one_less_the_bias():
    for mean, threshold in ((0.6, 0.42), (0.6, 0.38), (0.3, 0.72), (0.3, 0.68)):
        problem = contacts(2, [(1, 2, mean, 9)])
        assert (problem.costs(threshold)[0] > 0) == (threshold > 1 - mean)


def test_a_large_contact_outweighs_small_ones():
    edges = [(1, 2, 0.8, 10), (1, 3, 0.2, 1), (2, 3, 0.8, 10)]
    assert len(set(multicut(contacts(3, edges), contacts(3, edges).costs(0.5)))) == 1
    edges[1] = (1, 3, 0.2, 30)
    assert len(set(multicut(contacts(3, edges), contacts(3, edges).costs(0.5)))) == 2


def test_contacts_of_parts_are_added_up():
    problem = contacts(4, [(1, 2, 0.9, 4), (1, 3, 0.7, 4), (2, 3, 0.2, 8), (3, 4, 0.5, 1)])
    parts = np.array([0, 0, 1, 2])
    between = problem.of(parts)
    assert (between.n, between.u.tolist(), between.v.tolist()) == (3, [0, 1], [1, 2])
    np.testing.assert_allclose(between.costs(0.3), [problem.costs(0.3)[1:3].sum(), problem.costs(0.3)[3]])
    inside = problem.within(parts)
    assert (inside.n, inside.u.tolist(), inside.v.tolist()) == (4, [0], [1])


@pytest.mark.parametrize("solve", [multicut, mutex_watershed])
@given(graphs())
def test_the_tree_is_exact_at_the_anchor_and_nested(solve, graph):
    n, edges = graph
    problem = contacts(n, edges)
    tree = tree_of_merges(nested_merges(segmentation(edges).graph, n, solve), np.ones(n + 1, np.int64))
    exact, found = solve(problem, problem.costs(ANCHOR / STEPS)), tree.cut(ANCHOR / STEPS)[1:]
    assert len({*zip(exact, found, strict=True)}) == len({*exact}) == len({*found})
    finer = np.arange(n)
    for threshold in LEVELS:
        table = tree.cut(threshold)[1:]
        assert len({*zip(finer, table, strict=True)}) == len({*finer})
        finer = table


@pytest.mark.parametrize("way", ["multicut", "mutex watershed"])
def test_fragments_without_contacts_stay_apart(way):
    tree = agglomerate_fragments(segmentation([]).graph, np.array([0, 3, 4]), way)
    assert tree.cut(0.9).tolist() == [0, 1, 2]
    assert agglomerate_fragments(segmentation([]).graph, np.array([0]), way).cut(0.5).tolist() == [0]


def test_certain_contacts_have_finite_costs():
    assert np.isfinite(contacts(3, [(1, 2, 0.0, 1), (2, 3, 1.0, 1)]).costs(0.5)).all()


def test_nodes_may_have_no_contact():
    assert ContactCosts(2, *(np.empty(0, int),) * 2, *(np.empty(0),) * 2).costs(0.5).size == 0
