"""Merging the logs of sessions of the same fragments."""

from contextlib import suppress
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from any_edits import (
    ANY_ORDER,
    EDITS,
    PART,
    THRESHOLDS,
    N,
    on_graph,
    on_voxels,
    quick,
    some_affinities,
    steps,
    unshrunk,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import drive
from napari_emcad.proofreading.log import EditLog, write_rows
from napari_emcad.proofreading.merging.decide import make_waiting
from napari_emcad.proofreading.merging.merge import merge_logs
from napari_emcad.proofreading.merging.wishes import Side
from napari_emcad.proofreading.session import Session

LINE = [(a, a + 1, 0.3) for a in range(1, N)]


class Team:
    """Several sessions that begin as copies of one."""

    def __init__(self, folder: Path, make):
        self.folder, self.make = folder, make
        self.first = make(quick(folder, "first.db"))
        self.sessions: list[Session] = []

    def copy(self) -> Session:
        path = self.folder / f"copy{len(self.sessions)}.db"
        if self.first.log.rows:
            write_rows(path, self.first.log.rows)
        self.sessions.append(self.make(quick(self.folder, path.name)))
        return self.sessions[-1]

    def merge(self, order=None, sessions=None):
        sides = [Side(f"{i}.emcad", s.log.rows, 0.5) for i, s in enumerate(sessions or self.sessions)]
        fresh = self.make(EditLog(self.folder / "none.db", read_only=True))
        base, affinities = fresh.state.base, fresh._affinities
        return drive(merge_logs([sides[i] for i in order or range(len(sides))], base, fresh.state.min_size, affinities))

    def open(self, merged, name="merged.db", read_only=True) -> Session:
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.with_suffix(".known").unlink(missing_ok=True)
        write_rows(path, merged.rows)
        return self.make(EditLog(path, read_only) if read_only else quick(self.folder, name))


def outcomes(merged) -> list[tuple]:
    return [(merged.sides[one.side].name, one.seq, one.kind, one.outcome, one.why, one.against) for one in merged.edits]


def partition(session: Session) -> np.ndarray:
    """Each voxel-free fragment's smallest fellow; the same for the same neurons, whatever their ids."""
    table = session.state.table
    first = {}
    return np.array([first.setdefault(int(s), i) if s else -1 for i, s in enumerate(table)])


def labels(session: Session) -> np.ndarray:
    found = session.state.table[session.state.base.fragments]
    _, index, inverse = np.unique(found, return_index=True, return_inverse=True)
    return index[inverse]


def do(session: Session, edits) -> None:
    for step in edits:
        with suppress(UserError):
            step.do(session)


def a_team(folder, data):
    """A team with one session that has some edits, on a graph or on voxels, and the kinds of edits that it can make."""
    on_cells = data.draw(st.booleans())
    make = (lambda log: on_voxels(some_affinities(1), log)) if on_cells else (lambda log: on_graph(LINE, log))
    kinds = (EDITS, ANY_ORDER, THRESHOLDS, *([PART] if on_cells else []))
    team = Team(folder, make)
    do(team.first, data.draw(steps(12, *kinds)))
    return team, kinds


@settings(unshrunk, max_examples=40)
@given(st.data())
def test_order_does_not_matter(tmp_path_factory, data) -> None:
    team, kinds = a_team(tmp_path_factory.mktemp("team"), data)
    for _ in range(data.draw(st.integers(2, 3))):
        do(team.copy(), data.draw(steps(20, *kinds)))
    n = len(team.sessions)
    one, other = team.merge(), team.merge(order=list(range(n))[::-1])
    assert outcomes(one) == outcomes(other)
    assert one.rows == other.rows
    opened = team.open(one)
    assert opened.state.sizes.sum() == team.first.state.sizes.sum()
    there = opened.state.sizes > 0
    assert (opened.state.table[there] > 0).all()
    undone = team.open(one, "undone.db", read_only=False)
    while undone.undoable:
        undone.undo()
    start = team.make(EditLog(team.folder / "none.db", read_only=True))
    np.testing.assert_array_equal(labels(undone), labels(start))


@settings(unshrunk, max_examples=4)
@given(st.data())
def test_what_one_alone_did_is_as_it_was(tmp_path_factory, data) -> None:
    team, kinds = a_team(tmp_path_factory.mktemp("team"), data)
    worked, idle = team.copy(), team.copy()
    do(worked, data.draw(steps(30, *kinds)))
    idle.note((0, 0, 0), "nothing else")
    merged = team.merge()
    assert not [one for one in outcomes(merged) if one[3] == "conflict"]
    opened = team.open(merged)
    np.testing.assert_array_equal(labels(opened), labels(worked))
    assert len(opened.state.locked) == len(worked.state.locked)
    assert opened.state.threshold == worked.state.threshold
    assert len(opened.to_do) == len(worked.to_do) + 1


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """A line of fourteen fragments, each a neuron of its own."""
    return Team(tmp_path, lambda log: on_graph(LINE, log))


def together(session: Session, *fragments: int) -> bool:
    return len(set(session.state.table[list(fragments)].tolist())) == 1


def conflicts(merged) -> list[tuple[str, str]]:
    return [(one.kind, one.why) for one in merged.edits if one.outcome == "conflict"]


def test_edits_that_do_not_touch_are_all_there_with_their_people(team: Team) -> None:
    anna, ben = team.copy(), team.copy()
    with mock.patch("napari_emcad.proofreading.log.getpass.getuser", return_value="anna"):
        first = anna.merge(1, 2, confirmed=True)
    with mock.patch("napari_emcad.proofreading.log.getpass.getuser", return_value="ben"):
        second = ben.merge(5, 6, confirmed=True)
    merged = team.merge()
    assert [(row.user, row.time, row.input["original"]) for row in merged.rows] == [
        ("anna", first.time, ["0.emcad", 1]),
        ("ben", second.time, ["1.emcad", 1]),
    ]
    at = team.open(merged)
    assert together(at, 1, 2) and together(at, 5, 6) and not together(at, 1, 5)


def test_the_same_edit_of_both_is_taken_once(team: Team) -> None:
    for one in (team.copy(), team.copy()):
        one.merge(1, 2, confirmed=True)
        one.lock(int(one.state.table[1]))
    merged = team.merge()
    assert [row.kind for row in merged.rows] == ["merge", "lock"]
    assert sorted(one.outcome for one in merged.edits) == ["applied", "applied", "right", "right"]


def test_edits_of_one_neuron_that_agree_are_no_conflict(team: Team) -> None:
    team.first.merge(1, 2, confirmed=True)
    anna, ben = team.copy(), team.copy()
    ben.merge(2, 3, confirmed=True)
    anna.split(anna.propose([1], [2])[0])
    merged = team.merge()
    at = team.open(merged)
    assert not conflicts(merged)
    assert together(at, 2, 3) and not together(at, 1, 2)


def test_one_joins_what_the_other_keeps_apart(team: Team) -> None:
    anna, ben = team.copy(), team.copy()
    anna.merge(1, 2, confirmed=True)
    anna.split(anna.propose([1], [2])[0])
    ben.merge(1, 2, confirmed=True)
    merged = team.merge()
    assert conflicts(merged) == [("merge", "it joins what others keep apart")]
    (conflict,) = (one for one in merged.edits if one.outcome == "conflict")
    assert merged.rows[conflict.against - 1].kind == "split"


def test_joins_that_would_bring_together_what_was_cut_wait(team: Team) -> None:
    team.first.merge(1, 2, confirmed=True)
    team.first.merge(2, 3, confirmed=True)
    team.first.detach(2)
    team.first.merge(1, 3, confirmed=True)
    team.first.split(team.first.propose([1], [3])[0])
    team.first.decide(1, 3, "apart")
    anna, ben = team.copy(), team.copy()
    anna.merge(1, 2, confirmed=True)
    ben.merge(3, 2, confirmed=True)
    merged = team.merge()
    assert [one.kind for one in merged.edits if one.outcome == "conflict"] == ["merge"]
    assert not together(team.open(merged), 1, 3)


def test_done_here_and_edited_there(team: Team) -> None:
    anna, ben = team.copy(), team.copy()
    anna.lock(1)
    ben.merge(1, 2, confirmed=True)
    cathy, dan = team.copy(), team.copy()
    cathy.merge(1, 2, confirmed=True)
    dan.lock(1)
    assert conflicts(team.merge(sessions=[anna, ben])) == [("merge", "the neuron is marked as done")]
    ((kind, why),) = conflicts(team.merge(sessions=[cathy, dan]))
    assert kind == "lock" and "edited by others" in why


def test_undone_here_and_built_upon_there(team: Team) -> None:
    team.first.merge(1, 2, confirmed=True)
    anna, ben, cathy = team.copy(), team.copy(), team.copy()
    ben.merge(2, 3, confirmed=True)
    anna.undo()
    cathy.note((0, 0, 0), "far from it")
    assert conflicts(team.merge(sessions=[anna, ben])) == [("undo", "it undoes what others built on")]
    merged = team.merge(sessions=[anna, cathy])
    assert not conflicts(merged) and not together(team.open(merged), 1, 2)


def test_the_threshold_that_both_moved_stays(team: Team) -> None:
    anna, ben, cathy = team.copy(), team.copy(), team.copy()
    anna.set_threshold(0.8)
    ben.set_threshold(0.9)
    cathy.merge(1, 2, confirmed=True)
    ((kind, why), _) = conflicts(team.merge(sessions=[anna, ben]))
    assert kind == "threshold" and "stays at 0.50" in why
    merged = team.merge(sessions=[anna, cathy])
    assert not conflicts(merged) and team.open(merged).state.threshold == 0.8


def test_a_merged_session_is_merged_again_with_one_that_went_on(team: Team) -> None:
    anna, ben = team.copy(), team.copy()
    anna.merge(1, 2, confirmed=True)
    ben.merge(5, 6, confirmed=True)
    both = team.open(team.merge())
    anna.merge(2, 3, confirmed=True)
    merged = team.merge(sessions=[both, anna])
    assert not conflicts(merged)
    assert [row.kind for row in merged.rows] == ["merge"] * 3
    assert together(team.open(merged, "again.db"), 1, 2, 3)


def test_fragments_parted_by_both(tmp_path: Path) -> None:
    team = Team(tmp_path, lambda log: on_voxels(some_affinities(1), log))
    anna, ben, cathy, dan = (team.copy() for _ in range(4))
    places = np.argwhere(anna.state.base.fragments == 3)
    ends = tuple(map(int, places[0])), tuple(map(int, places[-1]))
    for one in (anna, ben):
        one.split_fragment([ends[0]], [ends[1]])
    cathy.split_fragment([ends[1]], [ends[0]])
    other = np.argwhere(anna.state.base.fragments == 9)
    dan.split_fragment([tuple(map(int, other[0]))], [tuple(map(int, other[-1]))])
    same = team.merge(sessions=[anna, ben])
    assert sorted(one.outcome for one in same.edits) == ["applied", "right"]
    assert conflicts(team.merge(sessions=[anna, cathy])) == [
        ("split", "others have divided the same fragment elsewhere")
    ]
    both = team.merge(sessions=[anna, dan])
    assert not conflicts(both)
    parts = [part for row in both.rows for parting in row.effect.partings for part in parting.parts]
    assert len(set(parts)) == 4


def test_what_waits_is_made_when_a_person_says_so(team: Team) -> None:
    anna, ben = team.copy(), team.copy()
    anna.merge(1, 2, confirmed=True)
    anna.split(anna.propose([1], [2])[0])
    ben.merge(2, 1, confirmed=True)
    merged = team.merge()
    at = team.open(merged, read_only=False)
    (edit,) = (one for one in merged.edits if one.outcome == "conflict")
    row = make_waiting(at, edit.kind, edit.wanted, edit.asked, (merged.sides[edit.side].name, edit.seq))
    assert together(at, 1, 2) and row.input["original"] == ["1.emcad", 1]
    at.undo()
    assert not together(at, 1, 2)


def test_a_split_that_waits_is_made_between_its_sides(team: Team) -> None:
    team.first.merge_all(1, [2, 3, 4])
    anna, ben = team.copy(), team.copy()
    for one, cut in ((anna, [3]), (ben, [2])):
        proposal = next(p for p in one.propose(cut, [cut[0] + 1]))
        one.split(proposal)
    merged = team.merge()
    at = team.open(merged, read_only=False)
    waiting = [one for one in merged.edits if one.outcome == "conflict"]
    for edit in waiting:
        make_waiting(at, edit.kind, edit.wanted, edit.asked, ("1.emcad", edit.seq))
    assert not together(at, 2, 3) and not together(at, 3, 4)
