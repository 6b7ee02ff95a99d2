"""How long edits take at three sizes of a region graph: python benchmarks/proofreading.py [--sides 22 46 100].

Fragments lie on a cube of SIDE x SIDE x SIDE, each touching its neighbours along the axes and two diagonals (5 edges a
fragment); the merge tree is that of single linkage over random affinities. Each act is the whole of what a click costs
without the screen: looking up, checking, writing to the log on the disk, changing the table.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from napari_emcad.core._waterz import Merges
from napari_emcad.core.merge_tree import tree_of_merges
from napari_emcad.core.region_graph import QUANTILES, RegionGraph
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.proofreading.effects import Effect, Move
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import Session

STEPS = ((0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 1, 1), (1, 0, 1))
NEURONS = (5_000, 100_000)
REPEATS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=(22, 46, 100))
    for side in parser.parse_args().sides:
        base = _cube(side)
        print(f"{len(base.sizes) - 1:,} fragments, {len(base.graph):,} edges; medians of {REPEATS}, ms")
        with tempfile.TemporaryDirectory() as folder:
            session = Session(base, EditLog(Path(folder) / "edits.db"), 0.02)
            for name, act in _acts(session):
                print(f"  {name:<34}{statistics.median(_timed(act) for _ in range(REPEATS)):9.1f}")
            session.log.close()


def _acts(session: Session):
    state = session.state
    rng = np.random.default_rng(0)

    def merge() -> None:
        while True:
            i = rng.integers(len(state.graph))
            u, v = int(state.graph.u[i]), int(state.graph.v[i])
            if state.table[u] != state.table[v]:
                session.merge(u, v, confirmed=True)
                return

    yield "merge", merge
    yield "undo", session.undo
    yield "redo", session.redo
    yield "lock", lambda: session.lock(_unlocked(state, rng))
    yield "threshold", lambda: session.set_threshold(float(rng.uniform(0.01, 0.05)))
    for size in NEURONS:
        if size < len(state.base.sizes):
            segment = _neuron(session, size)
            members = state.members(segment)
            near, far = int(members[size // 2]), int(members[size // 2 + 7])
            yield f"split proposals, {size:,} fragments", lambda n=near, f=far: session.propose([n], [f])
            yield f"split and undo, {size:,} fragments", lambda n=near, f=far: _split(session, n, f)


def _unlocked(state, rng) -> int:
    while True:
        segment = int(state.table[rng.integers(1, len(state.table))])
        if segment not in state.locked:
            return segment


def _split(session: Session, near: int, far: int) -> None:
    session.split(session.propose([near], [far])[0])
    session.undo()


def _neuron(session: Session, size: int) -> int:
    """The first fragments of the cube as one segment."""
    segment = session.state.next_id
    session.state.locked.clear()
    session.state.apply(Effect(moves=(Move(np.arange(1, size + 1, dtype=np.uint32), 0, segment, True),)))
    return segment


def _timed(act) -> float:
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1e3


def _cube(side: int) -> Segmentation:
    fragments = np.arange(1, side**3 + 1, dtype=np.uint32).reshape(side, side, side)
    pairs = []
    for step in STEPS:
        low, high = tuple(slice(side - d) for d in step), tuple(slice(d, None) for d in step)
        pairs.append(np.stack([fragments[low].ravel(), fragments[high].ravel()], axis=1))
    u, v = np.concatenate(pairs).T
    order = np.lexsort((v, u))
    u, v = u[order], v[order]
    rng = np.random.default_rng(0)
    mean = rng.random(len(u), np.float32)
    graph = RegionGraph(
        u, v, mean, np.repeat(mean[:, None], len(QUANTILES), 1), rng.integers(1, 500, len(u)),
        np.stack(np.unravel_index(u - 1, fragments.shape), axis=1).astype(np.int32),
    )  # fmt: skip
    sizes = np.ones(side**3 + 1, np.int64)
    sizes[0] = 0
    return Segmentation(fragments, graph, tree_of_merges(_single_linkage(graph, side**3), sizes), sizes)


def _single_linkage(graph: RegionGraph, n: int) -> Merges:
    tree = minimum_spanning_tree(coo_array((1.0001 - graph.mean, (graph.u, graph.v)), (n + 1, n + 1)).tocsr()).tocoo()
    order = np.argsort(tree.data, kind="stable")
    return Merges(tree.row[order], tree.col[order], tree.data[order])


if __name__ == "__main__":
    main()
