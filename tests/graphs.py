"""Region graphs written as lists of edges, and sessions on them."""

from dataclasses import replace

import numpy as np

from napari_emcad.core._waterz import Merges
from napari_emcad.core.merge_tree import MergeTree, tree_of_merges
from napari_emcad.core.region_graph import QUANTILES, RegionGraph
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.proofreading.contacts import Contacts
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import Session
from napari_emcad.proofreading.state import State

LINE = [(1, 2, 0.9), (2, 3, 0.2), (3, 4, 0.9)]
TRIANGLE = [(1, 2, 0.9), (2, 3, 0.9), (1, 3, 0.9)]
RUNGS = [(1, 5, 0.1), (2, 6, 0.1), (3, 7, 0.8), (4, 8, 0.1)]
LADDER = [(a, b, 0.9) for a, b in ((1, 2), (2, 3), (3, 4), (5, 6), (6, 7), (7, 8))] + RUNGS
AREAS = [(1, 2, 0.9, 100), (2, 3, 0.95, 4), (3, 4, 0.9, 100)]


def segmentation(edges, sizes=None) -> Segmentation:
    """Fragments 1..n of 10 voxels unless told, agglomerated by their strongest edges first (score 1 - affinity)."""
    edges = sorted(edges)
    u, v = (np.array([e[i] for e in edges], np.uint32) for i in (0, 1))
    mean = np.array([e[2] for e in edges], np.float32)
    area = np.array([e[3] if len(e) > 3 else 1 for e in edges], np.int64)
    n = int(max(v.max(initial=0), len(sizes) if sizes else 0))
    counts = np.array([0, *(sizes or [10] * n)], np.int64)
    graph = RegionGraph(
        u, v, mean, np.repeat(mean[:, None], len(QUANTILES), 1), area, np.zeros((len(u), 3), np.int32)
    )  # fmt: skip
    order = np.lexsort((v, u, -mean))
    merges = Merges(u[order], v[order], 1 - mean[order])
    fragments = np.repeat(np.arange(1, n + 1, dtype=np.uint32), counts[1:])[None, None]
    return Segmentation(fragments, graph, tree_of_merges(merges, counts), counts)


def widened(base: Segmentation) -> Segmentation:
    """The same with ids of 8 bytes."""
    graph = replace(base.graph, u=base.graph.u.astype(np.int64), v=base.graph.v.astype(np.int64))
    tree = MergeTree(base.tree.leaves.astype(np.int64), base.tree.gaps)
    return replace(base, fragments=base.fragments.astype(np.int64), graph=graph, tree=tree)


def session(edges, folder, threshold=0.5, sizes=None, name="edits.db") -> Session:
    """A session with its log in a folder."""
    return Session(segmentation(edges, sizes), EditLog(folder / name), threshold)


def segments(at: Session) -> dict[int, list[int]]:
    """Fragments of each segment."""
    table = at.state.table
    return {int(s): np.flatnonzero(table == s).tolist() for s in np.unique(table[1:]) if s}


def groups(at: Session) -> list[list[int]]:
    """The same without ids."""
    return sorted(segments(at).values())


def state(edges, threshold=0.5, sizes=None) -> State:
    """A state without a log: nobody has edited anything."""
    return State(segmentation(edges, sizes), threshold)


def contacts(of: State) -> Contacts:
    return Contacts(of.edges, len(of.table))


def groups_of(of: State) -> list[list[int]]:
    """Fragments of each segment of a state, without ids."""
    return sorted(np.flatnonzero(of.table == s).tolist() for s in np.unique(of.table[1:]) if s)


def random_edges(seed, n=30, m=80):
    """Edges between random pairs of n fragments, of random affinities and areas."""
    rng = np.random.default_rng(seed)
    pairs = {tuple(sorted(p)) for p in rng.integers(1, n + 1, (m, 2)).tolist() if p[0] != p[1]}
    return [(u, v, float(rng.random()), int(rng.integers(1, 99))) for u, v in sorted(pairs)]


def components(fragments, pairs) -> list[list[int]]:
    """Brute force: the groups of fragments that pairs join, each sorted."""
    group = {f: {f} for f in fragments}
    for a, b in pairs:
        if a in group and b in group and group[a] is not group[b]:
            group[a] |= group[b]
            for f in group[b]:
                group[f] = group[a]
    return sorted(map(list, {tuple(sorted(g)) for g in group.values()}))


def graph_between(edges) -> RegionGraph:
    """A region graph of edges (u, v, affinity), and no segmentation."""
    return segmentation(edges).graph
