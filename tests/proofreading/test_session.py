"""Any edits in any order: what always holds."""

import tempfile
from pathlib import Path

import numpy as np
from graphs import LINE, segmentation, session
from hypothesis import given, settings
from hypothesis import strategies as st

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
