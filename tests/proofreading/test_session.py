"""Any edits in any order: what always holds."""

import tempfile
from pathlib import Path

import numpy as np
from graphs import LINE, segmentation, session
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_emcad.core.merge_tree import merge_tree
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import region_graph
from napari_emcad.core.segmentation import Segmentation, fragment_sizes
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import Session

N = 14
PAIRS = [(a, b) for a in range(1, N + 1) for b in range(a + 1, N + 1)]
EDITS = ("merge", "split", "detach", "threshold", "lock", "unlock", "undo", "redo", "undo one")

affinity = st.integers(1, 19).map(lambda i: i / 20)
graphs = st.dictionaries(st.sampled_from(PAIRS), affinity, min_size=N, max_size=4 * N).map(
    lambda edges: [(*pair, value) for pair, value in edges.items()]
)
acts = st.lists(
    st.tuples(st.sampled_from(EDITS), st.integers(1, N), st.integers(1, N), affinity), min_size=1, max_size=30
)


def do(at: Session, kind: str, a: int, b: int, value: float) -> None:
    if kind == "merge":
        at.merge(a, b, confirmed=True)
    elif kind == "split":
        at.split(at.propose([a], [b])[-1])
    elif kind == "detach":
        at.detach(a)
    elif kind == "threshold":
        at.set_threshold(value)
    elif kind == "lock":
        at.lock(int(at.state.table[a]))
    elif kind == "unlock":
        at.unlock(int(at.state.table[a]))
    elif kind == "redo":
        at.redo()
    else:
        at.undo(a if kind == "undo one" else None)


def check(at: Session) -> None:
    state = at.state
    assert state.table[0] == 0 and state.table[1:].all() and len(state.table) == N + 1
    assert state.table.max() < state.next_id
    free = set(state.table[state.free].tolist())
    assert not free & set(state.table[~state.free].tolist())  # a segment is edited or it is not
    table = state.table.copy()
    state.settle()
    np.testing.assert_array_equal(state.table, table)  # nothing the threshold would still move


@settings(deadline=None, max_examples=200)
@given(graphs, acts)
def test_34_any_edits(edges, steps):
    with tempfile.TemporaryDirectory() as folder:
        at = session(edges, Path(folder), sizes=list(range(5, 5 + N)))
        base = segmentation(edges, list(range(5, 5 + N)))
        for kind, a, b, value in steps:
            before, rows = at.state.digest(), len(at.log.rows)
            try:
                do(at, kind, a, b, value)
            except Refused:
                assert at.state.digest() == before and len(at.log.rows) == rows
                continue
            check(at)
            if not kind.startswith("undo") and kind != "redo" and len(at.log.rows) > rows:
                after = at.state.digest()
                at.undo()
                assert at.state.digest() == before
                at.redo()
                assert at.state.digest() == after
        again = Session(base, EditLog(Path(folder) / "edits.db", read_only=True), 0.5)
        assert again.state.digest() == at.state.digest() and again.state.next_id == at.state.next_id
        np.testing.assert_array_equal(at.state.base.fragments, base.fragments)
        at.log.close()


def test_ids_are_never_used_again(tmp_path):
    at = session(LINE, tmp_path, threshold=1.0)
    made = []
    for _ in range(3):
        at.split(at.propose([1], [4])[0])
        made.append(int(at.state.table[4]))
        at.undo()
    assert made == [5, 6, 7]


def blobs() -> np.ndarray:
    """Two sections of 12 x 14 voxels, each in seven cells."""
    points = np.random.default_rng(3).integers(0, (12, 14), (2, 7, 2))
    y, x = np.indices((12, 14))
    nearest = [np.argmin([(y - a) ** 2 + (x - b) ** 2 for a, b in section], axis=0) for section in points]
    return np.stack([n + 1 + 7 * z for z, n in enumerate(nearest)]).astype(np.uint32)


def opened(folder, affinities) -> Session:
    fragments = blobs()
    sizes = fragment_sizes(fragments)
    graph, tree = drive(region_graph(affinities, fragments)), merge_tree(affinities, fragments, sizes)
    return Session(Segmentation(fragments, graph, tree, sizes), EditLog(folder / "edits.db"), 0.5, 0, affinities)


voxels = st.tuples(st.integers(0, 1), st.integers(0, 11), st.integers(0, 13))
cuts = st.lists(st.tuples(st.sampled_from([*EDITS, "part", "part", "walk"]), voxels, voxels, affinity), max_size=20)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**16), cuts)
def test_34_any_edits_on_voxels(seed, steps):
    affinities = np.random.default_rng(seed).integers(0, 255, (3, 2, 12, 14), np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        at = opened(Path(folder), affinities)
        for kind, one, other, value in steps:
            before, drawn = at.state.digest(), at.state.base.fragments.copy()
            a, b = int(drawn[one]), int(drawn[other])
            try:
                if kind == "part":
                    at.split_fragment([one], [other])
                elif kind == "walk":
                    at.set_segment_threshold(int(at.state.table[a]), value)
                else:
                    do(at, kind, a, b, value)
            except Refused:
                assert at.state.digest() == before
                np.testing.assert_array_equal(at.state.base.fragments, drawn)
                continue
            fragments = at.state.base.fragments
            np.testing.assert_array_equal(np.bincount(fragments.ravel(), minlength=len(at.state.sizes)), at.state.sizes)
            assert at.state.table[fragments].all()
            anew = drive(region_graph(affinities, fragments))
            np.testing.assert_array_equal(at.state.graph.u, anew.u)
            np.testing.assert_array_equal(at.state.graph.mean, anew.mean)
            table = at.state.table.copy()
            at.state.settle()
            np.testing.assert_array_equal(at.state.table, table)
            if not kind.startswith("undo") and kind not in ("redo", "threshold"):
                after = at.state.digest()
                at.undo()
                assert at.state.digest() == before
                np.testing.assert_array_equal(at.state.base.fragments, drawn)
                at.redo()
                assert at.state.digest() == after
        again = opened(Path(folder), affinities)
        assert again.state.digest() == at.state.digest() and again.state.next_id == at.state.next_id
        again.log.close()
        at.log.close()
