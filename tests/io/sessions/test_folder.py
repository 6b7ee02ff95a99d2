import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import zarr
from graphs import LADDER, LINE, groups, segmentation, widened

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes, find_fragment_boxes
from napari_emcad.core.geometry import Box, VoxelSize
from napari_emcad.core.progress import drive
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.sessions import segmentation_files as session_files
from napari_emcad.io.sessions.box_files import write_boxes
from napari_emcad.io.sessions.copy import copy_session
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.folder import create_session, find_boxes, open_session, open_session_at
from napari_emcad.proofreading.log import EditLog

FACTS = SessionFacts(
    program="napari-emcad 1",
    source="stack.tif",
    fingerprint="abc",
    voxel_size_nm=(40, 5, 6),
    box=((1, 2, 3), (2, 3, 43)),
    model="small",
    model_sha256="0" * 64,
    parameters={"scoring": "mean", "black": None},
    threshold=0.5,
    min_size=3,
)


def affinities(shape):
    return np.random.default_rng(5).integers(0, 256, (3, *shape), np.uint8)


@pytest.fixture
def folder(tmp_path):
    """A closed session on the line of four fragments; {1, 2} and {3, 4} at its threshold."""
    base = segmentation(LINE)
    create_session(tmp_path / "a.emcad", base, affinities(base.fragments.shape), FACTS).close()
    return tmp_path / "a.emcad"


def test_round_trip(folder):
    base = segmentation(LINE)
    with open_session(folder) as opened:
        found = opened.session.state.base
        for name in ("u", "v", "mean", "quantiles", "area", "contact"):
            mine, theirs = getattr(base.graph, name), getattr(found.graph, name)
            np.testing.assert_array_equal(mine, theirs)
            assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(base.tree.leaves, found.tree.leaves)
        np.testing.assert_array_equal(base.tree.gaps, found.tree.gaps)
        np.testing.assert_array_equal(base.sizes, found.sizes)
        np.testing.assert_array_equal(base.fragments, found.fragments)
        np.testing.assert_array_equal(opened.affinities[:], affinities(base.fragments.shape))
        assert opened.why_read_only == ""
        assert opened.session.log.writable
        assert (opened.session.state.threshold, opened.session.state.min_size) == (0.5, 3)
        assert opened.facts == FACTS.model_copy(update={"base_hash": opened.session.base_hash})
        assert opened.facts.voxel_size == VoxelSize(40, 5, 6)
        assert opened.facts.box_of((1, 1, 40)) == Box((1, 2, 3), (2, 3, 43))
    assert [f.name for f in folder.parent.iterdir()] == ["a.emcad"]


@pytest.mark.parametrize("stays_in_files", [False, True])
def test_ids_of_8_bytes(tmp_path, stays_in_files, monkeypatch):
    """Unsigned in the fragments' files, which other programs read."""
    base = widened(segmentation(LINE))
    create_session(tmp_path / "a.emcad", base, affinities(base.fragments.shape), FACTS).close()
    assert zarr.open(tmp_path / "a.emcad" / "fragments.zarr", mode="r").dtype == np.uint64
    monkeypatch.setattr(session_files, "IN_MEMORY_BYTES", 0 if stays_in_files else 1 << 31)
    with open_session(tmp_path / "a.emcad") as opened:
        state = opened.session.state
        assert isinstance(state.base.fragments, ChunkedLabels) is stays_in_files
        assert {a.dtype for a in (state.base.fragments, state.table, state.graph.u)} == {np.dtype(np.int64)}
        opened.session.split_fragment([(0, 0, 1)], [(0, 0, 8)])
        expected = np.array(state.base.fragments[:])
        assert set(np.unique(expected)) == {2, 3, 4, 5, 6}
    with open_session(tmp_path / "a.emcad") as opened:
        np.testing.assert_array_equal(opened.session.state.base.fragments, expected)


def test_facts_of_a_provenance():
    parameters = {"threshold": 0.25, "min_size": 7, "scoring": "mean"}
    made = {"program": "p", "model": "m", "model_sha256": "s", "parameters": parameters, "box": [[0, 1, 2], [3, 4, 5]]}
    facts = SessionFacts.of({**made, "source": "stack.tif"}, None)
    assert (facts.threshold, facts.min_size, facts.parameters, facts.model) == (0.25, 7, parameters, "m")
    assert (facts.box, facts.source, facts.voxel_size) == (((0, 1, 2), (3, 4, 5)), "stack.tif", None)


