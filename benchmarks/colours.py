"""Colours of neurons that touch: how long they take to follow edits, and how many change.

    python benchmarks/colours.py [--side 100] [--edits 200]

Fragments are the cells of a cube, each touching the 12 around it; a neuron is a random walk through some of them. An
edit joins two neurons that touch, or takes a fragment's part of one away. Milliseconds of processor time, of the edits
beside colouring everything anew.
"""

import argparse
import time

import numpy as np

from napari_emcad.core.palettes import PALETTES
from napari_emcad.core.region_graph import QUANTILES, RegionGraph
from napari_emcad.proofreading.colouring import Colouring
from napari_emcad.proofreading.edges import EditedGraph

STEPS = [(0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (1, 0, 1), (1, 1, 0)]
"""From a cell to those that it touches, and from those to it."""

LENGTH = 10
"""Fragments of a neuron on average."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=100, help="fragments along an axis of the cube")
    parser.add_argument("--edits", type=int, default=200)
    given = parser.parse_args()
    graph, table = cube(given.side), walks(given.side)
    print(f"{given.side**3:,} fragments, {len(graph):,} contacts, {len(np.unique(table)) - 1:,} neurons")
    for name, palette in PALETTES.items():
        colouring = Colouring(len(palette))
        whole = timed(colouring, EditedGraph.of(graph), table)[0]
        print(f"\n{name}: all neurons {whole:.0f} ms, {clashes(colouring, graph, table)} pairs that touch are alike")
        show(colouring, graph, table.copy(), given.edits, whole)


def cube(side: int) -> RegionGraph:
    """Return the contacts of the cells of a cube."""
    ids = np.arange(1, side**3 + 1, dtype=np.uint32).reshape((side,) * 3)
    pairs = np.concatenate([np.stack([a.ravel(), b.ravel()], 1) for a, b in (shifted(ids, step) for step in STEPS)])
    pairs = np.sort(pairs, axis=1)
    u, v = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].T
    m = len(u)
    quantiles = np.ones((m, len(QUANTILES)), np.float32)
    return RegionGraph(u, v, np.ones(m, np.float32), quantiles, np.ones(m, np.int64), np.zeros((m, 3), np.int32))


def shifted(ids: np.ndarray, step: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return cells and those one step away from them."""
    here = tuple(slice(max(0, -d), n - max(0, d)) for d, n in zip(step, ids.shape, strict=True))
    there = tuple(slice(max(0, d), n - max(0, -d)) for d, n in zip(step, ids.shape, strict=True))
    return ids[here], ids[there]


def walks(side: int) -> np.ndarray:
    """Return the neuron of each fragment: columns that wander from section to section, cut now and then."""
    rng = np.random.default_rng(0)
    neurons, new = np.zeros((side,) * 3, np.uint32), np.arange(1, side**3 + 1, dtype=np.uint32).reshape((side,) * 3)
    neurons[0] = new[0]
    for z in range(1, side):
        before = np.roll(neurons[z - 1], rng.integers(-1, 2, 2), (0, 1))
        neurons[z] = np.where(rng.random((side, side)) < 1 / LENGTH, new[z], before)
    return np.concatenate([[0], neurons.ravel()]).astype(np.uint32)


def timed(colouring: Colouring, graph: EditedGraph, table: np.ndarray) -> tuple[float, int]:
    """Return the milliseconds that colours take to follow, and the number of neurons that change colour."""
    before = colouring.colours.copy()
    start = time.thread_time()
    colouring.follow(graph, table)
    took = time.thread_time() - start
    there = np.unique(table[table < len(before)])
    return took * 1e3, int((colouring.colours[there] != before[there]).sum())


def clashes(colouring: Colouring, graph: RegionGraph, table: np.ndarray) -> int:
    """Return the number of pairs of neurons that touch and have one colour."""
    a, b = table[graph.u], table[graph.v]
    alike = (a != b) & (colouring.colours[a] == colouring.colours[b])
    return len(np.unique(np.sort(np.stack([a[alike], b[alike]], 1), axis=1), axis=0))


def show(colouring: Colouring, graph: RegionGraph, table: np.ndarray, edits: int, whole: float) -> None:
    """Make edits of each kind; print their times beside that of all neurons."""
    rng, edited = np.random.default_rng(1), EditedGraph.of(graph)
    for kind in ("merge", "split"):
        rows = []
        for _ in range(edits):
            edit(kind, graph, table, rng)
            rows.append(timed(colouring, edited, table))
        took, changed = np.array(rows).T
        alike = clashes(colouring, graph, table)
        print(
            f"{kind}: median {np.median(took):.1f} ms, worst {took.max():.1f} ms, {whole / np.median(took):.0f} times "
            f"less than all; {changed.mean():.2f} neurons change colour, at most {changed.max():.0f}; {alike} alike"
        )


def edit(kind: str, graph: RegionGraph, table: np.ndarray, rng: np.random.Generator) -> None:
    """Join two neurons that touch, or make half of one a new neuron."""
    while True:
        row = rng.integers(len(graph))
        a, b = table[graph.u[row]], table[graph.v[row]]
        if a != b and kind == "merge":
            table[table == b] = a
            return
        members = np.flatnonzero(table == a)
        if len(members) > 1 and kind == "split":
            table[members[len(members) // 2 :]] = table.max() + 1
            return


if __name__ == "__main__":
    main()
