"""Any edits in any order: what always holds."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from any_edits import (
    ANY_ORDER,
    EDITS,
    PART,
    THRESHOLDS,
    Step,
    graphs,
    hold,
    on_graph,
    on_voxels,
    quick,
    some_affinities,
    steps,
    unshrunk,
)
from graphs import LINE, groups, session
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import drive
from napari_emcad.core.region_graph import build_region_graph
from napari_emcad.proofreading.errors import Refused
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import Session

STEPS = 300
BACK = ("undo", "redo", "undo one")


class Watched:
    """A session that is looked at after every step."""

    def __init__(self, at: Session):
        self.at = at
        self._sizes, self._voxels = at.state.sizes.copy(), at.state.sizes.sum()
        self._fragments = at.state.base.fragments.copy()
        self._digest = at.state.digest()
        self._ids = set(at.state.table.tolist())

    def do(self, step: Step) -> None:
        at, rows, next_id, locked = self.at, len(self.at.log.rows), self.at.state.next_id, self._locked()
        try:
            step.do(at)
        except Refused:
            assert len(at.log.rows) == rows
            self._check_same()
            return
        self._check_state()
        if step.kind not in BACK and len(at.log.rows) > rows:
            self._check_ids(next_id)
            if step.kind != "unlock":
                assert {s: at.state.members(s).tolist() for s in locked} == locked
            self._check_undo()
        self._remember()

    def _remember(self) -> None:
        state = self.at.state
        self._ids |= set(state.table.tolist())
        self._digest, self._fragments = state.digest(), state.base.fragments.copy()

    def _locked(self) -> dict[int, list[int]]:
        return {s: self.at.state.members(s).tolist() for s in self.at.state.locked}

    def _check_members(self) -> None:
        """Those that are kept are those there are."""
        state = self.at.state
        for segment in {*state._members, *np.unique(state.table).tolist()} - {0}:
            assert state.members(segment).tolist() == np.flatnonzero(state.table == segment).tolist()
            assert state.members(segment).dtype == np.uint32

    def _check_same(self) -> None:
        assert self.at.state.digest() == self._digest
        np.testing.assert_array_equal(self.at.state.base.fragments, self._fragments)

    def _check_state(self) -> None:
        """Fragments partition the foreground, segments hang together, nothing is left for the threshold to move."""
        self._check_members()
        state, there = self.at.state, self.at.state.sizes > 0
        np.testing.assert_array_equal(state.table > 0, there)
        assert state.sizes.sum() == self._voxels and state.table.max() < state.next_id
        free, fixed = (set(state.table[there & which].tolist()) for which in (state.free, ~state.free))
        assert not free & fixed  # a segment is edited or it is not
        assert pieces(state) == len(free | fixed)
        table = state.table.copy()
        state.settle()
        np.testing.assert_array_equal(state.table, table)
        self._check_members()  # and keeps all of them for the next step

    def _check_ids(self, next_id: int) -> None:
        """Ids that were not there before are those of free segments, or new ones."""
        state = self.at.state
        made = set(state.table[~state.free].tolist()) - self._ids
        assert all(i >= next_id for i in made) and not made & self._ids

    def _check_undo(self) -> None:
        after, fragments = self.at.state.digest(), self.at.state.base.fragments.copy()
        self.at.undo()
        self._check_same()
        self.at.redo()
        assert self.at.state.digest() == after
        np.testing.assert_array_equal(self.at.state.base.fragments, fragments)


def pieces(state) -> int:
    """How many pieces the segments are in; of so few fragments faster than SciPy finds them."""
    table, root = state.table.tolist(), list(range(len(state.table)))
    edges = [*zip(state.graph.u.tolist(), state.graph.v.tolist(), strict=True), *state.bridges]
    for a, b in edges:
        if table[a] == table[b] and table[a]:
            while root[a] != a:
                a = root[a]
            while root[b] != b:
                b = root[b]
            root[b] = a
    return sum(root[f] == f for f in np.flatnonzero(state.sizes).tolist())


def checked(start: Callable[[EditLog], Session], edits: list[Step], look: Callable[[Session], None]) -> None:
    """Make edits, look at the session after each, and open it again at the end."""
    with tempfile.TemporaryDirectory() as folder:
        at = start(quick(Path(folder)))
        watched = Watched(at)
        for step in edits:
            graph = at.state.graph
            watched.do(step)
            if at.state.graph is not graph:  # a fragment was parted, or that undone
                look(at)
        at.log.close()
        again = start(EditLog(Path(folder) / "edits.db", read_only=True))
    assert again.state.digest() == at.state.digest() and again.state.next_id == at.state.next_id


@pytest.mark.slow
@settings(unshrunk, max_examples=60)
@given(graphs, st.sampled_from([0, 0, 0, 12]), steps(STEPS, EDITS, THRESHOLDS, ANY_ORDER))
def test_34_any_edits(edges, min_size, edits):
    hold(lambda edits: checked(lambda log: on_graph(edges, log, min_size), edits, lambda _: None), edits)


@pytest.mark.slow
@settings(unshrunk, max_examples=10)
@given(st.integers(0, 2**16), steps(STEPS, EDITS, THRESHOLDS, ANY_ORDER, PART))
def test_34_any_edits_on_voxels(seed, edits):
    affinities = some_affinities(seed)
    look = partial(check_voxels, affinities=affinities)
    hold(lambda edits: checked(lambda log: on_voxels(affinities, log), edits, look), edits)


@settings(unshrunk, max_examples=60)
@given(graphs, st.sampled_from([0, 12]), steps(40, EDITS, THRESHOLDS, ANY_ORDER))
def test_what_was_foreseen_is_what_comes(edges, min_size, edits):
    """Of two sessions with the same edits one foresees each move of the threshold, and some that never come."""

    def same(edits: list[Step]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            plain, seer = (on_graph(edges, quick(Path(folder), f"{i}.db"), min_size) for i in range(2))
            for step in edits:
                undone = seer.undoable if step.kind == "undo" else seer.redoable
                moved = undone.effect.threshold if undone and step.kind in ("undo", "redo") else None
                seer.state.foresee(moved[step.kind == "redo"] if moved else step.value)
                for at in (plain, seer):
                    with suppress(UserError):
                        step.do(at)
                assert plain.state.digest() == seer.state.digest()
                for segment in np.unique(seer.state.table[1:]).tolist():
                    expected = np.flatnonzero(seer.state.table == segment) if segment else []
                    assert seer.state.members(segment).tolist() == list(expected)
            for at in (plain, seer):
                at.log.close()

    hold(same, edits)


def check_voxels(at: Session, affinities) -> None:
    """Sizes and edges are those of the voxels."""
    fragments = at.state.base.fragments
    np.testing.assert_array_equal(np.bincount(fragments.ravel(), minlength=len(at.state.sizes)), at.state.sizes)
    anew = drive(build_region_graph(affinities, fragments))
    for name in ("u", "v", "mean", "area"):
        np.testing.assert_array_equal(getattr(at.state.graph, name), getattr(anew, name))


def test_34_far_points_that_only_the_near_side_joins_stay_one_segment(tmp_path):
    at = session([(1, 2, 0.9), (2, 3, 0.9)], tmp_path, threshold=1.0)
    before = at.state.digest()
    at.split(at.propose([2], [1, 3])[0])
    assert groups(at) == [[1, 3], [2]] and at.state.bridges == [(1, 3)]
    at.undo()
    assert at.state.digest() == before and not at.state.bridges


def test_34_a_segment_takes_in_only_what_touches_it(tmp_path):
    """2 and 3 hang together by 1 alone, which is done."""
    at = session([(1, 2, 0.9), (1, 3, 0.8)], tmp_path, threshold=0.0)
    at.lock(1)
    with pytest.raises(Refused, match=r"^grow: neuron 2 is the same at 1\.00"):
        at.set_segment_threshold(2, 1.0)
    with pytest.raises(Refused, match="only through neurons that were edited"):
        at.walk(2, upwards=True)


def test_34_what_only_the_leaving_ones_hold_leaves_too(tmp_path):
    at = session([(1, 2, 0.9), (2, 3, 0.9), (1, 4, 0.9)], tmp_path, threshold=0.5, sizes=[5, 1, 1, 9])
    at.detach(1)
    at.merge(4, 3, confirmed=True)  # across the gap that 1 left
    assert groups(at) == [[1], [2, 3, 4]] and at.state.bridges == [(4, 3)]
    at.set_segment_threshold(4, 0.0)
    assert groups(at) == [[1], [2], [3, 4]]  # joined by hand


def test_34_ids_are_never_used_again(tmp_path):
    at = session(LINE, tmp_path, threshold=1.0)
    made = []
    for _ in range(3):
        at.split(at.propose([1], [4])[0])
        made.append(int(at.state.table[4]))
        at.undo()
    assert made == [5, 6, 7]
