"""Logs whose database and hashes are sound, with rows that no edit writes: one sentence each, wherever they are."""

import base64
import json
import zlib
from contextlib import closing

import numpy as np
import pytest
from graphs import LINE, segmentation, session

from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions.export_tables import time_text
from napari_emcad.proofreading.effect_text import effect_from, effect_text
from napari_emcad.proofreading.effects import Effect, Move
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.packed import pack_details, pack_effect
from napari_emcad.proofreading.rows import LogRow
from napari_emcad.proofreading.session import Session, base_hash
from napari_emcad.widgets.proofread.history_text import history_line

NOW = 1.7e9


def row(seq=1, kind="merge", edit_input=None, effect=None, at=NOW, user="eve", duration=0.0, details=None, packed=None):
    edit_input = {"anchor": 1, "other": 3} if edit_input is None else edit_input
    details = pack_details([user, duration, edit_input] if details is None else details)
    packed = pack_effect(effect or Effect()) if packed is None else packed
    return LogRow(seq, at, kind, base_hash(segmentation(LINE)), details, packed)


def move(fragments, before=1, after=1):
    return Effect(moves=(Move(np.array(fragments, np.int64), before, after, False),))


def text(**effect):
    """As earlier versions kept effects, which is not packed."""
    return effect_text(Effect(**effect))


def parting(**changes):
    """The effect of a split inside a fragment, with other values."""
    sides = np.repeat(np.array([1, 2], np.uint8), 5)[None, None]
    graph = {"u": [], "v": [], "mean": [], "quantiles": [], "area": [], "contact": []}
    fields = {
        "fragment": 1,
        "parts": [5, 6],
        "was_free": True,
        "start": [0, 0, 0],
        "shape": [1, 1, 10],
        "sides": base64.b64encode(zlib.compress(sides.tobytes())).decode(),
        "removed": graph,
        "added": graph,
    }
    return json.dumps({"partings": [fields | changes]})


def undo(seq, of):
    return row(seq, "undo", {"seq": of})


BOMB = base64.b64encode(zlib.compress(bytes(1 << 26))).decode()
NONSENSE = {
    "a fragment that is not there": [row(effect=move([4, 99]))],
    "a fragment far out": [row(effect=move([4, 1 << 61]))],
    "a segment far out": [row(effect=move([4], after=1 << 60))],
    "an undone segment far out": [row(effect=move([4], after=1 << 60)), undo(2, 1)],
    "a negative fragment": [row(packed='{"moves":[{"fragments":[-3,1],"before":1,"after":1,"was_free":true}]}')],
    "fragments without end": [
        row(packed='{"moves":[{"fragments":[1,99999999999],"before":1,"after":1,"was_free":true}]}')
    ],
    "a bridge to nowhere": [row(effect=Effect(bridges=((1, 1 << 40),)))],
    "a lock of nothing": [row(effect=Effect(locked=(1 << 40,)))],
    "no threshold": [row(packed='{"threshold":[0.5,NaN]}')],
    "an endless threshold": [row(packed='{"threshold":[0.5,1e999]}')],
    "a part far out": [row(kind="split", packed=parting(parts=[5, 1 << 40]))],
    "parts outside": [row(kind="split", packed=parting(start=[0, 0, 35]))],
    "parts before the first": [row(kind="split", packed=parting(start=[0, 0, -5]))],
    "sides of another shape": [row(kind="split", packed=parting(shape=[1, 1, 11]))],
    "sides without end": [row(kind="split", packed=parting(sides=BOMB))],
    "a parted fragment that is not there": [row(kind="split", packed=parting(fragment=77))],
    "numbers as words": [row(packed='{"moves":[{"fragments":["a","b"],"before":1,"after":1,"was_free":true}]}')],
    "another thing": [row(packed="[]")],
    "undo of the future": [row(), undo(2, 9)],
    "undo of itself": [undo(1, 1)],
    "undo of nothing": [undo(1, 0)],
    "undo twice": [row(), undo(2, 1), undo(3, 1)],
    "undo of an undo": [row(), undo(2, 1), undo(3, 2)],
    "redo of what is in force": [row(), row(2, "redo", {"seq": 1})],
    "undo of no number": [row(), undo(2, "1")],
    "undo without": [row(), row(2, "undo", {})],
    "details of another shape": [row(kind="undo", details={"seq": 1})],
}