def test_affinities_are_optional(tmp_path):
    with create_session(tmp_path / "a.emcad", segmentation(LINE), None, FACTS) as opened:
        assert opened.affinities is None
        assert opened.session.merge(1, 4, confirmed=True).seq == 1


def test_edits_are_there_on_reopening(folder):
    with open_session(folder) as opened:
        opened.session.merge(1, 4, confirmed=True)
        opened.session.detach(2)
        opened.session.undo()
        live = opened.session.state.digest()
    with open_session(folder) as opened:
        assert opened.session.state.digest() == live
        assert groups(opened.session) == [[1, 2, 3, 4]]
        assert opened.session.redo().seq == 4


def test_the_session_as_it_was(folder):
    with open_session(folder) as opened:
        digests = [opened.session.state.digest()]
        for edit in (lambda s: s.merge(1, 4, confirmed=True), lambda s: s.detach(2), lambda s: s.undo()):
            edit(opened.session)
            digests.append(opened.session.state.digest())
        assert [open_session_at(opened, seq).state.digest() for seq in range(4)] == digests
        assert not open_session_at(opened, 1).log.writable
        assert len(opened.session.log.rows) == 3
        for wrong in (-1, 4):
            with pytest.raises(UserError, match=f"an edit from 0 to 3 is needed, got {wrong}"):
                open_session_at(opened, wrong)


def in_one_file(folder):
    """Lay a session out as version 1 did."""
    for name in ("graph", "boxes"):
        if (folder / name).exists():
            np.savez(folder / f"{name}.npz", **{file.stem: np.load(file) for file in (folder / name).iterdir()})
            shutil.rmtree(folder / name)
    _edit_json(folder, format_version=1)


def test_a_session_of_an_earlier_version(folder):
    write_boxes(folder, drive(find_fragment_boxes(segmentation(LINE).fragments)))
    with open_session(folder) as opened:
        opened.session.merge(1, 4, confirmed=True)
        live, boxes = opened.session.state.digest(), drive(find_boxes(opened))
    in_one_file(folder)
    with open_session(folder) as opened:
        assert opened.session.state.digest() == live
        np.testing.assert_array_equal(drive(find_boxes(opened)).stop, boxes.stop)
        opened.session.split_fragment([(0, 0, 1)], [(0, 0, 8)])
    copy_session(folder, folder.parent / "b.emcad")
    with open_session(folder) as opened, open_session(folder.parent / "b.emcad") as copied:
        assert copied.session.state.digest() == opened.session.state.digest() != live
        np.testing.assert_array_equal(drive(find_boxes(copied)).stop, drive(find_boxes(opened)).stop)
    _cut_short(folder / "graph.npz")
    with pytest.raises(UserError, match=r"graph\.npz: missing or damaged"):
        open_session(folder)


def test_of_the_tables_only_what_is_looked_at_is_read(folder):
    with open_session(folder) as opened:
        base = opened.session.state.base
        for column in (base.graph.u, base.graph.quantiles, base.tree.gaps, base.sizes):
            assert isinstance(column.base, np.memmap)


def test_where_fragments_lie_is_sought_once(folder, monkeypatch):
    shutil.rmtree(folder / "boxes")
    with open_session(folder) as opened:
        sought = drive(find_boxes(opened))
    monkeypatch.setattr("napari_emcad.io.sessions.folder.find_fragment_boxes", lambda _: pytest.fail("sought again"))
    with open_session(folder) as opened:
        np.testing.assert_array_equal(drive(find_boxes(opened)).start, sought.start)


def test_of_a_session_that_is_only_read_nothing_is_kept(folder):
    shutil.rmtree(folder / "boxes")
    with open_session(folder, to_read=True) as opened:
        drive(find_boxes(opened))
    assert not (folder / "boxes").exists()


@pytest.mark.parametrize("stays_in_files", [False, True])
def test_a_parted_fragment_changes_no_file_and_can_be_seen_whole_again(folder, stays_in_files, monkeypatch):
    monkeypatch.setattr(session_files, "IN_MEMORY_BYTES", 0 if stays_in_files else 1 << 31)
    with open_session(folder) as opened:
        assert isinstance(opened.session.state.base.fragments, ChunkedLabels) is stays_in_files
        before = np.array(opened.session.state.base.fragments[:])
        opened.session.split_fragment([(0, 0, 1)], [(0, 0, 8)])
        live = np.array(opened.session.state.base.fragments[:])
        assert len(np.unique(live)) == len(np.unique(before)) + 1
        np.testing.assert_array_equal(open_session_at(opened, 0).state.base.fragments, before)
        np.testing.assert_array_equal(opened.session.state.base.fragments, live)
    with open_session(folder) as opened:
        np.testing.assert_array_equal(opened.session.state.base.fragments, live)


def test_fragments_too_many_to_be_read_are_read_where_they_are_looked_at(folder, monkeypatch):
    with open_session(folder) as opened:
        expected, base_hash = opened.session.state.base.fragments, opened.session.base_hash
    monkeypatch.setattr(session_files, "IN_MEMORY_BYTES", 0)
    with open_session(folder) as opened:
        np.testing.assert_array_equal(opened.session.state.base.fragments, expected)
        assert opened.session.base_hash == base_hash
        opened.session.merge(1, 4, confirmed=True)
    for chunk in (f for f in (folder / "fragments.zarr").rglob("*") if f.is_file() and not f.name.startswith(".z")):
        chunk.unlink()
    with open_session(folder) as opened:
        assert opened.session.state.table[1] == opened.session.state.table[4]
        with pytest.raises(UserError, match=r"fragments\.zarr/0/0/0: cannot be read \(.*No such file"):
            opened.session.state.base.fragments[0, 0, 0]
    monkeypatch.setattr(session_files, "IN_MEMORY_BYTES", 1 << 31)
    with pytest.raises(UserError, match="its edits were made on other fragments"):
        open_session(folder)


def test_boxes_are_kept_or_sought(folder):
    with open_session(folder) as opened:
        sought = drive(find_fragment_boxes(opened.session.state.base.fragments))
        write_boxes(folder, FragmentBoxes(sought.start + 1, sought.stop + 1))
        np.testing.assert_array_equal(drive(find_boxes(opened)).stop, sought.stop + 1)
        write_boxes(folder, FragmentBoxes(sought.start[:-1], sought.stop[:-1]))  # of others
        np.testing.assert_array_equal(drive(find_boxes(opened)).stop, sought.stop)
        (folder / "boxes" / "stop.npy").write_bytes(b"no")
        np.testing.assert_array_equal(drive(find_boxes(opened)).stop, sought.stop)


def test_a_second_program_reads_and_is_told_who_writes(folder):
    with open_session(folder) as first:
        first.session.merge(1, 4, confirmed=True)
        with open_session(folder) as second:
            holder = json.loads((folder / "holder.json").read_text())
            told = f"{holder['user']} on {holder['host']} has the session open since {holder['since']}"
            assert told in second.why_read_only
            assert groups(second.session) == [[1, 2, 3, 4]]
            with pytest.raises(UserError, match="reading only"):
                second.session.detach(2)
        with open_session(folder) as third:
            assert third.why_read_only, "closing a reader does not let go of the writer's lock"
        first.session.detach(2)
    with open_session(folder) as opened:
        assert opened.why_read_only == ""
        assert len(opened.session.log.rows) == 2


def test_reading_leaves_the_session_free(folder):
    with open_session(folder, to_read=True) as reader, open_session(folder) as writer:
        assert writer.why_read_only == ""
        assert "for reading only" in reader.why_read_only
        assert reader.session.undoable is None


def test_a_holder_that_cannot_be_read(folder):
    with open_session(folder):
        (folder / "holder.json").write_text("{")
        with open_session(folder) as second:
            assert "another program has the session open" in second.why_read_only


def test_a_folder_where_no_lock_can_be_taken(folder):
    (folder / "lock").unlink(missing_ok=True)
    (folder / "lock").mkdir()
    with open_session(folder) as opened:
        assert "cannot be written to" in opened.why_read_only
        assert not opened.session.log.writable