def forged(folder, rows):
    with closing(EditLog(folder / "edits.db")) as log:
        log.add_all(rows, "")
    return EditLog(folder / "edits.db", read_only=True)


@pytest.mark.parametrize("rows", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_one_sentence(tmp_path, rows):
    log = forged(tmp_path, rows)
    with pytest.raises(UserError) as told:
        Session(segmentation(LINE), log, 0.5)
    assert "\n" not in str(told.value) and "copy the session again" in str(told.value) and len(str(told.value)) < 400


@pytest.mark.parametrize(
    ("kind", "edit_input"),
    [
        ("merge", {}),
        ("merge", {"anchor": "1", "other": 2}),
        ("merge", {"anchor": -1, "other": 2}),
        ("merge", {"anchor": 1, "other": 2, "voxels": [[0, 0]]}),
        ("group", {"anchor": 1, "others": 2}),
        ("lock", {}),
        ("decide", {"a": 1, "b": 2, "answer": ["<b>"]}),
        ("note", {"voxels": [["z", "y", "x"]], "words": "here"}),
    ],
)
def test_details_are_one_sentence_when_they_are_looked_at(tmp_path, kind, edit_input):
    log = forged(tmp_path, [row(kind=kind, edit_input=edit_input)])
    with pytest.raises(UserError, match=r"edit 1 says what no edit says .*; copy the session again"):
        _ = log.rows[0].input


@pytest.mark.parametrize("at", [1e300, -1e300, 4e10, 0.0])
def test_any_time_and_words_are_shown(tmp_path, at):
    """Words in the history are shown letter by letter, see `plain`, and are not longer than a line."""
    wild = "<img src=x>\x1b[2J\x00" * 5000
    rows = [
        row(effect=move([1]), at=at, user=wild, duration=1e300),
        row(2, "decide", {"a": 1, "b": 2, "answer": wild}, at=at),
        row(3, wild, {}, at=at),
        row(4, "merge", {"anchor": 1, "other": 2}, at=at),
    ]
    found = Session(segmentation(LINE), forged(tmp_path, rows), 0.5)
    lines = [history_line(found, seq) for seq in found.edits]
    assert len(lines) == 4 and all(len(line.words) < 300 for line in lines)
    assert all(time_text(row.time) for row in found.log.rows)


@pytest.mark.parametrize("values", [("at", "noon"), ("at", float("inf")), ("kind", b"merge"), ("base_hash", 7)])
def test_a_row_of_other_types_is_damage(tmp_path, values):
    name, value = values
    other = row(2)
    setattr(other, "time" if name == "at" else name, value)
    log = forged(tmp_path, [row(), other])
    assert len(log.rows) == 1 and "is damaged after edit 1" in log.damage


def test_merges_of_fragments_that_are_not_there(tmp_path):
    log = forged(tmp_path, [row(edit_input={"anchor": 1, "other": 77}, effect=move([1]))])
    found = Session(segmentation(LINE), log, 0.5)
    with pytest.raises(UserError, match="joins fragment 77, which nothing has"):
        found.set_segment_threshold(1, 0.1)


def test_sides_are_unpacked_no_further_than_their_shape():
    effect = effect_from(parting())
    assert effect_text(effect_from(effect_text(effect))) == effect_text(effect)


def test_what_edits_write_is_plausible(tmp_path):
    made = session(LINE, tmp_path)
    made.merge(1, 4, confirmed=True, voxels=[[0, 0, 0], [0, 0, 39]])
    made.split_fragment([(0, 0, 1)], [(0, 0, 8)])
    made.note((0, 0, 1), "look")
    made.tick(3)
    made.lock(made.state.segment_of(2))
    made.set_threshold(0.3)
    made.undo()
    made.redo()
    made.log.close()
    again = Session(segmentation(LINE), EditLog(tmp_path / "edits.db", read_only=True), 0.5)
    assert again.state.digest() == made.state.digest() and len([history_line(again, seq) for seq in again.edits]) == 6