HOLDS = """
import sys
from pathlib import Path
from napari_emcad.io.sessions.folder import open_session
opened = open_session(Path(sys.argv[1]))
opened.session.merge(1, 4, confirmed=True)
sys.stdout.write("open")
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is of POSIX systems")
def test_the_lock_of_a_killed_program_is_free(folder):
    holding = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holding.stdout.read(4) == "open"
        with open_session(folder) as opened:
            assert "has the session open since" in opened.why_read_only
    finally:
        holding.send_signal(signal.SIGKILL)
        holding.communicate()
    with open_session(folder) as opened:
        assert opened.why_read_only == ""
        assert [row.kind for row in opened.session.log.rows] == ["merge"]


def test_a_damaged_log_is_read_to_its_last_good_row(folder):
    with open_session(folder) as opened:
        opened.session.detach(2)
        opened.session.merge(1, 4, confirmed=True, note="here")
    log = folder / "edits.db"
    log.write_bytes(log.read_bytes().replace(b'"here"', b'"hare"'))
    with open_session(folder) as opened:
        assert "damaged after edit 1" in opened.why_read_only
        assert groups(opened.session) == [[1], [2], [3, 4]]
        with pytest.raises(UserError):
            opened.session.undo()


def _edit_json(folder, **changes):
    file = folder / "session.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def _swap_fragments(folder):
    other = segmentation(LINE, sizes=[11, 9, 10, 10])
    create_session(folder.parent / "other.emcad", other, None, FACTS).close()
    (folder / "fragments.zarr").rename(folder / "aside")
    (folder.parent / "other.emcad" / "fragments.zarr").rename(folder / "fragments.zarr")


def _foreign_log(folder):
    with create_session(folder.parent / "other.emcad", segmentation(LADDER), None, FACTS) as other:
        other.session.lock(1)
    (folder.parent / "other.emcad" / "edits.db").replace(folder / "edits.db")


def _cut_short(path):
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda f: (f / "session.json").unlink(), "a session folder .* is needed, this is none"),
        (lambda f: (f / "session.json").write_text("{"), "session.json: the file is damaged"),
        (lambda f: (f / "session.json").write_text("[]"), "session.json: the file is damaged"),
        (lambda f: _edit_json(f, threshold="high"), "session.json: the file is damaged"),
        (lambda f: _edit_json(f, format_version=3), "format 1 to 2 is needed, the session has format 3"),
        (lambda f: _edit_json(f, base_hash="0"), "its edits were made on other fragments"),
        (_swap_fragments, "its edits were made on other fragments"),
        (_foreign_log, "its edits were made on other fragments"),
        (lambda f: (f / "graph").rename(f / "aside"), "graph: missing or damaged"),
        (lambda f: (f / "graph" / "mean.npy").unlink(), "graph: missing or damaged"),
        (lambda f: _cut_short(f / "graph" / "sizes.npy"), "graph: missing or damaged"),
        (lambda f: (f / "graph" / "u.npy").write_bytes(b""), "graph: missing or damaged"),
        (lambda f: np.save(f / "graph" / "v.npy", np.ones(2, np.uint32)), "graph: missing or damaged"),
        (lambda f: np.save(f / "graph" / "sizes.npy", np.ones(4, np.int64)), "graph: missing or damaged"),
        (lambda f: (f / "fragments.zarr" / ".zarray").unlink(), "fragments.zarr: the Zarr folder cannot be read"),
        (lambda f: _cut_short(f / "fragments.zarr" / "0" / "0" / "0"), "fragments.zarr: missing or damaged"),
        (lambda f: (f / "fragments.zarr" / "0" / "0" / "0").unlink(), "its edits were made on other fragments"),
        (lambda f: (f / "affinities.zarr" / ".zarray").unlink(), "affinities .* are needed, and there are none"),
        (lambda f: (f / "edits.db").unlink(), "the edit log is missing"),
    ],
)
def test_a_damaged_session_is_one_sentence(folder, damage, sentence):
    damage(folder)
    with pytest.raises(UserError, match=sentence):
        open_session(folder)
    assert not (folder / "holder.json").exists(), "the lock is free again"


def test_affinities_of_another_stack(folder):
    base = segmentation(LADDER)
    create_session(folder.parent / "b.emcad", base, affinities(base.fragments.shape), FACTS).close()
    (folder / "affinities.zarr").rename(folder / "aside")
    (folder.parent / "b.emcad" / "affinities.zarr").rename(folder / "affinities.zarr")
    with pytest.raises(UserError, match=r"shape \(1, 1, 40\) are needed, got \(1, 1, 80\)"):
        open_session(folder)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="a session folder"):
        open_session(tmp_path / "none.emcad")
    assert not (tmp_path / "none.emcad").exists()


def test_a_session_is_never_replaced(folder):
    with open_session(folder) as opened:
        opened.session.detach(2)
    with pytest.raises(UserError, match="this name is taken"):
        create_session(folder, segmentation(LINE), None, FACTS)
    assert len(EditLog(folder / "edits.db", read_only=True).rows) == 1


def test_what_fails_leaves_nothing(tmp_path):
    class Broken:
        shape = (3, 1, 1, 40)

        def __getitem__(self, _):
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        create_session(tmp_path / "a.emcad", segmentation(LINE), Broken(), FACTS)
    assert not list(tmp_path.iterdir())
